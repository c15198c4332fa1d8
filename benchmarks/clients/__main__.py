"""Other people's WebRTC clients call a real server: do they connect, when do they see the avatar, and how fluently?

Each client makes a number of calls in a row, in each direction and codec it has: sending a camera and receiving the
avatar (`sendrecv`), only watching (`recvonly`), or only sending (`sendonly`), for which the server's count of decoded
camera pictures is the proof. A call counts as connected when media came through, in every direction it has. Clients
that are not installed are named and left out. FFmpeg with the certificate it makes for itself cannot connect: there the
server has to name the reason.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import report
from benchmarks.clients.camera import Camera, make_camera
from benchmarks.clients.client import (
    CLIENTS,
    OWN_CERTIFICATE,
    REFUSED_CERTIFICATE,
    Caller,
    Client,
    Outcome,
    Wanted,
    metric,
)
from benchmarks.server_process import ServerProcess

BARS = {"connected_share": ">= 0.99"}
SPARE_S = 2.0
"""The camera's film is this much longer than a call."""


def came_through(outcome: Outcome, wanted: Wanted) -> bool:
    """Tell whether a call connected and carried all that it was for."""
    sent = wanted.direction == "recvonly" or outcome.camera_frames > 0
    seen = wanted.direction == "sendonly" or bool(outcome.picture_ms)
    return outcome.connected and sent and seen and outcome.hello == wanted.channel


def calls(client: Client, caller: Caller, camera: Camera, server_url: str, wanted: Wanted, count: int) -> list[Outcome]:
    """Make calls in a row; tell of each that fails why."""
    outcomes = []
    for number in range(count):
        outcomes.append(client.call(caller, camera, server_url, wanted))
        if not came_through(outcomes[-1], wanted):
            print(f"{client.name} {wanted.direction} {wanted.codec}, call {number + 1}: {outcomes[-1]}", flush=True)
    return outcomes


def row(client: Client, wanted: Wanted, outcomes: Sequence[Outcome]) -> tuple[object, ...]:
    """Return one line of the table."""
    good = [outcome for outcome in outcomes if came_through(outcome, wanted)]

    def shown(value: float) -> object:
        return "" if math.isnan(value) else value

    return (
        f"{client.name} {wanted.direction} {wanted.codec}", f"{len(good)} of {len(outcomes)}",
        shown(report.median(outcome.connected_ms or 0 for outcome in good)),
        shown(report.median(outcome.picture_ms[0] for outcome in good if outcome.picture_ms)),
        shown(report.median(outcome.pictures_per_s for outcome in good if outcome.picture_ms)),
        shown(report.median(outcome.camera_frames / wanted.seconds for outcome in good if outcome.camera_frames)),
    )  # fmt: skip


def refused(camera: Camera, server_url: str, count: int) -> tuple[object, ...]:
    """Let FFmpeg call with its own certificate; return the line that says how often the server named that reason."""
    before = metric(server_url, REFUSED_CERTIFICATE)
    with OWN_CERTIFICATE.open(camera) as caller:
        for _ in range(count):
            OWN_CERTIFICATE.call(caller, camera, server_url, Wanted("h264", "sendonly", 0.0))
    named = round(metric(server_url, REFUSED_CERTIFICATE) - before)
    return (f"{OWN_CERTIFICATE.name}: refused as `certificate`", f"{named} of {count}", "", "", "", "")


def measure(clients: Sequence[Client], count: int, seconds: float, tier: str) -> dict[str, float]:
    """Let each client make its calls; print the table and return the figures."""
    rows, tried, connected = [], 0, 0
    first_ms: list[float] = []
    rates: list[float] = []
    with tempfile.TemporaryDirectory(prefix="avatar-clients-") as folder, ServerProcess("--tier", tier) as server:
        camera = make_camera(Path(folder), seconds + SPARE_S)
        for client in clients:
            if (reason := client.missing()) is not None:
                print(f"{client.name} is left out: {reason}")
                continue
            with client.open(camera) as caller:
                for direction in client.directions:
                    for codec in client.codecs:
                        wanted = Wanted(codec, direction, seconds, channel=direction == "sendrecv")
                        outcomes = calls(client, caller, camera, server.url, wanted, count)
                        rows.append(row(client, wanted, outcomes))
                        good = [outcome for outcome in outcomes if came_through(outcome, wanted)]
                        print(f"{client.name} {direction} {codec}: {len(good)} of {count} came through", flush=True)
                        tried, connected = tried + count, connected + len(good)
                        first_ms += [outcome.picture_ms[0] for outcome in good if outcome.picture_ms]
                        rates += [outcome.pictures_per_s for outcome in good if outcome.picture_ms]
                if client.name == "whip-muxer":
                    rows.append(refused(camera, server.url, count))
    print()
    header = (
        "client, direction, codec",
        "connected",
        "after ms",
        "first picture ms",
        "pictures/s",
        "camera/s",
    )
    report.table(header, rows)
    figures = {
        "connected_share": connected / tried if tried else float("nan"),
        "first_picture_ms_median": report.median(first_ms),
        "first_picture_ms_p95": report.p95(first_ms),
        "pictures_per_s_median": report.median(rates),
    }
    return {name: value for name, value in figures.items() if not math.isnan(value)}  # who only sends sees nothing


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--calls", type=int, default=12, help="calls in a row of each kind (default 12)")
    arguments.add_argument("--seconds", type=float, default=2.0, help="length of a call once connected (default 2)")
    arguments.add_argument("--tier", default="geometry", help="what draws the avatar (default geometry)")
    names = [client.name for client in CLIENTS]
    arguments.add_argument("--client", action="append", choices=names, help="only this one; may be repeated")
    chosen = arguments.parse_args()
    clients = [client for client in CLIENTS if chosen.client is None or client.name in chosen.client]
    figures = measure(clients, chosen.calls, chosen.seconds, chosen.tier)
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    main()
