"""What does the code as it stands cost, beside an earlier commit? Both run in turn, in one run, on one core.

    python -m benchmarks.versus --base REV

The earlier commit is checked out in a temporary folder, which is removed. Both sides draw the same motions, follow the
same frames and hold the same call, a few pictures each at a time, so that both meet the same moments of the machine.
They run in this Python, with the same packages, or the base in that of `--venv`. Ratios are of the medians of the
processor's time: on a busy machine it says more than the clock.

geometry_ratio   a picture of the geometry tier, 512 x 512
lite_ratio       a picture of the lite tier, every layer drawn by the network
track_ratio      a frame of 640 x 480 in which a face is followed
call_cpu_ratio   the server's processor time for one picture of a call, all stages (`--call-seconds 0` leaves it out)
memory_ratio     the server's resident memory at the end of that call
psnr_to_base_db  of both tiers' pictures to the base's, inside the face, the worse tier's
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from avatar.face import mesh
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.protocol import target_face
from avatar.identities.open import open_identity
from avatar.media.video import clip_frames
from avatar.types import Motion
from benchmarks import report
from benchmarks.base_checkout import ROOT, checked_out
from benchmarks.call_media import camera_packets, microphone_samples
from benchmarks.caller import Caller
from benchmarks.fixed_media import acted, write_clip
from benchmarks.generator import motions_of
from benchmarks.picture_measures import psnr_db
from benchmarks.server_process import ServerProcess

SIDE: Final = Path(__file__).with_name("versus_side.py")
KINDS: Final = ("geometry", "lite", "track")
BARS: Final = {
    "geometry_ratio": "<= 0.40",
    "lite_ratio": "<= 0.60",
    "track_ratio": "<= 0.65",
    "call_cpu_ratio": "<= 0.50",
    "memory_ratio": "<= 1.0",
    "psnr_to_base_db": ">= 40",
}
SIZE: Final = (512, 512)
FRAME_SIZE: Final = (640, 480)
MOTION_FPS: Final = 30
CLIP_S: Final = 3.0
TURN: Final = 5
"""Pictures that one side makes before it is the other's turn."""
WARM_UP: Final = 10
CALL_TIER: Final = "geometry"
"""Left to choose, sides may choose otherwise: they measure how busy the machine is."""
SETTLE_S: Final = 6.0
"""The start of a call is left out: rates find their places, and what opening it took is given back."""
COMPARED: Final = 60
"""Pictures whose pixels are compared."""


@dataclass(frozen=True)
class Held:
    """What a call cost its server."""

    cpu_ms: float
    """Processor time for a picture that came."""
    memory_mb: float
    """Resident, at the call's end."""


@dataclass
class Times:
    """What one side took for each picture, milliseconds."""

    clock_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)


