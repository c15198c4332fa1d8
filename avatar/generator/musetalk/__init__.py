"""The `musetalk` tier: MuseTalk 1.5 (arXiv 2410.10122) draws the mouth from a voice, for users who have its weights.

Another tier moves the photo; MuseTalk draws the lower half of the face in its picture anew. Modules that hold networks
import torch, diffusers and transformers and are imported when the tier is opened.
"""

from typing import Final

SIDE: Final = 256
"""Of the square that the networks look at and draw, pixels."""
