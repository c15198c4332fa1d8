"""The worker's side: calls held for a server that asks for them, with one answer for each request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from avatar.call.backgrounds import GetBackground
from avatar.call.browser_peer import GetAvatar
from avatar.call.call import Call
from avatar.call.ice_session import Trickled
from avatar.call.local_calls import LocalCalls
from avatar.call.rooms import RoomWish
from avatar.call.running import CallRequest
from avatar.call.watchers import Watchers
from avatar.call.workers.from_worker import (
    FROM_WORKER,
    CallEnded,
    CallMade,
    CallStanding,
    Counted,
    Found,
    FromWorker,
    PieceTaken,
    Ready,
    Recorded,
    RecordingFigures,
    RoomNames,
    Status,
    WatcherMade,
)
from avatar.call.workers.link import Link, LinkClosedError, refusal
from avatar.call.workers.messages import Request
from avatar.call.workers.remote_avatars import RemoteAvatars, RemoteBackgrounds
from avatar.call.workers.to_worker import (
    TO_WORKER,
    AddWatcher,
    Cancel,
    Close,
    Configure,
    CountWatchers,
    CreateCall,
    EndCall,
    FindWatchers,
    HasWatcher,
    NameRoom,
    ReadRecording,
    RemoveWatcher,
    StartRecording,
    StopRecording,
    Surroundings,
    ToWorker,
    TrickleCall,
    TrickleWatcher,
)
from avatar.config import ServerSettings
from avatar.errors import AvatarError, ServerFullError
from avatar.media.recording import RecordingState
from avatar.timing.machine_load import LoadMeter

logger = logging.getLogger(__name__)

TELL_EVERY_S: Final = 1.0
"""How often it is told how the calls do."""


@dataclass(frozen=True, slots=True)
class Surrounded:
    """What a worker makes its calls with, as its server has told it."""

    get_avatar: GetAvatar
    get_background: GetBackground
    load: LoadMeter
    count_calls: Callable[[], int]
    shared_level: Callable[[], int]
    on_end: Callable[[Call], None]


class ServedCalls:
    """The calls of one worker. Used on the event loop only."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        open_calls: Callable[[ServerSettings, Surrounded], LocalCalls],
    ) -> None:
        """Prepare; `open_calls` makes the registry of a server with these settings. It may block."""
        self.link = Link[FromWorker, ToWorker](
            reader, writer, sends=FROM_WORKER, receives=TO_WORKER, on_message=self._on_message
        )
        self._open_calls = open_calls
        self._surroundings = Surroundings(0, 0, 0.0)
        self._load = LoadMeter(siblings=lambda: self._surroundings.cores)
        self._calls: LocalCalls | None = None
        self._requests: dict[int, asyncio.Task[None]] = {}
        self._made: dict[int, str] = {}
        """The calls that run, by the number of the request that each began with."""
        self._closing: asyncio.Event = asyncio.Event()

    async def run(self) -> None:
        """Hold calls until the server says that it is enough, or is gone; then end them."""
        reading = asyncio.create_task(self.link.run())
        closing = asyncio.create_task(self._closing.wait())
        telling = asyncio.create_task(self._tell())
        await asyncio.wait([reading, closing], return_when=asyncio.FIRST_COMPLETED)
        for task in (telling, closing, *self._requests.values()):
            task.cancel()
        await asyncio.gather(*self._requests.values(), return_exceptions=True)
        if self._calls is not None:
            await self._calls.close()
            self._send_status(self._calls)
        self.link.close()
        await asyncio.gather(reading, return_exceptions=True)

    def _on_message(self, message: ToWorker, _: bytes) -> None:
        match message:
            case Configure():
                self._configure(message.settings)
            case Surroundings():
                self._surroundings = message
            case Cancel():
                self._cancel(message.request)
            case Close():
                self._closing.set()
            case Request():
                task = asyncio.create_task(self._answer(message))
                self._requests[message.number] = task
                task.add_done_callback(lambda _: self._requests.pop(message.number))
            case _:
                logger.error("the server has sent %s unasked", type(message).__name__)

    def _configure(self, settings: ServerSettings) -> None:
        self._calls = self._open_calls(
            settings,
            Surrounded(
                RemoteAvatars(self.link).identity,
                RemoteBackgrounds(self.link).get,
                self._load,
                count_calls=lambda: self._surroundings.calls,
                shared_level=lambda: self._surroundings.shared_level,
                on_end=self._call_ended,
            ),
        )
        self.link.send(Ready())

    def _cancel(self, number: int) -> None:
        """Whoever made a request has gone away: a call that it has begun is nobody's."""
        if (task := self._requests.get(number)) is not None:
            task.cancel()
        elif (call_id := self._made.get(number)) is not None and self._calls is not None:
            call = self._calls.get(call_id)
            if call is not None:
                call.end("left")

    async def _answer(self, request: Request) -> None:
        calls = self._calls
        if calls is None:
            self.link.send(refusal(request.number, ServerFullError("The server is not ready.")))
            return
        try:
            reply = await self._reply(calls, request)
        except AvatarError as error:
            self.link.send(refusal(request.number, error))
        except Exception:  # the server has to hear that there will be no answer, and its log why
            logger.exception("a request could not be answered")
            self.link.send(refusal(request.number, AvatarError("The server has failed. Its log says why.")))
        else:
            self.link.send(reply)
            if isinstance(request, CreateCall | EndCall):
                self._send_status(calls)

    async def _reply(self, calls: LocalCalls, request: Request) -> FromWorker:
        number = request.number
        reply: FromWorker
        match request:
            case CreateCall():
                reply = await self._create(calls, request)
            case TrickleCall():
                reply = _taken(number, await calls.trickle(request.call, request.fragment, request.tags))
            case EndCall():
                reply = Found(number, await calls.end(request.call, request.reason))
            case FindWatchers():
                reply = Found(number, calls.watchers(request.token) is not None)
            case CountWatchers():
                watchers = calls.watchers(request.token)
                reply = Counted(number, 0 if watchers is None else len(watchers))
            case HasWatcher() | AddWatcher() | TrickleWatcher() | RemoveWatcher():
                reply = await _watch(calls.watchers(request.token), request)
            case StartRecording() | ReadRecording() | StopRecording():
                reply = Recorded(number, _figures(await self._record(calls, request)))
            case NameRoom():
                reply = RoomNames(number, tuple(calls.rooms.names(request.room)))
            case _:
                raise AvatarError(f"A worker does not know {type(request).__name__}.")
        return reply

    async def _create(self, calls: LocalCalls, asked: CreateCall) -> CallMade:
        request = CallRequest(
            asked.offer_sdp,
            asked.avatar_id,
            width=asked.width,
            height=asked.height,
            fps=asked.fps,
            mode=asked.mode,
            drive=asked.drive,
            watch=asked.watch,
            background=asked.background,
            room=None if asked.room is None else RoomWish(asked.room, asked.name),
            avatar_fixed=asked.avatar_fixed,
        )
        call = await calls.create(await calls.check(request))
        self._made[asked.number] = call.id
        return CallMade(asked.number, call.id, call.answer_sdp, call.ice_tag, call.watch_token)

    async def _record(
        self, calls: LocalCalls, request: StartRecording | ReadRecording | StopRecording
    ) -> RecordingState | None:
        call = calls.get(request.call)
        if call is None:
            return None
        if isinstance(request, StartRecording):
            return await call.recording.start()
        return await (call.recording.read() if isinstance(request, ReadRecording) else call.recording.stop())

    def _call_ended(self, call: Call) -> None:
        self._made = {number: call_id for number, call_id in self._made.items() if call_id != call.id}
        self.link.send(CallEnded(call.id))
        if self._calls is not None:
            self._send_status(self._calls)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            if self._calls is not None and not self.link.busy:
                self._send_status(self._calls)

    def _send_status(self, calls: LocalCalls) -> None:
        load = self._load.read()
        standings = tuple(
            CallStanding(call_id, standing.level, standing.in_time, standing.age_s, standing.weight)
            for call_id, standing in calls.standings.items()
        )
        cores = 0.0 if load is None else load.process_cores
        self.link.send(Status(cores, calls.exhausted, standings, calls.figures()))


