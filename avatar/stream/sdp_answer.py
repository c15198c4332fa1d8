"""The answer as the peer is to read it: aiortc's, with the sections that a call does not take in their places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from avatar.stream.sdp_text import Section, parse_sdp

FINGERPRINT: Final = "a=fingerprint:sha-256 "
"""The one that is told. aiortc tells SHA-384 and SHA-512 too; libdatachannel 0.24 takes the last of an answer, but has
by then begun to hash our certificate with SHA-256, if a check of ours has already shown it the way."""


@dataclass(frozen=True, slots=True)
class OfferedSection:
    """A section of an offer, and what becomes of it."""

    section: Section
    mid: str | None
    """The name under which aiortc answers it; None: it is turned down, by port 0."""


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
        lines += _turned_down(offered.section) if offered.mid is None else _taken(offered, answered[offered.mid])
    return "\r\n".join(lines) + "\r\n"


def _taken(offered: OfferedSection, answered: Section) -> list[str]:
    section = offered.section
    lines = [f"m={section.kind} {answered.port} {section.profile} {' '.join(answered.formats)}"]
    lines += [line for line in answered.lines if not line.startswith("a=fingerprint:") or line.startswith(FINGERPRINT)]
    if section.mid is None:
        lines = [line for line in lines if not line.startswith("a=mid:")]
    if section.has("rtcp-mux-only"):
        lines.append("a=rtcp-mux-only")
    return lines


def _turned_down(section: Section) -> list[str]:
    lines = [f"m={section.kind} 0 {section.profile} {' '.join(section.formats)}", "c=IN IP4 0.0.0.0", "a=inactive"]
    if section.mid is not None:
        lines.append(f"a=mid:{section.mid}")
    return lines
