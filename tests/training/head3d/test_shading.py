"""Light, noise and development behave as light, noise and film do."""

from __future__ import annotations

import numpy as np

from training.head3d.shading import develop, fractal_noise, ggx, unit, wrapped_diffuse


def test_a_surface_is_brightest_where_it_faces_the_light_and_dark_from_behind() -> None:
    towards = np.array([0, 0, 1], np.float32)
    normals = unit(np.array([[0, 0, 1], [1, 0, 1], [1, 0, 0], [0, 0, -1]], np.float32))
    light = wrapped_diffuse(normals, towards, 0.2)
    assert (np.diff(light) < 0).all()
    assert light[-1] == 0


def test_a_highlight_sits_where_the_mirror_would_and_is_sharper_when_smooth() -> None:
    eye = np.array([[0, 0, 1]], np.float32)
    angles = np.linspace(-0.8, 0.8, 81)
    normals = np.stack([np.sin(angles), np.zeros_like(angles), np.cos(angles)], 1).astype(np.float32)
    towards = unit(np.array([np.sin(0.6), 0, np.cos(0.6)], np.float32))
    widths = []
    for roughness in (0.3, 0.6):
        shine = ggx(normals, towards, np.broadcast_to(eye, normals.shape), roughness, 0.04)
        assert abs(angles[shine.argmax()] - 0.3) < 0.06
        widths.append(int((shine > shine.max() / 2).sum()))
    assert widths[0] < widths[1]


def test_more_light_never_develops_darker_and_stays_in_range() -> None:
    shown = develop(np.linspace(0, 20, 2000, dtype=np.float32))
    assert (np.diff(shown) >= 0).all()
    assert shown[0] == 0
    assert shown[-1] <= 1.0001


def test_noise_is_the_same_each_time_and_different_for_another_seed() -> None:
    places = np.random.default_rng(0).random((500, 3)).astype(np.float32) * 20
    first = fractal_noise(places, 3)
    assert np.array_equal(first, fractal_noise(places, 3))
    assert np.abs(first - fractal_noise(places, 4)).mean() > 0.1
