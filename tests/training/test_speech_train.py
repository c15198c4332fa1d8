"""Training the speech network: torch and numpy are one network, and a run learns and can be gone on with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from avatar.errors import AvatarError  # noqa: E402
from avatar.motion.speech_network import CLASSES, MOUTH, SpeechNetwork, fits  # noqa: E402
from avatar.perception.speech.log_mel import BANDS  # noqa: E402
from avatar.training.speech_model import SpeechModel  # noqa: E402
from avatar.training.speech_streams import UNKNOWN, Lesson  # noqa: E402
from avatar.training.speech_train import Lessons, end_to_end, losses, train, write_weights  # noqa: E402


def lesson(kind: float = 5.0, frames: int = 3000) -> Lesson:
    """The jaw follows the level of one band a little later."""
    rng = np.random.default_rng(0)
    heard = rng.normal(-2, 0.3, (frames, BANDS)).astype(np.float32)
    slow = np.convolve(rng.standard_normal(frames), np.ones(20) / 5, "same").astype(np.float32)
    heard[:, 10] += slow
    mouth = np.zeros((frames, len(MOUTH)), np.float32)
    mouth[:, 2] = 0.3 + 0.2 * np.tanh(slow)
    ones = np.ones(frames, np.float32)
    return Lesson(heard.astype(np.float16), mouth, (slow > 1).astype(np.float32), ones * kind, ones)


def test_numpy_says_what_torch_says() -> None:
    torch.manual_seed(0)
    model = SpeechModel()
    with torch.no_grad():
        for block in model.blocks:
            block.mix.weight.normal_(0, 0.05)
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    network = SpeechNetwork(weights, np.zeros(BANDS, np.float32))
    for convolution in network._convolutions():
        convolution.past = np.zeros_like(convolution.past)
    heard = np.random.default_rng(0).normal(-1, 1, (120, BANDS)).astype(np.float32)
    mouths = network.push(heard)
    with torch.no_grad():
        mouth, closed, kind = (part[0].numpy() for part in model(torch.from_numpy(heard)[None]))
    assert mouths.coefficients == pytest.approx(mouth, abs=1e-4)
    assert mouths.closure == pytest.approx(1 / (1 + np.exp(-closed)), abs=1e-4)
    assert mouths.posterior.argmax(axis=1).tolist() == kind.argmax(axis=1).tolist()
    assert mouths.posterior.shape[1] == len(CLASSES)


def test_it_is_small() -> None:
    assert sum(value.numel() for value in SpeechModel().parameters()) < 2_000_000


def test_weights_of_another_network_are_refused() -> None:
    good = {name: value.numpy() for name, value in SpeechModel().state_dict().items()}
    assert fits(good) and fits({name: value.numpy() for name, value in SpeechModel(96).state_dict().items()})
    for name in good:
        assert not fits({key: value for key, value in good.items() if key != name})
        assert not fits({**good, name: good[name][:-1]})
    assert not fits({**good, "kind.bias": np.full_like(good["kind.bias"], np.nan)})


def test_a_run_of_another_network_is_not_gone_on_with(tmp_path: Path) -> None:
    write_weights(SpeechModel(96).state_dict(), tmp_path / "other.safetensors", {})
    with pytest.raises(AvatarError, match="without --weights"):
        train(
            Lessons(end_to_end([lesson()])), None, tmp_path, seconds=1, size=2, rate=1e-3, real_share=0, seed=0,
            weights=tmp_path / "other.safetensors",
        )  # fmt: skip


def test_a_run_learns_and_its_weights_can_be_gone_on_with(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    lessons = Lessons(end_to_end([lesson()]))
    parting = torch.zeros(len(MOUTH))
    rng = np.random.default_rng(1)

    def loss_of(model: SpeechModel) -> float:
        with torch.no_grad():
            return float(losses(model, lessons.batch(4, rng), parting)["mouth"])

    before = loss_of(SpeechModel())
    settings = {"size": 4, "rate": 2e-3, "real_share": 0.25, "seed": 0}
    train(lessons, lessons, tmp_path, seconds=4, weights=None, **settings)
    weights = train(lessons, None, tmp_path, seconds=2, weights=tmp_path / "latest.safetensors", **settings)
    model = SpeechModel()
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    assert loss_of(model) < 0.6 * before


def test_frames_nobody_labelled_teach_mouths_but_no_classes() -> None:
    parts = losses(
        SpeechModel(), Lessons(end_to_end([lesson(kind=UNKNOWN)])).batch(2, np.random.default_rng(0)), torch.ones(27)
    )
    assert parts["mouth"] > 0 and parts["kind"] == 0 and parts["closure"] == 0
