"""A speech encoder chosen by the user, run by the package transformers: windows of audio in, one hidden layer out.

Only safetensors and JSON are read, nothing in a model's folder is ever run. A name on the hub is fetched by
huggingface_hub into its own cache, with the user's own settings; a folder needs no network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from avatar.errors import ModelError
from avatar.models.quiet_loading import quiet_loading
from avatar.perception.speech.log_mel import RATE
from avatar.types import F32

STATE_HOP: Final = 320
"""Samples from one hidden state to the next: 50 a second."""
FIELD: Final = 400
"""Samples a hidden state is about; those of Whisper are about as many, 12.5 ms earlier."""
STATES: Final = 50
"""Hidden states of a window."""
WINDOW: Final = STATE_HOP * (STATES - 1) + FIELD
"""Samples of one window: a second."""
CONVOLVING: Final = ("wav2vec2", "hubert", "wavlm")
"""Families that take samples, by their `model_type`; whisper takes mel bands."""
UNUSED: Final = ("masked_spec_embed",)
"""Weights that matter in an encoder's own training only; some files lack them."""
HUB_NAME: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
MOST_AT_ONCE: Final = 16
"""Windows in one run."""


class SpeechEncoder:
    """One hidden layer of an encoder, on the GPU where there is one. For any number of streams and threads."""

    def __init__(self, source: str, layer: int) -> None:
        """Load an encoder.

        Args:
            source: a folder with `config.json` and safetensors, or a name on the hub such as `owner/model`.
            layer: which hidden layer, 0 (before the first block) to the number of blocks.

        Raises:
            ModelError: torch or transformers is not installed, there is no such encoder or layer, it is of a family
                that cannot be used, or its weights are not safetensors.
        """
        try:
            import torch  # noqa: PLC0415 - an extra
            import transformers  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise ModelError(
                "A speech encoder needs the packages torch and transformers: pip install 'avatar[encoder]'"
            ) from error
        folder = _folder(source)
        self._torch, self._layer = torch, layer
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        safely = {"trust_remote_code": False, "local_files_only": True}
        try:
            config = transformers.AutoConfig.from_pretrained(folder, **safely)
            _check(source, config, layer)
            _refuse_pickles(source, folder, config)
            with quiet_loading(transformers):
                model, loading = transformers.AutoModel.from_pretrained(
                    folder, config=config, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **safely
                )
            if lacking := sorted(name for name in loading["missing_keys"] if not name.endswith(UNUSED)):
                raise ModelError(f"The speech encoder {source} lacks weights, {lacking[0]} for one: fetch it again.")
            self._model = (model.get_encoder() if config.model_type == "whisper" else model).eval().to(self._device)
            self._extract = _extractor(folder, config)
            self.hidden = int(config.hidden_size)
            """Numbers of a state."""
            self.silence = self.states(np.zeros((1, WINDOW), np.float32))[0, -1]
            """(hidden,), the state that silence leaves."""
        except ModelError:
            raise
        except Exception as error:  # whatever these packages make of a folder that somebody filled
            raise ModelError(f"The speech encoder {source} cannot be loaded: {error}") from error
        if not np.isfinite(self.silence).all():
            raise ModelError(f"The weights of the speech encoder {source} are damaged: fetch them again.")

    def states(self, windows: F32) -> F32:
        """Return the hidden states (n, 50, hidden), each of mean 0 and variance 1, of (n, WINDOW) samples."""
        parts = [
            self._run(np.ascontiguousarray(windows[start : start + MOST_AT_ONCE]))
            for start in range(0, len(windows), MOST_AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, STATES, self.hidden), np.float32)

    def _run(self, windows: F32) -> F32:
        torch = self._torch
        with torch.inference_mode():
            samples = torch.from_numpy(self._extract(windows)).to(self._device)
            states = self._model(samples, output_hidden_states=True).hidden_states[self._layer][:, :STATES]
            normal = torch.nn.functional.layer_norm(states.float(), (self.hidden,))
            return np.asarray(normal.cpu().numpy(), np.float32)


