"""What routes share that take pictures: how they describe them, and how many may be under way at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request

from avatar.server.bodies import read_body
from avatar.server.problems import RequestError
from avatar.timing.fair_queue import Places

_FILE: Final[Mapping[str, Any]] = {"type": "string", "format": "binary"}
_AT_ONCE: Final = 16
"""Uploads that may be under way at once, each in memory: one more is told to come back."""
_EACH: Final = 4
"""Of one visitor."""


def upload_places() -> Places:
    """Return the places of one route's uploads."""
    return Places(_AT_ONCE, _EACH)


def described_picture(media_type: str) -> dict[str, Any]:
    """Describe a body that is a picture's file, for OpenAPI."""
    return {"requestBody": {"required": True, "content": {media_type: {"schema": _FILE}}}}


def described_photo_form(**texts: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a form of photos and of these text fields, for OpenAPI."""
    fields = {"photos": {"type": "array", "items": _FILE}, **texts}
    form = {"type": "object", "required": ["photos"], "properties": fields}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}}}


async def read_picture(request: Request, limit: int) -> bytes:
    """Return the picture's file that is the body. Raises RequestError: no picture, or more than `limit` bytes."""
    if not request.headers.get("content-type", "").lower().startswith("image/"):
        raise RequestError("Send the picture as the body, as image/jpeg or what it is.", code="wrong_type")
    return await read_body(request, limit)
