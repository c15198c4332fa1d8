"""Error-correcting code of the watermark: 32 bits, a checksum, and a convolutional code with soft decisions.

The code is the one of rate 1/3 and constraint length 9 of IS-95 (TIA/EIA-95-B, 6.1.3.1.3), whose generators are 557,
663 and 711 in octal; it is decoded by the Viterbi algorithm (A. J. Viterbi, IEEE Transactions on Information Theory
13(2), 1967). The checksum is CRC-8 with the polynomial 0x2F (AUTOSAR CRC library, 7.2.1.2), not inverted.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avatar.trust.watermark_numbers import NUMBER_BITS
from avatar.types import F32

I8 = NDArray[np.int8]

CHECK_BITS: Final = 8
_CHECK_POLYNOMIAL: Final = 0x2F
_GENERATORS: Final = (0o557, 0o663, 0o711)
_MEMORY: Final = 8
_STATES: Final = 1 << _MEMORY
_STEPS: Final = NUMBER_BITS + CHECK_BITS + _MEMORY
"""The last bits are zeros, so that the encoder ends where it began."""
CODED_BITS: Final = _STEPS * len(_GENERATORS)


def encode(number: int) -> I8:
    """Return a number of 32 bits as (144,) coded bits, each 1 or -1."""
    word = (number << CHECK_BITS | _check(number)) << _MEMORY
    state, coded = 0, []
    for step in reversed(range(_STEPS)):
        register = (word >> step & 1) << _MEMORY | state
        coded += [1 - 2 * ((register & generator).bit_count() & 1) for generator in _GENERATORS]
        state = register >> 1
    return np.array(coded, np.int8)


def decode(soft: F32) -> int | None:
    """Return the number whose code is the likeliest, or None where its checksum is wrong.

    Args:
        soft: (144,), per coded bit how much speaks for 1, and against it where negative; any unit.
    """
    before, bit, signs = _trellis()
    values = np.asarray(soft, np.float64).reshape(_STEPS, len(_GENERATORS))
    score = np.full(_STATES, -np.inf)
    score[0] = 0.0
    came_from = np.empty((_STEPS, _STATES), np.int64)
    for step in range(_STEPS):
        both = score[before] + signs @ values[step]  # (states, 2): by either state before
        came_from[step] = both.argmax(axis=1)
        score = both.max(axis=1)
        if step >= NUMBER_BITS + CHECK_BITS:
            score[bit == 1] = -np.inf
    state, word = 0, 0
    for step in reversed(range(_STEPS)):
        word |= int(bit[state]) << _STEPS - 1 - step
        state = int(before[state, came_from[step, state]])
    word >>= _MEMORY
    number = word >> CHECK_BITS
    return number if word & (1 << CHECK_BITS) - 1 == _check(number) else None


def _check(number: int) -> int:
    remainder = number << CHECK_BITS
    for position in reversed(range(NUMBER_BITS)):
        if remainder >> position + CHECK_BITS & 1:
            remainder ^= (1 << CHECK_BITS | _CHECK_POLYNOMIAL) << position
    return remainder


@cache
def _trellis() -> tuple[NDArray[np.int64], NDArray[np.int64], F32]:
    """Return (256, 2) states that lead to each state, (256,) the bit that does, and (256, 2, 3) what is sent then."""
    after = np.arange(_STATES)
    bit = after >> _MEMORY - 1
    before = (after << 1 & _STATES - 1)[:, None] | np.array([0, 1])
    registers = bit[:, None] << _MEMORY | before
    sent = [[[1 - 2 * ((int(r) & g).bit_count() & 1) for g in _GENERATORS] for r in row] for row in registers]
    return before, bit, np.array(sent, np.float32)
