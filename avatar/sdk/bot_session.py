"""Session of a call in which a program speaks: ticks in, their pictures out. The voice stays with the program.

take -> [ticks and cues] -> draw thread: every tick moves the face, the newest is drawn -> on_picture
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from avatar.config import Background, PictureSettings
from avatar.errors import AvatarError, ControlError
from avatar.generator.adaptive import AdaptiveRenderer
from avatar.generator.identity import Identity
from avatar.generator.tiers import open_listener
from avatar.media.colour import to_i420
from avatar.motion.cues import Cue
from avatar.motion.speech import SpeechMotion
from avatar.motion.voice_network import VoiceNetwork
from avatar.sdk.animator import Animator
from avatar.sdk.bot_protocol import MOUTH_RATE, Begin, TickRequest
from avatar.sdk.renderer import RenderParts, parts_of
from avatar.session.protocol import SessionEvent, SessionFailed, SessionStats, UndrivenSession
from avatar.timing.concurrency_limit import picture_work
from avatar.timing.meters import StageMeter
from avatar.timing.stage_thread import StageThread
from avatar.types import Drive, Picture, rest_motion

MOST_WAITING: Final = 512
"""Ticks and cues that may wait to be drawn; a program that sends more does not keep to the clock."""
FIRST_PICTURE_S: Final = 60.0
"""So long before tick 0 the first picture is stamped: the face at rest, sent until the first tick comes, so that the
program knows that pictures arrive."""
FIRST_PICTURE_EVERY_S: Final = 0.1


class BotSession(UndrivenSession):
    """Draws a program's ticks. `start` and `stop` once each; every other method from any thread."""

    def __init__(
        self,
        parts: RenderParts,
        fps: int,
        *,
        on_picture: Callable[[Picture], None],
        on_event: Callable[[SessionEvent], None],
    ) -> None:
        """Prepare to draw `fps` pictures a second; pictures and events come from its own thread."""
        self.fps = fps
        self._speech, self._renderer = parts.speech, AdaptiveRenderer(parts.generator, fps)
        self._parts, self._opening = parts, threading.Lock()
        self._on_picture = on_picture
        self._changed = threading.Condition()
        self._requests: deque[TickRequest | Cue] = deque()
        self._begin: Begin | None = None
        self._last_index = -1
        self._watched = True
        self._stopped = False
        self._meter, self._skipped = StageMeter(), 0
        self._thread = StageThread("bot", self._work, lambda why: on_event(SessionFailed(why)))

    def start(self) -> None:
        """Start the thread; it draws once the program has begun."""
        self._thread.start()

    def take(self, request: Begin | TickRequest | Cue) -> None:
        """Take the program's next request; never blocks. Raises ControlError where it breaks the rules."""
        with self._changed:
            if isinstance(request, Begin):
                if self._begin is not None:
                    raise ControlError("The avatar has begun already.")
                self._begin = request
            elif self._begin is None:
                raise ControlError("The first message is 'begin'.")
            elif len(self._requests) >= MOST_WAITING:
                raise ControlError("Ticks and cues come faster than the clock.", code="too_many_messages")
            elif isinstance(request, TickRequest) and request.index <= self._last_index:
                raise ControlError("Ticks come in their order, each once.")
            else:
                self._last_index = request.index if isinstance(request, TickRequest) else self._last_index
                self._requests.append(request)
            self._changed.notify()

    def set_background(self, background: Background) -> None:
        """Put this behind the avatar; it is drawn as before until what draws it so is open. Raises AvatarError."""
        with self._opening:
            self._renderer = AdaptiveRenderer(self._parts.before(background), self.fps)

    def set_watched(self, watched: bool) -> None:
        """Draw the ticks' pictures, or none while nobody watches."""
        self._watched = watched

    def stats(self) -> SessionStats:
        """Return the figures of the last second."""
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
            self._speech.liveliness = begin.liveliness
            self._draw(Animator(MOUTH_RATE, self._speech, seed=begin.seed))

    def _wait_for_begin(self) -> Begin | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._begin is not None)
            return None if self._stopped else self._begin

    def _draw(self, animator: Animator) -> None:
        self._show_rest()
        while (requests := self._take_all()) is not None:
            motion, newest = None, next((one for one in reversed(requests) if isinstance(one, TickRequest)), None)
            for request in requests:
                if not isinstance(request, TickRequest):
                    animator.perform(request)
                    continue
                self._skipped += motion is not None
                drawn = self._watched and request is newest
                with self._meter.time("speech"):
                    listening = drawn and self._renderer.generator.needs_heard
                    motion = animator.animate(request.mouth, listening=listening)
            if motion is None or not self._watched:
                continue
            with picture_work().held(), self._meter.time("generate"):
                picture = self._renderer.render(motion)
                i420 = to_i420(picture)
            self._on_picture(Picture(motion.time_s, i420, matte=picture.shape[2] == 4))

    def _show_rest(self) -> None:
        """Show the face at rest until the first tick comes."""
        begin_s = time.monotonic()
        renderer = self._renderer
        drawn = renderer.render(rest_motion(0.0))
        with self._changed:
            while not (self._requests or self._stopped):
                if renderer is not self._renderer:
                    renderer = self._renderer
                    drawn = renderer.render(rest_motion(0.0))
                since_s = time.monotonic() - begin_s
                if self._watched and since_s < FIRST_PICTURE_S:
                    self._on_picture(Picture(since_s - FIRST_PICTURE_S, to_i420(drawn), matte=drawn.shape[2] == 4))
                self._changed.wait(FIRST_PICTURE_EVERY_S)

    def _take_all(self) -> list[TickRequest | Cue] | None:
        """Wait for ticks or cues and return all there are; None once stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or bool(self._requests))
            if self._stopped:
                return None
            taken = list(self._requests)
            self._requests.clear()
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
    speech = SpeechMotion(voice_network, listener=open_listener(picture.tier, picture.engine))
    parts = parts_of(identity, picture, speech)
    return BotSession(parts, picture.fps, on_picture=on_picture, on_event=on_event)
