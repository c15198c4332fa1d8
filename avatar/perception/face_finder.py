"""Finds all faces in a single picture or a region of it; small faces are found in regions only."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from avatar.perception.landmarker_choice import open_landmarker
from avatar.perception.regions import SMALLEST_FACE_PX, Region, around
from avatar.perception.subject import FaceBox, overlap
from avatar.types import U8

MOST_FACES: Final = 3
"""Faces at most in one detection."""
TOLERANCE: Final = 0.8
"""Least size of a face found in a region, as a share of the smallest searched for: smaller finds are false ones."""
CONFIRMING_SHARES: Final = (0.14, 0.16, 0.18)
"""A face found in a region is detected again in regions of whose side it takes these shares. False finds pass some
only, mostly where they take more: of 51 finds in pictures of things 3, 6 and 11 pass one of these, one passes all.
Of 247 finds of faces of 40 to 150 pixels, half of them of people who turn, all pass all."""
SAME_PLACE: Final = 0.5
"""Least intersection over union of two detections of one face."""


class FaceFinder:
    """Finds faces in single pictures. Not for several threads at once; always `close()` it."""

    def __init__(self, model_path: Path, *, engine: str = "auto") -> None:
        """Load the model, on an engine of `open_landmarker`. Raises PerceptionError."""
        self._landmarker = open_landmarker(model_path, video=False, max_faces=MOST_FACES, engine=engine)

    def detect(self, rgb: U8, region: Region, known: FaceBox | None = None) -> list[FaceBox]:
        """Return the faces in one region of a picture (height, width, 3) RGB, in pixels of the picture.

        One that is `known`, since it is followed, is always among them, as it is given. To find it again would take
        as long as to follow it.

        Raises:
            PerceptionError: it was closed, or its engine failed.
        """
        part = region.cut(rgb)
        here = None if known is None else known.moved(-region.left, -region.top)
        faces = [region.in_picture(face) for face in self._landmarker.detect(part, 0.0, here)]
        boxes = [FaceBox.around(face.landmarks_px) for face in faces]
        whole = part.shape == rgb.shape
        boxes = [box for box in boxes if whole or box.width >= TOLERANCE * SMALLEST_FACE_PX]
        if known is None:
            return boxes
        return [known, *(box for box in boxes if overlap(known, box) < SAME_PLACE)]

    def confirms(self, rgb: U8, box: FaceBox) -> bool:
        """Return whether a face found in a region is detected again in each of `CONFIRMING_SHARES`' wider regions.

        Raises:
            PerceptionError: as `detect`.
        """
        size = (rgb.shape[1], rgb.shape[0])
        return all(
            any(overlap(box, again) >= SAME_PLACE for again in self.detect(rgb, around(box, size, share)))
            for share in CONFIRMING_SHARES
        )

    def close(self) -> None:
        """Release the model. May be called again; never raises."""
        self._landmarker.close()
