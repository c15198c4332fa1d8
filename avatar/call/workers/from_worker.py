"""What a process that holds some of a server's calls sends. A new message is a dataclass and a row below."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from avatar.call.totals import CallFigures
from avatar.call.workers.messages import Refused, Reply, Request
from avatar.stream.data_channel import Vocabulary


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker can hold calls."""


@dataclass(frozen=True, slots=True)
class GetAvatar(Request):
    """Answered by `AvatarFile`, or where the worker has one already by `AvatarUnchanged`."""

    avatar: str
    known: bool


@dataclass(frozen=True, slots=True)
class FindBackground(Request):
    """Answered by `BackgroundFile`."""

    background: str


@dataclass(frozen=True, slots=True)
class CallMade(Reply):
    """The call has begun."""

    call: str
    answer_sdp: str
    ice_tag: str
    watch_token: str


@dataclass(frozen=True, slots=True)
class WatcherMade(Reply):
    """One more watches."""

    watcher: str
    answer_sdp: str
    ice_tag: str


@dataclass(frozen=True, slots=True)
class Found(Reply):
    """Whether there is, or was, what the request names."""

    found: bool


@dataclass(frozen=True, slots=True)
class PieceTaken(Reply):
    """See `avatar.call.running.Trickled`; without a tag there is nobody (any more) whose piece it is."""

    ice_tag: str | None
    restart: str | None


@dataclass(frozen=True, slots=True)
class Counted(Reply):
    """How many there are."""

    count: int


@dataclass(frozen=True, slots=True)
class RoomNames(Reply):
    """Of those who are there; "" for those who gave none."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecordingFigures:
    """See `avatar.media.recording.RecordingState`."""

    path: Path
    seconds: float
    pictures: int
    dropped: int
    ended: bool
    failure: str | None
    kept: bool


@dataclass(frozen=True, slots=True)
class Recorded(Reply):
    """How far a recording has come; None: there is none."""

    state: RecordingFigures | None


@dataclass(frozen=True, slots=True)
class CallStanding:
    """How one call does: see `avatar.call.capacity.Standing`."""

    call: str
    level: int | None
    in_time: bool
    age_s: float
    weight: float


@dataclass(frozen=True, slots=True)
class Status:
    """How the worker does; once a second, and when a call has begun or ended."""

    cores: float
    """Processor cores that it uses."""
    exhausted: bool
    """Whether one of its calls comes late though it is as simple as can be."""
    standings: tuple[CallStanding, ...]
    """Of all its calls."""
    figures: CallFigures


@dataclass(frozen=True, slots=True)
class CallEnded:
    """Nothing of the call is left."""

    call: str


@dataclass(frozen=True, slots=True)
class Log:
    """A line for the server's log."""

    level: int
    name: str
    message: str


FromWorker: TypeAlias = (
    Ready
    | GetAvatar
    | FindBackground
    | CallMade
    | WatcherMade
    | Found
    | PieceTaken
    | Counted
    | RoomNames
    | Recorded
    | Status
    | CallEnded
    | Log
    | Refused
)
FROM_WORKER: Final = Vocabulary[FromWorker](
    {
        "ready": Ready,
        "get_avatar": GetAvatar,
        "find_background": FindBackground,
        "call_made": CallMade,
        "watcher_made": WatcherMade,
        "found": Found,
        "piece_taken": PieceTaken,
        "counted": Counted,
        "room_names": RoomNames,
        "recorded": Recorded,
        "status": Status,
        "call_ended": CallEnded,
        "log": Log,
        "refused": Refused,
    }
)
"""What a worker sends."""
