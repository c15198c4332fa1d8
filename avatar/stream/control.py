"""The messages of the data channel: JSON text, one object a message, version 1, checked before anything acts on them.

page -> server: calibrate, set_avatar, set_drive, trace, ping
server -> page: hello, stats, face, calibrated, avatar, drive, caption, interrupted, answered, pong, error, trace, bye
server -> program: hello, clock, stats, pong, error, bye (what a program says: `bot_messages`)
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from avatar.errors import ControlError
from avatar.types import Drive

VERSION: Final = 1
TRACE_PAIRS: Final = 64
"""Most pairs of timestamps in one trace message."""


class _Message(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    v: Literal[1] = 1


class _Request(_Message):
    v: Literal[1]
    id: Annotated[str, Field(max_length=64)] | None = None
    """Echoed as `reply_to` by an error, so that the page knows which request failed."""


class Calibrate(_Request):
    """Take the driver's resting face anew."""

    type: Literal["calibrate"]


class SetAvatar(_Request):
    """Show another avatar."""

    type: Literal["set_avatar"]
    avatar: Annotated[str, Field(min_length=1, max_length=128)]


class SetDrive(_Request):
    """Let the camera, the voice or both move the avatar, or talk with it."""

    type: Literal["set_drive"]
    drive: Drive


class Trace(_Request):
    """Start or stop reporting which camera frame each picture answers."""

    type: Literal["trace"]
    enabled: bool


class Ping(_Request):
    """Ask for a pong, to measure the way there and back."""

    type: Literal["ping"]
    t: Annotated[float, Field(allow_inf_nan=False)] | int


Request: TypeAlias = Annotated[Calibrate | SetAvatar | SetDrive | Trace | Ping, Field(discriminator="type")]


class Hello(_Message):
    """The first message: what this call is."""

    type: Literal["hello"] = "hello"
    session: str
    avatar: str | None
    drive: Drive
    """What moves the avatar as the call begins."""
    width: int
    height: int
    fps: int


class Stats(_Message):
    """How the call does, once a second."""

    type: Literal["stats"] = "stats"
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


class FaceMessage(_Message):
    """The camera has found the face, or lost it."""

    type: Literal["face"] = "face"
    state: Literal["tracked", "lost"]


class CalibratedMessage(_Message):
    """The driver's resting face is settled."""

    type: Literal["calibrated"] = "calibrated"


class AvatarMessage(_Message):
    """The pictures show this avatar from now on."""

    type: Literal["avatar"] = "avatar"
    avatar: str


class DriveMessage(_Message):
    """This moves the avatar from now on."""

    type: Literal["drive"] = "drive"
    drive: Drive
    reply_to: str | None = None


class CaptionMessage(_Message):
    """In a conversation: somebody has said this, or begins to say it just now."""

    type: Literal["caption"] = "caption"
    speaker: Literal["you", "avatar"]
    text: str
    """Empty where the user spoke and nobody knows what."""
    turn: int
    seconds: float
    """How long the user spoke; 0 for the avatar."""
    unspoken: str
    """What of the avatar's text is only shown, as its voice has no sound for it; often empty."""


class InterruptedMessage(_Message):
    """The user has cut the avatar short."""

    type: Literal["interrupted"] = "interrupted"
    turn: int
    heard_ms: float
    """How much of the answer was sent."""


class AnsweredMessage(_Message):
    """The first sound of an answer leaves: how long each stage took since the end of the user's speech."""

    type: Literal["answered"] = "answered"
    turn: int
    stage_ms: dict[str, float]


class Pong(_Message):
    """The answer to a ping, with its `t` where it had one."""

    type: Literal["pong"] = "pong"
    t: float | int | None = None
    reply_to: str | None = None


class ErrorMessage(_Message):
    """Something asked for cannot be done; the call goes on."""

    type: Literal["error"] = "error"
    code: str
    detail: str
    reply_to: str | None = None


class TraceMessage(_Message):
    """[camera RTP timestamp, avatar RTP timestamp] pairs, as on the wire (32 bits, 90 kHz)."""

    type: Literal["trace"] = "trace"
    frames: Annotated[list[tuple[int, int]], Field(max_length=TRACE_PAIRS)]


class Clock(_Message):
    """To a program: the RTP timestamp (32 bits, 90 kHz) that the picture of its beat 0 has."""

    type: Literal["clock"] = "clock"
    rtp: int


class Bye(_Message):
    """The last message: why the call ends."""

    type: Literal["bye"] = "bye"
    reason: str
    detail: str


Report: TypeAlias = (
    Hello
    | Stats
    | FaceMessage
    | CalibratedMessage
    | AvatarMessage
    | DriveMessage
    | CaptionMessage
    | InterruptedMessage
    | AnsweredMessage
    | Pong
    | ErrorMessage
    | TraceMessage
    | Clock
    | Bye
)

_REQUEST: Final[TypeAdapter[Request]] = TypeAdapter(Request)


def read_request(message: str | bytes, *, limit_bytes: int) -> Request:
    """Check one message from the page. Raises ControlError, whose code is bad_message or message_too_large."""
    if isinstance(message, bytes):
        raise ControlError("Messages are JSON text, not bytes.")
    if len(message) > limit_bytes or len(message.encode("utf-8", "replace")) > limit_bytes:
        raise ControlError(f"The message is longer than {limit_bytes} bytes.", code="message_too_large")
    try:
        return _REQUEST.validate_json(message)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ControlError(f"The message is not valid{f' at {where}' if where else ''}: {first['msg']}.") from error


def write_report(report: Report) -> str:
    """Return the JSON text of one message to the page; absent optional fields are left out of replies."""
    keep_none = isinstance(report, Stats | Hello)
    return report.model_dump_json(exclude_none=not keep_none)
