"""A reference's own pixels take their share where they belong, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from avatar.generator.engines.engine import FrameLayers, Latents
from avatar.generator.identity import Identity, PersonalLatents
from avatar.generator.identity_file import identity_from_bytes, identity_to_bytes
from avatar.generator.network_input import INNER, REGIONS
from avatar.generator.reference_blending import ReferenceBlend, ReferenceBlender, show_reference_pixels
from avatar.types import U8

S = 256
LEFT, TOP, RIGHT, BOTTOM = INNER
FINE = (BOTTOM - TOP, RIGHT - LEFT, 4)
MOUTH, EYES = (slice(170, 190), slice(100, 150)), (slice(100, 110), slice(80, 170))


@pytest.fixture
def regions() -> U8:
    masks = np.zeros((len(REGIONS), S, S), np.uint8)
    masks[REGIONS.index("mouth")][MOUTH] = 255
    masks[REGIONS.index("eyes")][EYES] = 255
    return masks


def layers() -> FrameLayers:
    """The network draws a dark grey everywhere and keeps half of what was there."""
    coarse = np.zeros((S // 4, S // 4, 2), np.float32), np.zeros((S // 8, S // 8, 3), np.float32)
    return FrameLayers(np.full(FINE, 40, np.uint8), np.full(FINE, 128, np.uint8), *coarse)


def blend(mouth: float, eyes: float) -> ReferenceBlend:
    nothing = np.zeros((1, 1, 1, 1), np.float32)
    mouth_rgb, rgb = np.full((S, S, 3), 200, np.uint8), np.full((S, S, 3), 100, np.uint8)
    grid, latents = np.zeros((S // 4, S // 4, 2), np.float32), Latents(nothing, nothing)
    return ReferenceBlend(rgb, grid, latents, mouth_rgb, mouth=mouth, eyes=eyes, guessed=0.0)


def inner(layer: U8, place: tuple[slice, slice]) -> U8:
    rows, columns = place
    return layer[rows.start - TOP : rows.stop - TOP, columns.start - LEFT : columns.stop - LEFT, :3]


def test_mouth_and_eyes_show_their_own_shares(regions: U8) -> None:
    made = show_reference_pixels(layers(), blend(mouth=0.75, eyes=0.25), regions)
    assert inner(made.add, MOUTH) == pytest.approx(40 + 0.75 * 160)
    assert inner(made.add, EYES) == pytest.approx(40 + 0.25 * 60)
    # What is blend takes the place of what was there, as much as of what was drawn.
    assert inner(made.keep, MOUTH) == pytest.approx(128 * 0.25)
    assert inner(made.keep, EYES) == pytest.approx(128 * 0.75)


def test_around_them_and_in_what_the_network_gave_nothing_changes(regions: U8) -> None:
    given = layers()
    made = show_reference_pixels(given, blend(mouth=0.7, eyes=0.7), regions)
    inner(made.add, MOUTH)[:] = inner(made.add, EYES)[:] = 40
    assert (made.add == 40).all()
    assert (given.add == 40).all() and (given.keep == 128).all(), "an engine's own memory is not written to"
    assert made.shift is given.shift and made.tone is given.tone


def test_shut_and_unlike_ones_lend_nothing(regions: U8) -> None:
    for share, masks in ((0.0, regions), (0.7, np.zeros_like(regions))):
        made = show_reference_pixels(layers(), blend(mouth=share, eyes=share), masks)
        assert np.array_equal(made.add, layers().add) and np.array_equal(made.keep, layers().keep)


class CountingEngine:
    """An engine that counts the photos it is asked to encode."""

    tier, name, encoded = "lite", "counting", 0

    def encode(self, rgb: U8) -> Latents:
        self.encoded += 1
        return Latents(np.zeros((1, 16, 64, 64), np.float32), np.zeros((1, 48, 32, 32), np.float32))


@pytest.mark.parametrize(("tier", "version", "encoded"), [("lite", 4, 0), ("lite", 3, 1), ("standard", 4, 1)])
def test_latents_fitted_when_the_network_was_still_told_of_speech_are_shown(
    astronaut: Identity, tier: str, version: int, encoded: int
) -> None:
    fitted = PersonalLatents(
        tier, version, np.zeros((1, 16, 64, 64), np.float32), np.zeros((1, 48, 32, 32), np.float32)
    )
    read = identity_from_bytes(identity_to_bytes(replace(astronaut, latents=fitted)))
    engine = CountingEngine()
    ReferenceBlender(read, engine)
    assert engine.encoded == encoded, "only those of another network give way to the photo's own"
