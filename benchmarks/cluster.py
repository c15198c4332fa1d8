"""What the calls of a cluster notice when a replica is added, and when one dies.

Two replicas on this machine (`avatar cluster up`) hold four calls: pages in a headless Chromium and programs
(`Avatar.connect`). Three more for a while make a third replica start. Then the two first replicas are
killed with SIGKILL, one after the other, so that each of the four calls loses its replica: page and program have to
find that out and make their call again by themselves. What counts is each call's longest time without a picture.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import tempfile
import threading
import time
import urllib.request
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from avatar.config import PictureSettings
from avatar.errors import AvatarError
from avatar.sdk.avatar import Avatar
from avatar.sdk.frames import VideoFrame
from benchmarks import report
from benchmarks.clients.camera import make_camera
from benchmarks.clients.chromium import missing, start
from benchmarks.page import CAMERA_S, Page
from benchmarks.server_process import ServerProcess

SIZE: Final = 256
FPS: Final = 15
SETTLE_S: Final = 3.0
WATCH_S: Final = 8.0
"""After a replica was killed."""
ADDED_LIMIT_S: Final = 60.0
BACK_LIMIT_S: Final = 3.0
TOGETHER_S: Final = 0.5
"""Two pictures so close are of a call that goes on."""
SHOWN: Final = 5
"""Pictures of the last seconds that a call which is back has shown."""
CALLS: Final = 4
FURTHER: Final = 3
"""Calls that come for a while, so that there are too many for two replicas."""
OPTIONS: Final = (
    "--replicas", "2", "--most-replicas", "3", "--sessions", "4", "--overbook", "--tier", "geometry",
    "--size", f"{SIZE}x{SIZE}", "--fps", str(FPS),
)  # fmt: skip
"""Of four places each three quarters are enough: the seventh call is one too many for two replicas."""
BARS: Final = {
    "calls_back": f"{CALLS}",
    "back_s_max": "< 3",
    "dropped_while_adding": "0",
    "calls_hit": f"{CALLS}",
}
NOTE_PICTURES: Final = """
window.shownAt = [];
const video = document.getElementById("avatar-video");
const note = () => {
  window.shownAt.push(Date.now() / 1000);
  video.requestVideoFrameCallback(note);
};
video.requestVideoFrameCallback(note);
"""


class ProgramCall:
    """A program's avatar that a replica draws; notes when its pictures came."""

    def __init__(self, url: str) -> None:
        """Begin; the call runs in a thread of its own."""
        self._url, self.times_s, self.failure = url, list[float](), ""
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()

    def shown_at(self) -> list[float]:
        """Return when each picture came, seconds since 1970."""
        return list(self.times_s)

    def leave(self) -> None:
        """End it."""
        self._leaving.set()
        self._thread.join(20.0)

    async def _run(self) -> None:
        picture = PictureSettings(SIZE, SIZE, FPS)
        try:
            async with Avatar.connect(self._url, "mira", picture=picture) as face:
                async for frame in face:
                    if isinstance(frame, VideoFrame):
                        self.times_s.append(time.time())
                    if self._leaving.is_set():
                        return
        except AvatarError as error:
            self.failure = str(error)


class PageCall:
    """The product's page in a browser."""

    def __init__(self, url: str, folder: Path, camera: Path) -> None:
        """Open a browser and join."""
        devices = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
        self._driver = start(str(folder), [*devices, f"--use-file-for-fake-video-capture={camera}"])
        page = Page(self._driver)
        page.open(url.replace("127.0.0.1", "localhost"))
        page.call()
        page.ask(NOTE_PICTURES)
        self._page = page

    def shown_at(self) -> list[float]:
        """Return when each picture was shown, seconds since 1970."""
        return [float(at_s) for at_s in self._page.ask("return window.shownAt")]

    def leave(self) -> None:
        """Close the browser."""
        self._driver.quit()


Call = ProgramCall | PageCall


