"""A camera offered in several sizes at once (simulcast, RFC 8853): which one is taken, and how the answer says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from avatar.stream.sdp.text import Section

RID_EXTENSION: Final = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
"""By it a packet says which of the streams it belongs to (RFC 8852)."""
_NAME: Final = re.compile("[A-Za-z0-9_-]{1,16}")
_SEND: Final = re.compile(r"(?:^| )send +(\S{1,512})")
_EXTENSION: Final = re.compile(r"([0-9]{1,2})(?:/sendrecv|/sendonly)? +(\S{1,256})(?: .*)?")


@dataclass(frozen=True, slots=True)
class Layer:
    """The stream that is taken of those that are offered."""

    name: str | None = None
    """Its `rid`; None where streams are told apart by their SSRC alone."""
    extension: int | None = None
    """The number of the header extension that carries the name; None where packets do not tell it."""


def offered_layer(section: Section) -> Layer | None:
    """Return the layer to take: the first that is not paused, which is the one preferred; None without simulcast."""
    if (named := section.value("simulcast")) is not None and (sent := _SEND.search(named)) is not None:
        # Streams with `;` between them, each with alternatives after `,`; `~` says that one is paused (RFC 8853, 5.1).
        names = [stream.split(",")[0] for stream in sent[1].split(";")]
        running = [name for name in names if _NAME.fullmatch(name)]
        if running:
            return Layer(running[0], _extension(section))
    return Layer() if any(value.startswith("SIM ") for value in section.values("ssrc-group")) else None


def layer_lines(layer: Layer) -> Iterator[str]:
    """Yield the answer's lines that take one layer and no other (RFC 8853, 5.3.2)."""
    if layer.name is not None:
        yield f"a=rid:{layer.name} recv"
        yield f"a=simulcast:recv {layer.name}"


def _extension(section: Section) -> int | None:
    for value in section.values("extmap"):
        found = _EXTENSION.fullmatch(value)
        if found is not None and found[2] == RID_EXTENSION and 1 <= int(found[1]) <= 14:
            return int(found[1])
    return None