@cache
def open_encoder(source: str, layer: int) -> SpeechEncoder:
    """Return an encoder, loaded once per process. Raises ModelError as `SpeechEncoder` does."""
    return SpeechEncoder(source, layer)


def _folder(source: str) -> Path:
    """Return the folder of an encoder's files; what has a name on the hub is fetched, safetensors and JSON only."""
    folder = Path(source).expanduser()
    if not folder.is_dir():
        if not HUB_NAME.fullmatch(source):
            raise ModelError(
                f"There is no folder {source}, and no model on the hub is called so. Name the encoder's folder, or its "
                "name on the hub such as owner/model."
            )
        folder = _fetched(source)
    if not any(folder.glob("*.safetensors")):
        pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(pattern))
        what = f"only {pickled[0]}, a pickle that could run code" if pickled else "none"
        raise ModelError(
            f"The speech encoder {source} has no weights as safetensors, {what}. Choose one with model.safetensors, or "
            "convert its weights where you trust them: AutoModel.from_pretrained(...).save_pretrained(FOLDER)."
        )
    return folder


def _fetched(name: str) -> Path:
    import huggingface_hub  # noqa: PLC0415 - comes with transformers

    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=["*.json", "*.safetensors"]))
    except Exception as error:  # its errors are many and change
        raise ModelError(
            f"There is no folder {name}, and it could not be fetched from the hub: {error}\n"
            "Connect to the internet, or name a folder in which the encoder lies."
        ) from error


def _check(source: str, config: Any, layer: int) -> None:
    """Raise ModelError where a model is none that can be used, or has no such layer."""
    family = config.model_type
    if family != "whisper" and (family not in CONVOLVING or _hop_and_field(config) != (STATE_HOP, FIELD)):
        raise ModelError(
            f"{source} is a model of the kind {family!r} that cannot be used. Use a wav2vec2, HuBERT, WavLM or Whisper "
            "model, with 50 states a second."
        )
    if not 0 <= layer <= config.num_hidden_layers:
        raise ModelError(f"{source} has the hidden layers 0 to {config.num_hidden_layers}; there is no layer {layer}.")


def _refuse_pickles(source: str, folder: Path, config: Any) -> None:
    """Raise ModelError where a model's own files name weights that are no safetensors."""
    named = [getattr(config, "transformers_weights", None) or "model.safetensors"]
    for index in folder.glob("*.safetensors.index.json"):
        named += json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
    if pickled := [name for name in named if not name.endswith((".safetensors", ".safetensors.index.json"))]:
        raise ModelError(f"The speech encoder {source} names weights that are no safetensors: {pickled[0]}.")


def _hop_and_field(config: Any) -> tuple[int, int]:
    """Return how many samples lie between two states, and how many one is about."""
    hop, field = 1, 1
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        field += (kernel - 1) * hop
        hop *= stride
    return hop, field


def _extractor(folder: Path, config: Any) -> Callable[[F32], F32]:
    """Return what makes a model's input of windows (n, WINDOW), as in its training."""
    import transformers  # noqa: PLC0415 - an extra

    whisper = config.model_type == "whisper"
    kind = transformers.WhisperFeatureExtractor if whisper else transformers.Wav2Vec2FeatureExtractor
    has_settings = (folder / "preprocessor_config.json").is_file()
    made = kind.from_pretrained(folder, local_files_only=True) if has_settings else None
    if whisper:
        extractor = made or kind(feature_size=config.num_mel_bins)

        def mel(windows: F32) -> F32:
            features = extractor(list(windows), sampling_rate=RATE, return_tensors="np").input_features
            return np.asarray(features, np.float32)

        return mel
    normalise = made.do_normalize if made is not None else True

    def samples(windows: F32) -> F32:
        if normalise:
            spread = np.sqrt(windows.var(axis=1, keepdims=True) + 1e-7)
            windows = (windows - windows.mean(axis=1, keepdims=True)) / spread
        return np.asarray(windows, np.float32)

    return samples
