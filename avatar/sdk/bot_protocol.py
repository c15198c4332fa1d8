"""Messages of the data channel between a program that speaks and the server that draws for it.

program -> server: begin, mood, feel, gesture, look, attend, ping (JSON text), and each beat (bytes)
server -> program: hello, clock, pong, bye (JSON text); others are not looked at

A beat is what the mouth has to know of one picture: 26 bytes (`_BEAT`, little-endian), then 16-bit samples at 16 kHz.
`docs/protocol.md` describes them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

import numpy as np
from pydantic import Field

from avatar.errors import ControlError, CueError
from avatar.media.colour import MAX_SIDE_PX
from avatar.motion.cues import Attend, Cue, Feel, Gesture, Look, Mood, check_cue
from avatar.motion.idle import HIGHEST_SEED
from avatar.perception.speech.log_mel import RATE
from avatar.sdk.speech_playout import Cut, Told
from avatar.stream.browser_messages import Bye, Clock, Pong
from avatar.stream.data_channel import LONGEST_REFUSAL, VERSION, Vocabulary

MOUTH_RATE: Final = RATE
"""Samples a second that a mouth is told: what its network hears."""
MOST_TOLD_S: Final = 1.5
"""Sound in one beat: a picture's time, a second at most, and what is known beyond it."""
REPORT_BYTES: Final = 65_536
"""A longer message is none of a server of ours."""

_BEAT: Final = struct.Struct("<BBIdId")
"""Version, whether sound flows, the beat's number, the moment of the first sample, the latest interruption's number and
moment."""


@dataclass(frozen=True, slots=True)
class Begin:
    """The first message: how the avatar is to be."""

    liveliness: Annotated[float, Field(ge=0, le=2)] = 1.0
    """Of the mouth, 0..2."""
    seed: Annotated[int, Field(ge=0, le=HIGHEST_SEED)] = 0
    """0 to `HIGHEST_SEED`."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there? Once a second."""


@dataclass(frozen=True, slots=True)
class BeatToDraw:
    """One beat."""

    index: int
    told: Told


Asked: TypeAlias = Begin | Ping | Cue
ASKED: Final = Vocabulary[Asked](
    {"begin": Begin, "ping": Ping, "mood": Mood, "feel": Feel, "gesture": Gesture, "look": Look, "attend": Attend}
)
"""What a program sends as text."""

Side: TypeAlias = Annotated[int, Field(ge=2, le=MAX_SIDE_PX)]


@dataclass(frozen=True, slots=True)
class ServerHello:
    """What a program looks at of the server's first message: the size of its pictures, in pixels."""

    width: Side
    height: Side


ServerReport: TypeAlias = ServerHello | Clock | Pong | Bye
SERVER_REPORTS: Final = Vocabulary[ServerReport]({"hello": ServerHello, "clock": Clock, "pong": Pong, "bye": Bye})
"""What a program looks at of what the server sends."""


def write_beat(beat: BeatToDraw) -> bytes:
    """Return the bytes of a beat, whose samples are at `MOUTH_RATE`."""
    told = beat.told
    head = _BEAT.pack(VERSION, told.speaking, beat.index, told.begin_s, told.cut.number, told.cut.time_s)
    return head + told.samples.astype("<i2").tobytes()


def read_asked(message: str | bytes, *, limit_bytes: int, fps: int) -> Asked | BeatToDraw:
    """Check one message from a program, which sends `fps` beats a second. Raises ControlError."""
    if isinstance(message, bytes):
        return _read_beat(message, fps)
    asked = ASKED.read(message, limit_bytes=limit_bytes)
    if not isinstance(asked, Begin | Ping):
        try:
            check_cue(asked)
        except CueError as error:
            raise ControlError(str(error)[:LONGEST_REFUSAL]) from error
    return asked


def _read_beat(message: bytes, fps: int) -> BeatToDraw:
    count, odd = divmod(len(message) - _BEAT.size, 2)
    if count < 0 or odd or count > MOST_TOLD_S * MOUTH_RATE:
        raise ControlError(f"A beat of {len(message)} bytes is none: a head and at most {MOST_TOLD_S} s of sound.")
    version, speaking, index, begin_s, cut, cut_s = _BEAT.unpack_from(message)
    time_s = index / fps
    if version != VERSION or speaking > 1:
        raise ControlError(f"The beat is of another version than {VERSION}.")
    if not (abs(begin_s - time_s) <= MOST_TOLD_S and 0 <= cut_s <= time_s + MOST_TOLD_S):
        raise ControlError("The beat's moments are far from its own.")
    samples = np.frombuffer(message, "<i2", offset=_BEAT.size).astype(np.int16)
    return BeatToDraw(index, Told(time_s, begin_s, samples, bool(speaking), Cut(cut, cut_s)))
