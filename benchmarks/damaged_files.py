"""Files damaged by chance, for tests and benchmarks that try what becomes of them."""

from __future__ import annotations

from hypothesis import strategies as st

Change = tuple[str, float, float, int]
"""What is done to a file: how, where (a share of it), how far, and with which byte."""
places = st.one_of(st.floats(0, 1), st.floats(0, 0.02), st.floats(0.97, 1))
"""Heads and ends hold what the rest is read by."""
changes = st.lists(
    st.tuples(
        st.sampled_from(("flip", "fill", "cut", "repeat", "swap", "end")),
        places,
        st.floats(0, 1).map(lambda share: share**4),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=6,
)


def damaged(data: bytes, done: list[Change]) -> bytes:
    """Return a file's bytes after some changes."""
    kept = bytearray(data)
    for how, place, share, byte in done:
        at = round(place * len(kept))
        until = min(at + 1 + round(share * len(kept) / 2), len(kept))
        if how == "flip" and at < len(kept):
            kept[at] ^= byte or 255
        elif how == "fill":
            kept[at:until] = bytes([byte]) * (until - at)
        elif how == "cut":
            del kept[at:until]
        elif how == "repeat":
            kept[at:at] = kept[at:until]
        elif how == "swap":
            kept[at:until] = kept[at:until][::-1]
        elif how == "end" and place > 0.3:
            del kept[at:]
    return bytes(kept)
