"""What people in a room get of each other, and what it costs: two, three and four of them on this machine.

Everybody sends a face and a voice and is sent the avatars of all the others; one after the other comes in. Pictures are
noted and not decoded, so that the machine's time is the server's. Latency is from a person's camera to another, not
back to them; sound is matched with what was said.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import httpx2
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from avatar.config import LimitSettings
from avatar.identities.builtin import builtin_face
from avatar.media.photo import read_photo
from avatar.stream.tuning.aiortc_tuning import gather_loopback_only
from avatar.stream.tuning.receiver_tuning import tune_receiver
from avatar.timing.rtp_clock import wrapped
from benchmarks import report
from benchmarks.call_media import camera_packets, microphone_samples, still_packets
from benchmarks.caller import Received, RefusedError
from benchmarks.capacity import levels
from benchmarks.light_caller import LightCaller, note_arrivals, opus_packets
from benchmarks.server_process import ServerProcess
from benchmarks.sound_delay import sound_latencies

BARS = {"av_offset_ms_p95_2": "<= 40", "fps_2": ">= 24"}
MOST = 4
FACES = ("mira", "kofi", "lin", "tomas")
ROOM = "a-room-of-the-benchmark"
SETTLE_S = 8.0
"""From one's coming until the measuring begins: the calls make room for each other."""
SAME_MOMENT_S = 0.08
"""Pictures that two are sent within this time may be the same."""


class View:
    """One person as another is sent them."""

    def __init__(self) -> None:
        self.received = Received()
        self.connection = RTCPeerConnection(RTCConfiguration([]))
        for kind in ("video", "audio"):
            self.connection.addTransceiver(kind, direction="recvonly")
        self._reading: asyncio.Task[None] | None = None

    async def open(self, http: httpx2.AsyncClient, address: str) -> None:
        """Be sent what is at `address`, a WHEP endpoint."""
        gather_loopback_only(self.connection)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        headers = {"content-type": "application/sdp"}
        answer = await http.post(address, content=self.connection.localDescription.sdp, headers=headers)
        if answer.status_code != 201:
            raise SystemExit(f"The server answers {answer.status_code}: {answer.text}")
        await self.connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        video, audio = (section.receiver for section in self.connection.getTransceivers())
        note_arrivals(video, self.received)
        tap = tune_receiver(audio)
        self._reading = asyncio.create_task(self._read(audio.track, tap))

    async def close(self) -> None:
        """Leave nothing running."""
        await self.connection.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self, track: MediaStreamTrack, tap: Any) -> None:
        while True:
            try:
                frame: Any = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, av.AudioFrame)
            mono = frame.to_ndarray().reshape(-1, len(frame.layout.channels)).mean(axis=1).astype(np.int16)
            self.received.sound.append((tap.arrival_s(frame.pts) or time.monotonic(), mono))


class Person(LightCaller):
    """One in the room, and what they are sent of the others."""

    def __init__(self, url: str, packets: list[bytes], samples: np.ndarray, sound: list[bytes]) -> None:
        super().__init__(url, packets, sound)
        self.samples = samples
        self.views: dict[str, View] = {}

    @property
    def id(self) -> str:
        """What the others know this one by; "" until the server has said it."""
        return str(self._room.get("you", ""))

    @property
    def _room(self) -> dict[str, Any]:
        said = [message for message in self.received.messages if message["type"] == "room"]
        return said[-1] if said else {}

    async def look_around(self, http: httpx2.AsyncClient, count: int) -> None:
        """Be sent all the others, once there are `count` people."""
        while len(self._room.get("members", ())) < count:  # noqa: ASYNC110 - the caller has no event for it
            await asyncio.sleep(0.05)
        for member in self._room["members"]:
            if member["member"] not in (self.id, *self.views):
                view = self.views[member["member"]] = View()
                await view.open(http, member["whep"])

    async def leave(self) -> None:
        """End the call, and what is sent of the others."""
        for view in self.views.values():
            await view.close()
        await super().leave()


@dataclass(frozen=True)
class Step:
    """So many people in the room."""

    people: int
    fps: float
    """Of whom another is sent, median over everybody's others."""
    latency_ms: float
    latency_p95_ms: float
    av_offset_ms: float
    """By how much sound comes after its picture (negative: before), median over the moments of everybody's others."""
    av_offset_p95_ms: float
    """The same, without its sign, p95."""
    server_cores: float
    levels: list[int]


def same_pictures(shown: Received, seen: Received) -> int:
    """Return what the timestamps that one is sent of a person are above those that this person is sent themselves.

    Both count the same clock from a random begin; the difference that is met most often among pictures that came at
    about the same time is that of equal pictures.
    """
    own = [(stamp, at_s) for stamp, at_s, _ in shown.pictures]
    times = np.array([at_s for _, at_s in own])
    met: Counter[int] = Counter()
    for stamp, at_s, _ in seen.pictures:
        first, last = np.searchsorted(times, (at_s - SAME_MOMENT_S, at_s + SAME_MOMENT_S))
        met.update(wrapped(stamp - own[index][0]) for index in range(first, last))
    if not met:
        raise SystemExit("No picture came that was sent to both: the machine is too busy to measure anything.")
    return met.most_common(1)[0][0]