class Cluster:
    """The cluster's processes, and its calls."""

    def __init__(self, pages: int, programs: int) -> None:
        """Start it, and then the calls."""
        self._stack = contextlib.ExitStack()
        try:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="avatar-cluster-")))
            options = [*OPTIONS, "--store", str(folder / "store")]
            self._server = self._stack.enter_context(ServerProcess(*options, command=("cluster", "up")))
            self.calls: list[Call] = []
            camera = make_camera(folder, CAMERA_S).raw if pages else folder
            for number in range(pages):
                self._add(PageCall(self._server.url, folder / f"browser-{number}", camera))
            for _ in range(programs):
                self._add(ProgramCall(self._server.url))
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def _add(self, call: Call) -> None:
        self.calls.append(call)
        self._stack.callback(call.leave)

    def call_once_more(self) -> ProgramCall:
        """Begin a call that is not watched."""
        call = ProgramCall(self._server.url)
        self._stack.callback(call.leave)
        return call

    def health(self) -> dict[str, Any]:
        """Return what the gateway says of the replicas."""
        with urllib.request.urlopen(f"{self._server.url.rstrip('/')}/healthz", timeout=10) as answer:  # noqa: S310 - loopback
            told: dict[str, Any] = json.load(answer)
        return told

    def calls_started(self) -> int:
        """Return how many calls have begun, in all replicas that are there."""
        with urllib.request.urlopen(f"{self._server.url.rstrip('/')}/metrics", timeout=10) as answer:  # noqa: S310
            text = answer.read().decode()
        return round(sum(float(value) for value in re.findall(r"^avatar_calls_started_total\{.*\} (\S+)$", text, re.M)))

    def replica_pids(self) -> set[int]:
        """Return the processes of the replicas."""
        return {process.pid for process in self._server.named("ServeReplica:avatar:Replica")}

    def kill(self, pid: int) -> None:
        """End a replica as `kill -9` does."""
        for process in self._server.named("ServeReplica:avatar:Replica"):
            if process.pid == pid:
                process.kill()


def longest_gap_s(shown_at: Sequence[float], begin_s: float, end_s: float) -> float:
    """Return the longest time without a new picture between two moments; one that is open at the end counts whole."""
    # One by itself is none: a browser shows the last one again when its stream is exchanged.
    shown = [at_s for at_s, later_s in pairwise(shown_at) if later_s - at_s < TOGETHER_S]
    inside = [at_s for at_s in shown if begin_s <= at_s <= end_s]
    moments = [begin_s, *inside, end_s]
    return max(later - earlier for earlier, later in pairwise(moments))


def measure(pages: int, programs: int) -> dict[str, float]:
    """Run it and return the figures."""
    with Cluster(pages, programs) as cluster:
        time.sleep(SETTLE_S)
        first = cluster.replica_pids()
        begin_s, started = time.time(), cluster.calls_started()
        further = [cluster.call_once_more() for _ in range(FURTHER)]
        deadline_s = begin_s + ADDED_LIMIT_S
        while cluster.health()["replicas"] < 3 and time.time() < deadline_s:
            time.sleep(0.25)
        added_s = time.time()
        replicas = cluster.health()["replicas"]
        for extra in further:
            extra.leave()
        time.sleep(SETTLE_S)
        made_again = cluster.calls_started() - started - FURTHER
        adding = [longest_gap_s(call.shown_at(), begin_s, time.time()) for call in cluster.calls]
        rows: list[tuple[object, ...]] = [("adding a replica", *adding)]
        gaps: list[list[float]] = []
        for pid in sorted(first):
            killed_s = time.time()
            cluster.kill(pid)
            time.sleep(WATCH_S)
            gaps.append([longest_gap_s(call.shown_at(), killed_s, time.time()) for call in cluster.calls])
            rows.append((f"replica {pid} killed", *gaps[-1]))
        now_s = time.time()
        back = [sum(at_s > now_s - BACK_LIMIT_S for at_s in call.shown_at()) >= SHOWN for call in cluster.calls]
        for call in cluster.calls:
            if isinstance(call, ProgramCall) and call.failure:
                print(f"a program's call ended: {call.failure}")
    kinds = ["page"] * pages + ["program"] * programs
    report.table(("longest s without a picture", *kinds), rows)
    return {
        "calls": float(len(back)),
        "calls_hit": float(sum(max(each) > 0.5 for each in zip(*gaps, strict=True))),
        "calls_back": float(sum(back)),
        "back_s_max": max(max(each) for each in gaps),
        "replicas_after_adding": float(replicas),
        "adding_s": added_s - begin_s,
        "dropped_while_adding": float(made_again),
        "gap_while_adding_s_max": max(adding),
    }


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--pages", type=int, default=1, help="calls by pages in Chromium (default 1)")
    arguments.add_argument("--programs", type=int, default=3, help="calls by programs (default 3)")
    options = arguments.parse_args()
    why = missing() if options.pages else None
    if why is not None:
        raise SystemExit(f"{why}, or --pages 0 --programs 4")
    report.finish(measure(options.pages, options.programs), BARS, options.json)


if __name__ == "__main__":
    main()
