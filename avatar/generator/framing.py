"""Where the outgoing picture cuts the photo: head and shoulders, with room for the head to move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.types import F32

FACE_SHARE: Final = 0.40
"""Height of the face (forehead to chin landmarks) as a share of the picture's height, where the photo allows it."""
FACE_CENTRE_Y: Final = 0.47
"""How far down the picture the middle of the face sits."""
CLOSEST_WIDE: Final = 0.5
"""A picture wider than the photo shows the face no larger than this share of its height, if the photo is that high."""
TIGHTEST: Final = 0.62
"""A photo cut closer than this share is shown with its borders continued rather than closer still."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a photo that fills the picture."""

    scale: float
    """Picture pixels per photo pixel."""
    left: float
    """Photo x of the picture's left edge; below 0 where the picture is wider than the photo."""
    top: float

    @property
    def photo_to_picture(self) -> F32:
        """(2, 3) affine map from photo pixels to picture pixels."""
        return np.array([[self.scale, 0, -self.scale * self.left], [0, self.scale, -self.scale * self.top]], np.float32)

    def to_picture(self, landmarks_px: F32) -> F32:
        """Map (N, 3) photo landmarks to the picture; depth is scaled alike."""
        moved = landmarks_px.astype(np.float32) * np.float32(self.scale)
        moved[:, 0] -= self.scale * self.left
        moved[:, 1] -= self.scale * self.top
        return moved


def frame_window(landmarks_px: F32, photo_size: tuple[int, int], picture_size: tuple[int, int]) -> Window:
    """Choose the window of a photo for a picture.

    Args:
        landmarks_px: (N, 3), the face in the photo.
        photo_size: (width, height) of the photo.
        picture_size: (width, height) of the picture.

    The face takes `FACE_SHARE` of the height; a tighter photo is shown whole as far as its shape allows.
    """
    photo_width, photo_height = photo_size
    picture_width, picture_height = picture_size
    low, high = landmarks_px[:, :2].min(axis=0), landmarks_px[:, :2].max(axis=0)
    face_height = float(high[1] - low[1])
    centre_x, centre_y = ((low + high) / 2).tolist()

    wanted = face_height / FACE_SHARE
    inside = min(photo_height, photo_width * picture_height / picture_width)
    # Background goes on beside a photo better than hair above it: a wide picture may be wider than the photo.
    beside = min(face_height / CLOSEST_WIDE, float(photo_height))
    height = max(min(wanted, inside), beside, face_height / TIGHTEST)
    width = height * picture_width / picture_height
    return Window(
        scale=picture_height / height,
        left=_place(centre_x - width / 2, width, photo_width),
        top=_place(centre_y - height * FACE_CENTRE_Y, height, photo_height),
    )


def _place(start: float, length: float, limit: int) -> float:
    """Shift a span into the photo; centre it on the photo when it is longer."""
    if length >= limit:
        return (limit - length) / 2
    return min(max(start, 0.0), limit - length)
