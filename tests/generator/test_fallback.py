"""Where the GPU's memory is full a smaller tier draws, and pictures go on. Stand-ins play the GPU's tiers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Barrier, Thread

import av
import numpy as np
import pytest

from avatar.config import Background, PictureSettings
from avatar.errors import GpuMemoryError, ModelError
from avatar.generator import tiers
from avatar.generator.fallback import FallbackGenerator
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.identities.open import open_identity
from avatar.media.frame_pixels import FramePixels, RgbPixels
from avatar.session.opening import open_session
from avatar.session.protocol import SessionEvent, TierLowered
from avatar.types import F32, U8, FaceState, Motion, Picture, rest_motion


@pytest.fixture(scope="module")
def identity() -> Identity:
    return open_identity("mira")


class Drawing(GeometryGenerator):
    """The mesh in the part of a tier on a GPU, whose memory lasts for so many pictures."""

    def __init__(self, identity: Identity, tier: str, pictures: int) -> None:
        super().__init__(identity, (128, 128))
        self.tier, self.left = tier, pictures

    def render(self, motion: Motion) -> U8:
        self._take()
        return super().render(motion)

    def read_driver(self, frame: FramePixels, face: FaceState) -> F32 | None:
        self._take()
        return None

    def _take(self) -> None:
        if self.left == 0:
            raise GpuMemoryError("The GPU's memory is full (2 GiB were asked for).")
        self.left -= 1


@dataclass
class Machine:
    """Opens tiers, those of `memory` for so many pictures; 0: they cannot even be opened."""

    identity: Identity
    memory: dict[str, int]
    opened: list[str] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)

    def open(self, tier: str) -> Drawing:
        self.opened.append(tier)
        if self.memory.get(tier) == 0:
            raise GpuMemoryError("The GPU's memory is full (the weights do not fit).")
        return Drawing(self.identity, tier, self.memory.get(tier, -1))

    def generator(self, *names: str) -> FallbackGenerator:
        return FallbackGenerator(names, self.open, lambda tier, why: self.told.append((tier, why)))


def test_pictures_go_on_with_a_smaller_tier(identity: Identity, caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine(identity, {"portrait": 2})
    generator = machine.generator("portrait", "lite", "geometry")
    generator.key_every = 3
    with caplog.at_level(logging.WARNING):
        assert all(generator.render(rest_motion(0.0)).shape == (128, 128, 3) for _ in range(4))
    assert generator.tier == "lite" and generator.key_every == 3 and machine.opened == ["portrait", "lite"]
    i420, matte = generator.render_i420(rest_motion(0.0))
    assert i420.shape == (192, 128) and not matte
    ((tier, why),) = machine.told
    assert tier == "lite" and "memory is full" in why and "The tier lite draws instead of portrait." in why
    assert why in caplog.text


def test_what_does_not_even_open_is_passed_over(identity: Identity) -> None:
    machine = Machine(identity, {"portrait": 0, "lite": 0})
    assert machine.generator("portrait", "lite", "geometry").tier == "geometry"
    assert [tier for tier, _ in machine.told] == ["geometry"]


def test_two_threads_that_find_it_full_give_way_once(identity: Identity) -> None:
    machine = Machine(identity, {"portrait": 1})
    generator = machine.generator("portrait", "lite", "geometry")
    generator.render(rest_motion(0.0))
    both, frame = Barrier(2), RgbPixels(np.zeros((2, 2, 3), np.uint8))

    def at_once(work: object) -> None:
        both.wait(60)
        work()  # type: ignore[operator]

    threads = [
        Thread(target=at_once, args=[work])
        for work in (
            lambda: generator.render(rest_motion(0.0)),
            lambda: generator.read_driver(frame, None),  # type: ignore[arg-type]
        )
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert generator.tier == "lite" and len(machine.told) == 1


def test_where_nothing_is_left_it_is_said(identity: Identity) -> None:
    generator = Machine(identity, {"portrait": 1}).generator("portrait")
    generator.render(rest_motion(0.0))
    with pytest.raises(GpuMemoryError, match="2 GiB"):
        generator.render(rest_motion(0.0))


def test_a_tier_that_is_wrong_in_another_way_does_not_give_way(identity: Identity) -> None:
    def open_tier(tier: str) -> Drawing:
        raise ModelError("The weights are damaged.")

    with pytest.raises(ModelError, match="damaged"):
        FallbackGenerator(("portrait", "lite"), open_tier)


@pytest.mark.parametrize(
    ("tier", "smaller"),
    [("portrait", ("lite", "geometry")), ("standard", ("lite", "geometry")), ("lite", ("geometry",)), ("geometry", ())],
)
def test_smaller_tiers_end_with_one_that_needs_no_gpu(tier: str, smaller: tuple[str, ...]) -> None:
    assert tiers.smaller_tiers(tier) == smaller


class Ear:
    """MuseTalk's networks on a GPU: what they hear, and a mouth for as long as the memory lasts."""

    name, samples, ahead_s = "torch-cuda", 8000, 0.1

    def __init__(self) -> None:
        self.heard = self.drawn = 0
        self.memory = True

    def listen(self, sound: F32) -> F32:
        self.heard += 1
        return np.zeros((50, 384), np.float32)

    def draw(self, square: U8, heard: F32) -> U8:
        if not self.memory:
            raise GpuMemoryError("The GPU's memory is full (2 GiB were asked for).")
        self.drawn += 1
        return square


