"""Which of a section's payload types a call can use, written so that aiortc reads them as they were meant.

aiortc 1.16 compares the parameters of H.264 as they stand: a blank after the `;` (which RFC 6184's own examples have),
a capital letter or a level it does not list make it refuse a format it could use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiortc.sdp import H264Profile, parse_h264_profile_level_id

from avatar.stream.sdp.text import Section
from avatar.timing.rtp_clock import VIDEO_RATE

TAKEN: Final[Mapping[str, str]] = {
    "video": "H.264 with packetization-mode=1 and a baseline profile (profile-level-id=42e01f or 42001f), or VP8",
    "audio": "Opus, G.722, PCMU or PCMA",
}
"""What a call can use, in words for the user."""

_STATIC: Final[Mapping[int, str]] = {0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000"}
"""Payload types that need no rtpmap (RFC 3551)."""
_AUDIO: Final = {"opus": 48_000, "g722": 8000, "pcmu": 8000, "pcma": 8000}
_H264_PROFILES: Final = {H264Profile.PROFILE_CONSTRAINED_BASELINE: "42e01f", H264Profile.PROFILE_BASELINE: "42001f"}
_DYNAMIC: Final = range(96, 128)
_RTPMAP: Final = re.compile(r"([0-9]{1,3}) +([A-Za-z0-9._-]{1,32})/([0-9]{1,6})(?:/([0-9]{1,2}))?")
_FEEDBACK: Final = re.compile(r"(\*|[0-9]{1,3}) ([A-Za-z0-9-]{1,32}(?: [A-Za-z0-9-]{1,32})?)")
_NAMED_IN_A_REFUSAL: Final = 8


@dataclass(frozen=True, slots=True)
class PayloadType:
    """One format of a section."""

    number: int
    encoding: str
    """Its name, as offered."""
    clock_rate: int
    parameters: Mapping[str, str]
    """From `a=fmtp`; names in small letters."""
    feedback: tuple[str, ...]
    """From `a=rtcp-fb`."""

    def __str__(self) -> str:
        if self.encoding.lower() != "h264":
            return self.encoding
        mode, profile = self.parameters.get("packetization-mode", "0"), self.parameters.get("profile-level-id", "none")
        return f"{self.encoding} (packetization-mode={mode[:8]}, profile-level-id={profile[:8]})"


@dataclass(frozen=True, slots=True)
class Formats:
    """What a section can be used for, read from it once."""

    lines: tuple[str, ...]
    """The lines that describe it to aiortc."""
    numbers: tuple[int, ...] = ()
    """Of video or audio: the payload types that a call can use, the most wanted first; empty where there are none."""
    offered: tuple[str, ...] = ()
    """Of video or audio: the names of all that are offered."""


def payload_types(section: Section) -> tuple[PayloadType, ...]:
    """Return the formats of a section of video or audio, the most wanted first; what nobody can read is left out."""
    maps: dict[int, re.Match[str]] = {}
    for value in section.values("rtpmap"):
        if (found := _RTPMAP.fullmatch(value)) is not None:
            maps.setdefault(int(found[1]), found)
    parameters, feedback = _parameters(section), _feedback(section)
    read: dict[int, PayloadType] = {}
    for word in section.formats:
        number = int(word) if re.fullmatch("[0-9]{1,3}", word) else -1
        found = maps.get(number) or _RTPMAP.fullmatch(f"{number} {_STATIC.get(number, '')}")
        if found is not None:
            named = dict.fromkeys([*feedback.get("*", ()), *feedback.get(str(number), ())])
            payload = PayloadType(number, found[2], int(found[3]), parameters.get(str(number), {}), tuple(named))
            read.setdefault(number, payload)
    return tuple(read.values())


def media_formats(section: Section) -> Formats:
    """Return the formats of a section of video or audio that a call can use."""
    offered = payload_types(section)
    taken = {payload.number: parameters for payload in offered if (parameters := _usable(section.kind, payload))}
    for payload in offered:
        apt = payload.parameters.get("apt", "")
        if section.kind == "video" and payload.encoding.lower() == "rtx" and apt.isdecimal() and int(apt) in taken:
            taken[payload.number] = f"apt={int(apt)}"
    lines: list[str] = []
    for payload in offered:
        if payload.number in taken:
            lines.append(f"a=rtpmap:{payload.number} {payload.encoding}/{payload.clock_rate}")
            lines += [f"a=rtcp-fb:{payload.number} {feedback}" for feedback in payload.feedback]
            if "=" in taken[payload.number]:
                lines.append(f"a=fmtp:{payload.number} {taken[payload.number]}")
    numbers = tuple(payload.number for payload in offered if payload.number in taken)
    names = dict.fromkeys(str(payload) for payload in offered if payload.encoding.lower() != "rtx")
    return Formats(tuple(lines), numbers, tuple(names))


def why_none(kind: str, formats: Formats) -> str:
    """Return the sentence for a section of video or audio without a format that a call can use."""
    named = ", ".join(formats.offered[:_NAMED_IN_A_REFUSAL]) or "none that has a name"
    return (
        f"The offer's {kind} has no format that a call can use. It takes {TAKEN[kind]}, with a "
        f"payload type of {_DYNAMIC.start} to {_DYNAMIC.stop - 1} where the number is free. Offered: {named}."
    )


def _usable(kind: str, payload: PayloadType) -> str | None:
    """Return the parameters to tell aiortc, `-` for none; None where a call cannot use this."""
    name = payload.encoding.lower()
    if kind == "audio":
        known = _STATIC.get(payload.number, "").lower() == f"{name}/{payload.clock_rate}"
        return "-" if _AUDIO.get(name) == payload.clock_rate and (known or payload.number in _DYNAMIC) else None
    if payload.clock_rate != VIDEO_RATE or payload.number not in _DYNAMIC:
        return None
    return _h264_parameters(payload) if name == "h264" else "-" if name == "vp8" else None


def _h264_parameters(payload: PayloadType) -> str | None:
    profile = payload.parameters.get("profile-level-id", "42e01f")
    if payload.parameters.get("packetization-mode") != "1" or re.fullmatch("[0-9a-fA-F]{6}", profile) is None:
        return None
    try:
        # The level is what the peer can receive at most; any is enough, and aiortc does not know all of them.
        known, _ = parse_h264_profile_level_id(f"{profile[:4]}1f")
    except ValueError:
        return None
    written = _H264_PROFILES.get(known)
    return written and f"level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={written}"


def _parameters(section: Section) -> dict[str, dict[str, str]]:
    """Return the format parameters of each payload type."""
    found: dict[str, dict[str, str]] = {}
    for value in section.values("fmtp"):
        number, _, rest = value.partition(" ")
        for parameter in rest.split(";"):
            name, _, content = parameter.partition("=")
            found.setdefault(number, {})[name.strip().lower()] = content.strip()
    return found


def _feedback(section: Section) -> dict[str, list[str]]:
    """Return the RTCP feedback of each payload type; `*` stands for all."""
    found: dict[str, list[str]] = {}
    for value in section.values("rtcp-fb"):
        if (match := _FEEDBACK.fullmatch(value)) is not None:
            found.setdefault(match[1], []).append(match[2])
    return found
