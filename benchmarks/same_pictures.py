"""Does the code as it stands draw what an earlier commit drew? Renders both sides and compares every pixel.

    python -m benchmarks.same_pictures --base REV

The built-in faces follow a clip, speak with a voice, do both, and act (a live avatar that feels, looks, nods and
speaks). Clip and voice are made by `fixed_media`, once for both sides. The earlier commit is checked out in a temporary
folder, which is removed; both sides run in this Python, with the same packages. Pictures are compared as the encoder is
given them (Y'CbCr 4:2:0) and, of live avatars, as the program is (RGB); sound as 16 bits.

Live avatars keep to the clock, which is slowed down for them. Where a machine is so busy that they leave something out
all the same, they are run again.

largest      the largest difference of any value of any picture, of 255 (-1: not the same number or size of pictures)
differing    how many values differ
psnr_db      over all pictures; `-` where they are the same
sound        the largest difference of any sample, of 32767 (-1: not the same number)

It ends with 1 where something differs by more than `--allow` levels.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from avatar.identities.builtin import builtin_faces
from benchmarks import report
from benchmarks.base_checkout import ROOT, checked_out
from benchmarks.fixed_media import write_clip, write_voice

SIDE: Final = Path(__file__).with_name("same_pictures_side.py")
SECONDS: Final = 2.0
SIZE: Final = 384
DRIVES: Final = ("camera", "voice", "both", "acted")
ATTEMPTS: Final = 3
SAID: Final = "Hello, how are you?"
_BLOCK: Final = 1 << 22
"""Bytes compared at once."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two runs of one job are apart."""

    pictures: int
    largest: int
    """Of any value of any picture, of 255; -1 where the pictures are not as many or not as large."""
    differing: int
    """Values that differ."""
    psnr_db: float
    """Infinite where they are the same."""
    sound: int
    """The largest difference of any sample, of 32767; -1 where they are not as many."""

    def within(self, levels: int) -> bool:
        """Return whether nothing differs by more than so many levels."""
        return 0 <= self.largest <= levels and 0 <= self.sound <= levels


def difference(one: Path, other: Path) -> Difference:
    """Compare what two sides kept of a job: `ONE.pictures`, `ONE.sound` and what `ONE.json` says of them."""
    abouts = [json.loads(path.with_suffix(".json").read_text()) for path in (one, other)]
    pictures, sounds = ([about.get(kind) for about in abouts] for kind in ("pictures", "sound"))
    largest, differing, squares, values = _apart(one.with_suffix(".pictures"), other.with_suffix(".pictures"), np.uint8)
    mean_square = squares / values if values else 0.0
    sound, *_ = _apart(one.with_suffix(".sound"), other.with_suffix(".sound"), np.int16)
    same_shape = pictures[0] == pictures[1] and pictures[0] is not None
    return Difference(
        pictures=pictures[1]["count"] if pictures[1] else 0,
        largest=largest if same_shape else -1,
        differing=differing,
        psnr_db=10 * float(np.log10(255**2 / mean_square)) if mean_square else float("inf"),
        sound=sound if bool(sounds[0]) == bool(sounds[1]) else -1,
    )


def _apart(one: Path, other: Path, kind: type[np.generic]) -> tuple[int, int, float, int]:
    """Return (largest difference, how many differ, sum of squares, values) of two files; -1 if not as long."""
    if one.stat().st_size != other.stat().st_size:
        return -1, 0, 0.0, 0
    largest, differing, squares, values = 0, 0, 0.0, 0
    with one.open("rb") as left, other.open("rb") as right:
        while block := left.read(_BLOCK):
            apart = np.abs(np.frombuffer(block, kind).astype(np.int32) - np.frombuffer(right.read(_BLOCK), kind))
            largest = max(largest, int(apart.max()))
            differing += int(np.count_nonzero(apart))
            squares += float(np.square(apart, dtype=np.float64).sum())
            values += len(apart)
    return largest, differing, squares, values


def make_jobs(face: str, tiers: list[str], drives: list[str], engine: str, media: Path) -> list[dict[str, Any]]:
    """Return what both sides are to do with a face: `same_pictures_side` reads it."""
    clip, voice = str(media / "clip.mp4"), str(media / "voice.wav")
    driven = {
        "camera": ["--driver", clip],
        "voice": ["--audio", voice],
        "both": ["--driver", clip, "--audio", voice, "--drive", "both"],
    }
    jobs: list[dict[str, Any]] = []
    for tier in tiers:
        drawing = ["--tier", tier, *([] if tier == "geometry" else ["--engine", engine])]
        for drive in drives:
            job: dict[str, Any] = {"name": f"{face}-{tier}-{drive}"}
            if drive in driven:
                size = ["--size", f"{SIZE}x{SIZE}", "-o", "OUT"]
                job["arguments"] = ["render", "--avatar", face, *driven[drive], *drawing, *size]
            elif drive == "said":
                size = ["--size", f"{SIZE}x{SIZE}", "-o", "OUT"]
                job["arguments"] = ["say", SAID, "--avatar", face, *drawing, *size]
            else:
                job |= {"face": face, "tier": tier, "engine": engine, "size": SIZE, "voice": voice}
            jobs.append(job)
    return jobs