def latencies(person: Person, seen: Received, begin_s: float) -> list[tuple[float, float]]:
    """Return (arrival time, seconds from a person's camera) of the pictures that another is sent of them."""
    arrived = {stamp: at_s for stamp, at_s, _ in person.received.pictures}
    camera_s = {stamp: at_s - latency for stamp, (at_s, latency) in _by_stamp(person, arrived).items()}
    above = same_pictures(person.received, seen)
    return [
        (at_s, at_s - camera_s[own])
        for stamp, at_s, _ in seen.pictures
        if at_s >= begin_s and (own := wrapped(stamp - above)) in camera_s
    ]


def _by_stamp(person: Person, arrived: dict[int, float]) -> dict[int, tuple[float, float]]:
    stamp_of = {at_s: stamp for stamp, at_s in arrived.items()}
    return {stamp_of[at_s]: (at_s, latency) for at_s, latency in person.latencies() if at_s in stamp_of}


def summary(people: list[Person], server_cores: float, begin_s: float, elapsed_s: float) -> Step:
    """Return what everybody got of everybody else since `begin_s`."""
    of = {person.id: person for person in people}
    rates, waits, offsets = [], [], []
    for viewer in people:
        for member, view in viewer.views.items():
            person = of[member]
            rates.append(sum(at_s >= begin_s for _, at_s, _ in view.received.pictures) / elapsed_s)
            pictures = latencies(person, view.received, begin_s)
            waits += [latency for _, latency in pictures]
            if len(pictures) < 2 or person.microphone is None or person.microphone.begin_s is None:
                continue
            heard = [(at_s, block) for at_s, block in view.received.sound if at_s >= begin_s]
            times, waited = np.array(pictures).T
            offsets += [
                1e3 * (sound_s - float(np.interp(at_s, times, waited)))
                for at_s, sound_s in sound_latencies(person.samples, person.microphone.begin_s, heard)
            ]
    return Step(
        people=len(people),
        fps=report.median(rates),
        latency_ms=1e3 * report.median(waits),
        latency_p95_ms=1e3 * report.p95(waits),
        av_offset_ms=report.median(offsets),
        av_offset_p95_ms=report.p95(abs(offset) for offset in offsets),
        server_cores=server_cores,
        levels=levels(people),
    )


async def cores(server: ServerProcess, seconds: float) -> tuple[float, float, float]:
    """Let the calls settle; return the processor cores that the server then uses, since when, and for how long."""
    await asyncio.sleep(SETTLE_S)
    begin_s, cpu_s = time.monotonic(), server.cpu_s()
    await asyncio.sleep(seconds)
    elapsed_s = time.monotonic() - begin_s
    return (server.cpu_s() - cpu_s) / elapsed_s, begin_s, elapsed_s


async def measure(server: ServerProcess, packets: list[bytes], seconds: float) -> tuple[float, list[Step]]:
    """Let one after the other come in, and look at what all get each time.

    Returns the processor cores that two take who are not sent each other, and the steps.
    """
    samples = microphone_samples(None)
    sound = opus_packets(samples)
    people: list[Person] = []
    steps: list[Step] = []
    unseen_cores = 0.0
    async with httpx2.AsyncClient(base_url=server.url, timeout=30, trust_env=False) as http:
        for face in FACES[:MOST]:
            person = Person(server.url, packets, samples, sound)
            try:
                await person.join(f"avatar={face}&drive=both&room={ROOM}&name={face}")
            except RefusedError as error:
                print(f"with {len(people)} in the room, another is refused: {error.args[0]}")
                await person.connection.close()
                break
            people.append(person)
            if len(people) < 2:
                continue
            if not steps:
                unseen_cores, _, _ = await cores(server, seconds)
            await asyncio.gather(*(one.look_around(http, len(people)) for one in people))
            steps.append(summary(people, *await cores(server, seconds)))
        for person in people:
            await person.leave()
    return unseen_cores, steps


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--clip", type=Path, help="what the cameras show (default: a built-in face that sways)")
    arguments.add_argument("--tier", default="auto", help="what draws the avatars (default auto)")
    arguments.add_argument("--quality", default="auto", help="auto or fixed, as avatar serve takes it (default auto)")
    arguments.add_argument("--seconds", type=float, default=8.0, help="that are measured of each (default 8)")
    chosen = arguments.parse_args()
    if chosen.clip is not None:
        packets = camera_packets(chosen.clip)
    else:
        packets = still_packets(read_photo(builtin_face("astronaut").image.read_bytes(), LimitSettings()))
    with ServerProcess("--tier", chosen.tier, "--quality", chosen.quality) as server:
        unseen_cores, steps = asyncio.run(measure(server, packets, chosen.seconds))
    report.table(
        ("people", "pictures/s of each", "latency ms", "p95 ms", "server cores", "levels"),
        [(one.people, one.fps, one.latency_ms, one.latency_p95_ms, one.server_cores, one.levels) for one in steps],
    )
    figures = {"server_cores_2_not_seen": unseen_cores}
    for one in steps:
        figures |= {
            f"fps_{one.people}": one.fps,
            f"latency_ms_{one.people}": one.latency_ms,
            f"av_offset_ms_{one.people}": one.av_offset_ms,
            f"av_offset_ms_p95_{one.people}": one.av_offset_p95_ms,
            f"server_cores_{one.people}": one.server_cores,
        }
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    main()
