"""Fits the expression map: draws built-in faces in known motions and lets the motion extractor say what it sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from avatar.face.pose import rotation_vector
from avatar.generator.identity import Identity
from avatar.generator.portrait import CROP_SIDE
from avatar.generator.portrait.crop import cut_square, face_square
from avatar.generator.portrait.expression_map import ExpressionMap, fit_map
from avatar.generator.portrait.portrait_motion import PortraitDrawer
from avatar.generator.protocol import Generator
from avatar.types import BLENDSHAPES, F32, Motion, rest_motion

MIXED: Final = 100
"""Pictures of several coefficients and a turn at once, for each face."""
STRENGTH: Final = 0.7
"""Of a coefficient that is drawn alone."""
LARGEST_TURN: Final = (0.2, 0.35, 0.2)
"""Of the turns, radians: pitch, yaw, roll."""
SEED: Final = 1


def known_motions() -> Iterator[Motion]:
    """Yield the motions that are drawn: each coefficient alone, then several with a turn."""
    numbers = np.random.default_rng(SEED)
    rest = rest_motion(0.0)
    for index in range(len(BLENDSHAPES) - 1):  # the last, the tongue's, no camera measures
        blendshapes = np.zeros_like(rest.blendshapes)
        blendshapes[index] = STRENGTH
        yield Motion(0.0, blendshapes, rest.rotation, rest.translation)
    for _ in range(MIXED):
        chosen = numbers.random(len(BLENDSHAPES)) < 0.15
        blendshapes = (chosen * numbers.uniform(0.2, 0.9, len(BLENDSHAPES))).astype(np.float32)
        turn = numbers.uniform(-1, 1, 3) * LARGEST_TURN
        yield Motion(0.0, blendshapes, turn.astype(np.float32), rest.translation)


def fit_to_extractor(
    engine: PortraitDrawer[Any],
    identities: Sequence[Identity],
    open_drawn: Callable[[Identity], Generator],
    progress: Callable[[int, int], None] | None = None,
) -> ExpressionMap:
    """Return the map that fits what the motion extractor reads from pictures of `identities`, which a tier draws.

    `progress` is called with (pictures done, pictures in all). About a minute for three faces on two cores.
    """
    motions = list(known_motions())
    drawn, offsets, turned = [], [], []
    for number, identity in enumerate(identities):
        generator = open_drawn(identity)
        (rest_offsets, rest_turn), *read = (_read(engine, generator, motion) for motion in (rest_motion(0.0), *motions))
        for motion, (offset, turn) in zip(motions, read, strict=True):
            drawn.append(motion)
            offsets.append(offset - rest_offsets)
            turned.append(rotation_vector(np.asarray(turn @ rest_turn.T, np.float32)))
        if progress is not None:
            progress((number + 1) * len(motions), len(identities) * len(motions))
    return fit_map(
        np.array([motion.blendshapes for motion in drawn]),
        np.array(offsets),
        np.array([motion.rotation for motion in drawn]),
        np.array(turned),
    )


def _read(engine: PortraitDrawer[Any], generator: Generator, motion: Motion) -> tuple[F32, F32]:
    """Return what the motion extractor reads from a motion's picture; the square stays where the resting face is."""
    square = face_square(generator.rig.rest, CROP_SIDE)
    return engine.read(cut_square(generator.render(motion), square, CROP_SIDE))
