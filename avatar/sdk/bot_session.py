"""The pipeline of a call in which a program speaks: beats in, their pictures out. The voice stays with the program.

take -> [beats and cues] -> draw thread: every beat moves the face, the newest is drawn -> on_picture
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from avatar.config import PictureSettings
from avatar.errors import AvatarError, ControlError
from avatar.generator.adaptive import AdaptiveRenderer
from avatar.generator.identity import Identity
from avatar.generator.tiers import open_generator
from avatar.media.colour import to_i420
from avatar.motion.cues import Cue
from avatar.motion.speech import SpeechMotion
from avatar.motion.voice_network import VoiceNetwork
from avatar.sdk.animator import Performance
from avatar.sdk.bot_protocol import MOUTH_RATE, BeatToDraw, Begin
from avatar.sdk.renderer import Stage
from avatar.session.protocol import SessionEvent, SessionFailed, SessionStats, UndrivenSession
from avatar.timing.meters import StageMeter
from avatar.timing.stage_thread import StageThread
from avatar.types import U8, Drive, Picture, rest_motion

MOST_WAITING: Final = 512
"""Beats and cues that may wait to be drawn; a program that sends more does not keep to the clock."""
FIRST_PICTURE_S: Final = 60.0
"""So long before beat 0 the first picture is stamped: the face at rest, sent until the first beat comes, so that the
program knows that pictures arrive."""
FIRST_PICTURE_EVERY_S: Final = 0.1


class BotSession(UndrivenSession):
    """Draws what a program says. `start` and `stop` once each; every other method from any thread."""

    def __init__(
        self,
        stage: Stage,
        fps: int,
        *,
        on_picture: Callable[[Picture], None],
        on_event: Callable[[SessionEvent], None],
    ) -> None:
        """Prepare to draw `fps` pictures a second on a stage; pictures and events come from its own thread."""
        self.fps = fps
        self._stage = stage
        self._on_picture = on_picture
        self._changed = threading.Condition()
        self._asked: deque[BeatToDraw | Cue] = deque()
        self._begin: Begin | None = None
        self._last_index = -1
        self._watched = True
        self._stopped = False
        self._meter, self._skipped = StageMeter(), 0
        self._thread = StageThread("bot", self._work, lambda why: on_event(SessionFailed(why)))

    def start(self) -> None:
        """Start the thread; it draws once the program has begun."""
        self._thread.start()

    def take(self, asked: Begin | BeatToDraw | Cue) -> None:
        """Take what the program asks for next; never blocks. Raises ControlError where it breaks the rules."""
        with self._changed:
            if isinstance(asked, Begin):
                if self._begin is not None:
                    raise ControlError("The avatar has begun already.")
                self._begin = asked
            elif self._begin is None:
                raise ControlError("The first message is 'begin'.")
            elif len(self._asked) >= MOST_WAITING:
                raise ControlError("Beats come faster than the clock.", code="too_many_messages")
            elif isinstance(asked, BeatToDraw) and asked.index <= self._last_index:
                raise ControlError("Beats come in their order, each once.")
            else:
                self._last_index = asked.index if isinstance(asked, BeatToDraw) else self._last_index
                self._asked.append(asked)
            self._changed.notify()

    def set_watched(self, watched: bool) -> None:
        """Draw what the beats ask for, or nothing."""
        self._watched = watched

    def stats(self) -> SessionStats:
        """Return how the drawing does."""
        return SessionStats(
            camera_fps=0.0,
            stage_ms=self._meter.medians_ms(("speech", "generate")),
            dropped=self._skipped,
            face="none",
        )

    def stop(self) -> None:
        """End the thread. May be called again; not from the session's own callbacks."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        begin = self._wait_for_begin()
        if begin is not None:
            self._stage.speech.liveliness = begin.liveliness
            self._draw(Performance(MOUTH_RATE, self._stage.speech, seed=begin.seed))

    def _wait_for_begin(self) -> Begin | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._begin is not None)
            return None if self._stopped else self._begin

    def _draw(self, performance: Performance) -> None:
        adaptive = AdaptiveRenderer(self._stage.generator, self.fps)
        self._show_rest(to_i420(adaptive.render(rest_motion(0.0))))
        while (asked := self._take_all()) is not None:
            motion = None
            for one in asked:
                if not isinstance(one, BeatToDraw):
                    performance.perform(one)
                    continue
                self._skipped += motion is not None
                with self._meter.time("speech"):
                    motion = performance.move(one.told)
            if motion is None or not self._watched:
                continue
            with self._meter.time("generate"):
                i420 = to_i420(adaptive.render(motion))
            self._on_picture(Picture(motion.time_s, i420))

    def _show_rest(self, i420: U8) -> None:
        """Show the face at rest until the first beat comes."""
        begin_s = time.monotonic()
        with self._changed:
            while not (self._asked or self._stopped):
                since_s = time.monotonic() - begin_s
                if self._watched and since_s < FIRST_PICTURE_S:
                    self._on_picture(Picture(since_s - FIRST_PICTURE_S, i420))
                self._changed.wait(FIRST_PICTURE_EVERY_S)

    def _take_all(self) -> list[BeatToDraw | Cue] | None:
        """Wait for beats or cues and return all there are; None once stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or bool(self._asked))
            if self._stopped:
                return None
            taken = list(self._asked)
            self._asked.clear()
            return taken


def make_bot_session(
    identity: Identity | None,
    picture: PictureSettings,
    *,
    drive: Drive,
    on_picture: Callable[[Picture], None],
    on_event: Callable[[SessionEvent], None],
    voice_network: VoiceNetwork | None = None,
) -> BotSession:
    """Return the pipeline in which a program moves `identity`. Raises AvatarError when there is none, ModelError."""
    del drive  # the program's voice
    if identity is None:
        raise AvatarError("Choose an avatar to be shown.", code="unknown_avatar")
    generator = open_generator(identity, (picture.width, picture.height), picture.tier, picture.engine)
    return BotSession(
        Stage(generator, SpeechMotion(voice_network)), picture.fps, on_picture=on_picture, on_event=on_event
    )
