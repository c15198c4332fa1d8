"""A store of uploads that several servers share: a folder, or whatever else fsspec reaches by a URL (s3://bucket/path).

Names are checked before they become part of a path, sizes before anything is read. What is read is a stranger's file
all the same: whoever asks for it checks its content. Each file appears whole or not at all.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from avatar.errors import InstallationError, SettingsError, StoreError

logger = logging.getLogger(__name__)

NAME: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
TAG_LETTERS: Final = 6
"""At the beginning of a name: which visitor it is from, as far as the server that took it could tell."""
ANSWER_S: Final = 15.0
"""A store that has not answered by then is taken for gone."""
THREADS: Final = 4
WAITING: Final = 128
"""Requests to the store that may wait or run, four times what one address may ask at once: nobody alone fills it. One
more is told to come back."""
LOOK_AFTER_S: Final = 600.0
"""How often what has become too much is looked for."""
_RETRY_AFTER_S: Final = 5
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the store, as its listing has it."""

    name: str
    changed_s: float
    """Seconds since 1970."""


class UploadStore:
    """Files of one kind in a store. All methods are for the event loop's thread; the work is done in threads."""

    def __init__(
        self, files: Any, folder: str, suffix: str, *, most: int, lives_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        """Keep files in `folder`.

        Args:
            files: an `fsspec.AbstractFileSystem`.
            folder: its path there.
            suffix: of the files' names.
            most: files that are kept; beyond, the oldest of whoever has most goes first.
            lives_s: a file that has not been used for so long is forgotten.
            clock: seconds since 1970, as files have them.
        """
        self._files, self._folder, self._suffix = files, folder.rstrip("/"), suffix
        self._most, self._lives_s = most, lives_s
        self._clock, self._looked_s = clock, 0.0
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="upload-store")
        self._waiting = 0
        self._lock = threading.Lock()

    async def put(self, name: str, data: bytes) -> None:
        """Keep a file. Raises StoreError."""
        await self._in_thread(self._put, self._path(name), data)

    async def get(self, name: str, most_bytes: int) -> bytes | None:
        """Return a file; None where there is none, or one of more than `most_bytes`. Raises StoreError."""
        if NAME.fullmatch(name) is None:
            return None
        data = await self._in_thread(self._get, self._path(name), most_bytes)
        if data is not None and len(data) > most_bytes:
            logger.warning("a file of the store has more than %d bytes and is not read", most_bytes)
            return None
        return data

    async def keep(self, name: str, data: bytes) -> bool:
        """Say that a file is in use; return whether it is there. `data` is what it holds. Raises StoreError."""
        return NAME.fullmatch(name) is not None and await self._in_thread(self._keep, self._path(name), data)

    async def remove(self, name: str) -> None:
        """Forget a file; one that is not there is fine. Raises StoreError."""
        if NAME.fullmatch(name) is not None:
            await self._in_thread(self._remove, self._path(name))

    def forget_unused(self) -> None:
        """Forget what has become too old or too much, in a thread. Cheap: to be called now and then."""
        if self._clock() - self._looked_s >= LOOK_AFTER_S and self._waiting == 0:
            self._pool.submit(self._make_room).add_done_callback(_log_failure)

    def close(self) -> None:
        """End the threads. Waits for what has begun to be written; a store that is gone is not waited for."""
        self._pool.shutdown(wait=self._waiting == 0, cancel_futures=True)

    async def _in_thread(self, work: Callable[..., _Result], *arguments: Any) -> _Result:
        if self._waiting >= WAITING:
            raise StoreError("The store of uploads answers slowly. Try again soon.", retry_after_s=_RETRY_AFTER_S)
        self._waiting += 1
        done = self._pool.submit(work, *arguments)
        done.add_done_callback(self._one_less)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await asyncio.wrap_future(done)
        except TimeoutError as error:
            raise _gone("it has not answered in time") from error
        except Exception as error:  # each kind of store has errors of its own
            logger.warning("the store of uploads failed: %s: %s", type(error).__name__, error)
            raise _gone(type(error).__name__) from error

    def _one_less(self, _: object) -> None:
        with self._lock:
            self._waiting -= 1

    def _path(self, name: str) -> str:
        if NAME.fullmatch(name) is None:
            raise ValueError("no name of a stored file")
        return f"{self._folder}/{name}{self._suffix}"

    # In threads

    def _put(self, path: str, data: bytes) -> None:
        if self._is_folder:
            part = f"{path}.{secrets.token_hex(4)}.part"
            self._files.pipe_file(part, data)
            self._files.mv(part, path)
        else:  # there a file appears when it is whole
            self._files.pipe_file(path, data)
        self._make_room()

    def _get(self, path: str, most_bytes: int) -> bytes | None:
        try:
            self._files.invalidate_cache(path)
            return bytes(self._files.cat_file(path, start=0, end=most_bytes + 1))
        except FileNotFoundError:
            if self._is_folder and not self._files.isdir(self._folder):
                raise
            return None

    def _keep(self, path: str, data: bytes) -> bool:
        self._files.invalidate_cache(path)
        try:
            entry = self._files.info(path)
        except FileNotFoundError:
            if self._is_folder and not self._files.isdir(self._folder):
                raise
            return False
        if self._clock() - _changed_s(entry) > self._lives_s / 4:
            self._put(path, data)  # written anew, it is as young as its last use
        return True

    def _remove(self, path: str) -> None:
        try:
            self._files.rm_file(path)
        except FileNotFoundError:
            return

    def _make_room(self) -> None:
        now_s = self._clock()
        with self._lock:
            if now_s - self._looked_s < LOOK_AFTER_S:
                return
            self._looked_s = now_s
        self._files.invalidate_cache(self._folder)
        listed = self._files.ls(self._folder, detail=True)
        stored = [
            StoredFile(entry["name"].rpartition("/")[2].removesuffix(self._suffix), _changed_s(entry))
            for entry in listed
            if entry["name"].endswith(self._suffix)
        ]
        for name in overflowing(stored, self._most, oldest_s=now_s - self._lives_s):
            self._remove(self._path(name))

    @property
    def _is_folder(self) -> bool:
        protocol = self._files.protocol
        return "file" in ((protocol,) if isinstance(protocol, str) else protocol)