@pytest.mark.slow
def test_a_voice_is_listened_to_by_the_tier_that_draws_and_no_longer(
    identity: Identity, monkeypatch: pytest.MonkeyPatch, face_model: object
) -> None:
    ear = Ear()
    monkeypatch.setattr(tiers, "load_musetalk", lambda engine: ear)
    monkeypatch.setattr(tiers, "_moving_tier", lambda: "geometry")
    monkeypatch.setattr(tiers, "smaller_tiers", lambda tier: ("geometry",))
    pictures: list[Picture] = []
    events: list[SessionEvent] = []
    wanted = PictureSettings(width=128, height=128, tier="musetalk")
    session = open_session(identity, wanted, on_picture=pictures.append, on_event=events.append, drive="voice")
    numbers = np.random.default_rng(1)

    def speak(until: Callable[[], bool]) -> None:
        end_s = time.monotonic() + 60
        while not until():
            assert time.monotonic() < end_s
            noise = numbers.normal(0, 3000, (1, 960)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
            frame.sample_rate = 48_000
            session.push_audio(frame, time.monotonic())
            time.sleep(0.02)

    def heard_while_drawing(more: int) -> int:
        drawn, heard = len(pictures), ear.heard
        speak(lambda: len(pictures) >= drawn + more)
        return ear.heard - heard

    session.start()
    try:
        speak(lambda: ear.drawn >= 3)
        assert heard_while_drawing(10) >= 9
        session.set_picture(replace(wanted, tier="geometry"), 1)  # as where the processor has too little time
        assert heard_while_drawing(10) <= 1, "the picture that was being drawn"
        session.set_picture(wanted, 1)
        drawn = ear.drawn
        speak(lambda: ear.drawn >= drawn + 3)
        session.set_watched(False)
        heard, until_s = ear.heard, time.monotonic() + 0.5
        speak(lambda: time.monotonic() > until_s)
        assert ear.heard <= heard + 1, "nobody sees its mouth"
        session.set_watched(True)
        ear.memory = False
        speak(lambda: TierLowered in map(type, events))
        assert heard_while_drawing(10) <= 1
    finally:
        session.stop()


class OnAGpu:
    """The networks of a tier, on a GPU."""

    name = "torch-cuda"


@pytest.mark.slow
def test_a_session_tells_of_it_once_and_stays_with_the_smaller_tier(
    identity: Identity, monkeypatch: pytest.MonkeyPatch, face_model: object
) -> None:
    machine = Machine(identity, {"portrait": 1})

    def open_tier(identity: Identity, size: tuple[int, int], tier: str, engine: str, background: Background) -> Drawing:
        return machine.open(tier)

    monkeypatch.setattr(tiers, "load_portrait", lambda engine: (OnAGpu(), None))
    monkeypatch.setattr(tiers, "_open_tier", open_tier)
    events: list[SessionEvent] = []
    pictures: list[Picture] = []
    settings = PictureSettings(width=128, height=128, tier="portrait")
    session = open_session(identity, settings, on_picture=pictures.append, on_event=events.append, drive="voice")
    renderer = session._renderer
    for _ in range(3):
        renderer.render(rest_motion(0.0))
    (lowered,) = events
    assert isinstance(lowered, TierLowered) and lowered.tier == "lite"
    session.set_picture(PictureSettings(width=130, height=130, tier="portrait"), 1)
    session.set_picture(PictureSettings(width=128, height=128, tier="geometry"), 1)
    assert machine.opened == ["portrait", "lite", "lite", "geometry"] and len(events) == 1
    session.stop()
