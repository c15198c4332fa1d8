"""The avatars a server offers: built-in faces, the operator's `.avatar` files, and what visitors upload.

Enrolment takes about a second of one core, so it runs in a thread of its own, one photo set at a time and visitors by
turns, never on the event loop. What is there already is read in another thread, and what the server itself offers made
in a third: neither waits for uploads. Uploads live in memory, as the bytes of their `.avatar` file, until nobody has
used them for a while; of the visitor who has most, the one unused for longest gives way before that. With a store they
are kept there, too, and memory holds what is used.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from avatar.config import LimitSettings, TrustSettings
from avatar.errors import (
    AvatarError,
    IdentityFileError,
    ServerFullError,
    StoreError,
    UnknownAvatarError,
)
from avatar.generator.enrol import enrol as enrol_photos
from avatar.generator.identity import Identity
from avatar.generator.identity_file import (
    MAX_FILE_BYTES,
    identity_from_bytes,
    identity_to_bytes,
)
from avatar.generator.photo_checks import photo_warnings
from avatar.identities.builtin import BuiltinFace
from avatar.identities.made_avatar import AvatarInfo, MadeAvatar, claim_of, result_of
from avatar.identities.offered_avatars import OfferedAvatars
from avatar.identities.store import UploadStore, new_names
from avatar.identities.upload_consent import UploadConsent
from avatar.media.photo import UploadedPhotos
from avatar.timing.fair_queue import FairQueue
from avatar.trust.likeness import FaceRecognition
from avatar.types import U8

_WAITING: Final = 8
"""Uploads that may wait for enrolment; one more is told to come back."""
_DECODED_UPLOADS: Final = 8
"""Uploaded identities kept decoded (tens of megabytes each); others are decoded again when used."""
_NAME_LENGTH: Final = 80

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Upload:
    info: AvatarInfo
    file: bytes
    preview_jpeg: bytes
    visitor: str
    used_s: float
    """When it was used last."""


class AvatarLibrary:
    """Every avatar a server knows. All methods but `close` are for the event loop's thread."""

    def __init__(
        self,
        faces: Sequence[BuiltinFace],
        limits: LimitSettings,
        *,
        folder: Path | None = None,
        store: UploadStore | None = None,
        enrol: Callable[[Sequence[U8], str], Identity] | None = None,
        clock: Callable[[], float] = time.monotonic,
        trust: TrustSettings | None = None,
        recognition: FaceRecognition | None = None,
    ) -> None:
        """Offer `faces`, and the `.avatar` files in `folder` where one is given.

        `enrol` makes an identity from photos (RGB, uint8, (height, width, 3)) and a name. `store` keeps uploads, and is
        closed with the library. `clock` returns seconds, as time.monotonic(). `trust` says what has to be stated of
        whose face an avatar is; None: nothing. `recognition` tells whether uploaded photos are of one person, and is
        not closed with the library; None: the shape of the faces does.
        """
        self._recognition = recognition
        self._limits, self._store, self._clock = limits, store, clock
        self._new_name = new_names(tagged=store is not None)
        self._trust = TrustSettings() if trust is None else trust
        self._consent = UploadConsent(self._trust)
        self._enrol = enrol or (lambda photos, name: enrol_photos(photos, name=name))
        self._offered = OfferedAvatars(faces, folder, self._trust, self._enrol)
        self._enrol_pool = ThreadPoolExecutor(1, thread_name_prefix="enrol")
        self._read_pool = ThreadPoolExecutor(1, thread_name_prefix="read-avatar")
        self._line = FairQueue()
        self._uploads: OrderedDict[str, _Upload] = OrderedDict()
        self._decoded: OrderedDict[str, Identity] = OrderedDict()

    def start(self) -> None:
        """Begin to make the offered avatars in the background, so that the first call does not wait for its own."""
        self._offered.start()

    def listed(self) -> list[AvatarInfo]:
        """Return what everybody may use: uploads are known only to who has their id, a file that broke is left out."""
        return list(self._offered)

    def info(self, avatar_id: str) -> AvatarInfo:
        """Return what is known of an avatar that is in memory (`fetch`). Raises UnknownAvatarError."""
        if avatar_id in self._offered:
            return self._offered.info(avatar_id)
        return self._upload(avatar_id).info

    async def fetch(self, avatar_id: str) -> None:
        """Bring an upload into memory that only the store has, and forget one that the store has no more.

        Raises StoreError where the store is gone and the upload is not in memory, ConsentError where the upload does
        not state what is asked for here.
        """
        if self._store is None or avatar_id in self._offered:
            return
        try:
            if (upload := self._uploads.get(avatar_id)) is None:
                await self._read_stored(self._store, avatar_id)
            elif not await self._store.keep(avatar_id, upload.file):
                self._forget(avatar_id)
        except StoreError:
            if avatar_id not in self._uploads:
                raise

    async def identity(self, avatar_id: str) -> Identity:
        """Return the identity to draw, made or decoded first where need be.

        Raises UnknownAvatarError, StoreError; for an offered avatar also what enrolment or reading its file raises.
        """
        if avatar_id in self._offered:
            return (await self._offered.made(avatar_id)).identity
        await self.fetch(avatar_id)
        upload = self._upload(avatar_id)
        identity = self._decoded.get(avatar_id)
        if identity is None:
            identity = await result_of(self._read_pool.submit(identity_from_bytes, upload.file))
        self._keep_decoded(avatar_id, identity)
        return identity

    async def preview(self, avatar_id: str) -> bytes:
        """Return the avatar at rest as a JPEG of 512 x 512 pixels. Raises as `identity`."""
        if avatar_id in self._offered:
            return (await self._offered.made(avatar_id)).preview_jpeg
        await self.fetch(avatar_id)
        return self._upload(avatar_id).preview_jpeg

    async def file(self, avatar_id: str) -> bytes:
        """Return the avatar as the bytes of an `.avatar` file. Raises as `identity`."""
        if avatar_id in self._offered:
            return await self._offered.file(avatar_id, self._read_pool)
        await self.fetch(avatar_id)
        return self._upload(avatar_id).file

    async def add(
        self,
        photos: Sequence[bytes],
        name: str = "",
        *,
        visitor: str = "",
        consent: str | None = None,
        likeness: float | None = None,
    ) -> AvatarInfo:
        """Make an avatar from the encoded photos of one person and return it, with an id nobody can guess.

        `visitor` is whom the photos are from, as far as that is known: visitors take turns. `consent` is what they say
        of whose face it is, one of `avatar.trust.consent.CLAIMS`; None: what the settings say where nobody says it.
        `likeness` is what a check before the camera has found of them and the photos (`live`); None: there was none.

        Raises ConsentError where nothing is said and something has to be, or what is said cannot be; ImageError or
        EnrolError for photos that will not do, ServerFullError while too many wait, StoreError where the avatar cannot
        be kept.
        """
        claim = self._consent.claim(consent, checked=likeness is not None)
        if len(self._line) >= _WAITING:
            raise ServerFullError("Many photos are being made into avatars just now. Try again soon.", retry_after_s=5)
        await self._line.turn(visitor)
        # A visitor who goes away has the turn until their photos are done with.
        making = asyncio.wrap_future(
            self._enrol_pool.submit(self._make_upload, tuple(photos), _plain_name(name), claim, likeness)
        )
        making.add_done_callback(lambda _: self._line.done())
        made, file, warnings = await asyncio.shield(making)
        info = AvatarInfo(self._new_name(visitor), made.identity.name, "uploaded", warnings, claim)
        if self._store is not None:
            await self._store.put(info.id, file)
        self._keep_upload(_Upload(info, file, made.preview_jpeg, visitor, self._clock()), made.identity)
        return info

    async def remove(self, avatar_id: str) -> None:
        """Forget an upload. Raises UnknownAvatarError, StoreError, AvatarError (`not_removable`: an offered one)."""
        if avatar_id in self._offered:
            raise AvatarError("This avatar belongs to the server and stays.", code="not_removable")
        await self.fetch(avatar_id)
        self._upload(avatar_id)
        if self._store is not None:
            await self._store.remove(avatar_id)
        self._forget(avatar_id)

    def forget_unused(self) -> None:
        """Forget uploads that nobody has used for as long as the settings say. Cheap: to be called now and then."""
        oldest_s = self._clock() - self._limits.uploads_s
        for avatar_id in [avatar_id for avatar_id, upload in self._uploads.items() if upload.used_s < oldest_s]:
            self._forget(avatar_id)
        if self._store is not None:
            self._store.forget_unused()

    def close(self) -> None:
        """Stop making avatars; waits for the one in work."""
        self._offered.close()
        for pool in (self._enrol_pool, self._read_pool):
            pool.shutdown(wait=True, cancel_futures=True)
        if self._store is not None:
            self._store.close()

    def _upload(self, avatar_id: str) -> _Upload:
        self.forget_unused()
        upload = self._uploads.get(avatar_id)
        if upload is None:
            raise UnknownAvatarError(
                "The server does not know this avatar (any more): uploads are kept for a while only. Add the photo "
                "again."
            )
        upload.used_s = self._clock()
        self._uploads.move_to_end(avatar_id)
        return upload

    def _forget_one(self) -> None:
        """Forget the upload unused for longest of whoever has most, so that nobody pushes out all the others'."""
        counts = Counter(upload.visitor for upload in self._uploads.values())
        most = max(counts.values())
        oldest = next(avatar_id for avatar_id, upload in self._uploads.items() if counts[upload.visitor] == most)
        self._forget(oldest)

    def _forget(self, avatar_id: str) -> None:
        self._uploads.pop(avatar_id, None)
        self._decoded.pop(avatar_id, None)

    async def _read_stored(self, store: UploadStore, avatar_id: str) -> None:
        file = await store.get(avatar_id, MAX_FILE_BYTES)
        if file is None:
            return
        try:
            made = await result_of(self._read_pool.submit(lambda: MadeAvatar.of(identity_from_bytes(file))))
            self._consent.check(made.identity)
        except IdentityFileError as error:
            _log.error("an avatar of the store cannot be read: %s", error)
            return
        claim = claim_of(made.identity)
        info = AvatarInfo(avatar_id, _plain_name(made.identity.name), "uploaded", consent=claim)
        self._keep_upload(_Upload(info, file, made.preview_jpeg, "", self._clock()), made.identity)

    def _keep_upload(self, upload: _Upload, identity: Identity) -> None:
        self._uploads[upload.info.id] = upload
        self._keep_decoded(upload.info.id, identity)
        while len(self._uploads) > self._limits.uploaded_avatars:
            self._forget_one()

    def _keep_decoded(self, avatar_id: str, identity: Identity) -> None:
        self._decoded[avatar_id] = identity
        self._decoded.move_to_end(avatar_id)
        while len(self._decoded) > _DECODED_UPLOADS:
            self._decoded.popitem(last=False)

    def _make_upload(
        self, photos: Sequence[bytes], name: str, claim: str | None, likeness: float | None
    ) -> tuple[MadeAvatar, bytes, tuple[str, ...]]:
        identity = replace(self._enrol(UploadedPhotos(photos, self._limits), name), name=name)
        identity = self._consent.stated(identity, claim, likeness)
        return (
            MadeAvatar.of(identity),
            identity_to_bytes(identity),
            photo_warnings(identity.portraits, self._recognition),
        )


def _plain_name(name: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in name)
    return " ".join(printable.split())[:_NAME_LENGTH]
