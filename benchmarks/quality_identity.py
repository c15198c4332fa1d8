"""Does face recognition take the avatar for the person: as the real frames show them, and as others drive it?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from avatar.face.expression_basis import load_basis
from avatar.generator.protocol import Generator
from avatar.motion.neutral import NeutralCalibration
from avatar.motion.retarget import relative_motion
from avatar.trust.likeness import Likeness
from avatar.types import U8
from benchmarks.clip_track import ClipTrack, read_pictures
from benchmarks.reenactment import Reenactment

RECOGNISED = 8
"""Targets of each clip that face recognition looks at: it takes longer than everything else."""
DRIVERS = 2
CROSS_FRAMES = 4
"""Frames taken of each of that many other drivers."""


def identity_figures(
    scene: Reenactment,
    drivers: Sequence[ClipTrack],
    makers: Sequence[Generator],
    drawn: Sequence[Sequence[U8]],
    likeness: Likeness,
) -> dict[str, float]:
    """Return cosines: pictures with the real frames, with the photo, and with the photo when others drive."""
    photo = likeness.embed(scene.photo.real, scene.photo.shown.landmarks)
    picks = np.unique(np.linspace(0, len(scene.targets) - 1, RECOGNISED).round().astype(int)).tolist()
    real = [likeness.embed(scene.targets[i].real, scene.targets[i].shown.landmarks) for i in picks]
    # What the measure says of another person: the drivers themselves.
    strangers = [likeness.embed(*_picture(driver)) @ photo for driver in drivers]
    figures = {
        "identity_real_to_photo": float(np.mean([vector @ photo for vector in real])),
        "identity_strangers": float(np.mean(strangers)) if strangers else float("nan"),
    }
    for suffix, maker, pictures in zip(("_geometry", ""), makers, drawn, strict=True):
        own = [likeness.embed(pictures[i], scene.targets[i].shown.landmarks) for i in picks]
        figures[f"identity{suffix}"] = float(np.mean([a @ b for a, b in zip(own, real, strict=True)]))
        figures[f"identity_photo{suffix}"] = float(np.mean([vector @ photo for vector in own]))
        driven = [likeness.embed(*picture) @ photo for driver in drivers for picture in _driven(maker, driver)]
        figures[f"identity_cross{suffix}"] = float(np.mean(driven)) if driven else float("nan")
    return figures


def _driven(generator: Generator, driver: ClipTrack) -> Iterator[tuple[U8, np.ndarray]]:
    """Yield (picture, landmarks) of an avatar as another clip's face drives it, from that face's calmest frame on."""
    half = len(driver) // 2
    calmest = int(np.argmin(driver.blendshapes[:half].sum(axis=1)))
    neutral = NeutralCalibration().observe(driver.face(calmest))
    for row in np.linspace(half, len(driver) - 1, CROSS_FRAMES).round().astype(int).tolist():
        motion = relative_motion(driver.face(row), neutral, load_basis())
        yield generator.render(motion), generator.rig.landmarks(motion, generator.rig.pose(motion))


def _picture(track: ClipTrack) -> tuple[U8, np.ndarray]:
    """Return one real (picture, landmarks) of a clip."""
    row = len(track) // 2
    frame = int(track.frame[row])
    return read_pictures(track.path, [frame])[frame], track.landmarks_px[row]
