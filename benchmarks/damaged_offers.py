"""Offers of real clients, damaged by chance, for tests and benchmarks that try what a server makes of them."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import strategies as st

OFFERS = sorted(
    path.read_bytes().decode()
    for path in (Path(__file__).resolve().parents[1] / "tests" / "stream" / "offers").glob("*.sdp")
)
LINES = sorted({line for offer in OFFERS for line in offer.splitlines()})
WORDS = sorted({word for line in LINES for word in re.split(r"[ :;=/,]", line)})
NUMBERS = ("0", "-1", "1", "15", "96", "127", "255", "65535", "65536", "4294967296", "9" * 40)
ADDRESSES = ("0.0.0.0", "127.0.0.1", "::1", "ff02::1", "a.local", "{}", "%n")  # noqa: S104  (a word of an offer)
ODD = (*NUMBERS, *ADDRESSES, "", " ", "x" * 400, "*", "é", "\x00", "\u2028", "a=", "m=", "m=audio", "IN")

words = st.one_of(st.sampled_from(ODD), st.sampled_from(WORDS), st.text(max_size=8))
places = st.integers(0, 9999)
"""Taken modulo the number of places there are."""


@st.composite
def damaged_offers(draw: st.DrawFn) -> str:
    """One client's offer, or the head of one and the tail of another's, with a few lines changed."""
    lines = draw(st.sampled_from(OFFERS)).split("\r\n")
    if draw(st.integers(0, 4)) == 0:
        other = draw(st.sampled_from(OFFERS)).split("\r\n")
        lines = lines[: draw(places) % len(lines)] + other[draw(places) % len(other) :]
    for _ in range(draw(st.integers(1, 6))):
        if len(lines) < 2:
            break
        place = 1 + draw(places) % (len(lines) - 1)  # an offer that does not begin as one is refused for that
        how = draw(st.sampled_from(("word", "word", "word", "drop", "double", "swap", "insert", "cut", "write")))
        if how == "word":
            pieces = re.split(r"([ :;=/,])", lines[place])
            pieces[2 * (draw(places) % (len(pieces) // 2 + 1))] = draw(words)
            lines[place] = "".join(pieces)
        elif how == "drop":
            del lines[place : place + draw(st.integers(1, 4))]
        elif how == "double":
            lines.insert(place, lines[place])
        elif how == "swap":
            other_place = 1 + draw(places) % (len(lines) - 1)
            lines[place], lines[other_place] = lines[other_place], lines[place]
        elif how == "insert":
            lines.insert(place, draw(st.sampled_from(LINES)))
        elif how == "cut":
            lines[place] = lines[place][: draw(places) % (len(lines[place]) + 1)]
        else:
            lines.insert(place, draw(st.sampled_from(("a=", "m=", "c=", "", "a=fmtp:96 "))) + draw(words))
    return draw(st.sampled_from(("\r\n", "\r\n", "\n"))).join(lines)
