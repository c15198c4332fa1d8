"""What goes wrong in a server's life, one thing after the other: does each call go on, or end in words?

- SIGTERM in a call that is recorded: the peer is told, the recording is closed, the server is out in less than 5 s.
- kill -9 and a new start at the same address: a program's avatar (`Avatar.connect`) shows pictures again in less than
  5 s from when the server is ready, and its voice has not paused; so does the page in Chromium, the worst of several.
- Peers that vanish: half of the callers are cut off without a word; the others go on, the places are free again.
- A full disk: the recording says why it ends, the call goes on, a photo is still taken.
- A clock that jumps, an hour ahead and then two hours back: the call goes on.
- A network that halves, and halves again: the call goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import av
import httpx2
import numpy as np

from avatar import Avatar, VideoFrame
from avatar.config import PictureSettings
from avatar.errors import AvatarError
from benchmarks import report
from benchmarks.abuse import big_photo, form
from benchmarks.chaos_callers import FACE, PICTURE_S, SPAN_S, callers_of, goes_on, goodbyes, waited
from benchmarks.clients.chromium import missing
from benchmarks.jumping_clock import JUMPS_S
from benchmarks.line_relay import Line, LineRelay
from benchmarks.page import Page, browser
from benchmarks.server_process import ServerProcess

BARS = {
    "sigterm_s": "< 5",
    "sigterm_told": "1",
    "sigterm_recording_plays": "1",
    "sdk_back_s": "< 5",
    "sdk_longest_pause_s": "< 1",
    "page_back_s": "< 5",
    "vanished_others_go_on": "1",
    "vanished_places_free": "1",
    "full_disk_call_goes_on": "1",
    "full_disk_told": "1",
    "full_disk_photo_taken": "1",
    "clock_call_goes_on": "1",
    "network_call_goes_on": "1",
}
PAGE_KILLS = 3
SHOWN = """
const video = document.getElementById("avatar-video");
window.shownMs = [];
const shown = () => {
  shownMs.push(Date.now());
  video.requestVideoFrameCallback(shown);
};
video.requestVideoFrameCallback(shown);
"""
"""Notes when each picture is shown."""
HALVES_BPS = (3_000_000, 1_500_000, 750_000, 375_000)
OPTIONS = ("--overbook", "--sessions", "8", "--lost-timeout-s", "3")


async def sigterm() -> dict[str, float]:
    """Stop a server as a service manager does, while it records a call."""
    with tempfile.TemporaryDirectory() as folder, ServerProcess(*OPTIONS, "--recordings", folder) as server:
        async with callers_of(server) as callers, web(server) as http:
            caller = await callers.join()
            answer = await http.post(f"/api/calls/{caller.call_id}/recording")
            await asyncio.sleep(SPAN_S)
            seconds = await asyncio.to_thread(server.terminate)
            told = any(message["reason"] == "server_stopping" for message in goodbyes(caller))
        length_s = await asyncio.to_thread(movie_s, Path(folder) / answer.json()["file"])
    print(f"SIGTERM: out in {seconds:.1f} s, recorded {length_s:.1f} of {SPAN_S:.1f} s, told: {told}")
    plays = SPAN_S - 1.5 <= length_s <= SPAN_S + 3.0
    return {"sigterm_s": seconds, "sigterm_told": float(told), "sigterm_recording_plays": float(plays)}


async def kill_and_restart() -> dict[str, float]:
    """Kill a server under a program's avatar and start another at its address."""
    port = str(free_port())
    voice = np.full(120 * 48_000, 3_000, np.int16)
    first = ServerProcess(*OPTIONS, "--port", port)
    frames: list[tuple[float, Any]] = []

    async def take(face: Avatar) -> None:
        async for frame in face:
            frames.append((time.monotonic(), frame))  # noqa: PERF401 - each with its own time

    def pictures_since(at_s: float) -> list[float]:
        return [at for at, frame in frames if isinstance(frame, VideoFrame) and at > at_s]

    picture = PictureSettings(256, 256, 30)
    async with Avatar.connect(first.url, FACE, picture=picture) as face:
        speaking = asyncio.create_task(face.push_audio(voice, 48_000))
        taking = asyncio.create_task(take(face))
        await asyncio.sleep(SPAN_S)
        await asyncio.to_thread(first.kill)
        killed_s = time.monotonic()
        second = await asyncio.to_thread(ServerProcess, *OPTIONS, "--port", port)
        ready_s = time.monotonic()
        with second:
            await waited(lambda: len(pictures_since(ready_s)) >= 5 or taking.done(), PICTURE_S)
            back_s = pictures_since(ready_s)[0] - ready_s if pictures_since(ready_s) else float("inf")
            for task in (speaking, taking):
                task.cancel()
            ended = await asyncio.gather(speaking, taking, return_exceptions=True)
    sound = [at for at, frame in frames if not isinstance(frame, VideoFrame) and at > killed_s - 1]
    said = [str(error) for error in ended if isinstance(error, AvatarError)]
    print(
        f"kill -9: ready again {ready_s - killed_s:.1f} s later, pictures {back_s:.1f} s after that. {' '.join(said)}"
    )
    return {
        "sdk_back_s": back_s,
        "sdk_longest_pause_s": float(np.diff(sound).max()) if len(sound) > 1 else float("inf"),
    }


