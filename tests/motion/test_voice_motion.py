"""From the network's answer to a mouth: what must close closes, all else is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.motion.speech_network import CLASSES, MOUTH
from avatar.motion.voice_motion import PURSED, TUCKED, mouth_coefficients
from avatar.types import BLENDSHAPE_INDEX, F32

JAW, ROLL, RAISED, PUCKER, STRETCH = (
    MOUTH.index(BLENDSHAPE_INDEX[n])
    for n in ("jawOpen", "mouthRollLower", "mouthUpperUpLeft", "mouthPucker", "mouthStretchLeft")
)


def shown(
    kinds: dict[str, float],
    *,
    closure: float = 0.0,
    moving: float = 1.0,
    liveliness: float = 1.0,
) -> F32:
    """The mouth shown for a half open one, given the probabilities of some classes; `other` has the rest."""
    coefficients = np.zeros((1, len(MOUTH)), np.float32)
    coefficients[0, JAW] = 0.4
    posterior = np.zeros((1, len(CLASSES)), np.float32)
    for name, share in {"other": 1 - sum(kinds.values()), **kinds}.items():
        posterior[0, CLASSES.index(name)] = share
    touching, moves = np.array([[closure], [moving]], np.float32)
    return mouth_coefficients(coefficients, touching, posterior, moves, liveliness)[0]


def test_a_vowel_is_left_alone() -> None:
    assert shown({"open": 0.9})[JAW] == pytest.approx(0.4)


@pytest.mark.parametrize("liveliness", [0.0, 1.0, 2.0])
def test_p_b_m_close_at_any_liveliness(liveliness: float) -> None:
    assert shown({"closed": 0.9}, closure=0.9, liveliness=liveliness)[JAW] == 0


def test_doubt_whether_lips_touch_closes_them() -> None:
    assert shown({"closed": 0.3}, closure=0.3)[JAW] == 0
    assert shown({"closed": 0.9}, closure=0.001)[JAW] == pytest.approx(0.4)


def test_lips_part_where_a_vowel_is_heard_though_the_closure_lingers() -> None:
    assert shown({"closed": 0.4, "open": 0.4}, closure=0.9)[JAW] == pytest.approx(0.4)
    assert shown({"closed": 0.3, "rounded": 0.15, "wide": 0.15}, closure=0.9)[JAW] == pytest.approx(0.4)


def test_f_and_v_tuck_the_lower_lip() -> None:
    mouth = shown({"lip_teeth": 0.8})
    assert mouth[ROLL] == pytest.approx(TUCKED["mouthRollLower"]) and mouth[RAISED] > 0.3 and mouth[JAW] < 0.1
    assert shown({"lip_teeth": 0.1})[JAW] == pytest.approx(0.4)


def test_a_mouth_that_rests_does_nothing() -> None:
    assert not shown({"open": 0.9}, moving=0).any() and not shown({"closed": 0.9}, closure=0.9, moving=0).any()
    assert shown({"open": 0.9}, moving=0.5)[JAW] == pytest.approx(0.2)


def test_the_lower_lip_comes_out_where_a_vowel_is_as_likely() -> None:
    assert shown({"lip_teeth": 0.45, "wide": 0.45})[JAW] == pytest.approx(0.4)


def test_rounded_lips_are_pursed_and_do_not_spread() -> None:
    mouth = shown({"rounded": 0.7})
    assert mouth[PUCKER] == pytest.approx(PURSED) and mouth[JAW] == pytest.approx(0.4)
    assert shown({"rounded": 0.1})[PUCKER] == 0
    coefficients = np.full((1, len(MOUTH)), 0.5, np.float32)
    kind = np.eye(len(CLASSES), dtype=np.float32)[[CLASSES.index("rounded")]]
    zero = np.zeros(1, np.float32)
    calm, lively = (mouth_coefficients(coefficients, zero, kind, zero + 1, how)[0] for how in (0.0, 2.0))
    assert calm[STRETCH] == lively[STRETCH] == 0 and 0 < calm[PUCKER] < lively[PUCKER]
