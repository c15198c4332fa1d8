"""A worse line between two peers of one machine: UDP packets pass a process that loses, delays and narrows them.

Done by the network's own tools (`tc netem`) only where the kernel has them and the user is root; a relay does it
everywhere, the same each time. It is a process of its own, so that nobody's event loop makes packets late, and passes
20 Mbit/s without losing any (`tests/benchmarks/test_line_relay.py`).
"""

from __future__ import annotations

import heapq
import itertools
import json
import os
import random
import re
import select
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Final, Self

ADDRESS: Final = "127.0.0.1"
SOCKET_BYTES: Final = 4 << 20
"""Room for what comes in while the relay waits for the processor."""
PACKET_BYTES: Final = 2048
IDLE_S: Final = 0.5
CANDIDATE: Final = re.compile(r"(a=candidate:\S+ 1 udp \d+ )\S+ \d+ (typ host.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """What one way of a line does to packets."""

    loss: float = 0.0
    """Share that never arrives, each packet by a chance of its own."""
    delay_s: float = 0.0
    rate_bps: float | None = None
    """Bits a second that it carries; None: any number."""
    queue_s: float = 0.1
    """How long packets may wait for their turn: bytes for which there is no room then are lost, as `tc tbf` does."""


@dataclass(slots=True)
class Way:
    """One direction of a line, as a rule of packets and clock: packets never overtake each other."""

    line: Line
    chance: random.Random
    free_s: float = 0.0
    """When the last packet has been sent."""
    last_s: float = 0.0
    """When it arrives."""
    passed: int = 0
    lost: int = 0
    overflowed: int = 0

    def arrival_s(self, size: int, now_s: float) -> float | None:
        """Return when a packet of so many bytes that comes now arrives at the other end; None: never."""
        line = self.line
        if self.chance.random() < line.loss:
            self.lost += 1
            return None
        begin_s = max(self.free_s, now_s)
        if line.rate_bps is not None:
            if 8 * size / line.rate_bps > line.queue_s - (begin_s - now_s):
                self.overflowed += 1
                return None
            self.free_s = begin_s + 8 * size / line.rate_bps
        else:
            self.free_s = begin_s
        self.last_s = max(self.last_s, self.free_s + line.delay_s)
        self.passed += 1
        return self.last_s


class LineRelay:
    """The relay's process, for one call: `route_offer` and `route_answer` lead its packets through it."""

    def __init__(self, *, seed: int = 0) -> None:
        """Start it with a line that does nothing to packets; `seed` decides which ones are lost later."""
        command = [sys.executable, "-m", "benchmarks.line_relay", str(seed)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        """Where the calling peer sends its packets."""

    def route_offer(self, sdp: str) -> str:
        """Return an offer without addresses: the answering peer hears the relay first, and learns its address so."""
        return "".join(line for line in sdp.splitlines(keepends=True) if not line.startswith("a=candidate:"))

    def route_answer(self, sdp: str) -> str:
        """Return an answer whose address is the relay's, which sends to the one that it held."""
        found = re.search(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) ", sdp, re.IGNORECASE)
        if found is None:
            raise ValueError("the answer holds no address")
        self.tell(target=[found.group(1), int(found.group(2))])
        return CANDIDATE.sub(rf"\g<1>{ADDRESS} {self.port} \g<2>", sdp)

    def change(self, *, up: Line = Line(), down: Line = Line()) -> None:
        """Make the line be so from now on: `up` is the way from the calling peer, `down` the way back to it."""
        self.tell(up=asdict(up), down=asdict(down))

    def counts(self) -> dict[str, dict[str, int]]:
        """Return what became of the packets so far, each way."""
        assert self._process.stdout is not None
        self.tell(count=True)
        told: dict[str, dict[str, int]] = json.loads(self._process.stdout.readline())
        return told

    def tell(self, **orders: Any) -> None:
        """Hand the process its orders."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(orders) + "\n")
        self._process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()


def _open() -> socket.socket:
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        link.setsockopt(socket.SOL_SOCKET, buffer, SOCKET_BYTES)
    link.bind((ADDRESS, 0))
    link.setblocking(False)
    return link


class _Relay:
    """Two sockets, one towards each peer."""

    def __init__(self, seed: int) -> None:
        self.links = {"up": _open(), "down": _open()}
        """By the direction of what is read from them."""
        self._ways = {name: Way(Line(), random.Random(f"{seed} {name}")) for name in self.links}  # noqa: S311
        self._addresses: dict[str, tuple[str, int]] = {}
        """By the direction of what is sent there."""
        self._due: list[tuple[float, int, str, bytes]] = []
        self._numbers = itertools.count()

    def serve(self) -> None:
        """Relay packets and obey orders until there are none any more."""
        links, orders, unread = list(self.links.values()), sys.stdin.fileno(), b""
        while True:
            wait_s = IDLE_S if not self._due else max(0.0, self._due[0][0] - time.monotonic())
            readable, _, _ = select.select([orders, *links], [], [], wait_s)
            if orders in readable:
                # Not by sys.stdin: it takes in several orders at once, and `select` does not see those it holds.
                read = os.read(orders, 65536)
                if not read:
                    return
                *lines, unread = (unread + read).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))
            for name, link in self.links.items():
                if link in readable:
                    self._take(name, link)
            self._deliver()

    def _obey(self, orders: dict[str, Any]) -> None:
        if "target" in orders:
            address, port = orders["target"]
            self._addresses["up"] = (address, port)
        for name, way in self._ways.items():
            if name in orders:
                way.line = Line(**orders[name])
        if "count" in orders:
            counts = {
                name: {"passed": way.passed, "lost": way.lost, "overflowed": way.overflowed}
                for name, way in self._ways.items()
            }
            print(json.dumps(counts), flush=True)

    def _take(self, name: str, link: socket.socket) -> None:
        while True:
            try:
                data, sender = link.recvfrom(PACKET_BYTES)
            except BlockingIOError:
                return
            except ConnectionError:  # the peer that was sent to has gone
                continue
            if name == "up":
                self._addresses["down"] = sender
            at_s = self._ways[name].arrival_s(len(data), time.monotonic())
            if at_s is not None:
                heapq.heappush(self._due, (at_s, next(self._numbers), name, data))

    def _deliver(self) -> None:
        now_s = time.monotonic()
        while self._due and self._due[0][0] <= now_s:
            _, _, name, data = heapq.heappop(self._due)
            address = self._addresses.get(name)
            if address is not None:
                # What comes from one peer leaves by the socket that faces the other.
                self.links["down" if name == "up" else "up"].sendto(data, address)


def main() -> None:
    """Relay until the standard input ends."""
    relay = _Relay(int(sys.argv[1]))
    print(relay.links["up"].getsockname()[1], flush=True)
    relay.serve()


if __name__ == "__main__":
    main()
