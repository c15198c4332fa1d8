"""Counts the segments, chunks or blocks of a picture file before a decoder visits them one by one.

Decoders check what a file says of its pixels, but hardly how it is cut up: a file of millions of empty comments keeps
one busy for seconds. Parts of real files are large (JPEG segments up to 64 kB, PNG chunks of 8 kB, GIF blocks of 255
bytes).

Sources: JPEG markers, ITU-T T.81 annex B; PNG chunks, ISO/IEC 15948 section 5; GIF blocks, CompuServe GIF89a.
"""

from __future__ import annotations

from typing import Final

FEW_PARTS: Final = 1_000
"""So many no file is blamed for."""
PART_BYTES: Final = 100
"""A larger file may have one more for so many bytes."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_GIF: Final = (b"GIF87a", b"GIF89a")
_GIF_EXTENSION, _GIF_IMAGE, _GIF_END = 0x21, 0x2C, 0x3B


def has_too_many_parts(data: bytes) -> bool:
    """Return whether a JPEG (up to its first scan), PNG or GIF is cut into more parts than its bytes need."""
    most = FEW_PARTS + len(data) // PART_BYTES
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg_parts(data, most) > most
    if data.startswith(_PNG):
        return _png_parts(data, most) > most
    return data.startswith(_GIF) and _gif_parts(data, most) > most


def gif_size(data: bytes) -> tuple[int, int]:
    """Return (width, height) of a GIF's first picture: a frame may reach beyond the screen that the header names.

    (0, 0) where it has none.
    """
    at = _gif_blocks(data)
    while at + 10 <= len(data) and data[at] not in (_GIF_IMAGE, _GIF_END):
        at, _ = _next_gif_block(data, at, len(data))
    if at + 10 > len(data) or data[at] != _GIF_IMAGE:
        return 0, 0
    left, top, width, height = (int.from_bytes(data[at + 1 + 2 * n : at + 3 + 2 * n], "little") for n in range(4))
    screen_width, screen_height = (int.from_bytes(data[n : n + 2], "little") for n in (6, 8))
    return max(screen_width, left + width), max(screen_height, top + height)


def _jpeg_parts(data: bytes, most: int) -> int:
    """Count segments up to the first scan, fill bytes too."""
    at, count = 2, 0
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA and count <= most:
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        count += 1
    return count


def _png_parts(data: bytes, most: int) -> int:
    at, count = len(_PNG), 0
    while at + 8 <= len(data) and count <= most:
        at += 12 + int.from_bytes(data[at : at + 4], "big")
        count += 1
    return count


def _gif_parts(data: bytes, most: int) -> int:
    at, count = _gif_blocks(data), 0
    while at < len(data) and data[at] != _GIF_END and count <= most:
        at, parts = _next_gif_block(data, at, most)
        count += parts
    return count


def _gif_blocks(data: bytes) -> int:
    """Return where a GIF's blocks begin: after its header and its palette."""
    return 13 + _palette_bytes(data[10:11])


def _next_gif_block(data: bytes, at: int, most: int) -> tuple[int, int]:
    """Return where the block after the one at `at` begins, and of how many parts (at most `most`) that one is."""
    if data[at] == _GIF_EXTENSION:
        at += 2
    elif data[at] == _GIF_IMAGE:
        at += 11 + _palette_bytes(data[at + 9 : at + 10])
    else:
        return at + 1, 1
    count = 0
    while at < len(data) and count <= most:
        length = data[at]
        at += 1 + length
        count += 1
        if length == 0:
            break
    return at, count


def _palette_bytes(flags: bytes) -> int:
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0
