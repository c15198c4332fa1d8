"""One call by one client: what is asked of it, what came of it, and the clients there are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import av

from avatar.media.webrtc_certificate import write_p256_pair
from benchmarks.clients import chromium
from benchmarks.clients.camera import Camera, Codec
from benchmarks.clients.rtp_dump import decoded_pictures, read_rtp_dump

Direction = Literal["sendrecv", "recvonly", "sendonly"]

ROOT: Final = Path(__file__).resolve().parents[2]
PROGRAMS: Final = Path(__file__).with_name("programs")
SYSTEM_PYTHON: Final = "/usr/bin/python3"
"""Debian's own: its `gi` is built for it alone."""
GSTREAMER: Final = (
    "apt-get install python3-gi gir1.2-gst-plugins-bad-1.0 gir1.2-gst-plugins-base-1.0 gstreamer1.0-nice "
    "gstreamer1.0-plugins-bad gstreamer1.0-plugins-base gstreamer1.0-plugins-good"
)
BUNCH_MS: Final = 300
"""A client that has just connected is given what has waited for it."""
CALL_LIMIT_S: Final = 45.0
"""A program that takes longer, beside the seconds of its call, hangs."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The call a client is to make."""

    codec: Codec
    direction: Direction
    seconds: float = 2.0
    """From the connection on."""
    path: str = "whip?avatar=mira&width=256&height=256"
    """What the offer is sent to: a call of its own by WHIP, or `whep/` and the watch link's end of somebody else's."""
    channel: bool = False
    """Open the data channel too, and wait for the server's `hello`, longer than `seconds` if need be."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call. Times are in milliseconds since the offer was sent."""

    failure: str
    """What the client says; empty where nothing failed."""
    connected_ms: float | None
    """None: never."""
    hello: bool
    """The server's first message came over the data channel."""
    picture_ms: tuple[float, ...]
    """When each of the avatar's pictures had come, that the client, or for it FFmpeg, decoded."""
    size: tuple[int, int] | None
    """Width and height of the last of them in pixels."""
    camera_frames: int
    """Pictures of the client's camera that the server decoded."""

    @property
    def connected(self) -> bool:
        """Whether the call came about."""
        return self.connected_ms is not None and not self.failure

    @property
    def pictures_per_s(self) -> float:
        """The rate of the avatar's pictures, without the bunch that comes first; NaN where there are too few."""
        kept = [at for at in self.picture_ms if at > self.picture_ms[0] + BUNCH_MS]
        return 1000 * (len(kept) - 1) / (kept[-1] - kept[0]) if len(kept) > 1 else float("nan")


Caller = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes a call as the programs do: their orders in, what they tell out."""


@dataclass(frozen=True)
class Client:
    """Somebody else's WebRTC implementation."""

    name: str
    missing: Callable[[], str | None]
    """Why it cannot run here, with the command that installs it; None when it can."""
    open: Callable[[Camera], Any]
    """A context manager that yields a Caller."""
    film: Callable[[Camera, Codec], Path]
    """The camera's file, in the form this client takes."""
    directions: tuple[Direction, ...] = ("sendrecv", "recvonly", "sendonly")
    codecs: tuple[Codec, ...] = ("h264", "vp8")

    def call(self, caller: Caller, camera: Camera, server_url: str, wanted: Wanted) -> Outcome:
        """Make one call to the server at `server_url`, which ends with a slash."""
        before = metric(server_url, "avatar_camera_frames_total")
        with tempfile.TemporaryDirectory(prefix="avatar-clients-") as folder:
            received = Path(folder) / "received.rtp"
            orders = {
                **asdict(wanted), "whip": f"{server_url}{wanted.path}",
                "camera": str(self.film(camera, wanted.codec)), "received": str(received),
            }  # fmt: skip
            result = caller(orders)
            if "payload_type" in result:  # it has recorded packets
                result |= _decoded(received, wanted.codec, result["payload_type"])
        frames = metric(server_url, "avatar_camera_frames_total") - before
        size = result["size"]
        return Outcome(
            result["failure"], result["connected_ms"], result["hello"], tuple(result["picture_ms"]),
            None if size is None else (size[0], size[1]), round(frames),
        )  # fmt: skip


def _decoded(recording: Path, codec: Codec, payload_type: int | None) -> dict[str, Any]:
    """Return what the programs that decode for themselves tell of the pictures they have received."""
    packets = read_rtp_dump(recording)
    pictures = [] if payload_type is None else list(decoded_pictures(packets, codec, payload_type))
    return {
        "picture_ms": [picture.at_ms for picture in pictures],
        "size": [pictures[-1].width, pictures[-1].height] if pictures else None,
    }


