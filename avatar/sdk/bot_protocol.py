"""Messages of the data channel between a program that speaks and the server that draws for it.

program -> server: begin, mood, feel, gesture, look, attend, background, ping (JSON text), and each tick (bytes)
server -> program: hello, clock, pong, background, error, bye (JSON text); others are not looked at

A tick asks for one picture and carries its mouth's input: 26 bytes (`_TICK`, little-endian), then 16-bit samples at
16 kHz. `docs/protocol.md` describes them.
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
from avatar.motion.voice_cut import VoiceCut
from avatar.perception.speech.log_mel import RATE
from avatar.sdk.speech_playout import MouthInput
from avatar.stream.data_channel import LONGEST_REFUSAL, VERSION, Vocabulary
from avatar.stream.page_reports import BackgroundMessage, Bye, Clock, ErrorMessage, Pong

MOUTH_RATE: Final = RATE
"""Samples a second of a mouth's input: the rate of its network's features."""
MOST_SOUND_S: Final = 1.5
"""Sound in one tick: a picture's time, a second at most, and what is known beyond it."""
REPORT_BYTES: Final = 65_536
"""A longer message is none of a server of ours."""

_TICK: Final = struct.Struct("<BBIdId")
"""Version, whether sound flows, the tick's number, the moment of the first sample, the latest interruption's number and
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
    """Asks for a pong, once a second."""


@dataclass(frozen=True, slots=True)
class SetBackground:
    """Put something else behind the avatar."""

    background: Annotated[str, Field(min_length=1, max_length=64)]
    """keep, blur, transparent, a colour as #RRGGBB, or the id of a picture that was uploaded."""


@dataclass(frozen=True, slots=True)
class TickRequest:
    """A picture that the program wants."""

    index: int
    mouth: MouthInput


BotRequest: TypeAlias = Begin | Ping | SetBackground | Cue
BACKGROUND_REPLY: Final = "background"
"""What an error about a background replies to."""
BOT_REQUESTS: Final = Vocabulary[BotRequest](
    {
        "begin": Begin,
        "ping": Ping,
        "background": SetBackground,
        "mood": Mood,
        "feel": Feel,
        "gesture": Gesture,
        "look": Look,
        "attend": Attend,
    }
)
"""What a program sends as text."""

Side: TypeAlias = Annotated[int, Field(ge=2, le=MAX_SIDE_PX)]


@dataclass(frozen=True, slots=True)
class ServerHello:
    """What a program looks at of the server's first message: the size of its pictures, in pixels."""

    width: Side
    height: Side


ServerReport: TypeAlias = ServerHello | Clock | Pong | BackgroundMessage | ErrorMessage | Bye
SERVER_REPORTS: Final = Vocabulary[ServerReport](
    {
        "hello": ServerHello,
        "clock": Clock,
        "pong": Pong,
        "background": BackgroundMessage,
        "error": ErrorMessage,
        "bye": Bye,
    }
)
"""What a program looks at of what the server sends."""


def write_tick(tick: TickRequest) -> bytes:
    """Return the bytes of a tick, whose samples are at `MOUTH_RATE`."""
    mouth = tick.mouth
    head = _TICK.pack(VERSION, mouth.speaking, tick.index, mouth.begin_s, mouth.cut.number, mouth.cut.time_s)
    return head + mouth.samples.astype("<i2").tobytes()


def read_bot_message(message: str | bytes, *, limit_bytes: int, fps: int) -> BotRequest | TickRequest:
    """Check one message from a program, which sends `fps` ticks a second. Raises ControlError."""
    if isinstance(message, bytes):
        return _read_tick(message, fps)
    request = BOT_REQUESTS.read(message, limit_bytes=limit_bytes)
    if not isinstance(request, Begin | Ping | SetBackground):
        try:
            check_cue(request)
        except CueError as error:
            raise ControlError(str(error)[:LONGEST_REFUSAL]) from error
    return request


def _read_tick(message: bytes, fps: int) -> TickRequest:
    count, odd = divmod(len(message) - _TICK.size, 2)
    if count < 0 or odd or count > MOST_SOUND_S * MOUTH_RATE:
        raise ControlError(f"A tick of {len(message)} bytes is none: a head and at most {MOST_SOUND_S} s of sound.")
    version, speaking, index, begin_s, cut, cut_s = _TICK.unpack_from(message)
    time_s = index / fps
    if version != VERSION or speaking > 1:
        raise ControlError(f"The tick is of another version than {VERSION}.")
    if not (abs(begin_s - time_s) <= MOST_SOUND_S and 0 <= cut_s <= time_s + MOST_SOUND_S):
        raise ControlError("The tick's moments are far from its own.")
    samples = np.frombuffer(message, "<i2", offset=_TICK.size).astype(np.int16)
    return TickRequest(index, MouthInput(time_s, begin_s, samples, bool(speaking), VoiceCut(cut, cut_s)))