def open_store(url: str, kind: str, suffix: str, *, most: int, lives_s: float) -> UploadStore:
    """Return the files of a kind in a store, a folder or a URL that fsspec knows; a folder is made.

    Raises InstallationError where the package for it is missing, SettingsError for what is no store.
    """
    try:
        import fsspec  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise InstallationError("A store of uploads needs fsspec: pip install 'avatar[cluster]'.") from error
    # What is listed is never kept: other servers change it. Of S3 that does not answer nobody should wait for minutes.
    options: dict[str, Any] = {"use_listings_cache": False}
    if url.startswith(("s3://", "s3a://")):
        options["config_kwargs"] = {"connect_timeout": 3, "read_timeout": 10, "retries": {"max_attempts": 2}}
    try:
        files, root = fsspec.core.url_to_fs(url, **options)
        folder = f"{root.rstrip('/')}/{kind}"
        if "file" in (files.protocol if isinstance(files.protocol, tuple) else (files.protocol,)):
            files.makedirs(folder, exist_ok=True)
    except ImportError as error:
        raise InstallationError(f"The store {url.partition(':')[0]}: needs a package more: {error}.") from error
    except (ValueError, OSError) as error:
        raise SettingsError(f"The store of uploads cannot be used: {error}.") from error
    return UploadStore(files, folder, suffix, most=most, lives_s=lives_s)


def new_names(*, tagged: bool) -> Callable[[str], str]:
    """Return what names the uploads of a visitor: nobody can guess a name, or tell from it who the visitor is.

    `tagged`: it begins with the visitor's tag, as those in a store do.
    """
    key = secrets.token_bytes(16)

    def name(visitor: str) -> str:
        if not tagged:
            return secrets.token_urlsafe(16)
        digest = hashlib.blake2b(visitor.encode(), key=key, digest_size=TAG_LETTERS).digest()
        return base64.urlsafe_b64encode(digest).decode()[:TAG_LETTERS] + secrets.token_urlsafe(16)

    return name


def overflowing(stored: Iterable[StoredFile], most: int, *, oldest_s: float) -> list[str]:
    """Return the names of those that go when `most` are kept: what is older than `oldest_s`, then of the visitor who
    has most, the oldest first."""
    named = [file for file in stored if NAME.fullmatch(file.name)]
    files = sorted((file for file in named if file.changed_s >= oldest_s), key=lambda file: file.changed_s)
    counts = Counter(file.name[:TAG_LETTERS] for file in files)
    by_visitor: dict[str, list[StoredFile]] = {}
    for file in reversed(files):
        by_visitor.setdefault(file.name[:TAG_LETTERS], []).append(file)  # the oldest last
    going = [file.name for file in named if file.changed_s < oldest_s]
    for _ in range(len(files) - most):
        tag = max(counts, key=lambda one: counts[one])
        counts[tag] -= 1
        going.append(by_visitor[tag].pop().name)
    return going


def _changed_s(entry: dict[str, Any]) -> float:
    changed = entry.get("mtime") or entry.get("LastModified") or 0.0
    return changed.timestamp() if isinstance(changed, datetime) else float(changed)


def _log_failure(done: Future[None]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        logger.warning("the store of uploads could not be tidied: %s: %s", type(error).__name__, error)


def _gone(why: str) -> StoreError:
    return StoreError(
        f"The place where uploads are kept cannot be reached just now ({why}). Calls go on; try again in a moment.",
        retry_after_s=_RETRY_AFTER_S,
    )
