"""A call goes on and others are served while strangers misuse the server: five kinds of abuse, one after the other.

A server that can write to no file (as if its temporary folder were full) holds one call. Strangers at other loopback
addresses hold idle connections, upload small files that decode to as much as one upload may, call from a page of
another site, and send packets to the call's port. All the while a visitor asks for the list of avatars, a picture and
the page, and uploads a real photo of some megabytes. Everything is bounded in number and time and stays on this
machine.

The call is compared with itself undisturbed in the same run: on a busy machine the share says more than the rate.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2
import numpy as np
from PIL import Image

from avatar.config import LimitSettings
from avatar.identities.builtin import builtin_faces
from benchmarks import report
from benchmarks.call_media import still_packets
from benchmarks.caller import Caller
from benchmarks.server_process import ServerProcess

BARS = {
    "fps": ">= 28",
    "fps_share": ">= 0.93",
    "slowest_answer_s": "< 1",
    "answers_failed": "0",
    "big_upload_failed": "0",
    "foreign_refused_share": "1",
    "bad_photos_refused_share": "1",
    "call_lost": "0",
}
IDLE_CONNECTIONS = 300
IDLERS, UPLOADER, PACKETEER, VISITOR = ("127.0.0.2", "127.0.0.6"), "127.0.0.3", "127.0.0.4", "127.0.0.5"
"""Each has an address of its own, all of them this machine's; the idlers share two."""
UPLOADS_AT_ONCE = 3
PACKETS_A_SECOND = 500
PACKET = b"not a packet of this call"
"""Plain text, which no layer takes for one of its own."""
ASK_EVERY_S = 0.25
SETTLE_S = 3.0


@dataclass
class Served:
    """How an ordinary visitor fared."""

    answers: list[tuple[float, float]] = field(default_factory=list)
    """(when asked, seconds until the answer)."""
    failed: list[str] = field(default_factory=list)
    upload_s: list[float] = field(default_factory=list)
    upload_failed: list[str] = field(default_factory=list)


@dataclass
class Refused:
    """What became of the strangers' requests: their number, and how many were turned away as they should be."""

    asked: int = 0
    refused: int = 0

    def share(self) -> float:
        """Return how many were refused, of all."""
        return self.refused / self.asked if self.asked else float("nan")


def visitor_at(address: str) -> httpx2.AsyncClient:
    """Return a client that comes from an address, with a new connection for each request."""
    transport = httpx2.AsyncHTTPTransport(
        local_address=address, limits=httpx2.Limits(max_keepalive_connections=0), trust_env=False
    )
    return httpx2.AsyncClient(transport=transport, trust_env=False, timeout=30)


def empty_photo(pixels: int) -> bytes:
    """Return a picture of one colour with so many pixels: a small file without a face."""
    side = int(pixels**0.5)
    out = io.BytesIO()
    Image.new("RGB", (side, side), (120, 130, 140)).save(out, "PNG")
    return out.getvalue()


def big_photo() -> bytes:
    """Return a built-in face in a file of some megabytes, as a telephone would send it."""
    with Image.open(builtin_faces()[0].image) as face:
        enlarged = np.asarray(face.convert("RGB").resize((2400, 2400), Image.Resampling.BICUBIC), np.int16)
    grain = np.random.default_rng(0).normal(0, 8, enlarged.shape).astype(np.int16)
    out = io.BytesIO()
    Image.fromarray((enlarged + grain).clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=95)
    return out.getvalue()


def form(photos: list[bytes]) -> list[tuple[str, tuple[str, bytes, str]]]:
    """Return photos as the fields of an upload."""
    return [("photos", (f"{number}.jpg", photo, "image/jpeg")) for number, photo in enumerate(photos)]


async def visit(url: str, served: Served) -> None:
    """Ask as an ordinary visitor does, until cancelled."""
    paths = ("", "api/avatars", f"api/avatars/{builtin_faces()[0].id}/preview.jpg", "healthz")
    async with visitor_at(VISITOR) as http:
        for number in range(1_000_000):
            begin = time.monotonic()
            try:
                answer = await http.get(f"{url}{paths[number % len(paths)]}")
                if answer.status_code != 200:
                    served.failed.append(f"{answer.status_code} {answer.text[:200]}")
            except httpx2.HTTPError as error:
                served.failed.append(repr(error))
            served.answers.append((begin, time.monotonic() - begin))
            await asyncio.sleep(ASK_EVERY_S)


async def upload(url: str, photo: bytes, served: Served) -> None:
    """Upload a photo as an ordinary visitor does."""
    begin = time.monotonic()
    async with visitor_at(VISITOR) as http:
        try:
            answer = await http.post(f"{url}api/avatars", files=form([photo]))
            if answer.status_code != 201:
                served.upload_failed.append(f"{answer.status_code} {answer.text[:200]}")
        except httpx2.HTTPError as error:
            served.upload_failed.append(repr(error))
    served.upload_s.append(time.monotonic() - begin)


@asynccontextmanager
async def idle_connections(url: str) -> AsyncIterator[None]:
    """Hold connections that ask for nothing."""
    target = httpx2.URL(url)
    writers = []
    for number in range(IDLE_CONNECTIONS):
        with contextlib.suppress(OSError):  # a server may refuse them, which is as good
            source = (IDLERS[number % len(IDLERS)], 0)
            _, writer = await asyncio.open_connection(target.host, target.port, local_addr=source)
            writers.append(writer)
    try:
        yield
    finally:
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


