"""Backgrounds that visitors have uploaded: checked as photos are, and kept in memory until unused for a while.

Their number is bounded: the oldest of the visitor who has most gives way. With a store they are kept there, too.
"""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from PIL import Image

from avatar.config import LONG_SIDE_MAX, Background, LimitSettings
from avatar.errors import AvatarError, ImageError, ServerFullError, StoreError
from avatar.identities.store import UploadStore, new_names
from avatar.media.photo import read_photo
from avatar.timing.fair_queue import FairQueue

MOST_KEPT: Final = 64
"""A quarter of a megabyte each, half a megabyte at most."""
LARGEST_BYTES: Final = 10_000_000
"""Of a picture in the store; one that was put there is far smaller."""
WAITING: Final = 8
"""Pictures that may wait to be decoded; one more is told to come back."""
JPEG_QUALITY: Final = 90

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Upload:
    background: Background
    visitor: str
    used_s: float
    """When it was used last."""


class BackgroundLibrary:
    """Every uploaded background. All methods but `close` are for the event loop's thread."""

    def __init__(
        self, limits: LimitSettings, *, store: UploadStore | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take pictures within `limits`, as of photos.

        `store` keeps them, and is closed with the library; `clock` returns seconds, as time.monotonic().
        """
        self._limits, self._store, self._clock = limits, store, clock
        self._new_name = new_names(tagged=store is not None)
        self._uploads: OrderedDict[str, _Upload] = OrderedDict()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="read-background")
        self._line = FairQueue()

    async def add(self, picture: bytes, *, visitor: str = "") -> str:
        """Keep an encoded picture, and return an id that nobody can guess.

        Raises ImageError for what is no picture within the limits, ServerFullError while too many wait, StoreError
        where it cannot be kept.
        """
        if len(self._line) >= WAITING:
            raise ServerFullError("Many pictures are being read just now. Try again soon.", retry_after_s=5)
        await self._line.turn(visitor)
        background = await self._read(picture, done=self._line.done)
        background_id = self._new_name(visitor)
        if self._store is not None:
            await self._store.put(background_id, background.data or b"")
        self._keep(background_id, background, visitor)
        return background_id

    async def get(self, background_id: str) -> Background:
        """Return an uploaded picture as a background. Raises AvatarError (unknown_background), StoreError."""
        await self._fetch(background_id)
        return self._upload(background_id).background

    async def remove(self, background_id: str) -> None:
        """Forget a picture; calls that show it keep it until they end.

        Raises AvatarError (unknown_background), StoreError.
        """
        await self._fetch(background_id)
        self._upload(background_id)
        if self._store is not None:
            await self._store.remove(background_id)
        del self._uploads[background_id]

    def forget_unused(self) -> None:
        """Forget pictures that nobody has used for as long as the settings say. Cheap: to be called now and then."""
        oldest_s = self._clock() - self._limits.uploads_s
        for background_id in [one for one, upload in self._uploads.items() if upload.used_s < oldest_s]:
            del self._uploads[background_id]
        if self._store is not None:
            self._store.forget_unused()

    def close(self) -> None:
        """End the thread. Blocks until it has."""
        self._pool.shutdown()
        if self._store is not None:
            self._store.close()

    async def _fetch(self, background_id: str) -> None:
        """Bring a picture into memory that only the store has, and forget one that the store has no more."""
        if self._store is None:
            return
        try:
            if (upload := self._uploads.get(background_id)) is not None:
                if not await self._store.keep(background_id, upload.background.data or b""):
                    self._uploads.pop(background_id, None)
                return
            data = await self._store.get(background_id, LARGEST_BYTES)
            if data is not None:
                self._keep(background_id, await self._read(data), visitor="")
        except StoreError:
            if background_id not in self._uploads:
                raise
        except ImageError as error:
            _log.error("a background of the store cannot be read: %s", error)

    async def _read(self, picture: bytes, *, done: Callable[[], None] = lambda: None) -> Background:
        reading = asyncio.wrap_future(self._pool.submit(background_of, picture, self._limits))
        reading.add_done_callback(lambda _: done())
        return await asyncio.shield(reading)

    def _keep(self, background_id: str, background: Background, visitor: str) -> None:
        self._uploads[background_id] = _Upload(background, visitor, self._clock())
        while len(self._uploads) > MOST_KEPT:
            self._forget_one()

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
