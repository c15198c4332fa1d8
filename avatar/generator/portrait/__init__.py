"""The `portrait` tier: LivePortrait's networks (arXiv 2407.03168), for users who have its weights and a GPU.

Modules that hold networks import torch and are imported when the tier is opened.
"""

from typing import Final

CROP_SIDE: Final = 256
"""Of the squares that LivePortrait's networks look at, pixels."""
PICTURE_SIDE: Final = 512
"""Of what they draw."""
