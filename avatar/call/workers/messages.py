"""What all messages between a server and the processes that hold some of its calls have in common.

A `Request` is answered by the `Reply` with its number, `Refused` where it cannot be followed. Both ends are of the same
version and from the same start, yet each message is checked as any outside input is: see `stream.data_channel`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """Wants an answer."""

    number: int
    """Unique among those of its sender that have not been answered."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Answers the other side's request of this number."""

    reply_to: int


@dataclass(frozen=True, slots=True)
class Refused(Reply):
    """It cannot be followed: an error of `avatar.errors`, by its class, code and message."""

    kind: str
    code: str
    message: str
    retry_after_s: int | None = None
