"""The workers of a server: started when a call needs one, ended when none does any more, replaced when they die."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from avatar.call.backgrounds import GetBackground, no_uploads
from avatar.call.capacity import Standing
from avatar.call.running import CallRequest
from avatar.call.totals import NO_FIGURES, CallFigures, joined
from avatar.call.workers.file_supply import AvatarFiles, FileSupply
from avatar.call.workers.from_worker import Found
from avatar.call.workers.link import LinkClosedError
from avatar.call.workers.placement import Failures, Place, choose_place
from avatar.call.workers.process import WorkerProcess
from avatar.call.workers.remote_call import RemoteCall, RemoteWatchers
from avatar.call.workers.to_worker import FindWatchers, Surroundings
from avatar.call.workers.worker import Coming, Worker
from avatar.config import ServerSettings
from avatar.errors import ServerFullError

logger = logging.getLogger(__name__)

RESTING_S: Final = 120.0
"""So long a worker without a call is kept: its memory is the machine's, but starting one takes seconds."""
LOOK_EVERY_S: Final = 5.0
"""How often it is looked whether one rests."""


class WorkerPool:
    """Starts, chooses and ends a server's workers. Used on the event loop only."""

    def __init__(
        self,
        settings: ServerSettings,
        avatars: AvatarFiles,
        start: Callable[[], Awaitable[WorkerProcess]],
        most: int,
        *,
        get_background: GetBackground = no_uploads,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; no process is started before a call needs one.

        Args:
            settings: of the server; workers are told.
            avatars: where workers get avatars from.
            start: starts the process of a worker. Raises OSError.
            most: how many there may be.
            get_background: returns the uploaded picture with an id and raises AvatarError.
            clock: seconds, as time.monotonic().
        """
        self.most = most
        self._settings, self._start_process, self._clock = settings, start, clock
        self._files = FileSupply(avatars, get_background)
        self._workers: dict[int, Worker] = {}
        """Those that can hold calls."""
        self._starting: dict[int, asyncio.Task[Worker | None]] = {}
        self._waiting: dict[int, list[Coming]] = {}
        """The calls that wait for a worker to be started."""
        self._unready: set[Worker] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._restarting: set[asyncio.Task[None]] = set()
        self._failures = Failures()
        self._number = 0
        self._gone = NO_FIGURES
        self._closed = False

    # Where calls are held

    async def place(self, server_weight: float, request: CallRequest, standing: Standing) -> Worker | None:
        """Return the worker that a call goes to, which counts it as on its way; None: the server's own process.

        A worker that has to be started takes seconds. `server_weight` is of the calls in the server's own process.
        """
        coming = Coming(standing.weight, None if request.room is None else request.room.room)
        chosen = self._with_room(coming.room)
        if chosen is None:
            chosen = self._choose(server_weight)
        if chosen == "server":
            return None
        number = self._begin_start() if chosen == "new" else chosen
        worker = self._workers.get(number)
        if worker is None:
            self._waiting[number].append(coming)
            # Shielded: where this visitor goes away, the next may want it.
            worker = await asyncio.shield(self._starting[number])
        if worker is not None:
            worker.opening.append(coming)
        return worker

    def prepare(self, server_weight: float) -> None:
        """Start a worker for a call that may come, where it would wait for one; `server_weight` as in `place`."""
        if not self._starting and self._choose(server_weight) == "new":
            self._begin_start()

    async def create(
        self, worker: Worker, request: CallRequest, standing: Standing, on_made: Callable[[], object]
    ) -> RemoteCall:
        """Begin a call in the worker of `place`; `on_made` is told once `standings` counts it. Raises AvatarError."""
        coming = Coming(standing.weight, None if request.room is None else request.room.room)
        try:
            call = await worker.create(request, standing)
        except LinkClosedError as error:
            raise ServerFullError(
                "The call could not be begun just now. Try again in a moment.", retry_after_s=2
            ) from error
        finally:
            worker.opening.remove(coming)
            on_made()
        return call

    def holding(self, call_id: str) -> Worker | None:
        """Return the worker that holds this call; None: there is none."""
        return next((worker for worker in self._workers.values() if call_id in worker.calls), None)

    def get(self, call_id: str) -> RemoteCall | None:
        """Return a running call; None where no worker has one with this id."""
        worker = self.holding(call_id)
        return None if worker is None else worker.calls[call_id]

    @property
    def people(self) -> Counter[str]:
        """How many of their calls, and of those on their way, are in each room."""
        coming = (one.room for waiting in self._waiting.values() for one in waiting)
        there = sum((worker.people for worker in self._workers.values()), Counter[str]())
        return there + Counter(room for room in coming if room is not None)

    async def room_names(self, room_id: str) -> list[str]:
        """Return who is in a room; nobody where no worker has one with this id."""
        worker = next((worker for worker in self._workers.values() if room_id in worker.people), None)
        return [] if worker is None else await worker.room_names(room_id)

    async def watchers(self, token: str) -> RemoteWatchers | None:
        """Return who watches the call that this token lets watch; None where no worker has one."""
        asked = [worker for worker in self._workers.values() if worker.calls]
        answers = [worker.ask(lambda number: FindWatchers(number, token), Found) for worker in asked]
        for worker, found in zip(asked, await asyncio.gather(*answers, return_exceptions=True), strict=True):
            if isinstance(found, Found) and found.found:
                return RemoteWatchers(token, worker.ask)
        return None

    # How they do

    @property
    def standings(self) -> list[Standing]:
        """How each of their calls does."""
        return [call.standing for worker in self._workers.values() for call in worker.calls.values()]

    @property
    def exhausted(self) -> bool:
        """Whether there is a call that comes late though it is as simple as can be."""
        return any(worker.exhausted and worker.calls for worker in self._workers.values())

    @property
    def active(self) -> int:
        """How many calls run in them or are on their way to them."""
        return sum(len(worker.calls) for worker in self._workers.values())

    @property
    def figures(self) -> list[CallFigures]:
        """What the calls of each did and do, those included that are gone."""
        return [self._gone, *(worker.figures for worker in self._workers.values())]

    @property
    def cores(self) -> float:
        """Processor cores that they use."""
        return sum(worker.cores for worker in self._workers.values())

    def __len__(self) -> int:
        return len(self._workers)

    def tell(self, calls: int, shared_level: int, own_cores: float) -> None:
        """Tell each how the rest of the server does, `own_cores` of its own process."""
        for worker in self._workers.values():
            worker.tell(Surroundings(calls, shared_level, own_cores + self.cores - worker.cores))

    # Beginning and end

    async def close(self) -> None:
        """End all of them, and their calls. Idempotent."""
        self._closed = True
        for restarting in self._restarting:
            restarting.cancel()
        for worker in self._unready:
            worker.kill()
        await asyncio.gather(*self._starting.values(), return_exceptions=True)
        await asyncio.gather(*(worker.close() for worker in self._workers.values()))
        await asyncio.gather(*self._running, *self._restarting, return_exceptions=True)

    def _with_room(self, room: str | None) -> Place | None:
        """Return the worker that has this room's calls: all of them belong in one process."""
        if room is None:
            return None
        there = [number for number, worker in self._workers.items() if room in worker.people]
        coming = [number for number, waiting in self._waiting.items() if any(one.room == room for one in waiting)]
        return next(iter((*there, *coming)), None)

    def _choose(self, server_weight: float) -> Place:
        """Return where a call that belongs to no room goes."""
        workers = {number: worker.weight for number, worker in self._workers.items()}
        workers |= {number: sum(one.weight for one in waiting) for number, waiting in self._waiting.items()}
        return choose_place(server_weight, workers, may_start=self._may_start(len(workers)))

    def _may_start(self, there_are: int) -> bool:
        return not self._closed and there_are < self.most and not self._failures.wait_s(self._clock())

    def _begin_start(self) -> int:
        self._number += 1
        self._waiting[self._number] = []
        self._starting[self._number] = asyncio.create_task(self._start(self._number))
        return self._number

    async def _start(self, number: int) -> Worker | None:
        began_s = self._clock()
        worker = None
        try:
            process = await self._start_process()
            worker = Worker(number, process, self._files, clock=self._clock)
            self._unready.add(worker)
            running = asyncio.create_task(self._run(worker), name=f"worker-{number}")
            self._running.add(running)
            running.add_done_callback(self._running.discard)
            if self._closed:
                worker.kill()
            await worker.start(self._settings)
        except (OSError, LinkClosedError) as error:
            if worker is not None:
                worker.kill()
            if not self._closed:
                self._failures = self._failures.with_one(0.0, self._clock())
                logger.error("a worker process could not be started: %s; calls go on without it", error)
            return None
        finally:
            del self._starting[number], self._waiting[number]
            if worker is not None:
                self._unready.discard(worker)
        self._workers[number] = worker
        logger.info("worker %d (process %d) is ready after %.1f s", number, worker.pid, self._clock() - began_s)
        return worker

    async def _run(self, worker: Worker) -> None:
        resting = asyncio.create_task(self._end_resting(worker))
        try:
            await worker.run()
        finally:
            resting.cancel()
            lost, was_ready = len(worker.calls), worker.number in self._workers
            self._forget(worker)
        if self._closed or not was_ready:
            return
        now_s = self._clock()
        self._failures = self._failures.with_one(now_s - worker.started_s, now_s)
        logger.error(
            "worker %d (process %d) has ended (%s); %d of its calls are lost, their callers can connect again",
            worker.number,
            worker.pid,
            how_it_ended(worker.ended),
            lost,
        )
        if lost:  # who calls again finds it ready
            restarting = asyncio.create_task(self._restart(self._failures.wait_s(now_s)))
            self._restarting.add(restarting)
            restarting.add_done_callback(self._restarting.discard)

    async def _restart(self, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        if self._may_start(len(self._workers) + len(self._starting)) and not self._starting:
            await asyncio.shield(self._starting[self._begin_start()])

    async def _end_resting(self, worker: Worker) -> None:
        """End a worker that has held no call for a while."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if worker.number in self._workers and worker.rests_s >= RESTING_S:
                break
        logger.info("worker %d ends: it has had no call for a while", worker.number)
        self._forget(worker)
        await worker.close()

    def _forget(self, worker: Worker) -> None:
        """Keep only what its calls did."""
        if self._workers.pop(worker.number, None) is not None:
            self._gone = joined([self._gone, worker.figures.past(len(worker.calls))])
            worker.calls.clear()


def how_it_ended(code: int | None) -> str:
    """Return in words how a process ended, of what `subprocess` says of it."""
    if code is None:
        return "it speaks no more"
    return f"signal {-code}" if code < 0 else f"exit code {code}"
