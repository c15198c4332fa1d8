"""The watermark's error-correcting code and the numbers it carries."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from avatar.trust.watermark_code import CODED_BITS, decode, encode
from avatar.trust.watermark_numbers import MarkNumbers, call_number, day_number


@pytest.mark.parametrize("number", [0, 1, 0xDEADBEEF, 2**32 - 1])
def test_what_is_encoded_is_decoded(number: int) -> None:
    coded = encode(number)
    assert coded.shape == (CODED_BITS,) and decode(coded.astype(np.float32)) == number


def test_noise_three_times_as_strong_as_the_bits_energy_is_corrected() -> None:
    """Soft decisions: at Eb/N0 of 5 dB nearly every word comes through; uncoded, one bit in six would be wrong."""
    random, right = np.random.default_rng(3), 0
    for number in random.integers(0, 2**32, 20):
        right += decode((encode(int(number)) + random.normal(0, 0.9, CODED_BITS)).astype(np.float32)) == number
    assert right >= 19


def test_noise_alone_is_seldom_a_number() -> None:
    random = np.random.default_rng(4)
    read = [decode(random.normal(0, 1, CODED_BITS).astype(np.float32)) for _ in range(60)]
    assert sum(number is not None for number in read) <= 3  # the checksum lets one in 256 pass


def test_numbers_survive_packing() -> None:
    numbers = MarkNumbers(server=127, day=2047, call=16383)
    assert MarkNumbers.unpack(numbers.pack()) == numbers
    assert MarkNumbers.unpack(MarkNumbers(3, 4, 5).pack()) == MarkNumbers(3, 4, 5)
    with pytest.raises(ValueError, match="does not fit"):
        MarkNumbers(server=128, day=0, call=0)


@pytest.mark.parametrize("drawn", [datetime.date(2026, 1, 1), datetime.date(2031, 8, 9), datetime.date(2034, 2, 3)])
def test_a_mark_tells_its_day_for_more_than_five_years(drawn: datetime.date) -> None:
    numbers = MarkNumbers(0, day_number(drawn), 0)
    for later in (-1, 0, 2000):  # a clock that is a day behind reads it too
        assert numbers.date(drawn + datetime.timedelta(days=later)) == drawn


def test_a_calls_number_comes_from_its_name_alone() -> None:
    assert call_number("a name") == call_number("a name") != call_number("another")
