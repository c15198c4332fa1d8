"""The recording of a call: asked for while it goes on, told to who takes part, ended with it."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np

from avatar.call.session_lifetime import InPool
from avatar.config import LimitSettings, PictureSettings, TrustSettings
from avatar.errors import MediaError, RecordingError
from avatar.media.matte_beside import without_matte
from avatar.media.recording import Recording, RecordingState
from avatar.media.recording_room import why_no_more, why_no_other
from avatar.sdk.file_signing import ShownAvatars
from avatar.stream.page_reports import RecordingMessage
from avatar.stream.video_track import SentPicture

logger = logging.getLogger(__name__)


class CallRecording:
    """Records one call, once at a time. Used on the event loop only; nothing here blocks it."""

    def __init__(
        self,
        folder: Path | None,
        size: tuple[int, int],
        fps: int,
        limits: LimitSettings,
        *,
        tell: Callable[[RecordingMessage], None],
        in_pool: InPool,
        shown: ShownAvatars | None = None,
    ) -> None:
        """Prepare; nothing is recorded before `start`.

        Args:
            folder: where recordings go; None: the operator lets nobody record.
            size: (width, height) of the call's picture in pixels.
            fps: about how many pictures a second leave.
            limits: how often, and how much, may be recorded.
            tell: lets the participant know.
            in_pool: does what blocks.
            shown: signs recordings, and names in them the avatars that it is told of; None: they are not signed.
        """
        self._folder, self._size, self._fps, self._limits = folder, size, fps, limits
        self._tell, self._in_pool = tell, in_pool
        self.shown = shown or ShownAvatars(TrustSettings(), PictureSettings())
        self._recording: Recording | None = None
        self._starting: asyncio.Task[Recording] | None = None
        self._closed = False
        self._names: tuple[str, ...] = ()
        """Of its files."""
        self._at_limit: str | None = None
        """Why a recording has to end that could be written on."""
        self._loop = asyncio.get_running_loop()

    @property
    def state(self) -> RecordingState | None:
        """How far the recording has come, or how the last one ended; None: there was none."""
        return None if self._recording is None else self._told(self._recording.state)

    async def start(self) -> RecordingState:
        """Record from now on. Raises RecordingError: recording_off, recording_runs, recording_failed, unknown_call."""
        folder = self._folder
        if folder is None:
            raise RecordingError(
                "This server records nothing. Who runs it can allow it: avatar serve --recordings FOLDER.",
                code="recording_off",
            )
        if self._closed:
            raise RecordingError("The call has ended: nothing of it can be recorded any more.", code="unknown_call")
        if self._starting is not None or (self._recording is not None and not self._recording.state.ended):
            raise RecordingError("This call is being recorded already. End that recording first.")
        self._starting = asyncio.create_task(self._start(folder))
        # Shielded: where who asked goes away meanwhile, the recording is still known, and ends with the call.
        recording = await asyncio.shield(self._starting)
        return self._told(recording.state)

    async def read(self) -> RecordingState | None:
        """Return `state`."""
        return self.state

    async def stop(self) -> RecordingState | None:
        """End the recording, if there is one, and return how it ended. Idempotent."""
        if self._starting is not None:
            await asyncio.wait([self._starting])
        recording = self._recording
        if recording is None:
            return None
        running = not recording.state.ended
        state: RecordingState = await self._in_pool(recording.stop)
        if running:
            self._tell(RecordingMessage(state="off"))
        return self._told(state)

    async def close(self) -> None:
        """End the recording, one that is just being begun too; no other can begin."""
        self._closed = True
        await self.stop()

    def picture_sent(self, sent: SentPicture) -> None:
        """Take a picture that has left."""
        if self._recording is not None:
            self._recording.picture(without_matte(sent.picture), sent.sent_s)

    def sound_sent(self, block: av.AudioFrame, sent_s: float) -> None:
        """Take a block of sound that has left, in the one form of all that does (`stream.outgoing_audio`)."""
        if self._recording is not None:
            self._recording.sound(block.to_ndarray().astype(np.int16, copy=False).reshape(-1, 2), sent_s)

    async def _start(self, folder: Path) -> Recording:
        try:
            recording: Recording = await self._in_pool(lambda: self._begin(folder))
        except RecordingError as refused:
            logger.warning("a recording was refused: %s", refused)
            raise
        except MediaError as error:
            logger.error("a recording did not begin: %s", error)
            raise RecordingError(self._for_callers(str(error)), code="recording_failed") from error
        finally:
            self._starting = None
        self._recording = recording
        self._tell(RecordingMessage(state="on"))
        return recording

    def _begin(self, folder: Path) -> Recording:
        if (why := why_no_other(folder, self._names, self._limits)) is not None:
            raise RecordingError(why, code="recording_failed")
        name = f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}-{secrets.token_hex(4)}.mp4"
        names = self._names = (*self._names, name)
        return Recording(
            folder / name,
            self._size,
            self._fps,
            on_failure=self._on_failure,
            finish=self.shown.finish,
            why_no_more=lambda: self._why_no_more(folder, names),
        )

    def _why_no_more(self, folder: Path, names: tuple[str, ...]) -> str | None:
        self._at_limit = why_no_more(folder, names, self._limits)
        return self._at_limit

    def _on_failure(self, why: str) -> None:
        # That a recording ends at its limit is what the operator has asked for; that none can be written is a failure.
        logger.log(logging.WARNING if why == self._at_limit else logging.ERROR, "a recording ended: %s", why)
        with suppress(RuntimeError):  # the loop was closed meanwhile
            self._loop.call_soon_threadsafe(self._tell, RecordingMessage(state="off", detail=self._for_callers(why)))

    def _told(self, state: RecordingState) -> RecordingState:
        return state if state.failure is None else replace(state, failure=self._for_callers(state.failure))

    def _for_callers(self, why: str) -> str:
        """Return a reason without the folder, which is the operator's alone to know."""
        return why.replace(f"{self._folder}{os.sep}", "")
