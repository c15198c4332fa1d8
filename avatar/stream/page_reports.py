"""What the server reports over the data channel, to a page and, some of it, to a program that speaks.

server -> page: hello, stats, camera, face, calibrated, avatar, drive, background, caption, interrupted, answered,
                pong, error, trace, recording, room, bye
server -> program: hello, clock, stats, pong, error, recording, bye (what a program says: `avatar.sdk.bot_protocol`)

`docs/protocol.md` describes them. A new message is a dataclass here and a row of `REPORTS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from avatar.stream.data_channel import Vocabulary
from avatar.timing.quality_control import Shortage
from avatar.types import Drive

TRACE_PAIRS: Final = 64
"""Most pairs of timestamps in one trace message."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message: what this call is."""

    session: str
    avatar: str | None
    drive: Drive
    """What moves the avatar as the call begins."""
    width: int
    height: int
    fps: int
    watch: str | None = None
    """The token of its watch link: whoever knows it may watch."""
    background: str | None = None
    """What is behind the avatar: keep, blur, transparent, picture or a colour as #rrggbb."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Where a call stands on the ladder of quality (`timing.quality_control`)."""

    level: int
    """0: as the call asked for."""
    why: Shortage
    """What there is too little of for level 0."""


@dataclass(frozen=True, slots=True)
class Stats:
    """How the call does, once a second."""

    fps: float
    """Pictures sent, a second."""
    camera_fps: float
    latency_ms: float | None
    """Median time from a camera frame's arrival to its picture's leaving; None when no camera frame was answered."""
    stage_ms: dict[str, float]
    bitrate_bps: int
    width: int
    height: int
    dropped: int
    face: Literal["none", "tracked", "held", "lost"]
    av_offset_ms: float | None
    """How much later than its picture the sound leaves (negative: earlier); None without sound or pictures."""
    quality: Quality | None = None
    """None where the quality is fixed."""
    tier: str | None = None
    """What draws since the GPU's memory was full; None: what was asked for."""


@dataclass(frozen=True, slots=True)
class CameraMessage:
    """What the page's camera is asked to send from now on, at most."""

    width: int
    height: int
    fps: int
    max_bitrate_bps: int


@dataclass(frozen=True, slots=True)
class FaceMessage:
    """The camera has found the face, or lost it."""

    state: Literal["tracked", "lost"]


@dataclass(frozen=True, slots=True)
class CalibratedMessage:
    """The driver's resting face is settled."""


@dataclass(frozen=True, slots=True)
class AvatarMessage:
    """The pictures show this avatar from now on."""

    avatar: str


@dataclass(frozen=True, slots=True)
class DriveMessage:
    """This moves the avatar from now on."""

    drive: Drive
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class BackgroundMessage:
    """This is behind the avatar from now on."""

    background: str
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class CaptionMessage:
    """In a conversation: somebody has said this, or begins to say it just now."""

    speaker: Literal["you", "avatar"]
    text: str
    """Empty where the user spoke and nobody knows what."""
    turn: int
    seconds: float
    """How long the user spoke; 0 for the avatar."""
    unspoken: str
    """What of the avatar's text is only shown, as its voice has no sound for it; often empty."""


@dataclass(frozen=True, slots=True)
class InterruptedMessage:
    """The user has cut the avatar short."""

    turn: int
    heard_ms: float
    """How much of the answer was sent."""


@dataclass(frozen=True, slots=True)
class AnsweredMessage:
    """The first sound of an answer leaves: how long each stage took since the end of the user's speech."""

    turn: int
    stage_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping, with its `t` where it had one."""

    t: float | int | None = None
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """Something asked for cannot be done; the call goes on."""

    code: str
    detail: str
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class TraceMessage:
    """[camera RTP timestamp, avatar RTP timestamp] pairs, as on the wire (32 bits, 90 kHz)."""

    frames: list[tuple[int, int]]
    """At most `TRACE_PAIRS`."""


@dataclass(frozen=True, slots=True)
class RecordingMessage:
    """The call is being recorded on the server from now on, or no more."""

    state: Literal["on", "off"]
    detail: str = ""
    """Why it has ended by itself, in words."""


@dataclass(frozen=True, slots=True)
class RoomMember:
    """Somebody in a room."""

    member: str
    """What this one is known by, as long as their call lasts."""
    name: str
    """What they call themselves; often empty. Anybody may call themselves anything."""
    microphone: bool
    camera: bool
    speaking: bool
    whep: str | None = None
    """The address at which this one can be seen and heard; None: the one who is told this."""


@dataclass(frozen=True, slots=True)
class RoomMessage:
    """Who is in the room of this call now, in the order of their coming."""

    you: str
    """Which of them is told this."""
    most: int
    """How many there may be."""
    members: list[RoomMember]


@dataclass(frozen=True, slots=True)
class Clock:
    """To a program: the RTP timestamp (32 bits, 90 kHz) that the picture of its tick 0 has."""

    rtp: Annotated[int, Field(ge=0, le=0xFFFFFFFF)]


@dataclass(frozen=True, slots=True)
class Bye:
    """The last message: why the call ends."""

    reason: str
    detail: str


Report: TypeAlias = (
    Hello
    | Stats
    | CameraMessage
    | FaceMessage
    | CalibratedMessage
    | AvatarMessage
    | DriveMessage
    | BackgroundMessage
    | CaptionMessage
    | InterruptedMessage
    | AnsweredMessage
    | Pong
    | ErrorMessage
    | TraceMessage
    | RecordingMessage
    | RoomMessage
    | Clock
    | Bye
)
REPORTS: Final = Vocabulary[Report](
    {
        "hello": Hello,
        "stats": Stats,
        "camera": CameraMessage,
        "face": FaceMessage,
        "calibrated": CalibratedMessage,
        "avatar": AvatarMessage,
        "drive": DriveMessage,
        "background": BackgroundMessage,
        "caption": CaptionMessage,
        "interrupted": InterruptedMessage,
        "answered": AnsweredMessage,
        "pong": Pong,
        "error": ErrorMessage,
        "trace": TraceMessage,
        "recording": RecordingMessage,
        "room": RoomMessage,
        "clock": Clock,
        "bye": Bye,
    }
)
"""What the server sends."""
