"""An avatar as a library holds it: the identity, a picture of it, and what visitors are told."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, Literal, Self, TypeVar

from PIL import Image

from avatar.generator.identity import Identity

PREVIEW_SIZE: Final = 512
"""Pixels of a preview picture, wide and high."""

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class AvatarInfo:
    """What a visitor is told of an avatar."""

    id: str
    name: str
    kind: Literal["builtin", "uploaded"]
    warnings: tuple[str, ...] = ()
    """What is wrong with the photos, for whoever has just sent them."""
    consent: str | None = None
    """What is stated of whose face it is, one of `avatar.trust.consent.CLAIMS`; None: nothing that holds."""


@dataclass(frozen=True, slots=True)
class MadeAvatar:
    """One that is ready."""

    identity: Identity
    preview_jpeg: bytes
    """At rest, `PREVIEW_SIZE` wide and high."""

    @classmethod
    def of(cls, identity: Identity) -> Self:
        """Draw the preview of an identity."""
        out = io.BytesIO()
        Image.fromarray(identity.preview(PREVIEW_SIZE)).save(out, "JPEG", quality=88)
        return cls(identity, out.getvalue())


def claim_of(identity: Identity) -> str | None:
    """Return what an identity states of whose face it is; None: nothing."""
    return identity.consent.claim if identity.consent is not None else None


def result_of(future: Future[_Result]) -> Awaitable[_Result]:
    """Wait for work of a pool; a visitor who goes away does not cancel it for the others."""
    return asyncio.shield(asyncio.wrap_future(future))