def run_side(root: Path, jobs: list[dict[str, Any]], out: Path) -> None:
    """Run jobs with the code in `root`, keeping what they give out in `out`.

    Raises:
        SystemExit: a job failed; what it said is printed.
    """
    out.mkdir(parents=True, exist_ok=True)
    listing = out / "jobs.json"
    listing.write_text(json.dumps(jobs))
    command = [sys.executable, "-P", str(SIDE), str(root), str(listing), str(out)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}
    environment["AVATAR_WATERMARK"] = "off"  # it names the day and the call: no two renderings would be the same
    ran = subprocess.run(command, env=environment, cwd=out, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"The code in {root} could not render:\n{ran.stdout}{ran.stderr}")


def compare(sides: tuple[Path, Path], jobs: list[dict[str, Any]], work: Path) -> dict[str, Difference]:
    """Return how far two checkouts are apart by job.

    Raises:
        SystemExit: a job failed, or pictures were left out again and again.
    """
    found: dict[str, Difference] = {}
    waiting = jobs
    for _ in range(ATTEMPTS):
        outs = [work / "base", work / "now"]
        for root, out in zip(sides, outs, strict=True):
            run_side(root, waiting, out)
        late = []
        for job in waiting:
            kept = [out / job["name"] for out in outs]
            found[job["name"]] = difference(*kept)
            if any(json.loads(path.with_suffix(".json").read_text())["fell_behind"] for path in kept):
                late.append(job)
        for out in outs:
            shutil.rmtree(out)
        waiting = late
        if not waiting:
            return found
    names = ", ".join(job["name"] for job in waiting)
    raise SystemExit(f"This machine is too busy: pictures of {names} were left out {ATTEMPTS} times.")


def main() -> None:
    """Run the comparison."""
    faces = [face.id for face in builtin_faces()]
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--base", required=True, metavar="REV", help="the commit to compare with")
    arguments.add_argument("--allow", type=int, default=0, metavar="N", help="levels that may differ (default 0)")
    arguments.add_argument("--faces", nargs="+", default=faces, metavar="FACE", help="default: the built-in ones")
    arguments.add_argument("--tiers", nargs="+", default=["geometry", "lite"], metavar="TIER")
    arguments.add_argument(
        "--drives",
        nargs="+",
        default=list(DRIVES),
        choices=(*DRIVES, "said"),
        help="what moves them; `said` is `avatar say`, which wants a voice (default: all but said)",
    )
    arguments.add_argument("--engine", default="openvino", help="what runs the network (default openvino)")
    arguments.add_argument("--seconds", type=float, default=SECONDS, help=f"of each (default {SECONDS:g})")
    chosen = arguments.parse_args()
    found = measure(chosen)
    rows = [(name, *_cells(apart)) for name, apart in found.items()]
    report.table(("job", "pictures", "largest", "differing", "psnr_db", "sound"), rows)
    print(f"on {report.machine()}")
    if chosen.json is not None:
        text = json.dumps(
            {name: dict(zip(Difference.__slots__, _cells(at), strict=True)) for name, at in found.items()}
        )
        chosen.json.write_text(text + "\n")
    apart = [name for name, at in found.items() if not at.within(chosen.allow)]
    if apart:
        raise SystemExit(f"{len(apart)} of {len(found)} differ from {chosen.base}: {', '.join(apart)}")
    print(f"nothing differs from {chosen.base} by more than {chosen.allow}")


def measure(chosen: argparse.Namespace) -> dict[str, Difference]:
    """Run what the command line asks for, face by face."""
    with tempfile.TemporaryDirectory(prefix="same-pictures-") as folder, checked_out(chosen.base) as base:
        work = Path(folder).resolve()
        write_voice(work / "voice.wav", chosen.seconds)
        write_clip(work / "clip.mp4", chosen.seconds)
        found: dict[str, Difference] = {}
        for face in chosen.faces:
            print(f"{face} ...", file=sys.stderr)
            jobs = make_jobs(face, chosen.tiers, chosen.drives, chosen.engine, work)
            found |= compare((base, ROOT), jobs, work)
    return found


def _cells(apart: Difference) -> tuple[object, ...]:
    same = apart.psnr_db == float("inf")
    return (apart.pictures, apart.largest, apart.differing, None if same else round(apart.psnr_db, 1), apart.sound)


if __name__ == "__main__":
    main()
