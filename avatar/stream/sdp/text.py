"""The text of a session description (SDP, RFC 8866) cut into its lines, before anybody judges what they say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

DIRECTIONS: Final = ("sendrecv", "sendonly", "recvonly", "inactive")

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_MEDIA: Final = re.compile(r"([A-Za-z0-9-]{1,32}) ([0-9]{1,5})(?:/[0-9]{1,5})? ([A-Za-z0-9/-]{1,64}) (\S.*)")


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a whole session, or of one of its sections; without their ends."""

    lines: tuple[str, ...]

    def values(self, attribute: str) -> tuple[str, ...]:
        """Return what stands behind each `a=attribute:`, without blanks at either end."""
        prefix = f"a={attribute}:"
        return tuple(line[len(prefix) :].strip() for line in self.lines if line.startswith(prefix))

    def value(self, attribute: str) -> str | None:
        """Return what stands behind the first `a=attribute:`; None where there is none."""
        found = self.values(attribute)
        return found[0] if found else None

    def has(self, flag: str) -> bool:
        """Return whether there is a line `a=flag`."""
        return f"a={flag}" in self.lines

    def direction(self) -> str | None:
        """Return the direction that is stated here; None where none is."""
        return next((direction for direction in DIRECTIONS if self.has(direction)), None)


@dataclass(frozen=True, slots=True)
class Section(Lines):
    """A media section: its `m=` line taken apart, and the lines that follow it."""

    kind: str
    """video, audio, application, or what else there is."""
    port: int
    profile: str
    """How it is carried, such as UDP/TLS/RTP/SAVPF."""
    formats: tuple[str, ...]
    """RTP: payload types. Data: webrtc-datachannel."""

    @property
    def mid(self) -> str | None:
        """Its name; None where it has none."""
        return self.value("mid")


@dataclass(frozen=True, slots=True)
class SessionText:
    """A session description."""

    session: Lines
    sections: tuple[Section, ...]

    def groups(self, semantics: str) -> tuple[tuple[str, ...], ...]:
        """Return the names in each group of these semantics, such as BUNDLE."""
        found = (value.split() for value in self.session.values("group"))
        return tuple(tuple(words[1:]) for words in found if words and words[0] == semantics)

    def direction_of(self, section: Section) -> str:
        """Return the direction of a section: its own, the session's, or the default (RFC 8866, 6.7)."""
        return section.direction() or self.session.direction() or "sendrecv"


def parse_sdp(text: str) -> SessionText:
    """Cut a session description into lines. Raises ValueError where it does not begin as one or a section does not."""
    lines = [line.rstrip() for line in _LINE_END.split(text)]
    if lines[0] != "v=0":
        raise ValueError("a session description begins with v=0")
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("m="):
            blocks.append([line])
        elif line:
            blocks[-1].append(line)
    return SessionText(Lines(tuple(blocks[0])), tuple(_section(block) for block in blocks[1:]))


def _section(block: list[str]) -> Section:
    found = _MEDIA.fullmatch(block[0][2:])
    if found is None or not 0 <= int(found[2]) < 65_536:
        raise ValueError("a section begins with its kind, port, profile and formats")
    return Section(tuple(block[1:]), found[1], int(found[2]), found[3], tuple(found[4].split()))
