"""A call that another process holds, with its watchers and its recording: each question is asked there."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol, TypeVar

from avatar.call.capacity import Standing
from avatar.call.ice_session import Trickled
from avatar.call.workers.from_worker import Counted, Found, PieceTaken, Recorded, WatcherMade
from avatar.call.workers.link import LinkClosedError
from avatar.call.workers.messages import Reply
from avatar.call.workers.to_worker import (
    AddWatcher,
    CountWatchers,
    HasWatcher,
    ReadRecording,
    RemoveWatcher,
    StartRecording,
    StopRecording,
    ToWorker,
    TrickleWatcher,
)
from avatar.errors import RecordingError
from avatar.media.recording import RecordingState

ReplyT = TypeVar("ReplyT", bound=Reply)


class Ask(Protocol):
    """Asks the process that holds the call."""

    async def __call__(self, make: Callable[[int], ToWorker], reply: type[ReplyT], /) -> ReplyT:
        """Return the answer to the request that `make` returns for a number.

        Raises AvatarError, and LinkClosedError where the process is gone.
        """
        ...


@dataclass(frozen=True, slots=True)
class RemoteWatcher:
    """One who watches a call."""

    id: str
    answer_sdp: str
    ice_tag: str


class RemoteWatchers:
    """A `CallWatchers`. Where the process is gone, nobody watches."""

    def __init__(self, token: str, ask: Ask) -> None:
        """Take those of the call that this token lets watch."""
        self._token, self._ask = token, ask

    async def count(self) -> int:
        """Return how many there are."""
        try:
            return (await self._ask(lambda number: CountWatchers(number, self._token), Counted)).count
        except LinkClosedError:
            return 0

    async def has(self, watcher_id: str) -> bool:
        """Return whether one of this id is there."""
        return await self._found(lambda number: HasWatcher(number, self._token, watcher_id))

    async def add(self, offer_sdp: str, *, matte: bool = False) -> RemoteWatcher:
        """Answer one more; see `Watchers.add`. Raises OfferError, ServerFullError, LinkClosedError."""
        made = await self._ask(lambda number: AddWatcher(number, self._token, offer_sdp, matte), WatcherMade)
        return RemoteWatcher(made.watcher, made.answer_sdp, made.ice_tag)

    async def trickle(self, watcher_id: str, fragment: str, tags: Collection[str] | None) -> Trickled | None:
        """Try more addresses of a watcher; see `Watchers.trickle`. Raises TrickleError and ServerFullError."""
        told = None if tags is None else tuple(tags)
        return await ask_trickle(
            self._ask, lambda number: TrickleWatcher(number, self._token, watcher_id, fragment, told)
        )

    async def remove(self, watcher_id: str) -> bool:
        """End a watcher's connection; False when there is none of that id."""
        return await self._found(lambda number: RemoveWatcher(number, self._token, watcher_id))

    async def _found(self, make: Callable[[int], ToWorker]) -> bool:
        try:
            return (await self._ask(make, Found)).found
        except LinkClosedError:
            return False


async def ask_trickle(ask: Ask, make: Callable[[int], ToWorker]) -> Trickled | None:
    """Return what has become of a piece of SDP; None where nobody is there (any more) whose it is."""
    try:
        reply = await ask(make, PieceTaken)
    except LinkClosedError:
        return None
    return None if reply.ice_tag is None else Trickled(reply.ice_tag, reply.restart)


class RemoteRecording:
    """A `CallRecorder`. Where the process is gone, so is the call."""

    def __init__(self, call_id: str, ask: Ask) -> None:
        """Take that of the call with this id."""
        self._call_id, self._ask = call_id, ask

    async def start(self) -> RecordingState:
        """Record from now on. Raises RecordingError."""
        state = await self._state(lambda number: StartRecording(number, self._call_id))
        if state is None:
            raise RecordingError("The call has ended: nothing of it can be recorded any more.", code="unknown_call")
        return state

    async def read(self) -> RecordingState | None:
        """Return how far the recording has come, or how the last one ended; None: there was none."""
        return await self._state(lambda number: ReadRecording(number, self._call_id))

    async def stop(self) -> RecordingState | None:
        """End the recording, if there is one, and return how it ended. Idempotent."""
        return await self._state(lambda number: StopRecording(number, self._call_id))

    async def _state(self, make: Callable[[int], ToWorker]) -> RecordingState | None:
        try:
            state = (await self._ask(make, Recorded)).state
        except LinkClosedError:
            return None
        if state is None:
            return None
        return RecordingState(
            state.path,
            state.seconds,
            state.pictures,
            state.dropped,
            ended=state.ended,
            failure=state.failure,
            kept=state.kept,
        )


class RemoteCall:
    """A `RunningCall`."""

    def __init__(
        self,
        call_id: str,
        answer_sdp: str,
        ice_tag: str,
        watch_token: str,
        ask: Ask,
        standing: Standing,
        room: str | None,
    ) -> None:
        """Take what its process has answered; `standing` is how it does so far, `room` the one it is in."""
        self.id, self.answer_sdp, self.ice_tag, self.watch_token = call_id, answer_sdp, ice_tag, watch_token
        self.watchers = RemoteWatchers(watch_token, ask)
        self.recording = RemoteRecording(call_id, ask)
        self.standing, self.room = standing, room
