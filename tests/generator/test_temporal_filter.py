"""Still faces do not flicker, moving ones do not lag."""

from __future__ import annotations

import numpy as np

from avatar.generator.engines.engine import FrameLayers
from avatar.generator.temporal_filter import FilterState, filter_layers
from avatar.types import F32


def layers(value: float) -> FrameLayers:
    return FrameLayers(
        np.full((8, 8, 4), round(value), np.uint8),
        np.full((8, 8, 4), round(value), np.uint8),
        np.full((2, 2, 2), value / 100, np.float32),
        np.full((1, 1, 3), value, np.float32),
    )


FACE: F32 = np.random.default_rng(0).uniform(50, 200, (478, 3)).astype(np.float32)


def test_the_first_frame_is_shown_as_it_is() -> None:
    _, shown = filter_layers(None, layers(100), FACE)
    assert shown.add[0, 0, 0] == 100


def test_noise_on_a_still_face_is_halved() -> None:
    noise = np.random.default_rng(1).normal(100, 10, 400)
    state: FilterState | None = None
    seen = []
    for value in noise:
        state, shown = filter_layers(state, layers(float(value)), FACE)
        seen.append(float(shown.add[0, 0, 0]))
    assert np.diff(seen).std() < 0.5 * np.diff(noise).std()
    assert abs(np.mean(seen) - 100) < 2


def test_a_moving_mouth_is_shown_at_once() -> None:
    state, _ = filter_layers(None, layers(0), FACE)
    moved = FACE.copy()
    moved[:40, 1] += 2  # some lip landmarks fall by two pixels, the rest of the face holds still
    _, shown = filter_layers(state, layers(200), moved)
    assert shown.add[0, 0, 0] == 200


def test_nothing_is_written_into_what_was_given() -> None:
    first, second = layers(10), layers(20)
    state, _ = filter_layers(None, first, FACE)
    filter_layers(state, second, FACE)
    assert first.add[0, 0, 0] == 10 and second.add[0, 0, 0] == 20
