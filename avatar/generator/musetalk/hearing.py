"""What MuseTalk hears of a voice: all hidden states of Whisper's encoder (tiny) around one moment.

sound, 8 s    ..................................|  ends 0.12 s after the moment
states, 50/s                   |4 before| moment, 5 after|   of each of 5 layers: 50 x 384
what follows  silence, up to the 30 s that the encoder was trained on
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import transformers
from torch import Tensor

from avatar.errors import ModelError
from avatar.models.quiet_loading import quiet_loading
from avatar.types import F32

RATE: Final = 16_000
STATE_HOP: Final = 320
"""Samples from one hidden state to the next."""
BEFORE, AFTER = 4, 6
"""States before a moment, and from it on, that its mouth is drawn from: two pictures of 40 ms each way, and its own."""
HEARD_S: Final = 8.0
"""Sound that is listened to: loudness is judged by the loudest of it."""
MEL_HOP: Final = 160
QUIET: Final = 2 * 200
"""Samples of silence after the sound that its last mel frames reach into."""
LARGEST_CONFIG: Final = 65_536
"""Bytes of a JSON file."""


class WhisperHearing:
    """Whisper's encoder on a device."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        """Load it from a folder with `config.json`, `preprocessor_config.json` and safetensors.

        Raises:
            ModelError: something is missing, damaged, or another model.
        """
        self._device = device
        try:
            with quiet_loading(transformers):
                model, loading = transformers.WhisperModel.from_pretrained(
                    folder,
                    use_safetensors=True,
                    local_files_only=True,
                    dtype=torch.float32,
                    output_loading_info=True,
                )
            self._extract: Any = transformers.WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
        except Exception as error:  # whatever these packages make of a folder that somebody filled
            raise ModelError(
                f"Whisper's weights in {folder} cannot be loaded ({error}): remove the folder and run "
                "avatar models pull musetalk."
            ) from error
        if lacking := sorted(loading["missing_keys"]):
            raise ModelError(f"Whisper's weights in {folder} lack {lacking[0]}: remove the folder and pull again.")
        self._encoder: Any = model.get_encoder().eval().requires_grad_(requires_grad=False).to(device)
        self._positions = int(model.config.max_source_positions)
        """States that the encoder answers: 1500, 30 s."""
        heard = min(round(HEARD_S * RATE / STATE_HOP), self._positions - 2)
        self.samples = heard * STATE_HOP
        self.ahead_s = AFTER * STATE_HOP / RATE
        layers = int(model.config.encoder_layers) + 1
        self.shape = (BEFORE + AFTER) * layers, int(model.config.d_model)
        """(50, 384) of the published one."""

    def states(self, sound: F32) -> F32:
        """Return what is heard, `shape`, in (samples,) of sound that ends `ahead_s` after the moment."""
        with torch.inference_mode():
            answered = self._encoder(self.features(sound), output_hidden_states=True)
            layers = torch.stack(answered.hidden_states, dim=2)[0]  # (states, layers, 384)
            end = len(sound) // STATE_HOP
            around = layers[end - BEFORE - AFTER : end].flatten(0, 1)
            return np.asarray(around.float().cpu().numpy(), np.float32)

    def features(self, sound: F32) -> Tensor:
        """Return the log-mel features, (1, 80, 3000), of sound with silence after it.

        Only what is heard is transformed: what all the silence gives is known.
        """
        heard = np.concatenate([sound, np.zeros(QUIET, np.float32)])
        mel = self._extract(
            heard,
            sampling_rate=RATE,
            padding="do_not_pad",
            truncation=False,
            return_tensors="np",
            device=str(self._device),
        ).input_features[0]
        loudest = 4 * float(mel.max()) - 4  # undoes (x + 4) / 4
        silent = (max(loudest - 8, -10.0) + 4) / 4
        whole = np.full((mel.shape[0], 2 * self._positions), silent, np.float32)
        count = min(len(heard) // MEL_HOP, whole.shape[1])
        whole[:, :count] = mel[:, :count]
        return torch.from_numpy(whole)[None].to(self._device)