async def _watch(
    watchers: Watchers | None, request: HasWatcher | AddWatcher | TrickleWatcher | RemoveWatcher
) -> FromWorker:
    if watchers is None:
        if isinstance(request, AddWatcher):
            raise LinkClosedError("The call has ended.")
        return (
            _taken(request.number, None) if isinstance(request, TrickleWatcher) else Found(request.number, found=False)
        )
    match request:
        case HasWatcher():
            return Found(request.number, await watchers.has(request.watcher))
        case AddWatcher():
            made = await watchers.add(request.offer_sdp, matte=request.matte)
            return WatcherMade(request.number, made.id, made.answer_sdp, made.ice_tag)
        case TrickleWatcher():
            return _taken(request.number, await watchers.trickle(request.watcher, request.fragment, request.tags))
        case RemoveWatcher():
            return Found(request.number, await watchers.remove(request.watcher))


def _taken(number: int, trickled: Trickled | None) -> PieceTaken:
    return (
        PieceTaken(number, None, None) if trickled is None else PieceTaken(number, trickled.ice_tag, trickled.restart)
    )


def _figures(state: RecordingState | None) -> RecordingFigures | None:
    if state is None:
        return None
    return RecordingFigures(
        state.path,
        state.seconds,
        state.pictures,
        state.dropped,
        ended=state.ended,
        failure=state.failure,
        kept=state.kept,
    )
