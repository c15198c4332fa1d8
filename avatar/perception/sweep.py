"""The search for a face while there is none: which regions of a picture are searched in which frame.

Searching all regions of a full-HD picture takes a tenth of a second. So each frame is searched as a whole and in a few
of its regions, the next frame in the next regions. Once all were searched and nothing in the picture has changed since,
there is nothing new to find, and one detection a frame remains.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from avatar.perception.regions import Region, search_levels
from avatar.types import F32, U8

LIVE_REGIONS: Final = 4
"""Regions searched in a frame, beside the whole: 1.5 ms each, together about what tracking a face takes."""
LARGE_SHARE: Final = 0.25
"""Share of a frame's regions that are large ones: they are few, and nearer faces should be found sooner."""
CHANGE: Final = 5.0
"""Of 255: a cell of the picture whose mean differs by so much has changed. Camera noise moves it by less than 1."""
CELLS: Final = 32
"""Cells a side."""
GRAIN: Final = 6
"""One of so many rows and columns of a large picture goes into the means."""


@dataclass(frozen=True, slots=True)
class SearchRegions:
    """The regions in which faces are searched, for pictures of one size."""

    whole: Region
    large: tuple[Region, ...]
    """Of all levels between the whole and the last."""
    small: tuple[Region, ...]
    """Of the last level."""

    @staticmethod
    def of(width: int, height: int) -> SearchRegions:
        """Return the parts of a picture of this size."""
        (whole,), *further = search_levels(width, height)
        large = tuple(part for level in further[:-1] for part in level)
        return SearchRegions(whole, large, further[-1] if further else ())

    def split_budget(self, regions_per_frame: int) -> tuple[int, int]:
        """Return how many of a frame's regions are large and small ones."""
        large = min(-(-regions_per_frame * LARGE_SHARE // 1), len(self.large))
        return int(large), int(min(regions_per_frame - large, len(self.small)))


@dataclass(frozen=True, slots=True)
class SweepState:
    """How far the regions of a picture have been searched."""

    owed: int = 0
    """Frames in which parts are still looked through since the picture last changed."""
    large: int = 0
    """How many large parts were looked at."""
    small: int = 0
    """How many small parts were looked at."""
    frames: int = 0


def next_regions(
    parts: SearchRegions, state: SweepState, regions_per_frame: int, *, changed: bool
) -> tuple[list[Region], SweepState]:
    """Return the regions to search in the next frame, and the state after it. Pure.

    Args:
        parts: of the picture.
        state: begin with `SweepState()`.
        regions_per_frame: regions beside the whole that may be searched in a frame, at least 2.
        changed: whether the picture has changed; the first one has.
    """
    if not parts.small:
        return [parts.whole], state
    large, small = parts.split_budget(regions_per_frame)
    owed = max(-(-len(parts.large) // max(large, 1)), -(-len(parts.small) // small)) if changed else state.owed
    frames = state.frames + 1
    if owed == 0:  # the whole, a small part, the whole, a large part, and so on
        if frames % 2:
            return [parts.whole], replace(state, owed=0, frames=frames)
        large, small = (1, 0) if parts.large and frames % 4 == 0 else (0, 1)
    regions = [
        *([parts.whole] if owed else []),
        *(parts.large[(state.large + index) % len(parts.large)] for index in range(large)),
        *(parts.small[(state.small + index) % len(parts.small)] for index in range(small)),
    ]
    return regions, SweepState(max(0, owed - 1), state.large + large, state.small + small, frames)


class Sweep:
    """Chooses the regions to search in a stream of frames of one size. Not for several threads at once."""

    def __init__(self, frame_size: tuple[int, int], regions_per_frame: int = LIVE_REGIONS) -> None:
        """Begin anew with frames of (width, height)."""
        self.parts = SearchRegions.of(*frame_size)
        self._regions_per_frame = regions_per_frame
        self._state = SweepState()
        self._seen: F32 | None = None

    def next(self, rgb: U8) -> list[Region]:
        """Return the regions to search in a frame (height, width, 3) RGB."""
        coarse = rgb[::GRAIN, ::GRAIN] if min(rgb.shape[:2]) > GRAIN * CELLS else rgb
        means = cv2.resize(coarse, (CELLS, CELLS), interpolation=cv2.INTER_AREA).astype(np.float32)
        changed = self._seen is None or bool(np.abs(means - self._seen).max() > CHANGE)
        if changed:
            self._seen = means
        regions, self._state = next_regions(self.parts, self._state, self._regions_per_frame, changed=changed)
        return regions
