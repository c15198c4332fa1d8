"""The ladder of quality: what a call leaves out, step by step, when it has too little of processor or line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class CameraRequest:
    """What the page's camera is asked to send, at most."""

    width: int
    height: int
    fps: int
    max_bitrate_bps: int


@dataclass(frozen=True, slots=True)
class QualityLevel:
    """One step of the ladder."""

    picture_scale: float
    """Sides of the picture, of what the call asked for."""
    plain: bool
    """Drawn by the geometry tier, whatever tier was asked for."""
    look_every: int
    """The face is looked for in every so many camera frames; in those between it is expected to move on."""
    fps_share: float
    """Pictures a second, of what the call asked for."""
    camera: CameraRequest
    most_bps: int
    """Ceiling of the picture's bit rate."""
    least_bps: int
    """Below this bit rate the next smaller picture looks better than this one."""
    cost: float
    """Processor time of a second of this call, where the first level's is 1."""


LADDER: Final = (
    QualityLevel(1.0, False, 1, 1.0, CameraRequest(640, 480, 30, 1_500_000), 20_000_000, 400_000, 1.0),
    QualityLevel(1.0, False, 2, 1.0, CameraRequest(640, 480, 30, 1_000_000), 20_000_000, 400_000, 0.85),
    QualityLevel(0.75, True, 2, 1.0, CameraRequest(640, 480, 30, 800_000), 1_500_000, 300_000, 0.71),
    QualityLevel(0.5, True, 2, 1.0, CameraRequest(480, 360, 30, 600_000), 800_000, 200_000, 0.65),
    QualityLevel(0.5, True, 3, 5 / 6, CameraRequest(320, 240, 25, 400_000), 500_000, 150_000, 0.53),
    QualityLevel(0.5, True, 3, 2 / 3, CameraRequest(320, 240, 20, 300_000), 400_000, 0, 0.46),
)
"""From the best to the least; docs/how-it-works.md shows it as a table. The costs are those of a whole call, sound and
transport too, as `benchmarks.ladder` measures them: 1 was 0.64 of one of two cores."""
