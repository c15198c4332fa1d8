"""Request bodies, read with a limit on bytes and on time while they arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from avatar.config import LimitSettings
from avatar.plain_text import in_bytes
from avatar.server.problems import RequestError

RECEIVE_S: Final = 60.0
"""A body that has not arrived by then is given up: a slow sender must not hold a place for ever."""
_FORM_OVERHEAD_BYTES: Final = 16_384
"""Boundaries, headers and names around the photos."""


@dataclass(frozen=True, slots=True)
class PhotoForm:
    """What an upload carries."""

    photos: tuple[bytes, ...]
    name: str
    consent: str | None = None
    """What is said of whose face it is; None: nothing."""
    check: str | None = None
    """The id of the check before the camera that says it; None: there was none."""


async def read_body(request: Request, limit: int) -> bytes:
    """Return the whole body. Raises RequestError when it is larger than `limit` bytes or too slow."""
    try:
        async with asyncio.timeout(RECEIVE_S):
            return b"".join([block async for block in _bounded(request, limit)])
    except TimeoutError as error:
        raise _too_slow() from error


async def read_photo_form(request: Request, limits: LimitSettings) -> PhotoForm:
    """Return the photos of a form (fields `photos`) and its texts (fields of their names).

    Never takes more than the limit, and keeps it in memory: no full disk is in the way. Raises RequestError.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise RequestError("Send the photos as multipart/form-data, in fields named `photos`.", code="wrong_type")
    most = limits.upload_bytes + _FORM_OVERHEAD_BYTES
    stream = _bounded(request, most)
    # One more file than is taken, so that the excess is told apart from other faults.
    parser = MultiPartParser(
        request.headers, stream, max_files=limits.photos + 1, max_fields=4, max_part_size=_FORM_OVERHEAD_BYTES
    )
    parser.spool_max_size = most
    try:
        async with asyncio.timeout(RECEIVE_S):
            form = await parser.parse()
    except TimeoutError as error:
        raise _too_slow() from error
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise _too_many_photos(limits) from error
        raise RequestError(f"The form cannot be read: {error.message}") from error
    try:
        photos = [part for part in form.getlist("photos") if isinstance(part, UploadFile)]
        if not photos:
            raise RequestError("The form holds no photo: send one or more files in fields named `photos`.")
        if len(photos) > limits.photos:
            raise _too_many_photos(limits)
        texts = {field: value for field in ("name", "consent", "check") if isinstance(value := form.get(field), str)}
        return PhotoForm(
            tuple([await photo.read() for photo in photos]),
            texts.get("name", ""),
            texts.get("consent") or None,
            texts.get("check") or None,
        )
    finally:
        await form.close()


async def _bounded(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    most = in_bytes(limit)
    too_many = RequestError(f"This is more than the {most} taken at once.", code="too_many_bytes")
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise too_many
    received = 0
    try:
        async for block in request.stream():
            received += len(block)
            if received > limit:
                raise too_many
            yield block
    except ClientDisconnect as error:
        raise RequestError("The connection ended before the request had arrived.", code="request_timeout") from error


def _too_slow() -> RequestError:
    return RequestError(f"The request did not arrive within {RECEIVE_S:.0f} s.", code="request_timeout")


def _too_many_photos(limits: LimitSettings) -> RequestError:
    return RequestError(f"At most {limits.photos} photos make one avatar.", code="too_many_photos")
