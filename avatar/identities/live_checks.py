"""The live checks that a server has under way: who uploads photos shows their camera, picture by picture.

A check belongs to the very photos that it was begun with, and is good for one avatar. Pictures are looked at in one
thread, one of each check at a time; its times are those of this server's clock.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from avatar.config import LimitSettings
from avatar.errors import AvatarError, ConsentError, ServerFullError, TooManyRequestsError
from avatar.generator.enrol import portraits_of
from avatar.generator.identity import Portrait
from avatar.identities.live_consent import LiveCheck
from avatar.media.photo import UploadedPhotos, read_photo
from avatar.trust.likeness_process import LikenessProcess
from avatar.trust.live_check import Check, seconds_left
from avatar.types import U8

MOST: Final = 8
"""At once, each up to two minutes; together they take about one core."""
MOST_EACH: Final = 2
"""Of one visitor: one more pushes out their oldest."""
UNSEEN_S: Final = 30.0
"""A check that no picture has come for is forgotten."""
GOOD_S: Final = 600.0
"""So long a check that succeeded waits for its upload."""
PICTURE_BYTES: Final = 300_000
PICTURE_PIXELS: Final = 1_000_000
LEAST_STEP_S: Final = 0.04
"""Between two pictures of one check."""

OpenCheck = Callable[[Sequence[Portrait]], LiveCheck]
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a check is."""

    id: str
    check: Check
    seconds_left: float
    """Of what is asked now."""


@dataclass(slots=True)
class _Running:
    live: LiveCheck
    photos: str
    """Which photos it is about (`_digest`)."""
    visitor: str
    used_s: float
    """When a picture came last."""
    busy: bool = False


class LiveChecks:
    """All of one server. All methods but `close` are for the event loop's thread."""

    def __init__(
        self,
        limits: LimitSettings,
        *,
        open_check: OpenCheck | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Check photos within `limits`; `clock` returns seconds, as time.monotonic().

        `open_check` begins a check of portraits; None: the usual one.

        Raises TrustError where face recognition is not installed.
        """
        self._limits, self._clock = limits, clock
        self.recognition: LikenessProcess | None = None
        """What tells faces apart, for whoever else has photos to compare; closed with the checks."""
        if open_check is None:
            self.recognition = recognition = LikenessProcess()
            self._open_check: OpenCheck = lambda portraits: LiveCheck(portraits, recognition)
        else:
            self._open_check = open_check
        self._pictures = replace(limits, upload_bytes=PICTURE_BYTES, upload_pixels=PICTURE_PIXELS)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="live-check")
        self._running: OrderedDict[str, _Running] = OrderedDict()
        self._beginning = 0

    async def begin(self, photos: Sequence[bytes], *, visitor: str = "") -> Progress:
        """Begin to check that a visitor is the person in encoded photos; the id in the answer cannot be guessed.

        Raises ImageError or EnrolError for photos that will not do, ConsentError where they are not of one person,
        ServerFullError while too many are checked, TrustError where face recognition failed.
        """
        self.forget_unused()
        own = [check_id for check_id, running in self._running.items() if running.visitor == visitor]
        for check_id in own[: max(len(own) - MOST_EACH + 1, 0)]:
            self.remove(check_id)
        if len(self._running) + self._beginning >= MOST:
            raise ServerFullError("Several people are being checked just now. Try again soon.", retry_after_s=15)
        self._beginning += 1
        try:
            live = await self._in_thread(lambda: self._open(tuple(photos)))
        finally:
            self._beginning -= 1
        check_id = secrets.token_urlsafe(16)
        self._running[check_id] = _Running(live, _digest(photos), visitor, self._clock())
        return self._progress(check_id, live.check)

    async def look(self, check_id: str, picture: bytes) -> Progress:
        """Show a check one more encoded picture of the camera, and return how far it is.

        Raises AvatarError (unknown_check), ImageError for what is no picture within the limits, TooManyRequestsError
        for one that comes too soon after another, TrustError or PerceptionError where looking at it failed.
        """
        running = self._get(check_id)
        now_s = self._clock()
        if running.busy or now_s - running.used_s < LEAST_STEP_S:
            raise TooManyRequestsError(
                "Pictures come faster than they are looked at: send the next one when the last was answered.",
                retry_after_s=1,
            )
        running.busy, running.used_s = True, now_s
        try:
            check = await self._in_thread(lambda: running.live.look(self._decoded(picture), now_s))
        finally:
            running.busy = False
        if check.phase == "refused":
            self.remove(check_id)
        return self._progress(check_id, check)

    def take(self, check_id: str, photos: Sequence[bytes]) -> float:
        """Return the likeness that a check has found between its visitor and these photos; it is used up by that.

        Raises ConsentError: there is none, it has not succeeded, or it was about other photos.
        """
        self.forget_unused()
        running = self._running.get(check_id)
        if running is None or running.live.check.phase != "passed" or running.photos != _digest(photos):
            raise ConsentError(
                "No check before the camera belongs to these photos: it has not succeeded, is too long ago, or was "
                "used. Check again, with the same photos.",
                code="not_checked",
            )
        self.remove(check_id)
        return running.live.check.score

    def remove(self, check_id: str) -> None:
        """Forget a check, if there is one."""
        running = self._running.pop(check_id, None)
        if running is not None:
            self._pool.submit(running.live.close)  # after the picture that is looked at

    def forget_unused(self) -> None:
        """Forget checks that nobody goes on with. Cheap: to be called now and then."""
        now_s = self._clock()
        for check_id, running in list(self._running.items()):
            if now_s - running.used_s > (GOOD_S if running.live.check.phase == "passed" else UNSEEN_S):
                self.remove(check_id)

    def close(self) -> None:
        """End all checks. Blocks until the picture in work is done with."""
        for check_id in list(self._running):
            self.remove(check_id)
        self._pool.shutdown()
        if self.recognition is not None:
            self.recognition.close()

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.shield(asyncio.wrap_future(self._pool.submit(work)))

    def _open(self, photos: Sequence[bytes]) -> LiveCheck:
        return self._open_check(portraits_of(UploadedPhotos(photos, self._limits)))

    def _decoded(self, picture: bytes) -> U8:
        return read_photo(picture, self._pictures)

    def _get(self, check_id: str) -> _Running:
        self.forget_unused()
        running = self._running.get(check_id)
        if running is None:
            raise AvatarError("There is no such check (any more): begin another one.", code="unknown_check")
        return running

    def _progress(self, check_id: str, check: Check) -> Progress:
        return Progress(check_id, check, seconds_left(check, self._clock()))


def _digest(photos: Sequence[bytes]) -> str:
    """Return what tells photos from others: the SHA-256 of theirs, in their order."""
    return hashlib.sha256(b"".join(hashlib.sha256(photo).digest() for photo in photos)).hexdigest()
