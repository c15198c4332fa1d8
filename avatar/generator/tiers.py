"""Which generator draws an avatar: a network where one can run, the plain geometry where none can."""

from __future__ import annotations

import logging
from functools import cache
from typing import Final

from avatar.config import Background
from avatar.errors import ModelError
from avatar.generator.engines.choice import load_engine
from avatar.generator.engines.engine import Engine
from avatar.generator.engines.speed import measure_frame_ms
from avatar.generator.fallback import FallbackGenerator, OnLower
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.generator.musetalk.generator import MuseTalkGenerator
from avatar.generator.musetalk.tier import load_musetalk
from avatar.generator.network_generator import NetworkGenerator
from avatar.generator.portrait.tier import load_portrait, open_portrait
from avatar.generator.protocol import Generator
from avatar.generator.scene_layout import KEPT
from avatar.perception.speech.listener import VoiceListener

MUSETALK: Final = "musetalk"
PORTRAIT: Final = "portrait"
TIERS: Final = ("geometry", "lite", "standard", MUSETALK, PORTRAIT)
"""From the fastest to the best; `standard` wants a GPU or a strong CPU, and weights of its own, the last two a GPU and
the weights that others publish."""
AUTOMATIC: Final = ("lite",)
"""Network tiers that `auto` tries before it takes the geometry."""
GPU_ENGINES: Final = ("cuda", "tensorrt")
"""How what runs on a GPU is named, after the runtime."""
LIVE_FRAME_MS: Final = 10.0
"""Up to which `auto` draws calls with a network: of the 33 ms between two pictures the camera, the geometry and the
encoder want their share. At 7 ms on two cores a call held 30 pictures a second, at about 13 it fell below 28."""

_log = logging.getLogger(__name__)


def open_generator(
    identity: Identity,
    picture_size: tuple[int, int],
    tier: str = "auto",
    engine: str = "auto",
    background: Background = KEPT,
    on_lower: OnLower | None = None,
) -> Generator:
    """Return a generator for an identity and (width, height) pixels, with something behind the person.

    A tier on a GPU whose memory is full, now or later, gives way to a smaller one.

    Args:
        identity: who is drawn.
        picture_size: (width, height), pixels.
        tier: one of `TIERS`, or `auto`: the best that runs here.
        engine: one of `engines.choice.ENGINES`, or `auto`.
        background: what is behind the person.
        on_lower: is told of a smaller tier, in the thread that draws.

    Raises:
        ModelError: a tier was asked for by name that cannot run here, or there is no such tier or engine.
        ImageError: the picture behind the person cannot be read.
    """
    chosen = None if tier in (PORTRAIT, MUSETALK) else choose_engine(tier, engine)
    if tier == PORTRAIT:
        asked, runs_on = PORTRAIT, load_portrait(engine)[0].name
    elif tier == MUSETALK:
        asked, runs_on = MUSETALK, load_musetalk(engine).name
    elif chosen is None:
        asked, runs_on = "geometry", ""
    else:
        asked, runs_on = chosen[0], chosen[1].name
    if not runs_on.partition("-")[2].startswith(GPU_ENGINES):
        return _open_tier(identity, picture_size, asked, engine, background)

    def open_smaller(name: str) -> Generator:
        return _open_tier(identity, picture_size, name, engine if name == asked else "auto", background)

    return FallbackGenerator((asked, *smaller_tiers(asked)), open_smaller, on_lower)


def open_listener(tier: str, engine: str) -> VoiceListener | None:
    """Return what hears a voice's sound for a tier that draws the mouth from it; None: the tier needs none.

    Raises:
        ModelError: as `open_generator`.
    """
    return load_musetalk(engine) if tier == MUSETALK else None


def smaller_tiers(tier: str) -> tuple[str, ...]:
    """Return what is drawn with in place of a tier for which the GPU lacks memory, in this order.

    `standard` is not among them: it wants weights of its own, and nearly as much memory.
    """
    return tuple(name for name in ("lite", "geometry") if TIERS.index(name) < TIERS.index(tier))


def _open_tier(
    identity: Identity, picture_size: tuple[int, int], tier: str, engine: str, background: Background
) -> Generator:
    """Return the generator of a tier by its name; raises as `open_generator`, and GpuMemoryError."""
    if tier == PORTRAIT:
        return open_portrait(identity, picture_size, engine, background)
    if tier == MUSETALK:
        moving = _open_tier(identity, picture_size, _moving_tier(), "auto", background)
        return MuseTalkGenerator(moving, load_musetalk(engine))
    chosen = choose_engine(tier, engine)
    if chosen is None:
        return GeometryGenerator(identity, picture_size, background)
    return NetworkGenerator(identity, picture_size, chosen[1], background)


@cache
def _moving_tier() -> str:
    """Return the tier that moves the photo whose mouth MuseTalk draws: the one that keeps up here."""
    return live_tier("auto", "auto")


def live_tier(tier: str, engine: str) -> str:
    """Return the tier a call is drawn by: `auto` takes a network only where it leaves time for the rest of the call.

    That is measured, in about a tenth of a second: the same two cores hold 30 pictures a second on one processor and
    fall below 28 on another (`benchmarks.call --tier lite`).

    Raises:
        ModelError: as `open_generator`.
    """
    if tier != "auto":
        return tier
    chosen = choose_engine(tier, engine)
    return "geometry" if chosen is None or measure_frame_ms(chosen[1]) > LIVE_FRAME_MS else chosen[0]


def chosen_tier(tier: str, engine: str) -> str:
    """Return in words what `open_generator` would draw with.

    Raises:
        ModelError: as `open_generator`.
    """
    if tier == PORTRAIT:
        return f"portrait (LivePortrait on {load_portrait(engine)[0].name})"
    if tier == MUSETALK:
        return f"musetalk (MuseTalk on {load_musetalk(engine).name}, over {_moving_tier()})"
    chosen = choose_engine(tier, engine)
    return "geometry" if chosen is None else f"{chosen[0]} (network on {chosen[1].name})"


@cache
def choose_engine(tier: str, engine: str) -> tuple[str, Engine] | None:
    """Return (tier, engine) of the network that will draw, None where geometry alone will.

    Raises:
        ModelError: as `open_generator`.
    """
    if tier == "geometry":
        return None
    if tier != "auto":
        if tier not in TIERS:
            raise ModelError(f"There is no tier {tier!r}: choose auto or one of {', '.join(TIERS)}.")
        return tier, load_engine(tier, engine)
    for candidate in AUTOMATIC:
        try:
            return candidate, load_engine(candidate, engine)
        except ModelError as error:
            _log.warning("%s The plain geometry draws instead.", error)
    return None
