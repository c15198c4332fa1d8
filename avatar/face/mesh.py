"""Landmark numbers of MediaPipe's face mesh, by part of the face, and its triangles.

"Right" and "left" are the subject's own, as in MediaPipe. Every loop is ordered around its opening.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

OUTER_EYE_CORNERS: Final = (33, 263)

OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""The face's outline, clockwise from the top of the forehead as the picture shows it."""

MOUTH_CORNERS: Final = (78, 308)
UPPER_INNER_LIP: Final = (191, 80, 81, 82, 13, 312, 311, 310, 415)
LOWER_INNER_LIP: Final = (95, 88, 178, 87, 14, 317, 402, 318, 324)
"""Paired with `UPPER_INNER_LIP`, both from the picture's left to its right, corners left out."""

UPPER_OUTER_LIP: Final = (185, 40, 39, 37, 0, 267, 269, 270, 409)
LOWER_OUTER_LIP: Final = (146, 91, 181, 84, 17, 314, 405, 321, 375)
"""The lips' outer edge, paired with the inner one."""
LIPS_OUTLINE: Final = (61, *UPPER_OUTER_LIP, 291, *reversed(LOWER_OUTER_LIP))

MOUTH_OPENING: Final = (MOUTH_CORNERS[0], *UPPER_INNER_LIP, MOUTH_CORNERS[1], *reversed(LOWER_INNER_LIP))

RIGHT_EYE_CORNERS: Final = (33, 133)
RIGHT_UPPER_LID: Final = (246, 161, 160, 159, 158, 157, 173)
RIGHT_LOWER_LID: Final = (7, 163, 144, 145, 153, 154, 155)
LEFT_EYE_CORNERS: Final = (362, 263)
LEFT_UPPER_LID: Final = (398, 384, 385, 386, 387, 388, 466)
LEFT_LOWER_LID: Final = (382, 381, 380, 374, 373, 390, 249)
"""Lids run from the picture's left to its right, upper paired with lower, corners left out."""

RIGHT_LID_CREASE: Final = (247, 30, 29, 27, 28, 56, 190)
LEFT_LID_CREASE: Final = (414, 286, 258, 257, 259, 260, 467)
"""Above the upper lid, paired with it."""

RIGHT_EYE_OPENING: Final = (RIGHT_EYE_CORNERS[0], *RIGHT_UPPER_LID, RIGHT_EYE_CORNERS[1], *reversed(RIGHT_LOWER_LID))
LEFT_EYE_OPENING: Final = (LEFT_EYE_CORNERS[0], *LEFT_UPPER_LID, LEFT_EYE_CORNERS[1], *reversed(LEFT_LOWER_LID))

RIGHT_IRIS: Final = (468, 469, 470, 471, 472)
LEFT_IRIS: Final = (473, 474, 475, 476, 477)
"""The centre first, then four points around it."""

UPPER_LIP_CENTRE: Final = 13
LOWER_LIP_CENTRE: Final = 14
VERTICES: Final = 478
CHIN: Final = 152
FOREHEAD: Final = 10


@cache
def face_triangles() -> NDArray[np.int32]:
    """Return the (852, 3) triangles of the face's skin: eye and mouth openings are holes in it."""
    from mediapipe.tasks.python.vision import FaceLandmarksConnections  # noqa: PLC0415 - a second to import

    edges = FaceLandmarksConnections.FACE_LANDMARKS_TESSELATION
    # MediaPipe lists the three edges of each triangle one after another.
    corners = [(edges[i].start, edges[i + 1].start, edges[i + 2].start) for i in range(0, len(edges), 3)]
    return np.array(corners, np.int32)
