"""The avatars that everybody may use: built-in faces, and the operator's `.avatar` files.

Each is made when it is first needed, or in the background from the start, in a thread that does not wait for uploads.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from avatar.config import LimitSettings, TrustSettings
from avatar.errors import AvatarError, ConsentError, IdentityFileError
from avatar.generator.identity import Identity
from avatar.generator.identity_file import identity_to_bytes, read_identity
from avatar.identities.builtin import BuiltinFace
from avatar.identities.made_avatar import AvatarInfo, MadeAvatar, claim_of, result_of
from avatar.identities.open import checked_consent
from avatar.media.photo import read_photo
from avatar.types import U8

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Offered:
    """One of them."""

    info: AvatarInfo
    make: Callable[[], MadeAvatar]


class OfferedAvatars:
    """Knows them by their ids. All methods but `close` are for the event loop's thread."""

    def __init__(
        self,
        faces: Sequence[BuiltinFace],
        folder: Path | None,
        trust: TrustSettings,
        enrol: Callable[[Sequence[U8], str], Identity],
    ) -> None:
        """Offer `faces`, and the `.avatar` files of a folder where one is given; see `AvatarLibrary`.

        Raises AvatarError where there is no such folder.
        """
        self._trust, self._enrol = trust, enrol
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="offer")
        self._broken: set[str] = set()
        """Those whose file could not be read when it was last tried."""
        self._offered: dict[str, _Offered] = {face.id: self._face(face) for face in faces}
        for path, claim in _usable_files(folder, trust):
            offered = self._file(path, claim)
            if self._offered.setdefault(offered.info.id, offered) is not offered:
                _log.warning("%s is not offered: another avatar is called '%s' already.", path, offered.info.id)
        self._made: dict[str, Future[MadeAvatar]] = {}
        self._files: dict[str, Future[bytes]] = {}
        """Of those that somebody has downloaded."""

    def start(self) -> None:
        """Begin to make all of them in the background, so that the first call does not wait for its own."""
        for avatar_id in self._offered:
            self._making(avatar_id)

    def __contains__(self, avatar_id: str) -> bool:
        return avatar_id in self._offered

    def __iter__(self) -> Iterator[AvatarInfo]:
        """Go through what can be chosen: a file that broke is left out."""
        return (offered.info for offered in self._offered.values() if offered.info.id not in self._broken)

    def info(self, avatar_id: str) -> AvatarInfo:
        """Return what is known of one that is there."""
        return self._offered[avatar_id].info

    async def made(self, avatar_id: str) -> MadeAvatar:
        """Return one that is there, made first where need be. Raises what enrolment or reading its file raises."""
        return await result_of(self._making(avatar_id))

    async def file(self, avatar_id: str, pool: ThreadPoolExecutor) -> bytes:
        """Return one that is there as the bytes of an `.avatar` file, written in `pool`. Raises as `made`."""
        made = await self.made(avatar_id)
        if avatar_id not in self._files:  # of one that was read from a file, that file's own bytes
            self._files[avatar_id] = pool.submit(identity_to_bytes, made.identity)
        return await result_of(self._files[avatar_id])

    def close(self) -> None:
        """Make no more; waits for the one in work."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _making(self, avatar_id: str) -> Future[MadeAvatar]:
        """Return the avatar being made, begun anew where the last try failed."""
        future = self._made.get(avatar_id)
        if future is None or (future.done() and (future.cancelled() or future.exception() is not None)):
            future = self._pool.submit(self._offered[avatar_id].make)
            future.add_done_callback(lambda done: _log_failure(avatar_id, done))
            self._made[avatar_id] = future
        return future

    def _face(self, face: BuiltinFace) -> _Offered:
        def make() -> MadeAvatar:
            # What visitors may send is no limit for pictures of our own.
            return MadeAvatar.of(self._enrol([read_photo(face.image.read_bytes(), LimitSettings())], face.name))

        return _Offered(AvatarInfo(face.id, face.name, "builtin"), make)

    def _file(self, path: Path, claim: str | None) -> _Offered:
        avatar_id = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")[:40] or "avatar"

        def make() -> MadeAvatar:
            try:
                made = MadeAvatar.of(checked_consent(read_identity(path), str(path), self._trust))
            except (IdentityFileError, ConsentError) as error:
                # It was fine at the start; visitors are not told where it lies.
                self._broken.add(avatar_id)
                _log.error("%s is not offered any more: %s", path, _of_it(path, error))
                raise IdentityFileError(
                    "The server cannot read this avatar's file any more; its log says why. Choose another avatar."
                ) from error
            self._broken.discard(avatar_id)
            return made

        return _Offered(AvatarInfo(avatar_id, path.stem, "builtin", consent=claim), make)


def _log_failure(avatar_id: str, future: Future[MadeAvatar]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        _log.error("The avatar %s cannot be made: %s", avatar_id, error)


def _of_it(path: Path, error: Exception) -> str:
    """Return what is wrong with a file that was named already."""
    return str(error).replace(str(path), "it", 1)


def _usable_files(folder: Path | None, trust: TrustSettings) -> list[tuple[Path, str | None]]:
    """Return the folder's `.avatar` files that can be offered, each with what it states of whose face it is.

    What is wrong with each of the others is logged.

    Raises AvatarError where there is no such folder. Takes about 25 ms for each file.
    """
    if folder is None:
        return []
    if not folder.is_dir():
        what = "is a file: name the folder that it is in" if folder.exists() else "does not exist"
        raise AvatarError(f"The folder of avatars {folder} {what}.")
    usable = []
    for path in sorted(folder.glob("*.avatar")):
        if not path.is_file():  # a pipe would be waited for without end
            _log.warning("%s is not offered: it is no file.", path)
            continue
        try:
            identity = checked_consent(read_identity(path), str(path), trust)
        except (IdentityFileError, ConsentError) as error:
            _log.warning("%s is not offered: %s", path, _of_it(path, error))
            continue
        if identity.consent is not None and identity.consent.problem is not None:
            _log.warning("%s states whose face it is, but %s.", path, identity.consent.problem)
        usable.append((path, claim_of(identity)))
    return usable
