"""How many calls one machine holds at once: at 512 x 512, and with the quality control, which makes them simpler.

Callers join one server one after the other. After each, all calls are watched for some seconds: each has to show 24
pictures a second, and 95 of 100 pictures within 150 ms of their camera frames. With the quality control the server
decides itself how many it takes: one more has to be refused in words, and the calls that run must not suffer from it.
The callers run on the same cores; their cameras send what the server asks for, they decode nothing (`light_caller`),
and what they use is told.

`--parts joining` tells what two calls are like, second by second, while a third joins them.
`--parts workers` holds some calls (`--calls`) in a server of one process, then in one with a process for each.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from avatar.timing.quality_ladder import LADDER, CameraRequest
from benchmarks import report
from benchmarks.call_media import AskedCamera, camera_packets, microphone_samples
from benchmarks.caller import RefusedError
from benchmarks.light_caller import LightCaller, opus_packets
from benchmarks.media import test_clips
from benchmarks.server_process import ServerProcess

LEAST_FPS = 24.0
LONGEST_P95_MS = 150.0
QUERY = "avatar=mira&width=512&height=512"
MOST = 12
BARS = {"calls_512": "", "calls_stepped_down": "> calls_512", "refused_in_words": "1", "fps_while_refusing": ">= 24"}


@dataclass(frozen=True)
class Media:
    """What callers send."""

    packets: Mapping[CameraRequest, list[bytes]]
    """Of the camera, for all that a server asks for."""
    sound: list[bytes]


@dataclass(frozen=True)
class Step:
    """So many calls at once."""

    calls: int
    fps: float
    """Of the call that has fewest."""
    p95_ms: float
    """Of the call that waits longest."""
    server_cores: float
    caller_cores: float
    """Of all callers together."""
    levels: list[int]
    server_mb: float
    """Resident memory."""

    @property
    def held(self) -> bool:
        """Whether all calls were as they should be."""
        return self.fps >= LEAST_FPS - 0.5 and self.p95_ms <= LONGEST_P95_MS


def levels(callers: Sequence[LightCaller]) -> list[int]:
    """Return the level of quality that each call stands on."""
    told = [[m for m in caller.received.messages if m["type"] == "stats"] for caller in callers]
    return [(stats[-1].get("quality") or {"level": 0})["level"] if stats else 0 for stats in told]


async def watch(callers: Sequence[LightCaller], servers: Sequence[ServerProcess], seconds: float) -> Step:
    """Watch all calls for a while."""
    begin, own_s, served_s = time.monotonic(), time.process_time(), sum(server.cpu_s() for server in servers)
    await asyncio.sleep(seconds)
    elapsed = time.monotonic() - begin
    pictures = [sum(at >= begin for _, at, _ in caller.received.pictures) for caller in callers]
    waits = [report.p95(latency for at, latency in caller.latencies() if at >= begin) for caller in callers]
    return Step(
        calls=len(callers),
        fps=min(pictures) / elapsed,
        p95_ms=1e3 * max(waits),
        server_cores=(sum(server.cpu_s() for server in servers) - served_s) / elapsed,
        caller_cores=(time.process_time() - own_s) / elapsed,
        levels=levels(callers),
        server_mb=sum(server.rss_mb() for server in servers),
    )


async def fill(server: ServerProcess, media: Media, settle_s: float, seconds: float, begin_with: int) -> list[Step]:
    """Let callers join until the server refuses one, or the calls are not as they should be; return each step.

    The last step is that in which one was refused, or one too many was taken.
    """
    callers: list[LightCaller] = []
    steps: list[Step] = []
    try:
        while len(callers) < MOST:
            caller = LightCaller(server.url, AskedCamera(media.packets), media.sound)
            try:
                await caller.join(QUERY)
            except RefusedError as refused:
                print(f"the server refuses call {len(callers) + 1}: {refused.args[0]} (Retry-After: {refused.args[1]})")
                steps.append(await watch(callers, [server], seconds))
                break
            callers.append(caller)
            if len(callers) < begin_with:
                continue
            await asyncio.sleep(settle_s)
            steps.append(await watch(callers, [server], seconds))
            print(steps[-1], flush=True)
            if not steps[-1].held:
                break
        return steps
    finally:
        await asyncio.gather(*(caller.leave() for caller in callers))


async def held(server: ServerProcess, calls: int, media: Media, settle_s: float, seconds: float) -> Step:
    """Hold so many calls in a server."""
    callers: list[LightCaller] = []
    try:
        for _ in range(calls):
            callers.append(LightCaller(server.url, AskedCamera(media.packets), media.sound))
            await callers[-1].join(QUERY)
        await asyncio.sleep(settle_s)
        return await watch(callers, [server], seconds)
    finally:
        await asyncio.gather(*(caller.leave() for caller in callers))


async def joined(server: ServerProcess, media: Media, settle_s: float, seconds: float) -> list[Step]:
    """Hold two calls and let a third come; return what the two are like in each second from then on.

    Nothing where the server takes no third.
    """
    callers = [LightCaller(server.url, AskedCamera(media.packets), media.sound) for _ in range(3)]
    try:
        for caller in callers[:2]:
            await caller.join(QUERY)
        await asyncio.sleep(settle_s)
        joining = asyncio.create_task(callers[2].join(QUERY))
        steps = [await watch(callers[:2], [server], 1.0) for _ in range(round(seconds))]
        try:
            await joining
        except RefusedError as refused:
            print(f"the server refuses the third: {refused.args[0]} (--overbook has it come)")
            return []
        return steps
    finally:
        await asyncio.gather(*(caller.leave() for caller in callers))


def most_held(steps: Sequence[Step]) -> int:
    """Return how many calls were as they should be at once."""
    return max((step.calls for step in steps if step.held), default=0)


def measure(
    media: Media, tier: str, settle_s: float, seconds: float, begin_with: int, parts: str, *, overbook: bool
) -> dict[str, float]:
    """Fill servers; return the figures."""
    figures: dict[str, float] = {}
    options = ("--tier", tier, "--sessions", str(MOST), *(["--overbook"] if overbook else []))
    if "fixed" in parts:
        with ServerProcess(*options, "--quality", "fixed") as server:
            steps = asyncio.run(fill(server, media, settle_s, seconds, begin_with))
        show("fixed", steps)
        figures["calls_512"] = most_held(steps)
        figures["server_cores_a_call"] = report.median(step.server_cores / step.calls for step in steps)
        figures["caller_cores_a_call"] = report.median(step.caller_cores / step.calls for step in steps)
    if "auto" in parts:
        with ServerProcess(*options) as server:
            steps = asyncio.run(fill(server, media, settle_s, seconds, begin_with))
        show("auto", steps)
        figures["calls_stepped_down"] = most_held(steps)
        refused = len(steps) > 1 and steps[-1].calls == steps[-2].calls
        figures["refused_in_words"] = float(refused)
        if refused:
            figures["fps_while_refusing"], figures["p95_ms_while_refusing"] = steps[-1].fps, steps[-1].p95_ms
    if "joining" in parts:
        with ServerProcess(*options) as server:
            steps = asyncio.run(joined(server, media, settle_s, seconds))
        if steps:
            show("two calls, a third joins: each second", steps)
            figures["joining_felt_s"] = float(sum(not step.held for step in steps))
            figures["joining_worst_p95_ms"] = max(step.p95_ms for step in steps)
    return figures


def compare_workers(
    media: Media, tier: str, quality: str, settle_s: float, seconds: float, counts: Sequence[int], rounds: int
) -> dict[str, float]:
    """Hold calls in one process, and in as many as there are calls; return the figures."""
    figures: dict[str, float] = {}
    for calls in counts:
        steps: dict[str, list[Step]] = {"one process": [], "a process each": []}
        for _ in range(rounds):
            for label, workers in (("one process", 1), ("a process each", calls)):
                options = ("--tier", tier, "--quality", quality, "--sessions", str(MOST), "--workers", str(workers))
                with ServerProcess(*options) as server:
                    try:
                        steps[label].append(asyncio.run(held(server, calls, media, settle_s, seconds)))
                        print(label, steps[label][-1], flush=True)
                    except RefusedError as refused:
                        print(f"{calls} calls, {label}: {refused.args[0]}")
        for label, taken in steps.items():
            show(f"{calls} calls, {label}", taken)
            name = f"{label.replace(' ', '_')}_{calls}"
            if taken:
                figures[f"fps_{name}"] = report.median(step.fps for step in taken)
                figures[f"p95_ms_{name}"] = report.median(step.p95_ms for step in taken)
                figures[f"memory_mb_{name}"] = report.median(step.server_mb for step in taken)
                figures[f"cores_{name}"] = report.median(step.server_cores for step in taken)
    return figures


def show(label: str, steps: Sequence[Step]) -> None:
    """Print steps as a table."""
    print(f"\n{label}")
    report.table(
        ("calls", "least fps", "worst p95 ms", "server cores", "server MB", "caller cores", "levels"),
        [(s.calls, s.fps, s.p95_ms, s.server_cores, s.server_mb, s.caller_cores, s.levels) for s in steps],
    )


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--seconds", type=float, default=8.0, help="each number of calls is watched (default 8)")
    arguments.add_argument("--settle", type=float, default=12.0, help="and waited for before (default 12)")
    arguments.add_argument("--begin-with", type=int, default=1, help="calls at first (default 1)")
    arguments.add_argument("--driver", type=Path, help="the clip the cameras play; its sound is the microphones'")
    arguments.add_argument("--tier", default="geometry", help="what draws them, as avatar serve takes it")
    arguments.add_argument(
        "--parts",
        default="fixed,auto",
        help="of fixed, auto, joining and workers, with commas between (default fixed,auto)",
    )
    arguments.add_argument(
        "--overbook", action="store_true", help="let servers take calls that they have no room for, to see how these do"
    )
    arguments.add_argument("--calls", default="1,2,3,4", help="held by the part workers (default 1,2,3,4)")
    arguments.add_argument("--quality", default="auto", help="of the part workers (default auto)")
    arguments.add_argument("--rounds", type=int, default=1, help="of the part workers (default 1)")
    chosen = arguments.parse_args()
    clip = chosen.driver or test_clips(1, speech_only=True)[0]
    packets = {request: camera_packets(clip, camera=request) for request in {level.camera for level in LADDER}}
    media = Media(packets, opus_packets(microphone_samples(clip)))
    figures = measure(
        media, chosen.tier, chosen.settle, chosen.seconds, chosen.begin_with, chosen.parts, overbook=chosen.overbook
    )
    if "workers" in chosen.parts:
        counts = [int(count) for count in chosen.calls.split(",")]
        figures |= compare_workers(
            media, chosen.tier, chosen.quality, chosen.settle, chosen.seconds, counts, chosen.rounds
        )
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    main()
