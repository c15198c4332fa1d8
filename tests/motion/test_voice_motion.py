"""From the network's answer to a mouth: what must close closes, what is a murmur rests, all else is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.motion.speech_network import CLASSES, MOUTH
from avatar.motion.voice_motion import AFAR_DB, NEAR_DB, PURSED, TUCKED, mouth_coefficients
from avatar.types import BLENDSHAPE_INDEX, F32

JAW, ROLL, RAISED, PUCKER, STRETCH = (
    MOUTH.index(BLENDSHAPE_INDEX[n])
    for n in ("jawOpen", "mouthRollLower", "mouthUpperUpLeft", "mouthPucker", "mouthStretchLeft")
)


def shown(
    kinds: dict[str, float],
    *,
    closure: float = 0.0,
    speaking: float = 1.0,
    presence_db: float = 0.0,
    voice_activity: float = 1.0,
    liveliness: float = 1.0,
) -> F32:
    """The mouth shown for a half open one, given the probabilities of some classes; `other` has the rest."""
    coefficients = np.zeros((1, len(MOUTH)), np.float32)
    coefficients[0, JAW] = 0.4
    posterior = np.zeros((1, len(CLASSES)), np.float32)
    for name, share in {"other": 1 - sum(kinds.values()), **kinds}.items():
        posterior[0, CLASSES.index(name)] = share
    others = (np.array([value], np.float32) for value in (speaking, presence_db, voice_activity))
    return mouth_coefficients(coefficients, np.array([closure], np.float32), posterior, *others, liveliness)[0]


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


def test_silence_rests_and_doubt_near_the_voice_does_not() -> None:
    assert not shown({"silence": 0.99}).any()
    assert shown({"silence": 0.4})[JAW] == pytest.approx(0.4)


def test_a_murmur_far_below_the_voice_has_to_be_plainly_speech() -> None:
    assert not shown({"silence": 0.4}, presence_db=AFAR_DB - 1).any()
    assert not shown({"silence": 0.01}, speaking=0.7, presence_db=AFAR_DB - 1).any()
    assert shown({"silence": 0.01}, presence_db=AFAR_DB - 1)[JAW] == pytest.approx(0.4)
    assert shown({"silence": 0.4}, presence_db=(AFAR_DB + NEAR_DB) / 2)[JAW] == pytest.approx(0.2)


def test_the_lower_lip_comes_out_where_a_vowel_is_as_likely() -> None:
    assert shown({"lip_teeth": 0.45, "wide": 0.45})[JAW] == pytest.approx(0.4)


def test_rounded_lips_are_pursed_and_do_not_spread() -> None:
    mouth = shown({"rounded": 0.7})
    assert mouth[PUCKER] == pytest.approx(PURSED) and mouth[JAW] == pytest.approx(0.4)
    assert shown({"rounded": 0.1})[PUCKER] == 0
    coefficients = np.full((1, len(MOUTH)), 0.5, np.float32)
    kind = np.eye(len(CLASSES), dtype=np.float32)[[CLASSES.index("rounded")]]
    zero = np.zeros(1, np.float32)
    calm, lively = (
        mouth_coefficients(coefficients, zero, kind, zero + 1, zero, zero + 1, how)[0] for how in (0.0, 2.0)
    )
    assert calm[STRETCH] == lively[STRETCH] == 0 and 0 < calm[PUCKER] < lively[PUCKER]


def test_music_that_is_never_surely_a_voice_moves_no_lip() -> None:
    assert not shown({"open": 0.5}, voice_activity=0.5).any()
    assert 0 < shown({"open": 0.7}, voice_activity=0.7)[JAW] < 0.4
