"""What a server sends to a process that holds some of its calls. A new message is a dataclass and a row below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from avatar.call.limits import EndReason
from avatar.call.modes import Mode
from avatar.call.workers.messages import Refused, Reply, Request
from avatar.config import ServerSettings
from avatar.stream.data_channel import Vocabulary
from avatar.types import Drive


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
    avatar_fixed: bool


@dataclass(frozen=True, slots=True)
class Cancel:
    """Whoever made the request of this number has gone away."""

    request: int


@dataclass(frozen=True, slots=True)
class TrickleCall(Request):
    """Answered by `PieceTaken`."""

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
    """Answered by `PieceTaken`."""

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
