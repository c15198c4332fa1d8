"""Who is in a picture: all of it, or a part of it where faces too small for the whole are found."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from avatar.perception.landmarker import FaceLandmarker
from avatar.perception.regions import SMALLEST_FACE_PX, Region, around
from avatar.perception.subject import FaceBox, overlap
from avatar.types import U8

SCOUTED_FACES: Final = 3
"""Faces at most in one look."""
TOLERANCE: Final = 0.8
"""A face found in a part may be so much smaller than those that are looked for: smaller ones are patterns."""
SECOND_LOOKS: Final = (0.14, 0.16, 0.18)
"""Shares of further looks that a face found in a part of a picture takes. Patterns are faces in some looks only, mostly
where they take more than that: of 51 finds in pictures of things 3, 6 and 11 pass one of these looks, one passes all.
Of 247 finds of faces of 40 to 150 pixels, half of them of people who turn, all pass all."""
SAME_PLACE: Final = 0.5
"""Least intersection over union of two looks at one face."""


class Scout:
    """Finds faces in single pictures. Not for several threads at once; always `close()` it."""

    def __init__(self, model_path: Path) -> None:
        """Load the model. Raises PerceptionError."""
        self._landmarker = FaceLandmarker(model_path, video=False, max_faces=SCOUTED_FACES)

    def look(self, rgb: U8, region: Region) -> list[FaceBox]:
        """Return the faces in one part of a picture (height, width, 3) RGB, in pixels of the picture.

        Raises:
            PerceptionError: it was closed, or MediaPipe failed.
        """
        part = region.cut(rgb)
        faces = [region.in_picture(face) for face in self._landmarker.detect(part, 0.0)]
        boxes = [FaceBox.around(face.landmarks_px) for face in faces]
        whole = part.shape == rgb.shape
        return [box for box in boxes if whole or box.width >= TOLERANCE * SMALLEST_FACE_PX]

    def confirms(self, rgb: U8, box: FaceBox) -> bool:
        """Return whether a face found in a part of a picture is found again in every one of some wider parts.

        Raises:
            PerceptionError: as `look`.
        """
        size = (rgb.shape[1], rgb.shape[0])
        return all(
            any(overlap(box, again) >= SAME_PLACE for again in self.look(rgb, around(box, size, share)))
            for share in SECOND_LOOKS
        )

    def close(self) -> None:
        """Release the model. May be called again; never raises."""
        self._landmarker.close()
