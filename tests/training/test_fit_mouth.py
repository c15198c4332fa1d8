"""The light in a mouth is learnt from mouths, and drawn in a call as it was fitted."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra `train`")

from avatar.generator.mouth_shade import FEATURES, MouthShade
from avatar.generator.tuning.packed_clips import PackedClip
from training.fit_mouth import card, cross_validate, fit, predict
from training.mouth_pixels import gather


def test_mouths_are_learnt_and_drawn_as_they_were_learnt(
    packed_clips: list[PackedClip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.mouth_pixels.PHOTOS", 1)
    monkeypatch.setattr("training.mouth_pixels.TARGETS", 4)
    monkeypatch.setattr("training.fit_mouth.STEPS", 40)
    monkeypatch.setattr("training.fit_mouth.BATCH", 256)
    pixels = gather(packed_clips[:2], seed=0)
    assert pixels.features.shape[1] == FEATURES and np.isfinite(pixels.features).all()
    weights = fit(pixels, pixels.clip, np.ones(len(pixels.clip), np.bool_))
    made = predict(weights, pixels)
    plain = np.abs(pixels.real.astype(float) - np.median(pixels.real, axis=0)).mean()
    assert np.abs(made - pixels.real).mean() < 0.7 * plain

    drawn = MouthShade(weights)(pixels.features, pixels.light[0]).astype(float)
    share = drawn[:, 3:] / 255
    assert np.abs(drawn[:, :3] * (1 - share) + pixels.moved * share - made).mean() < 2, "rounded to bytes"

    found = cross_validate(pixels, ["anna", "ben"])
    assert np.isfinite([found.ratio, found.levels, found.drawn_levels]).all()
    assert "| NASA | public domain | 2 |" in card(packed_clips[:2], pixels, found)
