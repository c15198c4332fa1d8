"""Messages between a server and the processes that hold some of its calls. A new one is a dataclass and a row below.

A `Request` is answered by the `Reply` with its number, `Refused` where it cannot be followed. Both ends are of the same
version and from the same start, yet each message is checked as any outside input is: see `stream.data_channel`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from avatar.call.factory import Mode
from avatar.call.limits import EndReason
from avatar.call.totals import CallFigures
from avatar.config import ServerSettings
from avatar.stream.data_channel import Vocabulary
from avatar.types import Drive


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


# From the server to a worker


@dataclass(frozen=True, slots=True)
class Configure:
    """The first message: what the worker is to be."""

    settings: ServerSettings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """How the rest of the server does; about once a second."""

    calls: int
    """In all processes."""
    shared_level: int
    """Level of quality that all calls are asked to be at, at least."""
    cores: float
    """Processor cores that the other processes of the server use."""


@dataclass(frozen=True, slots=True)
class CreateCall(Request):
    """Answered by `CallMade`. The fields are those of `avatar.call.running.CallRequest`."""

    offer_sdp: str
    avatar_id: str | None
    width: int | None
    height: int | None
    fps: int | None
    mode: Mode
    drive: Drive
    watch: str | None
    background: str | None
    room: str | None
    name: str
    """In the room."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Whoever made the request of this number has gone away."""

    request: int


@dataclass(frozen=True, slots=True)
class TrickleCall(Request):
    """Answered by `Found`."""

    call: str
    fragment: str
    tags: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class EndCall(Request):
    """Answered by `Found`, once nothing of the call is left."""

    call: str
    reason: EndReason


@dataclass(frozen=True, slots=True)
class FindWatchers(Request):
    """Is there a call that this token lets watch? Answered by `Found`."""

    token: str


@dataclass(frozen=True, slots=True)
class CountWatchers(Request):
    """Answered by `Counted`: 0 where there is no such call."""

    token: str


@dataclass(frozen=True, slots=True)
class HasWatcher(Request):
    """Answered by `Found`."""

    token: str
    watcher: str


@dataclass(frozen=True, slots=True)
class AddWatcher(Request):
    """Answered by `WatcherMade`."""

    token: str
    offer_sdp: str
    matte: bool


@dataclass(frozen=True, slots=True)
class TrickleWatcher(Request):
    """Answered by `Found`."""

    token: str
    watcher: str
    fragment: str
    tags: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class RemoveWatcher(Request):
    """Answered by `Found`."""

    token: str
    watcher: str


@dataclass(frozen=True, slots=True)
class NameRoom(Request):
    """Who is in this room? Answered by `RoomNames`."""

    room: str


@dataclass(frozen=True, slots=True)
class StartRecording(Request):
    """Answered by `Recorded`."""

    call: str


@dataclass(frozen=True, slots=True)
class ReadRecording(Request):
    """Answered by `Recorded`."""

    call: str


@dataclass(frozen=True, slots=True)
class StopRecording(Request):
    """Answered by `Recorded`."""

    call: str


@dataclass(frozen=True, slots=True)
class Close:
    """The worker is to end: its calls first, each with a goodbye."""


@dataclass(frozen=True, slots=True)
class AvatarFile(Reply):
    """What the worker asked for lies beside this message, as the bytes of an `.avatar` file."""


@dataclass(frozen=True, slots=True)
class AvatarUnchanged(Reply):
    """What the worker has is still good."""


@dataclass(frozen=True, slots=True)
class BackgroundFile(Reply):
    """The picture that the worker asked for lies beside this message, as a JPEG."""


# From a worker to the server


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


ToWorker: TypeAlias = (
    Configure
    | Surroundings
    | CreateCall
    | Cancel
    | TrickleCall
    | EndCall
    | FindWatchers
    | CountWatchers
    | HasWatcher
    | AddWatcher
    | TrickleWatcher
    | RemoveWatcher
    | NameRoom
    | StartRecording
    | ReadRecording
    | StopRecording
    | Close
    | AvatarFile
    | AvatarUnchanged
    | BackgroundFile
    | Refused
)
FromWorker: TypeAlias = (
    Ready
    | GetAvatar
    | FindBackground
    | CallMade
    | WatcherMade
    | Found
    | Counted
    | RoomNames
    | Recorded
    | Status
    | CallEnded
    | Log
    | Refused
)
TO_WORKER: Final = Vocabulary[ToWorker](
    {
        "configure": Configure,
        "surroundings": Surroundings,
        "create_call": CreateCall,
        "cancel": Cancel,
        "trickle_call": TrickleCall,
        "end_call": EndCall,
        "find_watchers": FindWatchers,
        "count_watchers": CountWatchers,
        "has_watcher": HasWatcher,
        "add_watcher": AddWatcher,
        "trickle_watcher": TrickleWatcher,
        "remove_watcher": RemoveWatcher,
        "name_room": NameRoom,
        "start_recording": StartRecording,
        "read_recording": ReadRecording,
        "stop_recording": StopRecording,
        "close": Close,
        "avatar_file": AvatarFile,
        "avatar_unchanged": AvatarUnchanged,
        "background_file": BackgroundFile,
        "refused": Refused,
    }
)
"""What a server sends."""
FROM_WORKER: Final = Vocabulary[FromWorker](
    {
        "ready": Ready,
        "get_avatar": GetAvatar,
        "find_background": FindBackground,
        "call_made": CallMade,
        "watcher_made": WatcherMade,
        "found": Found,
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
