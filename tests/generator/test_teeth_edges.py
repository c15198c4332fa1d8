"""Teeth end where drawn ones do, but only in a mouth that shows teeth there."""

from __future__ import annotations

import cv2
import numpy as np

from avatar.generator.teeth_edges import TeethEdges, away_from_lips
from avatar.types import U8

WHOLE: U8 = np.full((60, 100), 255, np.uint8)


def drawn_mouth() -> U8:
    """Return an upper row of teeth, parted every 12 pixels, over a dark cavity."""
    mouth = np.full((60, 100, 3), 30, np.uint8)
    mouth[:30] = 180
    mouth[:30, ::12] = 110
    return mouth


def shown_in(mouth: U8, rows: int = 60) -> U8:
    """Return a mouth with the edges that show in its upper rows."""
    shown, share = mouth.copy(), WHOLE.copy()
    share[rows:] = 0
    TeethEdges(drawn_mouth(), share, scale=0.75).show(shown)
    return shown


def energy(rgb: U8) -> float:
    return float((cv2.Laplacian(rgb[3:-3, 3:-3], cv2.CV_32F) ** 2).mean())


def test_the_blurred_rim_of_the_upper_teeth_becomes_crisp_and_keeps_its_light() -> None:
    soft = np.asarray(cv2.GaussianBlur(drawn_mouth(), (0, 0), 3), np.uint8)
    crisp = shown_in(soft)
    assert energy(crisp) > 5 * energy(soft)
    assert abs(float(crisp.mean()) - float(soft.mean())) < 3


def test_neither_a_dark_hole_nor_a_tongue_has_teeth() -> None:
    for colour in ((12, 6, 6), (150, 80, 90)):
        mouth = np.full((60, 100, 3), colour, np.uint8)
        assert np.abs(shown_in(mouth).astype(int) - mouth).max() <= 2


def test_a_colour_that_has_neither_red_nor_green_stays() -> None:
    mouth = np.full((60, 100, 3), (0, 0, 120), np.uint8)  # a drawn creature's
    shown = shown_in(mouth, rows=20)
    assert np.array_equal(shown[24:], mouth[24:]) and shown[..., 2].min() > 60


def test_an_even_row_of_pale_teeth_parts_where_drawn_ones_do() -> None:
    teeth = shown_in(np.full((60, 100, 3), (170, 160, 150), np.uint8), rows=26)[8:22]
    gaps, between = teeth[:, 12:90:12].mean(), teeth[:, 18:90:12].mean()
    assert gaps < 0.9 * between


def test_lips_keep_teeth_at_a_distance() -> None:
    mouth = np.zeros((256, 256), np.uint8)
    assert not away_from_lips(mouth).any()
    mouth[100:130, 80:160] = 255
    shown = away_from_lips(mouth)
    assert shown[115, 120] == 255 and not shown[mouth == 0].any()
    assert shown[129, 120] < 128 and shown[115, 82] == 0 and shown[101, 120] == 255
