"""Hidden states of a speech encoder as features: in the same time as log-mel, however the sound is cut."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from avatar.errors import ModelError
from avatar.perception.speech.encoder import STATES, WINDOW, SpeechEncoder, open_encoder
from avatar.perception.speech.features import LogMelFeatures
from avatar.perception.speech.hidden_states import RUN_HOP, HiddenStates
from avatar.perception.speech.log_mel import HOP, RATE
from avatar.perception.speech.log_mel import WINDOW as FRAME
from avatar.types import F32

SAME = 1e-4
"""Several windows at once are summed in another order than one."""


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> SpeechEncoder:
    return open_encoder(str(tiny_encoder), 1)


@pytest.fixture(scope="module")
def sound() -> F32:
    """Noise that swells and falls, 1.6 s."""
    times = np.arange(round(1.6 * RATE)) / RATE
    noise = np.random.default_rng(0).standard_normal(len(times))
    return np.asarray(0.1 * np.sin(7 * times) ** 2 * noise, np.float32)


def frames_of(encoder: SpeechEncoder, sound: F32, piece: int) -> F32:
    features = HiddenStates(encoder)
    return np.concatenate([features.push(sound[start : start + piece]).frames for start in range(0, len(sound), piece)])


@pytest.mark.parametrize("piece", [1, 320, 401, 7777])
def test_a_stream_gives_what_the_whole_gives(encoder: SpeechEncoder, sound: F32, piece: int) -> None:
    cut = sound[:4000] if piece == 1 else sound
    whole = HiddenStates(encoder).push(cut)
    assert whole.frames.shape == (len(whole.level_db), encoder.hidden + 1) and np.isfinite(whole.frames).all()
    assert frames_of(encoder, cut, piece) == pytest.approx(whole.frames, abs=SAME)


def test_its_frames_come_when_log_mel_frames_come(encoder: SpeechEncoder, sound: F32) -> None:
    hidden, mel = HiddenStates(encoder), LogMelFeatures()
    for start in range(0, 4000, 77):
        piece = sound[start : start + 77]
        ours, theirs = hidden.push(piece), mel.push(piece)
        assert len(ours.frames) == len(theirs.frames)
        assert (ours.level_db == theirs.level_db).all()


def test_a_frame_knows_nothing_of_the_sound_after_it(encoder: SpeechEncoder, sound: F32) -> None:
    whole = frames_of(encoder, sound, len(sound))
    for number in (80, 81, 82, 83):
        changed = sound.copy()
        changed[HOP * number + FRAME :] = 0.5
        other = frames_of(encoder, changed, len(changed))
        assert other[: number + 1] == pytest.approx(whole[: number + 1], abs=SAME)
        assert np.abs(other[number + 1 : number + 9] - whole[number + 1 : number + 9]).max() > 0.1


def test_a_frame_tells_of_its_own_moment(encoder: SpeechEncoder) -> None:
    """A click is seen where it is: no more than the 20 ms late that are promised, and the 10 ms of the repetition."""
    quiet = np.random.default_rng(1).normal(0, 0.01, 2 * RATE).astype(np.float32)
    loud = quiet.copy()
    loud[RATE + 200 : RATE + 240] += 0.5
    level = [frames_of(encoder, each, len(each))[:, -1] for each in (quiet, loud)]
    assert abs(int((level[1] - level[0]).argmax()) - 100) <= 1, "the level is that of log-mel frames"
    hidden = [frames_of(encoder, each, len(each))[:, :-1] for each in (quiet, loud)]
    changed = np.abs(hidden[1] - hidden[0]).max(axis=1) > SAME
    assert 98 <= int(changed.argmax()) <= 104


def test_states_are_in_a_sane_range(encoder: SpeechEncoder, sound: F32) -> None:
    for loudness in (0.0, 0.01, 3.0):
        states = frames_of(encoder, np.clip(loudness * sound, -1, 1), len(sound))[:, :-1]
        assert np.abs(states.mean(axis=1)).max() < 1e-3 and states.std(axis=1).max() < 1.01


def test_what_was_forgotten_leaves_no_trace(encoder: SpeechEncoder, sound: F32) -> None:
    features = HiddenStates(encoder)
    first = features.push(sound[:5001]).frames
    features.reset()
    assert features.push(sound[:5001]).frames == pytest.approx(first, abs=SAME)


def test_it_holds_a_second_of_sound_and_no_more(encoder: SpeechEncoder, sound: F32) -> None:
    features = HiddenStates(encoder)
    for _ in range(3):
        features.push(sound)
        assert len(features._sound) < WINDOW + RUN_HOP and len(features._states) < RUN_HOP // HOP
        assert features._sound.base is None, "and not a view of more"


def test_silence_is_what_silence_gives(encoder: SpeechEncoder) -> None:
    features = HiddenStates(encoder)
    frames = features.push(np.zeros(RATE, np.float32)).frames
    assert features.silence.shape == (features.size,)
    newest = frames[3::4, :-1]
    assert newest == pytest.approx(np.tile(features.silence[:-1], (len(newest), 1)), abs=SAME)


@pytest.mark.parametrize("family", ["Hubert", "WavLM"])
def test_their_relatives_hear_too(family: str, tmp_path: Path, tiny_encoder: Path, sound: F32) -> None:
    transformers = pytest.importorskip("transformers", reason="the extra `encoder` is not installed")
    size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    positions = {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}
    config = getattr(transformers, f"{family}Config")(**size, **positions, conv_dim=(16,) * 7)
    getattr(transformers, f"{family}Model")(config).save_pretrained(tmp_path)
    for layer in (0, 2):
        states = SpeechEncoder(str(tmp_path), layer).states(sound[None, :WINDOW])
        assert states.shape == (1, STATES, 16) and np.isfinite(states).all() and states.std() > 0.5


def test_whisper_hears_too(tmp_path: Path, tiny_encoder: Path, sound: F32) -> None:
    transformers = pytest.importorskip("transformers", reason="the extra `encoder` is not installed")
    size = {"d_model": 16, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 32}
    decoder = {"decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 32, "vocab_size": 60}
    tokens = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 50)
    config = transformers.WhisperConfig(**size, **decoder, **tokens, num_mel_bins=80)
    transformers.WhisperModel(config).save_pretrained(tmp_path)
    encoder = SpeechEncoder(str(tmp_path), 2)
    states = encoder.states(np.stack([sound[:WINDOW], sound[RUN_HOP:][:WINDOW]]))
    assert states.shape == (2, STATES, 16) and np.isfinite(states).all()
    assert np.abs(states[0] - states[1]).max() > SAME


def test_pickled_weights_are_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the extra `encoder` is not installed")
    (tmp_path / "config.json").write_bytes((tiny_encoder / "config.json").read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"no weights as safetensors.*pytorch_model.bin, a pickle"):
        SpeechEncoder(str(tmp_path), 1)


def test_pickles_that_a_models_files_name_are_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    told = json.loads((tiny_encoder / "config.json").read_text())
    weights = (tiny_encoder / "model.safetensors").read_bytes()
    (tmp_path / "other.safetensors").write_bytes(weights)
    (tmp_path / "config.json").write_text(json.dumps(told))
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "shard.bin"}}')
    with pytest.raises(ModelError, match=r"no safetensors: shard\.bin"):
        SpeechEncoder(str(tmp_path), 1)
    (tmp_path / "model.safetensors.index.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps({**told, "transformers_weights": "adapter_model.bin"}))
    with pytest.raises(ModelError, match=r"no safetensors: adapter_model\.bin"):
        SpeechEncoder(str(tmp_path), 1)


def test_weights_that_are_not_all_there_are_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    """They would be made up at random, and be others each time."""
    (tmp_path / "config.json").write_bytes((tiny_encoder / "config.json").read_bytes())
    weights = load_file(tiny_encoder / "model.safetensors")
    kept = {name: array for name, array in weights.items() if "layers.1.attention" not in name}
    save_file(kept, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks weights, encoder\.layers\.1\.attention"):
        SpeechEncoder(str(tmp_path), 1)
    kept = {name: array for name, array in weights.items() if name != "masked_spec_embed"}
    save_file(kept, tmp_path / "model.safetensors", {"format": "pt"})
    ours, theirs = (SpeechEncoder(str(folder), 1).silence for folder in (tmp_path, tiny_encoder))
    assert ours == pytest.approx(theirs, abs=SAME)


def test_of_a_name_on_the_hub_no_code_and_no_pickle_is_fetched(
    tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="the extra `encoder` is not installed")
    asked = []

    def fetch(name: str, *, allow_patterns: list[str]) -> str:
        asked.append((name, allow_patterns))
        return str(tiny_encoder)

    monkeypatch.setattr(hub, "snapshot_download", fetch)
    assert SpeechEncoder("owner/model", 2).hidden == 16
    assert asked == [("owner/model", ["*.json", "*.safetensors"])]


def test_what_cannot_be_used_is_said(tiny_encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no folder /nowhere/at/all"):
        SpeechEncoder("/nowhere/at/all", 1)
    for layer in (-1, 3):
        with pytest.raises(ModelError, match=f"layers 0 to 2; there is no layer {layer}"):
            SpeechEncoder(str(tiny_encoder), layer)
    (tmp_path / "model.safetensors").write_bytes(b"junk")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match="'bert' that cannot be used"):
        SpeechEncoder(str(tmp_path), 1)
    (tmp_path / "config.json").write_bytes((tiny_encoder / "config.json").read_bytes())
    with pytest.raises(ModelError, match="cannot be loaded"):
        SpeechEncoder(str(tmp_path), 1)


def test_code_that_comes_with_a_model_is_not_run(tiny_encoder: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((tiny_encoder / name).read_bytes())
    told = (tmp_path / "config.json").read_text().replace('"wav2vec2"', '"mine"')
    (tmp_path / "config.json").write_text(told.replace("{", '{"auto_map": {"AutoConfig": "mine.Mine"},', 1))
    (tmp_path / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ModelError):
        SpeechEncoder(str(tmp_path), 1)
    assert not (tmp_path / "ran").exists()


def test_packages_that_are_missing_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ModelError, match=r"pip install 'avatar\[encoder\]'"):
        SpeechEncoder(str(tmp_path), 1)
