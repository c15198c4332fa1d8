"""The index of a fragmented MP4, `mfra` (ISO/IEC 14496-12, 8.8.9): where its fragments begin, for players that seek.

Something written before the fragments moves them, and the index has to say so. c2pa 0.91 lets every entry of it point
to the last fragment (`findings/c2pa_fragment_index.sh`); its hash leaves the index out, so that it may be put right.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

_HEAD: Final = 8
_MOST_BYTES: Final = 50_000_000
"""Of an index; a day of fragments has about 6 MB."""


@dataclass(frozen=True, slots=True)
class FragmentIndex:
    """An index, and where the first fragment began when it was right."""

    box: bytes
    first_moof: int


def whole_bytes(path: Path) -> int:
    """Return how much of a file is whole: without the box that its writing ended in, and without the head (`moof`) of a
    fragment whose pictures are not there. Raises OSError."""
    length, end, kind_before, begin_before = path.stat().st_size, 0, b"", 0
    with path.open("rb") as file:
        for kind, at, size in _boxes(file):
            if at + size > length:
                break
            end, kind_before, begin_before = at + size, kind, at
    return begin_before if kind_before == b"moof" else end


def fragment_index(path: Path) -> FragmentIndex | None:
    """Return the index of a file, None where it has none. Raises OSError."""
    with path.open("rb") as file:
        return _find(file)


def write_fragment_index(file: BinaryIO, index: FragmentIndex) -> None:
    """Write an index in place of the one at the end of a file whose fragments have moved, all by as much.

    Raises OSError.
    """
    now = _find(file)
    if now is None or len(now.box) != len(index.box):
        return
    moved = _moved(index.box, now.first_moof - index.first_moof)
    file.seek(-len(moved), 2)
    file.write(moved)


def _find(file: BinaryIO) -> FragmentIndex | None:
    first_moof = None
    for kind, at, size in _boxes(file):
        if kind == b"moof" and first_moof is None:
            first_moof = at
        if kind == b"mfra" and first_moof is not None and size <= _MOST_BYTES:
            file.seek(at)
            box = file.read(size)
            return FragmentIndex(box, first_moof) if file.read(1) == b"" else None
    return None


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, offset, bytes) of the outermost boxes, up to one that is none."""
    at = 0
    while True:
        file.seek(at)
        head = file.read(_HEAD + 8)
        if len(head) < _HEAD:
            return
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if size < _HEAD:
            return
        yield kind, at, size
        at += size


def _moved(box: bytes, by: int) -> bytes:
    """Return an index whose every fragment begins `by` bytes later."""
    out = bytearray(box)
    at = _HEAD
    while at + _HEAD <= len(out):
        size, kind = struct.unpack_from(">I4s", out, at)
        if size < _HEAD or at + size > len(out):
            break
        if kind == b"tfra":
            _move_entries(out, at, at + size, by)
        at += size
    return bytes(out)


def _move_entries(out: bytearray, at: int, end: int, by: int) -> None:
    """Move the entries of one track (`tfra`, 8.8.10), in place."""
    wide = out[at + _HEAD] == 1
    lengths, count = struct.unpack_from(">II", out, at + _HEAD + 8)
    numbers = sum(((lengths >> shift) & 3) + 1 for shift in (4, 2, 0))
    form, place = (">QQ", 8) if wide else (">II", 4)
    entry = at + _HEAD + 16
    for _ in range(count):
        if entry + 2 * place + numbers > end:
            return
        time, moof = struct.unpack_from(form, out, entry)
        struct.pack_into(form, out, entry, time, moof + by)
        entry += 2 * place + numbers
