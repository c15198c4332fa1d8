"""What a program and the server that draws for it tell each other over the data channel, checked before it is believed.

program -> server: begin, mood, feel, gesture, look, attend, ping (JSON text), and each beat (bytes)
server -> program: hello, clock, pong, error, bye, stats (JSON text; `control` writes them)

A beat is what the mouth has to know of one picture: 26 bytes (`_BEAT`, little-endian), then 16-bit samples at 16 kHz.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, TypeAlias

import numpy as np

from avatar.errors import ControlError, CueError
from avatar.motion.cues import Attend, Cue, Feel, Gesture, Look, Mood, check_cue
from avatar.motion.idle import HIGHEST_SEED
from avatar.perception.speech.log_mel import RATE
from avatar.sdk.speech_playout import Cut, Told

VERSION: Final = 1
MOUTH_RATE: Final = RATE
"""Samples a second that a mouth is told: what its network hears."""
MOST_TOLD_S: Final = 1.5
"""Sound in one beat: a picture's time, a second at most, and what is known beyond it."""
REPORT_BYTES: Final = 65_536
"""A longer message is none of a server of ours."""
LONGEST_WORD: Final = 64

_BEAT: Final = struct.Struct("<BBIdId")
"""Version, whether sound flows, the beat's number, the moment of the first sample, the latest interruption's number and
moment."""


@dataclass(frozen=True, slots=True)
class Begin:
    """The first message: how the avatar is to be."""

    liveliness: float = 1.0
    """Of the mouth, 0..2."""
    seed: int = 0
    """0 to `HIGHEST_SEED`."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there? Once a second."""


@dataclass(frozen=True, slots=True)
class BeatToDraw:
    """One beat."""

    index: int
    told: Told


Asked: TypeAlias = Begin | Ping | BeatToDraw | Cue
_KINDS: Final[dict[str, type[Any]]] = {
    "begin": Begin, "ping": Ping, "mood": Mood, "feel": Feel, "gesture": Gesture, "look": Look, "attend": Attend,
}  # fmt: skip
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


def write_asked(asked: Begin | Ping | Cue) -> str:
    """Return the JSON text of a message to the server."""
    values = {name: value if isinstance(value, str | int) else float(value) for name, value in asdict(asked).items()}
    return json.dumps({"v": VERSION, "type": _NAMES[type(asked)], **values})


def write_beat(beat: BeatToDraw) -> bytes:
    """Return the bytes of a beat, whose samples are at `MOUTH_RATE`."""
    told = beat.told
    head = _BEAT.pack(VERSION, told.speaking, beat.index, told.begin_s, told.cut.number, told.cut.time_s)
    return head + told.samples.astype("<i2").tobytes()


def read_asked(message: str | bytes, *, limit_bytes: int, fps: int) -> Asked:
    """Check one message from a program, which sends `fps` beats a second. Raises ControlError."""
    if isinstance(message, bytes):
        return _read_beat(message, fps)
    if len(message) > limit_bytes:
        raise ControlError(f"The message is longer than {limit_bytes} bytes.", code="message_too_large")
    told = _read_object(message)
    kind = _KINDS.get(str(told.pop("type", None)))
    if told.pop("v", None) != VERSION or kind is None:
        raise ControlError(f"The message is of no known version and type: version {VERSION}, {', '.join(_KINDS)}.")
    wanted = [field.name for field in fields(kind)]
    if set(told) != set(wanted):
        raise ControlError(f"The message {_NAMES[kind]!r} takes exactly these fields: {', '.join(wanted) or 'none'}.")
    for field in fields(kind):
        _check_value(field.name, told[field.name], wants_text=field.type not in ("float", "int"))
    asked: Begin | Ping | Cue = kind(**told)
    if isinstance(asked, Begin):
        if not (0 <= asked.liveliness <= 2 and isinstance(asked.seed, int) and 0 <= asked.seed <= HIGHEST_SEED):
            raise ControlError(f"Liveliness is from 0 to 2, and the seed a whole number from 0 to {HIGHEST_SEED}.")
    elif not isinstance(asked, Ping):
        try:
            check_cue(asked)
        except CueError as error:
            raise ControlError(str(error)) from error
    return asked


def read_report(message: str | bytes) -> dict[str, Any]:
    """Return a message of the server with its `type`, of which more is not yet believed. Raises ControlError."""
    if isinstance(message, bytes) or len(message) > REPORT_BYTES:
        raise ControlError("The server's message is none: bytes, or far too long.")
    report = _read_object(message)
    if report.get("v") != VERSION or not isinstance(report.get("type"), str):
        raise ControlError("The server's message is of another version.")
    return report


def whole_number(report: dict[str, Any], name: str, *, low: int, high: int) -> int:
    """Return a field of a report. Raises ControlError."""
    value = report.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ControlError(f"The server's message has no whole number {name!r} from {low} to {high}.")
    return value


def _read_object(message: str) -> dict[str, Any]:
    try:
        told = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise ControlError("The message is not JSON.") from error
    if not isinstance(told, dict):
        raise ControlError("The message is not a JSON object.")
    return told


def _check_value(name: str, value: object, *, wants_text: bool) -> None:
    if wants_text:
        if not isinstance(value, str) or len(value) > LONGEST_WORD:
            raise ControlError(f"The message's {name!r} is no word of at most {LONGEST_WORD} letters.")
    elif isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < math.inf:
        raise ControlError(f"The message's {name!r} is no number.")


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
