"""A voice's mouth, drawn by MuseTalk's networks into what another tier draws; tiny networks with seeded weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("diffusers", reason="MuseTalk's networks need the extra `musetalk`")

import torch
import transformers

from avatar.config import Background, PictureSettings
from avatar.errors import GpuMemoryError
from avatar.generator import tiers
from avatar.generator.musetalk.engine import Asked, MuseTalkEngine
from avatar.generator.musetalk.networks import sinusoids
from avatar.generator.musetalk.tier import load_musetalk
from avatar.generator.tiers import chosen_tier, open_generator, open_listener
from avatar.identities.open import open_identity
from avatar.motion.speech import LOOK_AHEAD_S, SpeechMotion
from avatar.sdk.renderer import open_parts
from avatar.session.animation import VoiceAt, animate
from avatar.types import F32, U8, HeardVoice, Motion, rest_motion

pytestmark = pytest.mark.slow
SIZE = (192, 192)


@pytest.fixture
def engine(musetalk: Path) -> MuseTalkEngine:
    return load_musetalk("torch")


@pytest.fixture(autouse=True)
def moved_by_geometry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers, "_moving_tier", lambda: "geometry")


def noise(seed: int, count: int) -> F32:
    return np.random.default_rng(seed).normal(0, 0.1, count).astype(np.float32)


def spoken(heard: F32, share: float = 1.0) -> Motion:
    return replace(rest_motion(0.0), heard=HeardVoice(heard, share))


def square(seed: int) -> U8:
    return np.random.default_rng(seed).integers(0, 255, (256, 256, 3), np.uint8)


def test_loading_leaves_the_terminal_to_who_loads(musetalk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shown = transformers.utils.logging.is_progress_bar_enabled()
    load_musetalk("torch")
    assert capfd.readouterr() == ("", "")
    assert transformers.utils.logging.is_progress_bar_enabled() == shown, "a program's own models are its own affair"


def test_a_voice_draws_the_mouth_and_nothing_else(engine: MuseTalkEngine) -> None:
    generator = open_generator(open_identity("mira"), SIZE, "musetalk", "torch")
    assert chosen_tier("musetalk", "torch") == "musetalk (MuseTalk on torch, over geometry)"
    heard = engine.listen(noise(1, engine.samples))
    assert heard is not None and heard.shape == (50, 16)
    still, drawn = generator.render(rest_motion(0.0)), generator.render(spoken(heard))
    assert still.shape == drawn.shape == (192, 192, 3)
    apart = cv2.absdiff(still, drawn).max(axis=2)
    landmarks = generator.rig.landmarks(rest_motion(0.0), generator.rig.rest_pose)
    mouth, eyes = landmarks[[13, 14], :2].mean(axis=0), landmarks[[33, 263], :2].mean(axis=0)
    x, y = mouth.round().astype(int)
    assert apart[y, x] > 20, "seeded networks draw noise where they draw"
    assert apart[: int(eyes[1])].max() == 0 and apart[-10:].max() == 0 and apart[:, :10].max() == 0


def test_a_share_of_a_voice_lies_between(engine: MuseTalkEngine) -> None:
    generator = open_generator(open_identity("mira"), SIZE, "musetalk", "torch")
    heard = np.zeros((50, 16), np.float32)
    still, half, whole = (generator.render(spoken(heard, share)).astype(int) for share in (0.0, 0.5, 1.0))
    assert np.abs(half - (still + whole) / 2).max() <= 3


def test_before_nothing_the_persons_edge_stays_as_it_was(engine: MuseTalkEngine) -> None:
    generator = open_generator(open_identity("mira"), SIZE, "musetalk", "torch", Background("transparent"))
    still, drawn = generator.render(rest_motion(0.0)), generator.render(spoken(np.ones((50, 16), np.float32)))
    assert drawn.shape == (192, 192, 4) and (drawn[..., 3] == still[..., 3]).all()
    assert (drawn[..., :3] <= drawn[..., 3:]).all(), "premultiplied"
    assert np.abs(drawn.astype(int) - still).max() > 20


def test_the_lower_half_is_hidden_from_the_network_but_in_the_reference(engine: MuseTalkEngine) -> None:
    network: Any = engine._run.__closure__[0].cell_contents
    seen: list[torch.Tensor] = []

    class Spy(torch.nn.Module):
        def forward(self, latents: torch.Tensor, step: torch.Tensor, encoder_hidden_states: torch.Tensor) -> Any:
            seen.extend((latents, step, encoder_hidden_states))
            return unet(latents, step, encoder_hidden_states=encoder_hidden_states)

    unet = network.unet
    spy = Spy()
    spy.kept = torch.nn.Parameter(torch.zeros(1))
    network.unet = spy
    try:
        one, other = square(2), square(2)
        other[140:] = 255 - other[140:]
        heard = np.zeros((50, 16), np.float32)
        for picture in (one, other):
            engine.draw_batch([Asked(picture, heard)])
    finally:
        network.unet = unet
    (first, step, voice), (second, _, _) = seen[:3], seen[3:]
    assert first.shape == (1, 8, 32, 32) and step.tolist() == [0]
    assert torch.equal(first[:, :4], second[:, :4]) and not torch.allclose(first[:, 4:], second[:, 4:])
    assert torch.allclose(voice[0], sinusoids(50, 16)) and network.scaling == 0.18215
    with torch.inference_mode():
        levels = torch.from_numpy(one).permute(2, 0, 1)[None] / 127.5 - 1
        mean = network.vae.encode(levels).latent_dist.mean
    assert torch.allclose(first[:, 4:], 0.18215 * mean, atol=1e-5)


def test_places_are_told_by_sines_and_cosines() -> None:
    table = sinusoids(50, 384)
    assert table.shape == (50, 384) and table[0, ::2].abs().max() == 0 and (table[0, 1::2] == 1).all()
    assert torch.allclose(table[7, 2], torch.tensor(7 / 10_000 ** (2 / 384)).sin())


def test_what_is_heard_is_what_whisper_says_of_the_whole_window(engine: MuseTalkEngine) -> None:
    hearing: Any = engine._hearing
    sound = noise(3, engine.samples)
    whole = hearing._extract(sound, sampling_rate=16_000, return_tensors="pt").input_features
    assert torch.allclose(hearing.features(sound), whole, atol=1e-3)
    with torch.inference_mode():
        answered = hearing._encoder(whole, output_hidden_states=True)
    assert len(answered.hidden_states) == 5 and torch.equal(answered.hidden_states[-1], answered.last_hidden_state)
    end = engine.samples // 320
    states = torch.stack(answered.hidden_states, 2)[0, end - 10 : end].flatten(0, 1).numpy()
    assert np.abs(engine.listen(sound) - states).max() < 1e-2
    # Four states before the moment, six from it on: no more sound is waited for than the mouth's own network takes.
    assert engine.ahead_s <= LOOK_AHEAD_S


def test_the_mouth_of_a_moment_is_drawn_from_the_sound_around_it(engine: MuseTalkEngine) -> None:
    heard: list[F32] = []
    listener = open_listener("musetalk", "torch")
    assert listener is engine and open_listener("lite", "auto") is None

    class Listening:
        samples, ahead_s = engine.samples, engine.ahead_s

        def listen(self, sound: F32) -> F32:
            heard.append(sound)
            return np.zeros((50, 16), np.float32)

    speech, voice = SpeechMotion(listener=Listening()), noise(4, 32_000)
    for start in range(0, len(voice), 320):
        speech.push(voice[start : start + 320], start / 16_000)
    assert speech.motion(1.5).heard is not None
    preprocessed = heard[0]
    end = round((1.5 + engine.ahead_s) * 16_000)
    wanted = voice[end - 8000 : end]
    # The sound's own preprocessing may filter and delay it a little.
    lags = [float(np.corrcoef(preprocessed[-8000:-200], wanted[lag : lag + 7800])[0, 1]) for lag in range(200)]
    assert max(lags) > 0.8


def test_a_programs_speech_moves_the_mouth(engine: MuseTalkEngine) -> None:
    parts = open_parts("mira", PictureSettings(width=192, height=192, tier="musetalk", engine="torch"))
    parts.speech.push(noise(5, 16_000), 0.0)
    moved = parts.speech.motion(0.5)
    assert moved.heard is not None and moved.heard.shape == (50, 16)


def test_a_voice_is_drawn_from_its_sound_to_the_picture(engine: MuseTalkEngine) -> None:
    picture = PictureSettings(width=128, height=128, tier="musetalk", engine="torch")
    speech = SpeechMotion(listener=open_listener(picture.tier, picture.engine))
    speech.push(noise(8, 16_000), 0.0)

    def pictures(voice: VoiceAt | None) -> list[U8]:
        moved = animate(open_identity("mira"), None, picture, fps=4.0, at_least_s=0.75, voice=voice)
        return [frame.rgb for frame in moved]

    silent, talking = pictures(None), pictures(speech.motion)
    assert len(silent) == len(talking) == 3
    apart = cv2.absdiff(silent[-1], talking[-1]).max(axis=2)
    assert apart[66:80, 55:75].max() > 40, "the mouth is drawn by seeded networks"


def test_frames_of_several_calls_go_through_the_networks_together(
    engine: MuseTalkEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, ...]] = []

    def run(inputs: Sequence[Any]) -> tuple[Any]:
        shapes.extend(tuple(part.shape) for part in inputs)
        return (inputs[0],)

    monkeypatch.setattr(engine, "_run", run)
    frames = [Asked(square(seed), np.zeros((50, 16), np.float32)) for seed in range(3)]
    drawn = engine.draw_batch(frames)
    assert shapes == [(3, 256, 256, 3), (3, 50, 16)]
    assert all((one == frame.square).all() for one, frame in zip(drawn, frames, strict=True))


def test_a_full_memory_is_told_to_who_draws_and_leaves_who_listens_without(
    engine: MuseTalkEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(engine, "_run", full)
    monkeypatch.setattr(engine._hearing, "states", full)
    with pytest.raises(GpuMemoryError, match=r"full \(CUDA out of memory") as told:
        engine.draw(square(6), np.zeros((50, 16), np.float32))
    assert told.value.__context__ is told.value.__cause__ is None, "torch's own error would hold on to the memory"
    assert engine.listen(noise(7, engine.samples)) is None
