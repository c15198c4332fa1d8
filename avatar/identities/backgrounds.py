"""Pictures that visitors have sent to be behind their avatar: checked as photos are, in memory only, a bounded number,
until nobody has used them for a while.

Of the visitor who has most, the oldest gives way.
"""

from __future__ import annotations

import asyncio
import io
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from PIL import Image

from avatar.config import LONG_SIDE_MAX, Background, LimitSettings
from avatar.errors import AvatarError, ServerFullError
from avatar.media.photo import read_photo
from avatar.timing.fair_queue import FairQueue

MOST_KEPT: Final = 64
"""A quarter of a megabyte each, half a megabyte at most."""
WAITING: Final = 8
"""Pictures that may wait to be decoded; one more is told to come back."""
JPEG_QUALITY: Final = 90


@dataclass(slots=True)
class _Upload:
    background: Background
    visitor: str
    used_s: float
    """When it was used last."""


class BackgroundLibrary:
    """Every uploaded background. All methods but `close` are for the event loop's thread."""

    def __init__(self, limits: LimitSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Take pictures within `limits`, as of photos; `clock` returns seconds, as time.monotonic()."""
        self._limits, self._clock = limits, clock
        self._uploads: OrderedDict[str, _Upload] = OrderedDict()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="read-background")
        self._line = FairQueue()

    async def add(self, picture: bytes, *, visitor: str = "") -> str:
        """Keep an encoded picture, and return an id that nobody can guess.

        Raises ImageError for what is no picture within the limits, ServerFullError while too many wait.
        """
        if len(self._line) >= WAITING:
            raise ServerFullError("Many pictures are being read just now. Try again soon.", retry_after_s=5)
        await self._line.turn(visitor)
        reading = asyncio.wrap_future(self._pool.submit(background_of, picture, self._limits))
        reading.add_done_callback(lambda _: self._line.done())
        background = await asyncio.shield(reading)
        background_id = secrets.token_urlsafe(16)
        self._uploads[background_id] = _Upload(background, visitor, self._clock())
        while len(self._uploads) > MOST_KEPT:
            self._forget_one()
        return background_id

    async def get(self, background_id: str) -> Background:
        """Return an uploaded picture as a background. Raises AvatarError (unknown_background)."""
        return self._upload(background_id).background

    def remove(self, background_id: str) -> None:
        """Forget a picture; calls that show it keep it until they end. Raises AvatarError (unknown_background)."""
        self._upload(background_id)
        del self._uploads[background_id]

    def forget_unused(self) -> None:
        """Forget pictures that nobody has used for as long as the settings say. Cheap: to be called now and then."""
        oldest_s = self._clock() - self._limits.uploads_s
        for background_id in [one for one, upload in self._uploads.items() if upload.used_s < oldest_s]:
            del self._uploads[background_id]

    def close(self) -> None:
        """End the thread. Blocks until it has."""
        self._pool.shutdown()

    def _upload(self, background_id: str) -> _Upload:
        self.forget_unused()
        upload = self._uploads.get(background_id)
        if upload is None:
            raise AvatarError(
                "The server does not have this background (any more): send its picture again.",
                code="unknown_background",
            )
        upload.used_s = self._clock()
        return upload

    def _forget_one(self) -> None:
        counts = Counter(upload.visitor for upload in self._uploads.values())
        most = max(counts.values())
        del self._uploads[next(one for one, upload in self._uploads.items() if counts[upload.visitor] == most)]


def background_of(picture: bytes, limits: LimitSettings) -> Background:
    """Return an encoded picture as a background: no larger than any call's, and without whatever else was in the file.

    Blocks. Raises ImageError as `read_photo`.
    """
    reduced = Image.fromarray(read_photo(picture, limits))
    reduced.thumbnail((LONG_SIDE_MAX, LONG_SIDE_MAX), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    reduced.save(out, "JPEG", quality=JPEG_QUALITY)
    return Background("picture", data=out.getvalue())
