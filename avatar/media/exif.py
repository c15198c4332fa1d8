"""A photo's orientation from its EXIF metadata, read without trusting anything else in it.

A general EXIF reader walks every entry a file claims to have, and warns of each broken one; a hostile photo can claim
tens of thousands. So a JPEG's metadata is cut off before the decoder sees it, and one entry of it is read.

Sources: JPEG markers, ITU-T T.81 annex B; EXIF orientation, CIPA DC-008 (tag 0x0112 of the first TIFF directory).
"""

from __future__ import annotations

import struct
from typing import Final

_START_OF_SCAN: Final = 0xDA
_APP1: Final = 0xE1
_METADATA: Final = frozenset({*range(_APP1, 0xF0), 0xFE} - {0xEE})
"""Application segments and comments, but not JFIF's (0xE0) and Adobe's (0xEE), which say how colours are coded."""
_ORIENTATION: Final = 0x0112
_EXIF_HEADER: Final = b"Exif\0\0"


def without_metadata(jpeg: bytes) -> tuple[bytes, bytes]:
    """Return the JPEG without its metadata segments, and its first EXIF block (at most 64 kB, empty if it has none).

    Anything that is not a well-formed JPEG up to its first scan comes back unchanged, for the decoder to judge.
    """
    if jpeg[:3] != b"\xff\xd8\xff":
        return jpeg, b""
    kept = [jpeg[:2]]
    exif = b""
    at = 2
    while True:
        if at + 4 > len(jpeg) or jpeg[at] != 0xFF:
            return jpeg, b""
        marker = jpeg[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == _START_OF_SCAN:
            kept.append(jpeg[at:])
            return b"".join(kept), exif
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        segment = jpeg[at:end]
        if marker == _APP1 and not exif and segment[4:10] == _EXIF_HEADER:
            exif = segment[4:]
        if marker not in _METADATA:
            kept.append(segment)
        at = end


def scan_count(jpeg: bytes) -> int:
    """Return how many scans a JPEG holds: within scans a 0xFF is always stuffed, so the marker cannot be data."""
    return jpeg.count(b"\xff\xda")


def orientation(exif: bytes) -> int:
    """Return the EXIF orientation, 1 to 8; 1 (upright) where there is none or it is broken."""
    tiff = exif.removeprefix(_EXIF_HEADER)
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
            if tag == _ORIENTATION:
                return value if kind == 3 and 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1
