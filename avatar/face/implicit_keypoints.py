"""LivePortrait's 21 implicit keypoints: what motion and generator have to know of them."""

from __future__ import annotations

from typing import Final

POINTS: Final = 21
LIP_POINTS: Final = (6, 12, 14, 17, 19, 20)
EYE_POINTS: Final = (11, 13, 15, 16, 18)
"""Those that lips and eyes move, as LivePortrait's published program animates them alone."""
