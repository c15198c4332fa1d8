"""Two networks are asked; lips part as real ones would, and do not meet where the networks part them."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.motion.speech_network import MOUTH, SpeechNetwork, shapes
from avatar.motion.speech_pair import FLOOR, JAW, TAKEN, TAPS, SpeechPair, lip_parting, opened, second_fits
from avatar.motion.voice_network import shipped_network
from avatar.perception.speech.features import LogMelFeatures
from avatar.perception.speech.log_mel import BANDS
from avatar.types import F32


def first_weights() -> dict[str, F32]:
    rng = np.random.default_rng(0)
    return {name: rng.normal(0, 0.05, shape).astype(np.float32) for name, shape in shapes(16).items()}


def second_weights() -> dict[str, F32]:
    rng = np.random.default_rng(1)
    sizes = shapes(24) | {"opening.weight": (TAPS, TAKEN), "opening.bias": (1,)}
    return {name: rng.normal(0, 0.05, shape).astype(np.float32) for name, shape in sizes.items()}


def open_mouths(*jaws: float) -> F32:
    mouths = np.zeros((len(jaws), len(MOUTH)), np.float32)
    mouths[:, JAW] = jaws
    return mouths


def test_lips_part_as_far_as_is_asked() -> None:
    asked = np.array([0.08, 0.15, 0.2], np.float32)
    shown = opened(open_mouths(0.3, 0.3, 0.3), asked)
    assert shown @ lip_parting() == pytest.approx(asked, abs=1e-6)


def test_only_the_jaw_parts_them() -> None:
    mouths = np.random.default_rng(0).uniform(0, 0.3, (5, len(MOUTH))).astype(np.float32)
    shown = opened(mouths, np.full(5, 0.1, np.float32))
    assert np.delete(shown, JAW, axis=1) == pytest.approx(np.delete(mouths, JAW, axis=1))


def test_lips_that_the_network_parts_do_not_meet() -> None:
    mouths = open_mouths(0.0, 0.05, 0.5)
    shown = opened(mouths, np.full(3, -0.05, np.float32))
    own = mouths @ lip_parting()
    assert shown @ lip_parting() == pytest.approx(np.minimum(own, FLOOR), abs=1e-6)


def test_the_jaw_never_goes_above_rest() -> None:
    mouths = open_mouths(0.0)
    mouths[:, JAW] = -0.02
    assert opened(mouths, np.array([-1.0], np.float32))[0, JAW] >= 0


def test_what_was_heard_does_not_depend_on_how_the_sound_was_cut() -> None:
    heard = np.random.default_rng(0).normal(-1, 0.7, (90, BANDS)).astype(np.float32)
    silence = LogMelFeatures().silence
    whole = SpeechPair(first_weights(), second_weights(), silence).push(heard)
    pair = SpeechPair(first_weights(), second_weights(), silence)
    cut = [pair.push(heard[start:end]) for start, end in ((0, 1), (1, 4), (4, 60), (60, 90))]
    for name in ("coefficients", "closure", "posterior"):
        assert np.concatenate([getattr(m, name) for m in cut]) == pytest.approx(getattr(whole, name), abs=1e-5)
    pair.reset()
    assert pair.push(heard[:30]).coefficients == pytest.approx(whole.coefficients[:30], abs=1e-5)


def test_both_are_asked() -> None:
    heard = np.random.default_rng(0).normal(-1, 0.7, (30, BANDS)).astype(np.float32)
    silence = LogMelFeatures().silence
    pair = SpeechPair(first_weights(), second_weights(), silence).push(heard)
    first, second = (SpeechNetwork(w, silence).push(heard) for w in (first_weights(), second_weights()))
    assert pair.posterior == pytest.approx((first.posterior + second.posterior) / 2, abs=1e-6)
    assert pair.posterior.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert not np.allclose(first.closure, second.closure)


def test_the_shipped_network_has_a_second() -> None:
    assert isinstance(shipped_network().open(LogMelFeatures().silence), SpeechPair)


@pytest.mark.parametrize("name", ["opening.weight", "opening.bias", "kind.weight"])
def test_weights_that_are_something_else_are_refused(name: str) -> None:
    weights = second_weights()
    assert second_fits(weights)
    assert not second_fits({key: value for key, value in weights.items() if key != name})
    assert not second_fits(weights | {name: weights[name][:-1]})
    assert not second_fits(weights | {name: np.full_like(weights[name], np.nan)})