class Side:
    """One side's process, tied to a core."""

    def __init__(self, python: str, root: Path, material: Path, core: int | None) -> None:
        """Start it with the code in `root`."""
        environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self.root = root
        self._process = subprocess.Popen(
            [python, "-P", str(SIDE), str(root), str(material)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if core is not None:
            os.sched_setaffinity(self._process.pid, {core})

    def ask(self, **job: Any) -> dict[str, Any]:
        """Send a job and wait for its answer.

        Raises:
            SystemExit: the process has ended.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise SystemExit("the side was started without pipes")
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        except (OSError, ValueError) as error:
            raise SystemExit(f"The code in {self.root} ended at {job}: run it alone to see why.") from error
        return answer

    def close(self) -> None:
        """Let it end; safe to call twice."""
        self._process.kill()
        self._process.wait()


@contextmanager
def both_sides(python: str, base: Path, material: Path, core: int | None) -> Iterator[tuple[Side, Side]]:
    """Have both processes, the base's first."""
    with ExitStack() as stack:
        sides = []
        for executable, root in ((python, base), (sys.executable, ROOT)):
            side = Side(executable, root, material, core)
            stack.callback(side.close)
            sides.append(side)
        yield sides[0], sides[1]


def in_turn(sides: Sequence[Side], kind: str, pictures: int) -> list[Times]:
    """Return what each side took for `pictures` of a kind, a few at a time, the first few left out."""
    times = [Times() for _ in sides]
    for side in sides:
        side.ask(run=kind, count=WARM_UP, **{"from": 0})
    for first in range(WARM_UP, WARM_UP + pictures, TURN):
        for side, taken in zip(sides, times, strict=True):
            answer = side.ask(run=kind, count=TURN, **{"from": first})
            taken.clock_ms += answer["clock_ms"]
            taken.cpu_ms += answer["cpu_ms"]
    return times


def write_motions(path: Path, motions: Sequence[Motion]) -> None:
    """Write motions as columns, which code of any age can read."""
    none = np.zeros((mesh.VERTICES, 3), np.float32)
    np.savez(
        path,
        time_s=[motion.time_s for motion in motions],
        blendshapes=np.stack([motion.blendshapes for motion in motions]),
        rotation=np.stack([motion.rotation for motion in motions]),
        translation=np.stack([motion.translation for motion in motions]),
        scale=[motion.scale for motion in motions],
        gaze=np.stack([np.full(2, np.nan, np.float32) if motion.gaze is None else motion.gaze for motion in motions]),
        residual=np.stack([none if motion.residual is None else motion.residual for motion in motions]),
    )


def write_frames(path: Path, clip: Path) -> None:
    """Write a clip's first seconds as (frames, height, width, 3) RGB."""
    frames = [cv2.resize(rgb, FRAME_SIZE) for time_s, rgb in clip_frames(clip) if time_s < CLIP_S]
    np.save(path, np.stack(frames))


def face_psnr_db(face: str, motions: Sequence[Motion], now: np.ndarray, base: np.ndarray) -> float:
    """Return how near pictures (n, height, width, 3) are to the base's inside the face, over all of them."""
    generator = GeometryGenerator(open_identity(face), SIZE)
    squares = []
    for motion, picture, earlier in zip(motions, now, base, strict=True):
        outline = target_face(generator.rig, generator.identity, motion).landmarks[list(mesh.OVAL), :2]
        inside = np.zeros(SIZE[::-1], np.uint8)
        cv2.fillPoly(inside, [np.rint(outline).astype(np.int32)], 1)
        squares.append(10 ** (-psnr_db(picture, earlier, inside > 0) / 10))
    return float(-10 * np.log10(np.mean(squares)))


async def hold_call(
    server: ServerProcess, face: str, packets: list[bytes], samples: np.ndarray, seconds: float
) -> Held:
    """Hold a call with a server that has had none, and return what it cost once it had settled."""
    caller = Caller(server.url, packets, samples)
    await caller.join(f"avatar={face}&width={SIZE[0]}&height={SIZE[1]}&drive=camera")
    await asyncio.sleep(SETTLE_S)
    cpu_s, before = server.cpu_s(), len(caller.received.pictures)
    await asyncio.sleep(seconds)
    used_s, pictures = server.cpu_s() - cpu_s, caller.received.pictures[before:]
    memory_mb = server.rss_mb()
    await caller.leave()
    if {size for _, _, size in pictures} != {SIZE}:
        print("The server sent smaller pictures, since it had no time: what it cost says little.", file=sys.stderr)
    return Held(1e3 * used_s / max(len(pictures), 1), memory_mb)


def compare_calls(chosen: argparse.Namespace, base: Path, clip: Path) -> dict[str, float]:
    """Hold calls with servers of both sides in turn; print what they cost, return the ratios."""
    packets, samples = camera_packets(clip), microphone_samples(clip)
    calls: tuple[list[Held], list[Held]] = ([], [])
    for number in range(chosen.calls):
        print(f"call {number + 1} of {chosen.calls} ...", file=sys.stderr)
        for held, python, root in zip(calls, (chosen.venv, sys.executable), (base, ROOT), strict=True):
            with ServerProcess("--tier", CALL_TIER, root=root, python=python) as server:
                held.append(asyncio.run(hold_call(server, chosen.face, packets, samples, chosen.call_seconds)))
    cpu_ms = [report.median(one.cpu_ms for one in held) for held in calls]
    memory_mb = [report.median(one.memory_mb for one in held) for held in calls]
    report.table(
        ("a call's server", "CPU ms a picture", "memory MB", "calls"),
        list(zip(("base", "now"), cpu_ms, memory_mb, map(len, calls), strict=True)),
    )
    return {"call_cpu_ratio": cpu_ms[1] / cpu_ms[0], "memory_ratio": memory_mb[1] / memory_mb[0]}


def measure(chosen: argparse.Namespace) -> dict[str, float]:
    """Run what the command line asks for; print times by kind, return the figures."""
    core = max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    figures: dict[str, float] = {}
    rows: list[tuple[object, ...]] = []
    nearest = []
    with tempfile.TemporaryDirectory(prefix="versus-") as folder, checked_out(chosen.base) as base:
        work = Path(folder).resolve()
        clip = chosen.driver
        if clip is None:
            clip = work / "clip.mp4"
            write_clip(clip, CLIP_S, sound=True)
        count = WARM_UP + chosen.pictures
        motions = motions_of(clip, count) if chosen.driver else [acted(n / MOTION_FPS) for n in range(count)]
        write_motions(work / "motions.npz", motions)
        write_frames(work / "frames.npy", clip)
        with both_sides(chosen.venv, base, work, core) as sides:
            for kind in chosen.kinds:
                print(f"{kind} ...", file=sys.stderr)
                for side in sides:
                    side.ask(open=kind, face=chosen.face, size=SIZE, engine=chosen.engine)
                times = in_turn(sides, kind, chosen.pictures)
                for name, taken in zip(("base", "now"), times, strict=True):
                    cells = [at(taken.clock_ms) for at in (report.median, report.p95)]
                    cells += [at(taken.cpu_ms) for at in (report.median, report.p95)]
                    rows.append((f"{kind}, {name}", *cells))
                before, after = (report.median(taken.cpu_ms) for taken in times)
                figures[f"{kind}_ratio"] = after / before
                if kind != "track":
                    compared = min(COMPARED, len(motions))
                    kept = [work / "base.npy", work / "now.npy"]
                    for side, path in zip(sides, kept, strict=True):
                        side.ask(run=kind, count=compared, keep=str(path), **{"from": 0})
                    earlier, pictures = map(np.load, kept)
                    nearest.append(face_psnr_db(chosen.face, motions[:compared], pictures, earlier))
                    print(f"{kind}: {nearest[-1]:.1f} dB to the base inside the face")
        report.table(("one picture", "median ms", "p95 ms", "median CPU ms", "p95 CPU ms"), rows)
        if chosen.call_seconds > 0:
            figures |= compare_calls(chosen, base, clip)
    if nearest:
        figures["psnr_to_base_db"] = min(nearest)
    return figures


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--base", required=True, metavar="REV", help="the commit to compare with")
    arguments.add_argument(
        "--venv", default=sys.executable, metavar="PYTHON", help="what runs the base (default: this)"
    )
    arguments.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS, help="what is timed (default all)")
    arguments.add_argument("--face", default="mira", help="a built-in face (default mira)")
    arguments.add_argument("--driver", type=Path, help="a clip of one face for motions, frames and calls")
    arguments.add_argument("--engine", default="openvino", help="what runs the network (default openvino)")
    arguments.add_argument("--pictures", type=int, default=200, help="timed of each kind (default 200)")
    arguments.add_argument("--call-seconds", type=float, default=10.0, help="length of each call (default 10)")
    arguments.add_argument("--calls", type=int, default=3, help="calls of each side (default 3)")
    chosen = arguments.parse_args()
    report.finish(measure(chosen), BARS, chosen.json)


if __name__ == "__main__":
    main()
