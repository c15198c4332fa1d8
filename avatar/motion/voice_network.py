"""Which network moves the mouth, and its features of sound: the shipped one, or weights of the user's own.

The header (metadata) of a weights file says what its network was trained on:

    features   log-mel, or transformers; a file that says nothing is log-mel
    encoder    the encoder's folder or its name on the hub, where features is transformers
    layer      its hidden layer
    hidden     numbers of a hidden state
    size       numbers of a frame: 40 of log-mel, else hidden and one more, the level
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file

from avatar.errors import ModelError
from avatar.motion.speech_network import SpeechNetwork, fits, input_size
from avatar.motion.speech_pair import SpeechPair, second_fits
from avatar.perception.speech.encoder import open_encoder
from avatar.perception.speech.features import LogMelFeatures, SpeechFeatures
from avatar.perception.speech.hidden_states import HiddenStates
from avatar.perception.speech.log_mel import BANDS, RATE
from avatar.resources import weights_path
from avatar.types import F32

WEIGHTS: Final = "speech_mouth.safetensors"
SECOND_WEIGHTS: Final = "speech_second.safetensors"
DETECTOR_WEIGHTS: Final = "voice_detector.safetensors"
PIECE: Final = RATE // 25
"""Samples taken at once to see how long that takes: what comes between two runs of an encoder."""
TRIES: Final = 9
MOST_LIVE: Final = 0.5
"""Share of a call's time that may go into features of speech; the rest is for tracking and rendering."""


@dataclass(frozen=True, slots=True)
class HiddenLayer:
    """One hidden layer of a speech encoder."""

    encoder: str
    """Its folder, or its name on the hub."""
    layer: int

    def __str__(self) -> str:
        return f"layer {self.layer} of {self.encoder}"


@dataclass(frozen=True, slots=True)
class VoiceNetwork:
    """A network, or two, and their features of sound; for any number of streams, which share them."""

    weights: dict[str, F32]
    """By name, as in `models/speech_mouth.safetensors`; read, never written."""
    make_features: Callable[[], SpeechFeatures]
    """Makes the features of one stream, of the size that the weights take."""
    second: dict[str, F32] | None = None
    """Weights of a second network with the same input (`speech_pair`), if there is one."""

    def open(self, silence: F32) -> SpeechNetwork | SpeechPair:
        """Return one stream through it; `silence` is a frame (size,) of its features."""
        if self.second is None:
            return SpeechNetwork(self.weights, silence)
        return SpeechPair(self.weights, self.second, silence)


@cache
def shipped_network() -> VoiceNetwork:
    """Return the networks shipped with the package. Raises ModelError: a file is missing or another network's."""
    path = weights_path(SECOND_WEIGHTS)
    second = _arrays(path)
    if not second_fits(second):
        raise ModelError(f"{path} does not hold this version's second speech network: install avatar again.")
    return replace(_shipped(WEIGHTS), second=second)


@cache
def shipped_detector() -> VoiceNetwork:
    """Return the shipped network that tells voices from music best, its mouths aside. Raises as `shipped_network`."""
    return _shipped(DETECTOR_WEIGHTS)


def _shipped(name: str) -> VoiceNetwork:
    path = weights_path(name)
    weights = _arrays(path)
    if not fits(weights) or input_size(weights) != BANDS:
        raise ModelError(f"{path} does not hold this version's speech network: install avatar again.")
    return VoiceNetwork(weights, LogMelFeatures)


def load_voice_network(path: str | Path, *, encoder: str | None = None) -> VoiceNetwork:
    """Return a network of the user's own, as `training.speech_train` writes it.

    Args:
        path: the weights file.
        encoder: where the encoder lies that it was trained with, in place of what the file says.

    Raises:
        ModelError: the file is missing, damaged or of another network; or its encoder is missing, another one than it
            was trained with, or needs packages that are not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"There is no weights file {path}.")
    weights, metadata = _arrays(path), read_metadata(path)
    if not fits(weights):
        raise ModelError(f"{path} does not hold a speech network of this version: train it again.")
    size, trained_on = input_size(weights), hidden_layer(metadata, path)
    if trained_on is None:
        if encoder is not None:
            raise ModelError(f"{path} was trained on log-mel features: it takes no encoder.")
        if size != BANDS:
            raise ModelError(
                f"{path} takes {size} numbers a frame, log-mel features have {BANDS}, and it does not say what else it "
                "was trained on: write it with training.speech_train."
            )
        return VoiceNetwork(weights, LogMelFeatures)
    opened = open_encoder(encoder or trained_on.encoder, trained_on.layer)
    if opened.hidden + 1 != size:
        raise ModelError(
            f"{path} was trained with hidden states of {size - 1} numbers, those of "
            f"{encoder or trained_on.encoder} have {opened.hidden}. "
            f"Name the encoder it was trained with ({trained_on.encoder}), or train it again with this one."
        )
    return VoiceNetwork(weights, lambda: HiddenStates(opened))


def require_live(network: VoiceNetwork) -> None:
    """Raise ModelError where features take so much of the time that their sound lasts that a call would stand still."""
    features, piece = network.make_features(), np.zeros(PIECE, np.float32)
    features.push(np.zeros(RATE, np.float32))
    spent_s = []
    for _ in range(TRIES):
        begin_s = time.perf_counter()
        features.push(piece)
        spent_s.append(time.perf_counter() - begin_s)
    share = float(np.median(spent_s)) * RATE / PIECE
    if share > MOST_LIVE:
        raise ModelError(
            f"This speech encoder takes {share:.1f} s for each second of sound on this machine, and a call "
            f"leaves {MOST_LIVE} s. Use a smaller encoder or a GPU, or render files: avatar render --voice-network"
        )


def features_metadata(trained_on: HiddenLayer | None, size: int) -> dict[str, str]:
    """Return what the header of weights says that take `size` numbers a frame: a hidden layer's, or log-mel."""
    if trained_on is None:
        return {"features": "log-mel", "size": str(size)}
    return {
        "features": "transformers",
        "encoder": trained_on.encoder,
        "layer": str(trained_on.layer),
        "hidden": str(size - 1),
        "size": str(size),
    }


def read_metadata(path: Path) -> dict[str, str]:
    """Return the header of a safetensors file, empty where it has none. Raises ModelError: it is no such file."""
    try:
        with safe_open(path, "numpy") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} is not a safetensors file: {error}") from error


def hidden_layer(metadata: Mapping[str, str], path: Path) -> HiddenLayer | None:
    """Return what the header of the weights at `path` says they take; None: log-mel.

    Raises:
        ModelError: it says something that this version does not know.
    """
    features = metadata.get("features", "log-mel")
    if features == "log-mel":
        return None
    layer, encoder = metadata.get("layer", ""), metadata.get("encoder", "")
    if features != "transformers" or not layer.isdecimal() or not encoder:
        raise ModelError(
            f"{path} was trained on features that this version does not know ({features!r}), or names no encoder and "
            "layer for them: train it again."
        )
    return HiddenLayer(encoder, int(layer))


def _arrays(path: Path) -> dict[str, F32]:
    try:
        return {name: np.ascontiguousarray(array, np.float32) for name, array in load_file(path).items()}
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ModelError(f"{path} is not a file of weights: {error}") from error
