"""Which generator draws an avatar."""

from __future__ import annotations

from typing import Any

from avatar.errors import ModelError
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.generator.protocol import Generator


def open_generator(
    identity: Identity, picture_size: tuple[int, int], tier: str = "auto", engine: str = "auto"
) -> Generator:
    """Return a generator for an identity and (width, height) pixels.

    Raises:
        ModelError: there is no such tier.
    """
    choose_engine(tier, engine)
    return GeometryGenerator(identity, picture_size)


def choose_engine(tier: str, engine: str) -> tuple[str, Any] | None:  # noqa: ARG001
    """Return (tier, engine) of the network that will draw, None where geometry alone will.

    Raises:
        ModelError: there is no such tier.
    """
    if tier not in ("auto", "geometry"):
        raise ModelError(f"There is no tier {tier!r}: choose geometry.")
    return None
