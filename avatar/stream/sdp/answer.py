"""The answer as the peer is to read it: aiortc's, with the sections that a call does not use in their places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from avatar.stream.sdp.codecs import Formats
from avatar.stream.sdp.simulcast import layer_lines, offered_layer
from avatar.stream.sdp.text import Section, parse_sdp

FINGERPRINT: Final = "a=fingerprint:sha-256 "
"""The one that is told. aiortc tells SHA-384 and SHA-512 too; libdatachannel 0.24 takes the last of an answer, but has
by then begun to hash our certificate with SHA-256, if a check of ours has already shown it the way."""
SectionUse: TypeAlias = Literal["used", "idle", "refused"]
"""What becomes of an offered section. Idle: it stays in the bundle, which it may lead, and nothing flows in it."""

NO_NAME: Final = "0"
"""What a section without a name is called towards aiortc; its answer goes without again."""
_EXTENSION: Final = "a=extmap:"
_TRANSPORT: Final = ("c=", "a=candidate:", "a=end-of-candidates", "a=ice-", FINGERPRINT, "a=setup:")


@dataclass(frozen=True, slots=True)
class OfferedSection:
    """A section of an offer, and what becomes of it."""

    section: Section
    use: SectionUse
    formats: Formats


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """What an answer to an offer has to look like."""

    sections: tuple[OfferedSection, ...]
    """Every section of the offer, in its order: an answer has as many (RFC 3264)."""
    bundle: tuple[str, ...]
    """Names of the sections that share one transport, the leading one first; empty where the offer bundles nothing."""
    knows_ice2: bool
    """The peer does ICE as RFC 8445 has it, and is to be told that we do."""


def complete_answer(answer_sdp: str, plan: AnswerPlan) -> str:
    """Return aiortc's answer to the sections it was shown, made into one to the whole offer (RFC 8829, RFC 9143)."""
    answer = parse_sdp(answer_sdp)
    answered = {section.mid: section for section in answer.sections}
    lines = [line for line in answer.session.lines if not line.startswith("a=group:")]
    if plan.bundle:
        lines.append(f"a=group:BUNDLE {' '.join(plan.bundle)}")
    if plan.knows_ice2:
        lines.append("a=ice-options:ice2")
    for offered in plan.sections:
        section = offered.section
        if offered.use == "used":
            lines += _used(section, answered[section.mid or NO_NAME])
        else:
            lines += _idle(offered, answer.sections[0]) if offered.use == "idle" else _refused(section)
    return "\r\n".join(lines) + "\r\n"


def _used(section: Section, answered: Section) -> list[str]:
    lines = [f"m={section.kind} {answered.port} {section.profile} {' '.join(answered.formats)}"]
    lines += [line for line in answered.lines if not line.startswith("a=fingerprint:") or line.startswith(FINGERPRINT)]
    received = {value.partition("/")[0] for value in section.values("extmap") if "/recvonly " in value}
    lines = [_sent_only(line) if _extension_number(line) in received else line for line in lines]
    if section.mid is None:
        lines = [line for line in lines if not line.startswith("a=mid:")]
    if section.has("rtcp-mux-only"):
        lines.append("a=rtcp-mux-only")
    layer = offered_layer(section) if section.kind == "video" else None
    if layer is not None and answered.direction() in ("sendrecv", "recvonly"):
        lines += layer_lines(layer)
    return lines


def _extension_number(line: str) -> str | None:
    """Return the number of a header extension, as it stands in its line; None for other lines."""
    return line.removeprefix(_EXTENSION).partition(" ")[0] if line.startswith(_EXTENSION) else None


def _sent_only(line: str) -> str:
    """Return an extension's line as the answer to a peer that only receives it (RFC 8285, 5)."""
    return line.replace(" ", "/sendonly ", 1)


def _idle(offered: OfferedSection, answered: Section) -> list[str]:
    section, formats = offered.section, offered.formats
    return [
        f"m={section.kind} {answered.port} {section.profile} {' '.join(map(str, formats.numbers))}",
        *(line for line in answered.lines if line.startswith(_TRANSPORT)),
        "a=inactive",
        f"a=mid:{section.mid}",
        "a=rtcp-mux",
        *formats.lines,
    ]


def _refused(section: Section) -> list[str]:
    lines = [f"m={section.kind} 0 {section.profile} {' '.join(section.formats)}", "c=IN IP4 0.0.0.0", "a=inactive"]
    if section.mid is not None:
        lines.append(f"a=mid:{section.mid}")
    return lines