def metric(server_url: str, name: str) -> float:
    """Return one sample of the server's /metrics, by its name with labels; 0 where there is none."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"{server_url}metrics", timeout=10) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.rsplit(" ", 1)[1])
    return 0.0


def run_program(command: tuple[str, ...], orders: dict[str, Any]) -> dict[str, Any]:
    """Run a client's program; its last line is its result. One that hangs or breaks off has failed."""
    limit_s = CALL_LIMIT_S + orders["seconds"]
    direct = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    nothing: dict[str, Any] = {"connected_ms": None, "hello": False, "picture_ms": [], "size": None}
    try:
        done = subprocess.run(
            [*command, json.dumps(orders)],
            cwd=ROOT, env=direct, capture_output=True, text=True, timeout=limit_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {**nothing, "failure": f"{command[-1]} hangs: no result in {limit_s:.0f} s"}
    lines = done.stdout.strip().splitlines()
    if not lines:
        return {**nothing, "failure": f"{command[-1]} ended with {done.returncode}: {done.stderr[-2000:]}"}
    result: dict[str, Any] = json.loads(lines[-1])
    return result


def _program(*command: str) -> Callable[[Camera], Any]:
    @contextmanager
    def opened(camera: Camera) -> Iterator[Caller]:  # noqa: ARG001 - each call's orders name the file
        yield partial(run_program, command)

    return opened


WHIP_MUXER: Final = (sys.executable, str(PROGRAMS / "whip_muxer.py"))


@contextmanager
def _whip_muxer(camera: Camera) -> Iterator[Caller]:
    """FFmpeg with a certificate on P-256: the one it makes for itself is on a curve that OpenSSL does not take."""
    pair = write_p256_pair(camera.folder)

    def call(orders: dict[str, Any]) -> dict[str, Any]:
        return run_program(WHIP_MUXER, {**orders, "cert_file": str(pair.certificate), "key_file": str(pair.key)})

    yield call


@contextmanager
def _chromium(camera: Camera) -> Iterator[Caller]:
    with chromium.CallingChromium(camera.raw) as browser:
        yield browser.call


def _missing_package(name: str) -> str | None:
    if shutil.which("node") is None:
        return "needs node 20 or newer (https://nodejs.org)"
    return None if (ROOT / "node_modules" / name).is_dir() else f"needs {name} (npm ci)"


def _missing_gstreamer() -> str | None:
    probe = (
        "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstWebRTC', '1.0');"
        "from gi.repository import Gst, GstWebRTC; Gst.init(None);"
        "assert all(map(Gst.ElementFactory.find, "
        "['webrtcbin', 'nicesrc', 'srtpenc', 'vp8dec', 'openh264dec', 'h264parse', 'matroskademux', 'rtph264pay']))"
    )
    if not Path(SYSTEM_PYTHON).exists():
        return f"needs Debian's Python with GStreamer ({GSTREAMER})"
    done = subprocess.run([SYSTEM_PYTHON, "-c", probe], capture_output=True, check=False)
    return None if done.returncode == 0 else f"needs GStreamer ({GSTREAMER})"


def _missing_whip_muxer() -> str | None:
    return None if "whip" in av.formats_available else "needs PyAV with FFmpeg's WHIP muxer (pip install 'av>=18.1')"


def _rtp(camera: Camera, codec: Codec) -> Path:
    return camera.rtp(codec)


def _movie(camera: Camera, codec: Codec) -> Path:
    return camera.movie(codec)


CLIENTS: Final = (
    Client("chromium", chromium.missing, _chromium, lambda camera, _: camera.raw),
    Client("webrtcbin", _missing_gstreamer, _program(SYSTEM_PYTHON, str(PROGRAMS / "webrtcbin.py")), _movie),
    Client(
        "node-datachannel",
        partial(_missing_package, "node-datachannel"),
        _program("node", str(PROGRAMS / "node_datachannel.mjs")),
        _rtp,
    ),
    Client("werift", partial(_missing_package, "werift"), _program("node", str(PROGRAMS / "werift.mjs")), _rtp),
    Client("whip-muxer", _missing_whip_muxer, _whip_muxer, _movie, ("sendonly",), ("h264",)),
)
OWN_CERTIFICATE: Final = Client(
    "whip-muxer, own certificate", _missing_whip_muxer, _program(*WHIP_MUXER), _movie, ("sendonly",), ("h264",)
)
"""FFmpeg as it comes with PyAV: no call can come about, and the server has to say why."""
REFUSED_CERTIFICATE: Final = 'avatar_calls_ended_total{reason="certificate"}'
