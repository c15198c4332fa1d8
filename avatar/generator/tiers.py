"""Which generator draws an avatar."""

from __future__ import annotations

from avatar.errors import ModelError
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.generator.protocol import Generator


def open_generator(
    identity: Identity, picture_size: tuple[int, int], tier: str = "auto", engine: str = "auto"
) -> Generator:
    """Return a generator for an identity and (width, height) pixels.

    Raises:
        ModelError: there is no such tier or engine.
    """
    if tier not in ("auto", "geometry") or engine != "auto":
        raise ModelError(f"There is no tier {tier!r} on the engine {engine!r}: choose geometry.")
    return GeometryGenerator(identity, picture_size)
