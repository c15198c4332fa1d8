"""What a server draws for a program: each tick's picture with its time, the newest where time is short."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from avatar.call.modes import make_avatar_session
from avatar.config import PictureSettings
from avatar.errors import AvatarError, ControlError
from avatar.motion.cues import Gesture, Mood
from avatar.motion.voice_cut import VoiceCut
from avatar.motion.voice_network import VoiceNetwork, shipped_network
from avatar.perception.speech.features import LogMelFeatures
from avatar.sdk.bot_protocol import MOUTH_RATE, Begin, TickRequest
from avatar.sdk.bot_session import FIRST_PICTURE_S, MOST_WAITING, BotSession, make_bot_session
from avatar.sdk.speech_playout import MouthInput
from avatar.session.protocol import SessionFailed
from avatar.types import BLENDSHAPE_INDEX, Picture

FPS = 30


def tick(index: int, *, loud: bool = False, cut: VoiceCut | None = None) -> TickRequest:
    """Return a tick that tells all its own sound and what follows."""
    level = 16_000 if loud else 0
    count = round(0.3 * MOUTH_RATE) if index == 0 else MOUTH_RATE // FPS
    begin_s = 0.0 if index == 0 else 0.3 + (index - 1) / FPS
    return TickRequest(
        index, MouthInput(index / FPS, begin_s, np.full(count, level, np.int16), loud, cut or VoiceCut())
    )


class Watcher:
    """Keeps what a session gives out."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self.events: list[Any] = []
        self._changed = threading.Condition()

    def see(self, picture: Picture) -> None:
        with self._changed:
            self.pictures.append(picture)
            self._changed.notify()

    def hear(self, event: Any) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify()

    def wait(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, 20)

    @property
    def ticks(self) -> list[int]:
        return [round(picture.time_s * FPS) for picture in self.pictures if picture.time_s >= 0]


@pytest.fixture
def open_session(fake_parts: Any) -> Iterator[Callable[..., tuple[BotSession, Watcher, Any]]]:
    opened = []

    def make(**how: Any) -> tuple[BotSession, Watcher, Any]:
        watcher, parts = Watcher(), fake_parts.plain_parts(**how)
        session = BotSession(parts, FPS, on_picture=watcher.see, on_event=watcher.hear)
        opened.append(session)
        session.start()
        return session, watcher, parts

    yield make
    for session in opened:
        session.stop()
        session.stop()


def test_a_face_at_rest_is_shown_until_the_first_beat(open_session: Any) -> None:
    session, watcher, _ = open_session()
    session.take(Begin())
    watcher.wait(lambda: len(watcher.pictures) >= 3)
    session.take(tick(0))
    watcher.wait(lambda: watcher.ticks == [0])
    times = [picture.time_s for picture in watcher.pictures]
    assert times == sorted(times) and -FIRST_PICTURE_S <= times[0] < times[-2] < 0 == times[-1]


def test_beats_move_the_mouth_and_cues_the_face(open_session: Any) -> None:
    session, watcher, parts = open_session()
    session.take(Begin(liveliness=1.3))
    session.take(Mood("happy", 1.0))
    for index in range(40):
        session.take(tick(index, loud=True))
        watcher.wait(lambda index=index: index in watcher.ticks)
    assert watcher.ticks == list(range(40))
    assert watcher.pictures[-1].i420[:32].mean() > 100
    assert parts.speech.liveliness == 1.3
    assert parts.generator.motions[-1].blendshapes[BLENDSHAPE_INDEX["mouthSmileLeft"]] > 0.3
    session.take(tick(40, cut=VoiceCut(1, 40 / FPS)))
    session.take(tick(45, cut=VoiceCut(1, 40 / FPS)))
    watcher.wait(lambda: 45 in watcher.ticks)
    assert watcher.pictures[-1].i420[:32].mean() < 20, "the mouth is shut"


def test_nobody_watching_beats_are_heard_and_none_is_drawn(open_session: Any) -> None:
    session, watcher, parts = open_session(needs_heard=True)
    session.set_watched(False)
    session.take(Begin())
    for index in range(10):
        session.take(tick(index, loud=True))
    time.sleep(0.1)
    assert not watcher.pictures
    session.set_watched(True)
    session.take(tick(10, loud=True))
    watcher.wait(lambda: watcher.ticks == [10])
    assert len(parts.generator.motions) == 2, "the face at rest, and this"
    assert len(parts.speech.listened) == 1, "for this alone"


def test_where_drawing_is_slow_the_newest_beat_is_drawn(open_session: Any) -> None:
    session, watcher, parts = open_session(slow_s=0.05, needs_heard=True)
    session.take(Begin())
    for index in range(30):
        session.take(tick(index, loud=True))
        time.sleep(0.005)
    watcher.wait(lambda: 29 in watcher.ticks)
    assert len(watcher.ticks) < 15 and watcher.ticks == sorted(watcher.ticks)
    assert session.stats().dropped == 30 - len(watcher.ticks)
    assert watcher.pictures[-1].i420[:32].mean() > 100, "all sound was told"
    assert len(parts.speech.listened) == len(watcher.ticks), "what only drawing needs is asked for what is drawn"


def test_who_breaks_the_rules_is_told(open_session: Any) -> None:
    session, _, _ = open_session(slow_s=0.05)
    with pytest.raises(ControlError, match="begin"):
        session.take(tick(0))
    session.take(Begin())
    with pytest.raises(ControlError, match="already"):
        session.take(Begin())
    session.take(tick(5))
    for index in (5, 4):
        with pytest.raises(ControlError, match="order"):
            session.take(tick(index))
    with pytest.raises(ControlError, match="faster"):
        for _ in range(20 * MOST_WAITING):
            session.take(Gesture("nod"))


def test_drawing_that_fails_is_told_with_its_reason(open_session: Any) -> None:
    session, watcher, _ = open_session(fails_after=0)
    session.take(Begin())
    watcher.wait(lambda: bool(watcher.events))
    assert watcher.events == [SessionFailed("RuntimeError: the canvas is torn")]


def test_a_session_that_never_began_stops(fake_parts: Any) -> None:
    watcher = Watcher()
    BotSession(fake_parts.plain_parts(), FPS, on_picture=watcher.see, on_event=watcher.hear).stop()


def test_weights_of_ones_own_move_the_mouth(astronaut: Any) -> None:
    asked = []

    def make() -> LogMelFeatures:
        asked.append("features")
        return LogMelFeatures()

    network = VoiceNetwork(shipped_network().weights, make)
    callbacks = {"on_picture": lambda _: None, "on_event": lambda _: None}
    size = PictureSettings(128, 128, tier="geometry")
    for make_session in (make_bot_session, make_avatar_session):
        make_session(astronaut, size, drive="voice", voice_network=network, **callbacks).stop()
    assert len(asked) == 2


def test_nobody_is_no_face_to_draw() -> None:
    with pytest.raises(AvatarError) as refused:
        make_bot_session(None, PictureSettings(), drive="voice", on_picture=lambda _: None, on_event=lambda _: None)
    assert refused.value.code == "unknown_avatar"
