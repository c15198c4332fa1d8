"""Training the speech network: torch and numpy are one network, and a run learns and can be gone on with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from avatar.errors import AvatarError  # noqa: E402
from avatar.motion.speech import speech_motions  # noqa: E402
from avatar.motion.speech_network import CLASSES, MOUTH, SpeechNetwork, fits  # noqa: E402
from avatar.motion.voice_network import HiddenLayer, load_voice_network  # noqa: E402
from avatar.perception.speech.encoder import open_encoder  # noqa: E402
from avatar.perception.speech.hidden_states import HiddenStates  # noqa: E402
from avatar.perception.speech.log_mel import BANDS, HOP, RATE, WINDOW  # noqa: E402
from avatar.types import BLENDSHAPE_INDEX  # noqa: E402
from training.speech_lessons import CROP, Lessons, end_to_end  # noqa: E402
from training.speech_model import SpeechModel  # noqa: E402
from training.speech_streams import UNKNOWN, Lesson, extract_features  # noqa: E402
from training.speech_train import disguised, losses, train, write_weights  # noqa: E402


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


def test_what_is_heard_is_never_the_same_twice_but_keeps_its_scale() -> None:
    torch.manual_seed(0)
    heard = torch.randn(4, CROP, BANDS)
    one, other = disguised(heard), disguised(heard)
    assert one.shape == heard.shape and torch.isfinite(one).all()
    assert not torch.equal(one, other) and not torch.equal(one, heard)
    assert 0.5 < float(one.std() / heard.std()) < 1.5
    assert float(torch.corrcoef(torch.stack([one[0, :, 2], heard[0, :, 2]]))[0, 1]) > 0.5, "low bands hardly move"


def test_numpy_says_what_torch_says() -> None:
    torch.manual_seed(0)
    model = SpeechModel().eval()
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


def test_lessons_of_other_features_are_not_mixed(tmp_path: Path) -> None:
    path, layer = tmp_path / "synthetic.safetensors", HiddenLayer("owner/model", 6)
    made = Lessons.kept(path, lambda: [lesson()])
    assert made.size == BANDS and Lessons.kept(path, list).frames == made.frames == 3000
    with pytest.raises(AvatarError, match="choose another --out"):
        Lessons.kept(path, lambda: [lesson()], layer)
    write_weights(SpeechModel().state_dict(), tmp_path / "mel.safetensors", {})
    with pytest.raises(AvatarError, match="trained on other features"):
        train(
            made, None, tmp_path, seconds=1, size=2, rate=1e-3, real_share=0, seed=0,
            weights=tmp_path / "mel.safetensors", trained_on=layer,
        )  # fmt: skip


def test_a_network_of_hidden_states_is_trained_and_moves_a_mouth(tmp_path: Path, tiny_encoder: Path) -> None:
    """Noise opens the mouth and silence closes it: seen at the right times, through all that a call runs."""
    torch.set_num_threads(1)
    layer = HiddenLayer(str(tiny_encoder), 1)
    features = HiddenStates(open_encoder(layer.encoder, layer.layer))
    made = Lessons.kept(tmp_path / "synthetic.safetensors", lambda: [noise_or_nothing(features)], layer)
    assert made.size == 17
    settings = {"size": 4, "rate": 2e-3, "real_share": 0, "weights": None, "seed": 0, "trained_on": layer}
    train(made, None, tmp_path, seconds=60, steps=90, **settings)
    network = load_voice_network(tmp_path / "latest.safetensors")
    sound = np.zeros(2 * RATE, np.float32)
    sound[RATE:] = 0.1 * np.random.default_rng(1).standard_normal(RATE)
    times = np.arange(0.2, 1.8, 0.02)
    motions = speech_motions(sound, RATE, times, network=network)
    jaw = np.array([motion.blendshapes[BLENDSHAPE_INDEX["jawOpen"]] for motion in motions])
    assert np.isfinite(jaw).all()
    assert jaw[times > 1.25].min() > 2 * jaw[times < 0.75].max() + 0.05
    crossing = times[int((jaw > jaw[times > 1.25].mean() / 2).argmax())]
    assert crossing == pytest.approx(1.0, abs=0.12)


def noise_or_nothing(features: HiddenStates) -> Lesson:
    """Half a minute of noise that comes and goes; the jaw is open while there is noise."""
    rng = np.random.default_rng(0)
    on = np.repeat(rng.random(60) < 0.5, RATE // 2)
    heard = extract_features((on * 0.1 * rng.standard_normal(len(on))).astype(np.float32), features)
    # A frame's mouth is that of its middle.
    open_now = on[HOP * np.arange(len(heard)) + WINDOW // 2].astype(np.float32)
    mouth = np.zeros((len(heard), len(MOUTH)), np.float32)
    mouth[:, MOUTH.index(BLENDSHAPE_INDEX["jawOpen"])] = 0.5 * open_now
    kind = np.where(open_now > 0, CLASSES.index("open"), CLASSES.index("silence")).astype(np.float32)
    return Lesson(heard, mouth, np.zeros_like(open_now), kind, np.ones_like(open_now))


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
    train(lessons, lessons, tmp_path, seconds=60, steps=60, weights=None, **settings)
    weights = train(lessons, None, tmp_path, seconds=60, steps=30, weights=tmp_path / "latest.safetensors", **settings)
    model = SpeechModel()
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    assert loss_of(model) < 0.6 * before


def test_frames_nobody_labelled_teach_mouths_but_no_classes() -> None:
    parts = losses(
        SpeechModel(), Lessons(end_to_end([lesson(kind=UNKNOWN)])).batch(2, np.random.default_rng(0)), torch.ones(27)
    )
    assert parts["mouth"] > 0 and parts["kind"] == 0 and parts["closure"] == 0
