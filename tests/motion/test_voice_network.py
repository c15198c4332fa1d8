"""Weights of one's own: they say what they take, and what does not fit is said."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save_file

from avatar.errors import ModelError
from avatar.motion import voice_network
from avatar.motion.speech import LOOK_AHEAD_S, SpeechMotion
from avatar.motion.speech_network import shapes
from avatar.motion.voice_network import (
    HiddenLayer,
    VoiceNetwork,
    features_metadata,
    hidden_layer,
    load_voice_network,
    read_metadata,
    require_live,
    shipped_network,
)
from avatar.perception.speech.features import FeatureFrames, LogMelFeatures
from avatar.perception.speech.log_mel import BANDS, RATE
from avatar.resources import weights_path
from avatar.types import F32


def random_weights(size: int = BANDS) -> dict[str, F32]:
    rng = np.random.default_rng(0)
    return {name: rng.normal(0, 0.05, shape).astype(np.float32) for name, shape in shapes(16, size).items()}


def write(path: Path, size: int, metadata: dict[str, str] | None) -> Path:
    save_file(random_weights(size), path, metadata)
    return path


def moved(speech: SpeechMotion, sound: F32) -> np.ndarray:
    """What a call shows of a sound, 25 pictures a second."""
    shown = []
    for index in range(len(sound) // 640):
        speech.push(sound[index * 640 : (index + 1) * 640], index / 25)
        shown.append(speech.motion(index / 25 - LOOK_AHEAD_S).blendshapes)
    return np.array(shown)


@pytest.fixture(scope="module")
def sound() -> F32:
    """A second of silence and half a second of noise."""
    noise = 0.1 * np.random.default_rng(0).standard_normal(RATE // 2)
    return np.concatenate([np.zeros(RATE), noise]).astype(np.float32)


def test_the_shipped_file_given_by_name_is_the_shipped_network(sound: F32) -> None:
    """It has no header that names features: such weights are of log-mel."""
    network = load_voice_network(weights_path("speech_mouth.safetensors"))
    assert isinstance(network.make_features(), LogMelFeatures)
    assert network.weights.keys() == shipped_network().weights.keys()
    assert (moved(SpeechMotion(network), sound) == moved(SpeechMotion(), sound)).all()


def test_weights_of_ones_own_move_the_mouth(tmp_path: Path, sound: F32) -> None:
    path = write(tmp_path / "mine.safetensors", BANDS, features_metadata(None, BANDS))
    assert (moved(SpeechMotion(load_voice_network(path)), sound) != moved(SpeechMotion(), sound)).any()


def test_the_header_tells_what_the_weights_hear(tmp_path: Path) -> None:
    for layer in (None, HiddenLayer("owner/model", 6)):
        path = write(tmp_path / "mine.safetensors", 769, features_metadata(layer, 769))
        assert hidden_layer(read_metadata(path), path) == layer
    assert read_metadata(path)["hidden"] == "768"
    assert hidden_layer({}, path) is None


@pytest.mark.parametrize(
    ("size", "metadata", "reason"),
    [
        (50, None, "takes 50 numbers a frame, log-mel features have 40"),
        (50, {"features": "smell"}, "'smell'"),
        (50, {"features": "transformers", "encoder": "a/b"}, "names no encoder and layer"),
        (50, {"features": "transformers", "encoder": "a/b", "layer": "-1"}, "names no encoder and layer"),
    ],
)
def test_features_that_do_not_fit_are_said(
    tmp_path: Path, size: int, metadata: dict[str, str] | None, reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        load_voice_network(write(tmp_path / "mine.safetensors", size, metadata))


def test_what_is_no_network_is_said(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    with pytest.raises(ModelError, match="no weights file"):
        load_voice_network(path)
    path.write_bytes(b"junk")
    with pytest.raises(ModelError, match="not a"):
        load_voice_network(path)
    save_file({"other": np.zeros(3, np.float32)}, path)
    with pytest.raises(ModelError, match="train it again"):
        load_voice_network(path)
    save_file({**random_weights(), "enter.bias": np.zeros((), np.float32)}, path)
    with pytest.raises(ModelError, match="train it again"):
        load_voice_network(path)


def test_log_mel_takes_no_encoder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="takes no encoder"):
        load_voice_network(write(tmp_path / "mine.safetensors", BANDS, None), encoder="a/b")


def test_packages_that_are_missing_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    path = write(tmp_path / "mine.safetensors", 17, features_metadata(HiddenLayer("nobody/heard-of", 1), 17))
    with pytest.raises(ModelError, match=r"pip install 'avatar\[encoder\]'"):
        load_voice_network(path)


def test_an_encoder_that_has_moved_is_named_anew(tmp_path: Path, tiny_encoder: Path, sound: F32) -> None:
    path = write(tmp_path / "mine.safetensors", 17, features_metadata(HiddenLayer("/gone/away", 1), 17))
    with pytest.raises(ModelError, match="no folder /gone/away"):
        load_voice_network(path)
    shown = moved(SpeechMotion(load_voice_network(path, encoder=str(tiny_encoder))), sound)
    assert np.isfinite(shown).all() and shown.any()


def test_an_encoder_too_slow_for_a_call_is_refused_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    spent_s = 0.0

    class Slow(LogMelFeatures):
        def push(self, samples: F32) -> FeatureFrames:
            nonlocal spent_s
            spent_s += 0.7 * len(samples) / RATE
            return super().push(samples)

    monkeypatch.setattr(voice_network, "time", SimpleNamespace(perf_counter=lambda: spent_s))
    require_live(shipped_network())
    with pytest.raises(ModelError, match=r"takes 0\.7 s for each second of sound"):
        require_live(VoiceNetwork(random_weights(), Slow))


def test_another_encoder_than_it_was_trained_with_is_said(tmp_path: Path, tiny_encoder: Path) -> None:
    path = write(tmp_path / "mine.safetensors", 33, features_metadata(HiddenLayer("owner/model", 1), 33))
    with pytest.raises(ModelError, match=r"hidden states of 32 numbers.* have 16.*owner/model"):
        load_voice_network(path, encoder=str(tiny_encoder))
