"""Hundreds of calls opened and dropped in every way: is the server afterwards what it was before?

Eight callers at a time, each by one of these ways in turn: it sees pictures and ends the call as it should; it sees
pictures and vanishes without a word, as a machine whose network is cut; it sends what nobody understands, before the
call and in it, and hangs up; it is given an answer and never connects; it goes away while its offer is being answered.

Threads, asyncio tasks, file descriptors and memory of the server are read before, once the first eight calls have come
and gone, and after the last, once no call is left. A place that is refused is asked for again.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import httpx2
import numpy as np
from PIL import Image

from avatar.identities.builtin import builtin_faces
from benchmarks import report
from benchmarks.call_media import still_packets
from benchmarks.caller import RefusedError
from benchmarks.light_caller import LightCaller, opus_packets
from benchmarks.line_relay import Line, LineRelay
from benchmarks.server_process import ServerProcess

BARS = {
    "threads_left": "<= 0",
    "tasks_left": "<= 0",
    "descriptors_left": "<= 0",
    "memory_left_mb": "< 15",
    "first_picture_last_s": "as first_picture_first_s",
    "answers_5xx": "0",
    "calls_left": "0",
}
AT_ONCE = 8
SEEN_S = 0.5
"""A caller that sees pictures stays for so long after the first."""
FIRST_PICTURE_S = 30.0
"""Longest wait for it: on a busy machine calls begin slowly."""
RESPONSE_S = 0.05
"""A caller that goes away while it is answered waits for so long."""
SETTLE_S = 90.0
"""Longest wait for the server to be at rest again."""
COMPARED = 24
"""First pictures of so many calls at either end are compared."""
JUNK_OFFERS = (b"", b"v=0", b"\xff\xfe\x00", b"v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF\r\n", b"a" * 60_000)
JUNK_MESSAGES = ("", "{", "[]", "null", '{"v":1,"type":"nothing"}', '{"v":1,"type":"avatar","id":5}', "x" * 4_000)
SERVER = ("--sessions", "16", "--overbook", "--connect-timeout-s", "5", "--lost-timeout-s", "3")
OFTEN = ("--offers-per-minute", "100000", "--requests-per-address", "128")
"""All callers are one address."""


@dataclass
class Told:
    """What became of the calls."""

    first_picture_s: list[float] = field(default_factory=list)
    """From the offer to the first picture, in the order of the calls."""
    kinds: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    """Times that a place was asked for in vain."""
    answers_5xx: int = 0
    """Answers that say that something failed in the server; 503 says that it is full."""
    unseen: int = 0
    """Calls without one picture."""
    goodbyes: Counter[str] = field(default_factory=Counter)
    """Why the server ended them, as far as it could be heard."""


@dataclass(frozen=True)
class Held:
    """What the server holds."""

    threads: float
    tasks: float
    descriptors: float
    memory_mb: float
    calls: float


class Churn:
    """The callers of one server."""

    def __init__(self, server: ServerProcess, told: Told) -> None:
        """Call `server` and note in `told` what comes of it."""
        self._server, self._told = server, told
        face = builtin_faces()[0]
        with Image.open(face.image) as image:
            self._camera = still_packets(np.asarray(image.convert("RGB")), 1.0)
        self._sound = opus_packets(np.zeros(48_000, np.int16))
        self._query = f"avatar={face.id}&width=256&height=256&drive=both"
        self._ways: tuple[Callable[[], Awaitable[None]], ...] = (
            self.leaves,
            self.vanishes,
            self.talks_junk,
            self.never_connects,
            self.goes_away,
        )

    async def run(self, count: int) -> None:
        """Make so many calls, some at a time."""
        ways = iter([self._ways[number % len(self._ways)] for number in range(count)])
        await asyncio.gather(*(self._caller(ways) for _ in range(AT_ONCE)))

    async def _caller(self, ways: Iterator[Callable[[], Awaitable[None]]]) -> None:
        for way in ways:
            await way()
            self._told.kinds[way.__name__] += 1

    async def leaves(self) -> None:
        """See pictures and end the call."""
        caller = self._new()
        await self._see(caller)
        await caller.leave()

    async def vanishes(self) -> None:
        """See pictures, then neither send nor hear a packet any more."""
        with LineRelay() as line:
            caller = self._new(line)
            await self._see(caller)
            line.change(up=Line(loss=1.0), down=Line(loss=1.0))
            await caller.hang_up()

    async def talks_junk(self) -> None:
        """Send what is no offer, and in a call what is no message."""
        async with self._http() as http:
            for body in JUNK_OFFERS:
                answer = await http.post(self._offers, content=body, headers={"content-type": "application/sdp"})
                self._note(answer.status_code)
        caller = self._new()
        await self._see(caller)
        for message in JUNK_MESSAGES:
            caller.say(message)
        await asyncio.sleep(SEEN_S)
        await caller.hang_up()

    async def never_connects(self) -> None:
        """Take an answer and do nothing with it."""
        caller = self._new()
        try:
            await self._retried(lambda: caller.ask(self._query))
        finally:
            await caller.hang_up()

    async def goes_away(self) -> None:
        """Close the connection before the answer has come."""
        caller = self._new()
        offer = await caller.offer()
        with contextlib.suppress(httpx2.TimeoutException):
            async with self._http(RESPONSE_S) as http:
                answer = await http.post(self._offers, content=offer, headers={"content-type": "application/sdp"})
                self._note(answer.status_code)
        await caller.hang_up()

    async def held(self) -> Held:
        """Return what the server holds now."""
        async with self._http() as http:
            text = (await http.get(f"{self._server.url}metrics")).text
        figures = {name: float(value) for name, value in re.findall(r"^(avatar_\w+) (\S+)$", text, re.MULTILINE)}
        threads, descriptors = self._server.threads_and_descriptors()
        return Held(threads, figures["avatar_tasks"], descriptors, self._server.rss_mb(), figures["avatar_sessions"])

    async def ends(self) -> dict[str, int]:
        """Return how many calls have ended, by reason."""
        async with self._http() as http:
            text = (await http.get(f"{self._server.url}metrics")).text
        return {why: int(float(count)) for why, count in re.findall(r'calls_ended_total{reason="(\w+)"} (\S+)', text)}

    async def at_rest(self) -> Held:
        """Wait until no call is left and what is held grows no less, and return it."""
        end_s = time.monotonic() + SETTLE_S
        least = await self.held()
        while least.calls and time.monotonic() < end_s:
            await asyncio.sleep(0.5)
            least = await self.held()
        quiet_s = time.monotonic()
        while time.monotonic() < end_s and time.monotonic() - quiet_s < 4.0:
            await asyncio.sleep(0.5)
            now = await self.held()
            if (now.threads, now.tasks, now.descriptors) < (least.threads, least.tasks, least.descriptors):
                quiet_s = time.monotonic()
            least = Held(
                min(now.threads, least.threads),
                min(now.tasks, least.tasks),
                min(now.descriptors, least.descriptors),
                now.memory_mb,
                now.calls,
            )
        return least

    @property
    def _offers(self) -> str:
        return f"{self._server.url}whip?{self._query}"

    def _new(self, line: LineRelay | None = None) -> LightCaller:
        return LightCaller(self._server.url, self._camera, self._sound, route=line)

    def _http(self, timeout_s: float = 30.0) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(trust_env=False, timeout=timeout_s)

    def _note(self, status: int) -> None:
        self._told.answers_5xx += status >= 500 and status != 503

    async def _see(self, caller: LightCaller) -> None:
        await self._retried(lambda: caller.ask(self._query))
        begin = time.monotonic()
        await caller.accept()
        try:
            await asyncio.wait_for(caller.received.first_picture.wait(), FIRST_PICTURE_S)
        except TimeoutError:
            self._told.unseen += 1
            self._told.goodbyes.update(f"{one['reason']}" for one in caller.received.messages if one["type"] == "bye")
            return
        self._told.first_picture_s.append(time.monotonic() - begin)
        await asyncio.sleep(SEEN_S)

    async def _retried(self, ask: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await ask()
            except RefusedError:
                self._told.refused += 1
                await asyncio.sleep(1.0)
            else:
                return


async def measure(count: int) -> dict[str, float]:
    """Make the calls; return what they leave behind."""
    told = Told()
    with ServerProcess(*SERVER, *OFTEN) as server:
        churn = Churn(server, Told())
        await churn.run(2 * AT_ONCE)  # threads that stay, models that are loaded once
        before = await churn.at_rest()
        print(f"before: {before}", flush=True)
        churn = Churn(server, told)
        begin = time.monotonic()
        await churn.run(count)
        seconds = time.monotonic() - begin
        after = await churn.at_rest()
        ends = await churn.ends()
        print(f"after:  {after}", flush=True)
    report.table(("way", "calls"), sorted(told.kinds.items()))
    print(f"ended by the server before a picture: {dict(told.goodbyes)}; all ends: {ends}")
    return {
        "calls": float(told.kinds.total()),
        "seconds": seconds,
        "threads_left": after.threads - before.threads,
        "tasks_left": after.tasks - before.tasks,
        "descriptors_left": after.descriptors - before.descriptors,
        "memory_left_mb": after.memory_mb - before.memory_mb,
        "memory_before_mb": before.memory_mb,
        "first_picture_first_s": report.median(told.first_picture_s[:COMPARED]),
        "first_picture_last_s": report.median(told.first_picture_s[-COMPARED:]),
        "unseen": float(told.unseen),
        "places_refused": float(told.refused),
        "answers_5xx": float(told.answers_5xx),
        "calls_left": after.calls,
    }


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--calls", type=int, default=300, metavar="N", help="calls to make (default 300)")
    chosen = arguments.parse_args()
    report.finish(asyncio.run(measure(chosen.calls)), BARS, chosen.json)


if __name__ == "__main__":
    main()
