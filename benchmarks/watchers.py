"""What watchers of a call cost its server: processor time with one and with eight, in turn in one call.

A caller sends a face and a voice and sees its avatar; the others watch by the call's link, and take packets in without
decoding them, so that the machine's time is the server's.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from avatar.config import LimitSettings
from avatar.identities.builtin import builtin_face
from avatar.media.photo import read_photo
from avatar.stream.tuning.aiortc_tuning import gather_loopback_only
from avatar.stream.tuning.receiver_tuning import tune_receiver
from benchmarks import report
from benchmarks.call_media import CameraTrack, MicrophoneTrack, camera_packets, microphone_samples, still_packets
from benchmarks.server_process import ServerProcess

BARS = {"cpu_ratio": "<= 1.5", "pictures_share": ">= 0.97"}
MANY = 8
SETTLE_S = 3.0
"""From the last watcher's joining until the measuring begins."""


class Receiver:
    """Takes in what a server sends, and counts its pictures."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration([]))
        self.pictures = 0

    async def call(self, http: httpx2.AsyncClient, address: str) -> str:
        """Make the call; return its address."""
        gather_loopback_only(self.connection)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        headers = {"Content-Type": "application/sdp"}
        answer = await http.post(address, content=self.connection.localDescription.sdp, headers=headers)
        if answer.status_code != 201:
            raise SystemExit(f"The server answers {answer.status_code}: {answer.text}")
        await self.connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        for transceiver in self.connection.getTransceivers():
            may_decode = self._count if transceiver.kind == "video" else _leave
            tune_receiver(transceiver.receiver, may_decode=may_decode)
        return answer.headers["location"]

    def _count(self, _: str, __: bytes) -> bool:
        self.pictures += 1
        return False


def _leave(_: str, __: bytes) -> bool:
    return False


async def watcher(stack: AsyncExitStack, http: httpx2.AsyncClient, whep: str) -> Receiver:
    """Let one more watch until the stack is closed."""
    made = Receiver()
    stack.push_async_callback(made.connection.close)
    for kind in ("video", "audio"):
        made.connection.addTransceiver(kind, direction="recvonly")
    await made.call(http, whep)
    return made


async def measure(server: ServerProcess, packets: list[bytes], rounds: int, seconds: float) -> dict[str, Any]:
    """Return the processor time in cores and the pictures a second, with one watcher and with many."""
    cores: dict[int, list[float]] = {1: [], MANY: []}
    rates: dict[int, list[float]] = {1: [], MANY: []}
    async with httpx2.AsyncClient(base_url=server.url, timeout=30) as http:
        caller = Receiver()
        caller.connection.addTrack(CameraTrack(packets))
        caller.connection.addTrack(MicrophoneTrack(microphone_samples(None)))
        location = await caller.call(http, "/whip?avatar=mira&drive=both")
        whep = (await http.get(f"/api/calls{location.removeprefix('/whip')}")).json()["whep"]
        for _ in range(rounds):
            for count in (1, MANY):
                async with AsyncExitStack() as stack:
                    watching = [await watcher(stack, http, whep) for _ in range(count)]
                    await asyncio.sleep(SETTLE_S)
                    before, cpu_s, begin_s = [one.pictures for one in watching], server.cpu_s(), time.monotonic()
                    await asyncio.sleep(seconds)
                    took_s = time.monotonic() - begin_s
                    cores[count].append((server.cpu_s() - cpu_s) / took_s)
                    rates[count] += [(one.pictures - had) / took_s for one, had in zip(watching, before, strict=True)]
        await caller.connection.close()
    return {"cores": cores, "rates": rates}


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--clip", type=Path, help="what the camera shows (default: a built-in face that sways)")
    arguments.add_argument("--tier", default="geometry", help="what draws the avatar (default geometry)")
    arguments.add_argument("--rounds", type=int, default=2, help="of one and many watchers in turn (default 2)")
    arguments.add_argument("--seconds", type=float, default=8.0, help="that are measured of each (default 8)")
    chosen = arguments.parse_args()
    if chosen.clip is not None:
        packets = camera_packets(chosen.clip)
    else:
        packets = still_packets(read_photo(builtin_face("astronaut").image.read_bytes(), LimitSettings()))
    with ServerProcess("--tier", chosen.tier, "--quality", "fixed") as server:
        found = asyncio.run(measure(server, packets, chosen.rounds, chosen.seconds))
    cores, rates = found["cores"], found["rates"]
    rows = [(count, report.median(cores[count]), report.median(rates[count])) for count in (1, MANY)]
    report.table(("watchers", "server cores", "pictures/s of each"), rows)
    figures = {
        "cores_1_watcher": report.median(cores[1]),
        f"cores_{MANY}_watchers": report.median(cores[MANY]),
        "cpu_ratio": report.median(cores[MANY]) / report.median(cores[1]),
        "pictures_share": report.median(rates[MANY]) / report.median(rates[1]),
        "cpu_share_of_a_watcher": (report.median(cores[MANY]) - report.median(cores[1])) / (MANY - 1),
    }
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    main()
