"""A running call as those see it who do not care which process holds it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from avatar.call.ice_session import Trickled
from avatar.call.modes import Mode
from avatar.call.rooms import RoomWish
from avatar.media.recording import RecordingState
from avatar.types import Drive


@dataclass(frozen=True, slots=True)
class CallRequest:
    """What is asked for with an offer; None: as the server does it."""

    offer_sdp: str
    avatar_id: str | None
    width: int | None = None
    height: int | None = None
    fps: int | None = None
    mode: Mode = "avatar"
    drive: Drive = "camera"
    watch: str | None = None
    """The token that the call may be watched by; None: one is made."""
    background: str | None = None
    room: RoomWish | None = None
    """The room that it joins, or begins."""
    avatar_fixed: bool = False
    """The call shows this avatar and no other."""


class AnsweredOffer(Protocol):
    """A session that has been set up."""

    @property
    def id(self) -> str:
        """Unguessable; whoever holds it may end the session."""

    @property
    def answer_sdp(self) -> str:
        """The SDP answer, complete with every candidate."""

    @property
    def ice_tag(self) -> str:
        """Names its ICE session."""


class CallWatchers(Protocol):
    """Who watches a call. `avatar.call.watchers.Watchers` where this process holds it."""

    async def count(self) -> int:
        """Return how many there are."""

    async def has(self, watcher_id: str) -> bool:
        """Return whether one of this id is there."""

    async def add(self, offer_sdp: str, *, matte: bool = False) -> AnsweredOffer:
        """Answer one more, who wants the pictures' matte beside them or not.

        Raises OfferError, and ServerFullError where there are too many, or no port is free.
        """

    async def trickle(self, watcher_id: str, fragment: str, tags: Collection[str] | None) -> Trickled | None:
        """Try more addresses of a watcher, or restart its ICE; None when there is none of that id.

        Raises TrickleError and ServerFullError.
        """

    async def remove(self, watcher_id: str) -> bool:
        """End a watcher's connection; False when there is none of that id."""


class CallRecorder(Protocol):
    """Records a call. `avatar.call.call_recording.CallRecording` where this process holds it."""

    async def start(self) -> RecordingState:
        """Record from now on. Raises RecordingError."""

    async def read(self) -> RecordingState | None:
        """Return how far the recording has come, or how the last one ended; None: there was none."""

    async def stop(self) -> RecordingState | None:
        """End the recording, if there is one, and return how it ended. Idempotent."""


class RunningCall(AnsweredOffer, Protocol):
    """A call that has been set up. `avatar.call.call.Call` where this process holds it."""

    @property
    def watch_token(self) -> str:
        """Unguessable; whoever holds it may watch the call."""

    @property
    def watchers(self) -> CallWatchers:
        """Who watches it."""

    @property
    def recording(self) -> CallRecorder:
        """Records it."""
