"""What a tier reads from the driver by itself counts from the driver's rest, like everything else."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.face.implicit_keypoints import LIP_POINTS, POINTS
from avatar.motion.mixer import blend, speak
from avatar.motion.read_rest import ReadRest
from avatar.motion.voice_motion import resting_voice
from avatar.types import F32, Motion, ReadExpression, rest_motion


def offsets(level: float) -> F32:
    return np.full((POINTS, 3), level, np.float32)


def test_rest_is_the_median_until_it_is_settled_and_stays_then() -> None:
    rest, motion = ReadRest(), rest_motion(0.0)
    for level in (0.1, 0.2, 0.9):
        rest.expression(offsets(level), motion, settled=False)
    assert rest.expression(offsets(0.5), motion, settled=True).offsets[0, 0] == pytest.approx(0.3)
    assert rest.expression(offsets(0.2), motion, settled=True).offsets[0, 0] == pytest.approx(0)


def test_a_rest_that_is_taken_anew_forgets_the_old_one() -> None:
    rest, motion = ReadRest(), rest_motion(0.0)
    rest.expression(offsets(0.1), motion, settled=False)
    rest.expression(offsets(0.1), motion, settled=True)
    assert rest.expression(offsets(0.7), motion, settled=False).offsets[0, 0] == pytest.approx(0)


def driven() -> Motion:
    read = ReadExpression(offsets(0.3), np.ones(POINTS, np.float32), np.zeros(52, np.float32))
    return Motion(0.0, np.zeros(52, np.float32), np.zeros(3, np.float32), np.zeros(2, np.float32), read=read)


def test_what_was_read_fades_with_the_camera() -> None:
    half = blend(rest_motion(0.0), driven(), 0.5).read
    assert half is not None and half.share.tolist() == [0.5] * POINTS


def test_a_voice_takes_the_lips_and_nothing_else() -> None:
    read = speak(driven(), resting_voice(0.0), 0.75).read
    assert read is not None
    lips = list(LIP_POINTS)
    assert read.share[lips].tolist() == [0.25] * len(lips)
    assert np.delete(read.share, lips).min() == 1