async def kill_under_page() -> dict[str, float]:
    """Kill a server under a page, and start another at its address, again and again."""
    if (reason := missing()) is not None:
        raise SystemExit(reason)
    port = str(free_port())
    server = ServerProcess(*OPTIONS, "--port", port)
    waits_s = []
    try:
        with browser() as page:
            page.open(server.url.replace("127.0.0.1", "localhost"))
            page.call()
            page.ask(SHOWN)
            for _ in range(PAGE_KILLS):
                await asyncio.sleep(SPAN_S)
                await asyncio.to_thread(server.kill)
                server = await asyncio.to_thread(ServerProcess, *OPTIONS, "--port", port)
                ready_ms = 1e3 * time.time()
                await waited(partial(_shown_since, page, ready_ms), PICTURE_S)
                shown_ms = [at for at in page.ask("return shownMs") if at > ready_ms]
                waits_s.append((shown_ms[0] - ready_ms) / 1e3 if shown_ms else float("inf"))
    finally:
        with server:
            pass
    print(f"kill -9: pictures in the page {', '.join(f'{wait:.1f}' for wait in waits_s)} s after it is ready again")
    return {"page_back_s": max(waits_s)}


def _shown_since(page: Page, at_ms: float) -> bool:
    """Return whether the page shows pictures again."""
    shown_ms: list[float] = page.ask("return shownMs")
    return sum(at > at_ms for at in shown_ms) >= 5


async def vanish() -> dict[str, float]:
    """Cut half of the callers off."""
    with ServerProcess(*OPTIONS) as server, LineRelay() as line:
        async with callers_of(server) as callers, web(server) as http:
            stays, _ = await callers.join(), await callers.join(line)
            line.change(up=Line(loss=1.0), down=Line(loss=1.0))
            on = await goes_on(stays)
            on = on and await goes_on(stays)
            sessions = (await http.get("/healthz")).json()["sessions"]
    print(f"peers that vanish: the other goes on: {on}, calls left: {sessions}")
    return {"vanished_others_go_on": float(on), "vanished_places_free": float(sessions == 1)}


async def full_disk() -> dict[str, float]:
    """Record a call, and send a photo of some megabytes, where nothing can be written."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ServerProcess(*OPTIONS, "--recordings", folder, full_disk=True) as server,
    ):
        async with callers_of(server) as callers, web(server) as http:
            caller = await callers.join()
            answer = await http.post(f"/api/calls/{caller.call_id}/recording")
            said = answer.json().get("detail", "")
            if answer.status_code == 201:
                await asyncio.sleep(3.0)
                said = (await http.get(f"/api/calls/{caller.call_id}/recording")).json().get("failure") or ""
            photo = await http.post("/api/avatars", files=form([big_photo()]))
            on = await goes_on(caller)
    print(f"a full disk: {answer.status_code}, said: {said!r}; a photo: {photo.status_code}")
    told = answer.status_code in (201, 507) and len(said) > 20
    return {
        "full_disk_call_goes_on": float(on),
        "full_disk_told": float(told),
        "full_disk_photo_taken": float(photo.status_code == 201),
    }


async def clock_jumps() -> dict[str, float]:
    """Let the wall clock jump ahead and back under a call."""
    with ServerProcess(*OPTIONS, program=("benchmarks.jumping_clock",)) as server:
        async with callers_of(server) as callers:
            caller = await callers.join()
            on = True
            for number in JUMPS_S:
                server.signal(number)
                on = on and await goes_on(caller)
    print(f"a clock that jumps: the call goes on: {on}")
    return {"clock_call_goes_on": float(on)}


async def network_halves() -> dict[str, float]:
    """Halve the line of a call, again and again."""
    with ServerProcess(*OPTIONS) as server, LineRelay() as line:
        async with callers_of(server) as callers:
            caller = await callers.join(line)
            on, rates = True, []
            for rate_bps in HALVES_BPS:
                narrow = Line(rate_bps=rate_bps)
                line.change(up=narrow, down=narrow)
                begin, at_s = len(caller.received.pictures), time.monotonic()
                on = on and await goes_on(caller)
                rates.append((len(caller.received.pictures) - begin) / (time.monotonic() - at_s))
    shown = ", ".join(f"{rate / 1e6:g} Mbit/s: {fps:.0f}" for rate, fps in zip(HALVES_BPS, rates, strict=True))
    print(f"a network that halves, pictures a second: {shown}")
    return {"network_call_goes_on": float(on), "network_fps_least": min(rates)}


@asynccontextmanager
async def web(server: ServerProcess) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of the server."""
    async with httpx2.AsyncClient(base_url=server.url, trust_env=False, timeout=60) as http:
        yield http


def movie_s(path: Path) -> float:
    """Return how long a movie plays, seconds; 0 where it does not."""
    with contextlib.suppress(OSError, av.FFmpegError), av.open(str(path)) as movie:
        last_s = [float(frame.time or 0.0) for frame in movie.decode(video=0)]
        return last_s[-1] if last_s else 0.0
    return 0.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


SCENES: dict[str, Callable[[], Coroutine[Any, Any, dict[str, float]]]] = {
    "sigterm": sigterm,
    "kill": kill_and_restart,
    "page": kill_under_page,
    "vanish": vanish,
    "disk": full_disk,
    "clock": clock_jumps,
    "network": network_halves,
}


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--scenes", nargs="+", choices=SCENES, default=list(SCENES), help="which (default: all)")
    chosen = arguments.parse_args()
    figures: dict[str, float] = {}
    for scene in chosen.scenes:
        figures |= asyncio.run(SCENES[scene]())
    report.finish(figures, {name: bar for name, bar in BARS.items() if name in figures}, chosen.json)


if __name__ == "__main__":
    main()
