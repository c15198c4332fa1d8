"""A worker as the server sees it: what it is asked, how its calls do, and that it ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final, TypeVar

from avatar.call.capacity import Standing
from avatar.call.ice_session import Trickled
from avatar.call.limits import EndReason
from avatar.call.running import CallRequest
from avatar.call.totals import NO_FIGURES, CallFigures
from avatar.call.workers.file_supply import FileSupply
from avatar.call.workers.from_worker import (
    FROM_WORKER,
    CallEnded,
    CallMade,
    FindBackground,
    Found,
    FromWorker,
    GetAvatar,
    Log,
    Ready,
    RoomNames,
    Status,
)
from avatar.call.workers.link import Link, LinkClosedError, refusal
from avatar.call.workers.messages import Reply
from avatar.call.workers.process import WorkerProcess
from avatar.call.workers.remote_call import RemoteCall, ask_trickle
from avatar.call.workers.to_worker import (
    TO_WORKER,
    Cancel,
    Close,
    Configure,
    CreateCall,
    EndCall,
    NameRoom,
    Surroundings,
    ToWorker,
    TrickleCall,
)
from avatar.config import ServerSettings
from avatar.errors import AvatarError

logger = logging.getLogger(__name__)

START_S: Final = 30.0
"""How long a worker may take to be ready."""
CREATE_S: Final = 60.0
"""How long one may take to begin a call: models are loaded, and STUN servers asked."""
ANSWER_S: Final = 15.0
"""How long one may take for anything else."""
SILENT_S: Final = 20.0
"""A worker that has not told how it does for so long is stuck: it tells every second."""

ReplyT = TypeVar("ReplyT", bound=Reply)


@dataclass(frozen=True, slots=True)
class Coming:
    """A call on its way to a worker."""

    weight: float
    """What it costs, where one that a camera drives is 1."""
    room: str | None
    """The room that it is to be in."""


class Worker:
    """One worker and the calls that it holds. Used on the event loop only."""

    def __init__(
        self,
        number: int,
        process: WorkerProcess,
        files: FileSupply,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take a process that has been started; `start` makes it a worker, which asks for `files`.

        `number` names it in the log.
        """
        self.number, self._process, self._files, self._clock = number, process, files, clock
        self.calls: dict[str, RemoteCall] = {}
        """Those that run in it, by their ids."""
        self.opening: list[Coming] = []
        """Those on their way to it."""
        self.figures: CallFigures = NO_FIGURES
        self.cores = 0.0
        """Processor cores that it uses."""
        self.exhausted = False
        """Whether one of its calls comes late though it is as simple as can be."""
        self.started_s = clock()
        self._told_s = self._rested_s = self.started_s
        self._ended_early: set[str] = set()
        """Calls that ended before it was taken in that they had begun."""
        self._ready = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._link = Link[ToWorker, FromWorker](
            process.reader, process.writer, sends=TO_WORKER, receives=FROM_WORKER, on_message=self._on_message
        )

    async def start(self, settings: ServerSettings) -> None:
        """Wait until it can hold calls. Raises LinkClosedError."""
        self._link.send(Configure(settings))
        try:
            await asyncio.wait_for(self._ready, START_S)
        except TimeoutError as error:
            raise LinkClosedError(f"it was not ready after {START_S:g} s") from error

    async def run(self) -> None:
        """Take what it tells until it has ended, or is stuck, which ends it."""
        watching = asyncio.create_task(self._watch())
        try:
            await self._link.run()
        finally:
            watching.cancel()
            for task in self._tasks:
                task.cancel()
            if not self._ready.done():
                self._ready.set_exception(LinkClosedError("it has ended while it was being started"))
                self._ready.exception()  # where nobody waits any more
            await self._process.wait()

    async def close(self) -> None:
        """Let it end its calls, then itself; one that takes too long is killed."""
        self._link.send(Close())
        await self._process.wait()
        self._link.close()

    def kill(self) -> None:
        """End it at once. Idempotent."""
        self._process.kill()

    @property
    def rests_s(self) -> float:
        """For how long it has held no call; 0 while it holds one, or one is on its way to it."""
        return 0.0 if self.calls or self.opening else self._clock() - self._rested_s

    @property
    def pid(self) -> int:
        """Its number in the system."""
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """How it has ended, as `subprocess` says it; None while it runs."""
        return self._process.ended

    @property
    def weight(self) -> float:
        """Of all its calls, and those on their way to it."""
        return sum(call.standing.weight for call in self.calls.values()) + sum(one.weight for one in self.opening)

    @property
    def people(self) -> Counter[str]:
        """How many of its calls, and of those on their way to it, are in each room."""
        rooms = (*(call.room for call in self.calls.values()), *(one.room for one in self.opening))
        return Counter(room for room in rooms if room is not None)

    def tell(self, surroundings: Surroundings) -> None:
        """Tell it how the rest of the server does."""
        if not self._link.busy:
            self._link.send(surroundings)

    async def create(self, request: CallRequest, standing: Standing) -> RemoteCall:
        """Answer an offer and begin a call. Raises AvatarError, LinkClosedError."""

        room = request.room

        def make(number: int) -> ToWorker:
            return CreateCall(
                number,
                request.offer_sdp,
                request.avatar_id,
                request.width,
                request.height,
                request.fps,
                request.mode,
                request.drive,
                request.watch,
                request.background,
                None if room is None else room.room,
                "" if room is None else room.name,
                request.avatar_fixed,
            )

        made = await self.ask(make, CallMade, timeout_s=CREATE_S)
        call = RemoteCall(
            made.call,
            made.answer_sdp,
            made.ice_tag,
            made.watch_token,
            self.ask,
            standing,
            None if room is None else room.room,
        )
        if call.id in self._ended_early:
            self._ended_early.remove(call.id)
        else:
            self.calls[call.id] = call
        return call

    async def trickle(self, call_id: str, fragment: str, tags: Collection[str] | None) -> Trickled | None:
        """Try more addresses of a call's peer; see `LocalCalls.trickle`. Raises TrickleError and ServerFullError."""
        told = None if tags is None else tuple(tags)
        return await ask_trickle(self.ask, lambda number: TrickleCall(number, call_id, fragment, told))

    async def end(self, call_id: str, reason: EndReason) -> bool:
        """End a call and wait until nothing of it is left; False when there is none (any more)."""
        return await self._found(lambda number: EndCall(number, call_id, reason))

    async def room_names(self, room_id: str) -> list[str]:
        """Return who is in a room, "" for those who gave no name; nobody where there is no such room (any more)."""
        try:
            return list((await self.ask(lambda number: NameRoom(number, room_id), RoomNames)).names)
        except LinkClosedError:
            return []

    async def ask(self, make: Callable[[int], ToWorker], reply: type[ReplyT], *, timeout_s: float = ANSWER_S) -> ReplyT:
        """Return the answer to a request. Raises AvatarError, and LinkClosedError where it is gone."""
        cancel = lambda number: self._link.send(Cancel(number))  # noqa: E731
        return (await self._link.ask(make, reply, timeout_s=timeout_s, on_cancel=cancel))[0]

    async def _found(self, make: Callable[[int], ToWorker]) -> bool:
        try:
            return (await self.ask(make, Found)).found
        except LinkClosedError:  # its calls are gone with it
            return False

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            if self._ready.done() and self._clock() - self._told_s > SILENT_S:
                logger.error("worker %d has not said anything for %d s: it is ended", self.number, SILENT_S)
                self._process.kill()
                return

    def _on_message(self, message: FromWorker, _: bytes) -> None:
        match message:
            case Ready():
                self._told_s = self._clock()
                if not self._ready.done():
                    self._ready.set_result(None)
            case Status():
                self._take_status(message)
            case CallEnded():
                self._rested_s = self._clock()
                if self.calls.pop(message.call, None) is None and self.opening:
                    self._ended_early.add(message.call)
            case GetAvatar() | FindBackground():
                self._run(self._send_file(message))
            case Log():
                logging.getLogger(message.name).log(message.level, "worker %d: %s", self.number, message.message)
            case _:
                logger.error("worker %d has sent %s unasked", self.number, type(message).__name__)

    def _take_status(self, status: Status) -> None:
        self._told_s = self._clock()
        self.cores, self.exhausted, self.figures = status.cores, status.exhausted, status.figures
        for told in status.standings:
            if (call := self.calls.get(told.call)) is not None:
                call.standing = Standing(told.level, told.in_time, told.age_s, told.weight)

    async def _send_file(self, request: GetAvatar | FindBackground) -> None:
        try:
            self._link.send(*await self._files.answer(request))
        except AvatarError as error:
            self._link.send(refusal(request.number, error))

    def _run(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
