"""The size of the pictures that an encoded camera frame announces: read before a decoder makes room for them.

Sources: VP8 key frames, RFC 6386 section 9.1; H.264 sequence parameter sets, ITU-T H.264 sections 7.3.2.1.1 and
7.4.1.1 (bytes put in so that no start code arises).
"""

from __future__ import annotations

import contextlib
import re
from typing import Final

_VP8_KEY_FRAME: Final = b"\x9d\x01\x2a"
_SEQUENCE_PARAMETERS: Final = re.compile(rb"\x00\x00\x01[\x07\x27\x47\x67\x87\xa7\xc7\xe7]", re.DOTALL)
"""Start code and type 7, whatever the importance in the bits before it."""
_LONGEST_SET: Final = 1024
_MOST_SETS: Final = 8
"""Bytes of a parameter set that are looked at, and sets of a frame: real encoders send one of some 30 bytes."""
_BEYOND: Final = (1 << 16, 1 << 16)
"""A frame with more sets is none of a camera's, and counts as larger than any."""
_WITH_CHROMA_FORMAT: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""H.264 profiles whose parameters say how colours are stored."""
_MACROBLOCK: Final = 16
_LONGEST_NUMBER: Final = 32
"""Bits of the longest number in a parameter set."""


class SizeGate:
    """Lets a camera's frames through to its decoder while their pictures are no larger than allowed.

    A frame that cannot be decoded without one that was kept out is kept out, too.
    """

    def __init__(self, most: int) -> None:
        """`most` is the longest side in pixels."""
        self._most = most
        self.too_large: tuple[int, int] | None = None
        """(width, height) of what is kept out just now."""
        self.kept_out = 0
        """Frames so far."""

    def lets_through(self, mime_type: str, frame: bytes) -> bool:
        """Return whether a frame may be decoded. `mime_type` as aiortc names it; others than H.264 and VP8 may."""
        size = announced_size(mime_type, frame)
        if size is not None:
            self.too_large = size if max(size) > self._most else None
        self.kept_out += self.too_large is not None
        return self.too_large is None


def announced_size(mime_type: str, frame: bytes) -> tuple[int, int] | None:
    """Return (width, height) that a whole encoded frame announces, rounded up to what a decoder makes room for.

    None where it announces none, or nothing that can be read.
    """
    kind = mime_type.lower()
    if kind == "video/vp8":
        return _vp8_size(frame)
    return _h264_size(frame) if kind == "video/h264" else None


def _vp8_size(frame: bytes) -> tuple[int, int] | None:
    if len(frame) < 10 or frame[0] & 1 or frame[3:6] != _VP8_KEY_FRAME:
        return None
    width, height = (int.from_bytes(frame[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    return width, height


def _h264_size(frame: bytes) -> tuple[int, int] | None:
    """Return the largest size of the sequence parameter sets in a frame with start codes (annex B)."""
    sizes = []
    for number, found in enumerate(_SEQUENCE_PARAMETERS.finditer(frame)):
        if number == _MOST_SETS:
            return _BEYOND
        with contextlib.suppress(IndexError, ValueError):  # no parameter set
            sizes.append(_sequence_size(frame[found.end() : found.end() + _LONGEST_SET]))
    return max(sizes, key=max, default=None)


class _Bits:
    """Reads a parameter set bit by bit. Raises IndexError at its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data.replace(b"\x00\x00\x03", b"\x00\x00")
        self._at = 0

    def bit(self) -> int:
        value = self._data[self._at >> 3] >> (7 - (self._at & 7)) & 1
        self._at += 1
        return value

    def skip(self, bits: int) -> None:
        self._at += bits

    def number(self) -> int:
        """Read an Exp-Golomb number, ue(v). Raises ValueError where it is none."""
        zeros = 0
        while not self.bit():
            zeros += 1
            if zeros > _LONGEST_NUMBER:
                raise ValueError
        value = 1
        for _ in range(zeros):
            value = value << 1 | self.bit()
        return value - 1

    def signed(self) -> int:
        """Read a signed Exp-Golomb number, se(v)."""
        value = self.number()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def _sequence_size(parameters: bytes) -> tuple[int, int]:
    """Return (width, height), cropping aside, of a sequence parameter set without its first byte."""
    bits = _Bits(parameters)
    profile = parameters[0]
    bits.skip(24)  # profile, constraints, level
    bits.number()  # which parameter set
    if profile in _WITH_CHROMA_FORMAT:
        if (chroma_format := bits.number()) == 3:
            bits.skip(1)
        bits.number()  # bit depths
        bits.number()
        bits.skip(1)
        if bits.bit():
            for index in range(8 if chroma_format != 3 else 12):
                if bits.bit():
                    _skip_scaling_list(bits, 16 if index < 6 else 64)
    bits.number()  # frame numbers' length
    if (order := bits.number()) == 0:
        bits.number()
    elif order == 1:
        bits.skip(1)
        bits.signed()
        bits.signed()
        for _ in range(min(bits.number(), 255)):
            bits.signed()
    bits.number()  # reference frames
    bits.skip(1)
    columns, rows = bits.number() + 1, bits.number() + 1
    fields = 1 - bits.bit()
    return columns * _MACROBLOCK, rows * _MACROBLOCK * (1 + fields)


def _skip_scaling_list(bits: _Bits, length: int) -> None:
    last = following = 8
    for _ in range(length):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last
