"""What the abuse benchmark sends, and how it counts."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from avatar.config import LimitSettings
from avatar.media.photo import UploadedPhotos
from benchmarks import abuse
from benchmarks.call_media import still_packets


def test_small_files_use_up_exactly_what_one_upload_may() -> None:
    limits = LimitSettings(upload_pixels=90_000, upload_pixels_together=800_000, photos=8)
    within = abuse.empty_photo(limits.upload_pixels_together // limits.photos)
    assert len(UploadedPhotos([abuse.empty_photo(limits.upload_pixels)], limits)) == 1
    with Image.open(io.BytesIO(within)) as photo:
        assert photo.width * photo.height == pytest.approx(100_000, rel=0.01)
    assert len(within) < 2_000


def test_the_ordinary_photo_is_larger_than_what_used_to_stay_in_memory_and_within_the_limit() -> None:
    assert 1_100_000 < len(abuse.big_photo()) < LimitSettings().upload_bytes


def test_shares_are_of_what_was_asked() -> None:
    assert abuse.Refused(asked=4, refused=3).share() == 0.75
    assert np.isnan(abuse.Refused().share())


def test_a_still_picture_makes_a_camera() -> None:
    packets = still_packets(np.full((100, 100, 3), 90, np.uint8), seconds=0.2)
    assert len(packets) == 10
    assert all(packets)
