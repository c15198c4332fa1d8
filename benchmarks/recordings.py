"""A server that records a call is killed at random moments (kill -9): up to when does the file play?

A caller sends a face and a voice, the call is recorded, and after a random time the server's process is killed. The
file is read to its end. `lost_s` is the time from its last picture, and from its last sound, to the kill; the seconds
that the recording had by then are told by the clock, from the answer that it has begun.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import av
import httpx2

from avatar.config import LimitSettings
from avatar.identities.builtin import builtin_face
from avatar.media.photo import read_photo
from benchmarks import report
from benchmarks.call_media import CameraTrack, MicrophoneTrack, microphone_samples, still_packets
from benchmarks.server_process import ServerProcess
from benchmarks.watchers import Receiver

BARS = {"lost_s_most": "<= 1.1", "played": "all"}
PICTURES = 5
"""The call goes on once so many have come."""


@dataclass(frozen=True, slots=True)
class Killed:
    """One recording."""

    recorded_s: float
    """From its beginning to the kill."""
    pictures_s: float
    """Time of the last picture in the file."""
    sound_s: float
    """Length of the sound in the file."""

    @property
    def lost_s(self) -> float:
        """How much of its end is not in the file."""
        return self.recorded_s - min(self.pictures_s, self.sound_s)


async def record_and_kill(server: ServerProcess, packets: list[bytes], seconds: float) -> float:
    """Have a call recorded and kill the server after so many seconds; return how long was recorded."""
    caller = Receiver()
    caller.connection.addTrack(CameraTrack(packets))
    caller.connection.addTrack(MicrophoneTrack(microphone_samples(None)))
    try:
        async with httpx2.AsyncClient(base_url=server.url, timeout=30) as http:
            location = await caller.call(http, "/whip?avatar=mira&drive=both")
            while caller.pictures < PICTURES:  # noqa: ASYNC110 - counted outside asyncio's reach
                await asyncio.sleep(0.05)
            answer = await http.post(f"/api/calls{location.removeprefix('/whip')}/recording")
            begun_s = time.monotonic()
            if answer.status_code != 201:
                raise SystemExit(f"The server answers {answer.status_code}: {answer.text}")
            await asyncio.sleep(seconds)
            server.kill()
            return time.monotonic() - begun_s
    finally:
        await caller.connection.close()


def read(path: Path) -> tuple[float, float]:
    """Return the time of the last picture, and how long the sound lasts."""
    with av.open(str(path)) as movie:
        pictures_s = max(float(frame.time or 0) for frame in movie.decode(video=0))
    with av.open(str(path)) as movie:
        sound_s = sum(frame.samples / frame.sample_rate for frame in movie.decode(audio=0))
    return pictures_s, sound_s


def measure(packets: list[bytes], seconds: float, tier: str) -> Killed:
    """Return what one kill leaves."""
    with tempfile.TemporaryDirectory(prefix="avatar-recordings-") as folder:
        with ServerProcess("--tier", tier, "--quality", "fixed", "--recordings", folder) as server:
            recorded_s = asyncio.run(record_and_kill(server, packets, seconds))
        (path,) = Path(folder).iterdir()
        return Killed(recorded_s, *read(path))


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--kills", type=int, default=10, help="recordings (default 10)")
    arguments.add_argument("--longest", type=float, default=8.0, help="seconds that one may last (default 8)")
    arguments.add_argument("--seed", type=int, default=1, help="of the moments (default 1)")
    arguments.add_argument("--tier", default="geometry", help="what draws the avatar (default geometry)")
    chosen = arguments.parse_args()
    packets = still_packets(read_photo(builtin_face("astronaut").image.read_bytes(), LimitSettings()))
    moments = random.Random(chosen.seed)  # noqa: S311 - no secret
    killed = [measure(packets, moments.uniform(1.0, chosen.longest), chosen.tier) for _ in range(chosen.kills)]
    rows = [(f"{one.recorded_s:.2f}", one.pictures_s, one.sound_s, one.lost_s) for one in killed]
    report.table(("killed after s", "last picture s", "sound s", "lost s"), rows)
    figures = {
        "played": sum(one.pictures_s > 0 for one in killed) / len(killed),
        "lost_s_median": report.median(one.lost_s for one in killed),
        "lost_s_most": max(one.lost_s for one in killed),
    }
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    main()
