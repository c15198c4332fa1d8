"""What a call costs on each level of the ladder of quality, in processor time of the server: the `cost` column of
`avatar.timing.quality_ladder.LADDER`.

For each level a server is started whose calls stand on that level (`benchmarks.ladder_side`), and one call is held in
which the camera sends what the level asks it for. All of the server's work counts: decoding, following, drawing,
encoding, sound and transport.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from avatar.timing.quality_ladder import LADDER
from benchmarks import report
from benchmarks.call_media import camera_packets, microphone_samples
from benchmarks.light_caller import LightCaller, opus_packets
from benchmarks.media import test_clips
from benchmarks.server_process import ServerProcess

SETTLE_S = 3.0


@dataclass(frozen=True)
class Cost:
    """Of one level."""

    cores: float
    fps: float
    latency_ms: float


async def hold(level: int, packets: list[bytes], sound: list[bytes], seconds: float, tier: str) -> Cost:
    """Hold one call on a level."""
    with ServerProcess("--tier", tier, program=("benchmarks.ladder_side", str(level))) as server:
        caller = LightCaller(server.url, packets, sound, camera_fps=LADDER[level].camera.fps)
        await caller.join("avatar=mira&width=512&height=512")
        await asyncio.sleep(SETTLE_S)
        begin, cpu_s = time.monotonic(), server.cpu_s()
        await asyncio.sleep(seconds)
        end = time.monotonic()
        cores = (server.cpu_s() - cpu_s) / (end - begin)
        await caller.leave()
    latencies = [1e3 * latency for at, latency in caller.latencies() if begin <= at <= end]
    pictures = sum(begin <= at <= end for _, at, _ in caller.received.pictures)
    return Cost(cores, pictures / (end - begin), report.median(latencies))


def measure(clip: Path, rounds: int, seconds: float, tier: str) -> dict[str, float]:
    """Hold calls on all levels in turn; return the figures."""
    sound = opus_packets(microphone_samples(clip))
    packets = [camera_packets(clip, 5.0, level.camera) for level in LADDER]
    held: list[list[Cost]] = [[] for _ in LADDER]
    for _ in range(rounds):
        for level, costs in enumerate(held):
            costs.append(asyncio.run(hold(level, packets[level], sound, seconds, tier)))
    cores = [report.median(cost.cores for cost in costs) for costs in held]
    report.table(
        ("level", "cores", "cost", "in the table", "fps", "median ms"),
        [
            (
                str(level),
                cores[level],
                cores[level] / cores[0],
                LADDER[level].cost,
                report.median(cost.fps for cost in costs),
                report.median(cost.latency_ms for cost in costs),
            )
            for level, costs in enumerate(held)
        ],
    )
    return {f"cost_{level}": cores[level] / cores[0] for level in range(len(LADDER))} | {"cores_0": cores[0]}


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--seconds", type=float, default=8.0, help="length of each call (default 8)")
    arguments.add_argument("--rounds", type=int, default=1, help="(default 1)")
    arguments.add_argument("--driver", type=Path, help="the clip the camera plays; its sound is the microphone's")
    arguments.add_argument("--tier", default="geometry", help="what draws it, as avatar serve takes it")
    chosen = arguments.parse_args()
    clip = chosen.driver or test_clips(1, speech_only=True)[0]
    bars = {f"cost_{number}": f"the table: {level.cost:g}" for number, level in enumerate(LADDER)}
    report.finish(measure(clip, chosen.rounds, chosen.seconds, chosen.tier), bars, chosen.json)


if __name__ == "__main__":
    main()
