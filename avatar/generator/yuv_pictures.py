"""Pictures as they are sent, in planar YUV: a tier that draws on a GPU makes them there."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from avatar.generator.protocol import Generator
from avatar.media.colour import to_i420
from avatar.types import U8, Motion


@runtime_checkable
class DrawsYuv(Protocol):
    """A generator that makes planar YUV by itself."""

    def render_i420(self, motion: Motion) -> tuple[U8, bool]:
        """Return what `render_i420` does."""
        ...


def render_i420(generator: Generator, motion: Motion) -> tuple[U8, bool]:
    """Return (a motion's picture as `media.colour.to_i420` gives it, whether its matte lies beside it)."""
    if isinstance(generator, DrawsYuv):
        return generator.render_i420(motion)
    drawn = generator.render(motion)
    return to_i420(drawn), drawn.shape[2] == 4
