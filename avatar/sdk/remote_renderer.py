"""Renderer that has a server draw an avatar's ticks: the mouth's input goes there, pictures come back over WebRTC.

Speech and its playback position stay here: sound is never lost, whatever becomes of the connection, and an
interruption is silent before the server has heard of it. A call whose server process died is made again, with the same
face and mood, as long as the server's address answers; sound goes on without pictures meanwhile. Everything runs in a
thread with an event loop of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Final

from avatar.config import Background, PictureSettings
from avatar.errors import AvatarError, ServerFullError, ServerGoneError, what_failed
from avatar.generator.picture_label import label_of
from avatar.motion.cues import MOST_WAITING, Attend, Cue, Look, Mood
from avatar.sdk.background_request import BackgroundRequest
from avatar.sdk.bot_call import SPARE_TICKS, BotCall, CallLostError, CallTerms
from avatar.sdk.bot_protocol import Begin, SetBackground
from avatar.sdk.frame_queue import FrameQueue
from avatar.sdk.renderer import checked_liveliness, stopped
from avatar.sdk.whip_client import WhipClient
from avatar.stream.ice_servers import IceServer, read_ice_server
from avatar.timing.stage_thread import JOIN_TIMEOUT_S

COME_BACK_S: Final = 20.0
"""A call that is gone is tried for so long to be made again."""
COME_BACK_EVERY_S: Final = 0.5
PATIENCE: Final = 1.0
"""Share of a picture's time that a tick waits for its picture; then its sound goes without."""


class RemoteRenderer:
    """Draws on a server. The methods of `Renderer` are for the avatar's event loop; the rest runs in the thread."""

    def __init__(
        self,
        client: WhipClient,
        face: str,
        picture: PictureSettings,
        *,
        liveliness: float = 1.0,
        ice_servers: Sequence[str] | None = None,
        watch: str | None = None,
    ) -> None:
        """Draw `face`, an id the server knows, at the size and rate of `picture`; tier and engine are the server's.

        `ice_servers` are URLs of STUN and TURN servers; None: those that the server names. `watch` is the end of the
        call's watch link; None: the server makes one. Raises AvatarError: the picture's label cannot be drawn.
        """
        if picture.label is not None:
            label_of(picture, (picture.width, picture.height))
        self._client, self._ice_servers = client, ice_servers
        self._terms = CallTerms(face, picture, Begin(checked_liveliness(liveliness)), watch)
        self._opened: Future[None] = Future()
        self._thread: threading.Thread | None = None
        self._size = (picture.width, picture.height)
        self._cues: deque[Cue] = deque(maxlen=MOST_WAITING)
        self._standing: dict[type[Cue], Cue] = {}
        """The last cue of each kind that holds until the next: what a call that is made again begins with."""
        self._background = BackgroundRequest(client, self._ask_soon)

    @property
    def picture_size(self) -> tuple[int, int]:
        """(width, height) in pixels, once it is open."""
        return self._size

    @property
    def lead_s(self) -> float:
        """As long as pictures take to come back."""
        return self._call.lead_s

    async def open(self, queue: FrameQueue, *, seed: int) -> None:
        """Make the call and wait for its first picture.

        Raises:
            TokenError, ServerFullError, UnknownAvatarError: the server refuses, and says why.
            ServerGoneError: it does not answer, or no picture comes.
        """
        queue.patience_s = PATIENCE / queue.playout.fps
        self._queue = queue
        self._terms = replace(self._terms, begin=replace(self._terms.begin, seed=int(seed)))
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="avatar-remote", daemon=True)
        self._thread.start()
        try:
            await asyncio.wrap_future(self._opened)
        except BaseException:
            queue.close()
            await self.close()
            raise

    def perform(self, cue: Cue) -> None:
        """Follow a cue with the next tick."""
        if isinstance(cue, Mood | Look | Attend):
            self._standing[type(cue)] = cue
        self._cues.append(cue)

    async def set_background(self, background: Background) -> None:
        """Ask the server for it, and wait until it is there."""
        await self._background.ask(background)
        # a call that is made again begins with it
        self._terms = replace(self._terms, picture=replace(self._terms.picture, background=background))

    async def close(self) -> None:
        """End the call and wait for the thread's end."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(thread.join, JOIN_TIMEOUT_S)

    # The thread

    async def _live(self) -> None:
        self._loop, self._call_lost = asyncio.get_running_loop(), asyncio.Event()
        speaking = asyncio.create_task(self._speak_on())
        failure: AvatarError | None = None
        try:
            await self._draw()
        except AvatarError as error:
            failure = error
        except Exception as error:  # the thread's root: the reason must not die with it
            failure = stopped(what_failed(error))
        speaking.cancel()
        self._background.refused(failure or ServerGoneError("The avatar was closed meanwhile."))
        if failure is None:
            return
        if self._opened.done():
            self._queue.fail(failure)
        else:
            self._opened.set_exception(failure)

    async def _draw(self) -> None:
        """Draw in one call after another until the queue is closed. Raises AvatarError where there can be no other."""
        call = await self._make_call()
        if not self._opened.done():
            self._opened.set_result(None)
        while True:
            try:
                await call.draw()
                return
            except CallLostError as error:
                lost = error
                self._call_lost.set()
                self._background.refused(error)
                self._cues.extendleft(self._standing.values())
            finally:
                await call.close()
            call = await self._make_call_again(lost)

    async def _make_call(self) -> BotCall:
        """Return a call whose first picture has come. Raises AvatarError."""
        ice_servers = await self._find_ice_servers()
        call = BotCall(self._client, self._terms, self._queue, self._cues, self._background, ice_servers=ice_servers)
        self._call = call
        try:
            self._size = await call.open()
        except BaseException:
            await call.close()
            raise
        self._call_lost.clear()
        return call

    async def _make_call_again(self, lost: CallLostError) -> BotCall:
        """Return a call in place of the one that was lost. Raises ServerGoneError and more where none can be made."""
        end_s = time.monotonic() + COME_BACK_S
        while not self._queue.closed:
            try:
                return await self._make_call()
            except (ServerFullError, ServerGoneError) as error:
                if time.monotonic() > end_s:
                    raise ServerGoneError(f"{lost} It could not be made again: {error}") from error
                await asyncio.sleep(COME_BACK_EVERY_S)
        raise lost

    async def _speak_on(self) -> None:
        """Let sound go on without pictures from a call's loss to the next one's first picture."""
        while not self._queue.closed:
            if not self._call_lost.is_set():
                await self._call_lost.wait()
            elif (wait_s := self._queue.plan_in_s(self._call.lead_s, SPARE_TICKS)) > 0:
                await asyncio.sleep(min(wait_s, 1 / self._queue.playout.fps))
            else:
                self._queue.settle(self._queue.plan().index, None)

    async def _find_ice_servers(self) -> tuple[IceServer, ...]:
        if self._ice_servers is not None:
            return tuple(map(read_ice_server, self._ice_servers))
        return await asyncio.to_thread(self._client.ice_servers)

    def _ask_soon(self, request: SetBackground) -> None:
        """Any thread: have the call send a request; where it cannot, that is the answer."""

        def send() -> None:
            try:
                self._call.send(request)
            except ServerGoneError as error:
                self._background.refused(error)

        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(send)