@asynccontextmanager
async def during(work: Callable[[], asyncio.Future[None]]) -> AsyncIterator[None]:
    """Let something go on meanwhile."""
    task = work()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def upload_small_files(url: str, refused: Refused) -> None:
    """Upload, again and again, small files that decode to as much as is allowed, until cancelled."""
    limits = LimitSettings()
    beyond = form([empty_photo(limits.upload_pixels)] * limits.photos)
    within = form([empty_photo(limits.upload_pixels_together // limits.photos)] * limits.photos)

    async def again_and_again() -> None:
        async with visitor_at(UPLOADER) as http:
            for number in range(1_000_000):
                answer = await http.post(f"{url}api/avatars", files=(beyond, within)[number % 2])
                refused.asked += 1
                refused.refused += answer.status_code in (413, 422, 429, 503)
                await asyncio.sleep(0.02)

    await asyncio.gather(*(again_and_again() for _ in range(UPLOADS_AT_ONCE)))


async def call_from_another_site(url: str, refused: Refused) -> None:
    """Ask what a page of another site would let a browser ask, until cancelled."""
    foreign = {"Origin": "http://another-site.example", "Sec-Fetch-Site": "cross-site"}
    async with visitor_at(VISITOR) as http:
        while True:
            offer = await http.post(
                f"{url}whip?avatar=mira", content="v=0", headers={**foreign, "Content-Type": "application/sdp"}
            )
            photos = await http.post(f"{url}api/avatars", files=form([b"no photo"]), headers=foreign)
            refused.asked += 2
            refused.refused += sum(answer.status_code == 403 for answer in (offer, photos))
            await asyncio.sleep(0.1)


async def send_packets(to: tuple[str, int]) -> None:
    """Send packets to a call's port from an address that has nothing to do with it, until cancelled."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=(PACKETEER, 0))
    try:
        while True:
            transport.sendto(PACKET, to)
            await asyncio.sleep(1 / PACKETS_A_SECOND)
    finally:
        transport.close()


async def measure(seconds: float, tier: str) -> dict[str, float]:
    """Hold a call through every kind of abuse; return the figures."""
    face = builtin_faces()[0]
    with Image.open(face.image) as image:
        packets = still_packets(np.asarray(image.convert("RGB")))
    photo = big_photo()
    served, foreign, bad_photos = Served(), Refused(), Refused()
    with ServerProcess("--tier", tier, full_disk=True) as server:
        caller = Caller(server.url, packets, None)
        await caller.join(f"avatar={face.id}&width=512&height=512")
        await asyncio.sleep(SETTLE_S)
        kinds: dict[str, Callable[[], contextlib.AbstractAsyncContextManager[None]]] = {
            "undisturbed": contextlib.nullcontext,
            "300 idle connections": lambda: idle_connections(server.url),
            "small files, many pixels": lambda: during(
                lambda: asyncio.ensure_future(upload_small_files(server.url, bad_photos))
            ),
            "a page of another site": lambda: during(
                lambda: asyncio.ensure_future(call_from_another_site(server.url, foreign))
            ),
            "strangers' packets": lambda: during(lambda: asyncio.ensure_future(send_packets(caller.server_media))),
            "a photo while the disk is full": lambda: during(
                lambda: asyncio.ensure_future(upload(server.url, photo, served))
            ),
            "undisturbed again": contextlib.nullcontext,
        }
        spans: dict[str, tuple[float, float]] = {}
        async with during(lambda: asyncio.ensure_future(visit(server.url, served))):
            for kind, abuse in kinds.items():
                async with abuse():
                    begin = time.monotonic()
                    if kind.startswith("small files"):
                        await upload(server.url, photo, served)
                    await asyncio.sleep(max(0.0, begin + seconds - time.monotonic()))
                    spans[kind] = (begin, time.monotonic())
        ended = [message for message in caller.received.messages if message["type"] == "bye"]
        alive = server.running and not ended
        if alive:
            await caller.leave()

    rates = {kind: rate(caller, *span) for kind, span in spans.items()}
    slowest = {
        kind: max((took for at, took in served.answers if begin <= at < end), default=float("nan"))
        for kind, (begin, end) in spans.items()
    }
    report.table(("", "pictures a second", "slowest answer s"), [(kind, rates[kind], slowest[kind]) for kind in spans])
    for trouble in (*served.failed[:3], *served.upload_failed[:3], *(str(message) for message in ended)):
        print(f"failed: {trouble}")
    undisturbed = [rate for kind, rate in rates.items() if kind.startswith("undisturbed")]
    disturbed = [rate for kind, rate in rates.items() if not kind.startswith("undisturbed")]
    return {
        "fps": min(disturbed),
        "fps_share": min(disturbed) / report.median(undisturbed),
        "slowest_answer_s": max(slowest.values()),
        "answers_failed": float(len(served.failed)),
        "slowest_upload_s": max(served.upload_s),
        "big_upload_failed": float(len(served.upload_failed)),
        "foreign_refused_share": foreign.share(),
        "bad_photos_refused_share": bad_photos.share(),
        "bad_photos_asked": float(bad_photos.asked),
        "call_lost": float(not alive),
        "answers": float(len(served.answers)),
    }


def rate(caller: Caller, begin: float, end: float) -> float:
    """Return the pictures a second that came from one time to another."""
    return sum(begin <= at < end for _, at, _ in caller.received.pictures) / (end - begin)


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--seconds", type=float, default=8.0, help="length of each kind of abuse (default 8)")
    arguments.add_argument("--tier", default="auto", help="what draws it, as avatar serve takes it (default auto)")
    chosen = arguments.parse_args()
    report.finish(asyncio.run(measure(chosen.seconds, chosen.tier)), BARS, chosen.json)


if __name__ == "__main__":
    main()
