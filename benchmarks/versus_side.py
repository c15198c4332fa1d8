"""One side of `benchmarks.versus`: draws and follows what it is told to, and answers how long that took.

    python -P versus_side.py ROOT MATERIAL

It must run with code of any age, so it knows of avatar only what has hardly changed, and looks where that lay before
and lies now. A line of JSON comes in (`{"open": KIND, ...}` or `{"run": KIND, "from": N, "count": N}`), one goes out.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np

PLACES: dict[str, tuple[str, ...]] = {
    "open_identity": ("avatar.identities.open", "avatar.identities"),
    "get_model": ("avatar.models.store", "avatar.models"),
    "open_generator": ("avatar.generator.tiers",),
    "FaceTracker": ("avatar.perception.tracker",),
    "Motion": ("avatar.types",),
}
"""Where each name lies, the latest place first."""
CLIP_FPS = 30
"""What a tracker is told to be the rate of its frames."""


def found(name: str) -> Any:
    """Return a part of avatar by its name, wherever this side has it."""
    for module in PLACES[name]:
        try:
            return getattr(import_module(module), name)
        except (ImportError, AttributeError):
            continue
    raise SystemExit(f"this code has no {name} in {' or '.join(PLACES[name])}")


def drawing(job: dict[str, Any], material: Path) -> Callable[[int], np.ndarray]:
    """Return a function that draws the picture of a motion by its number."""
    generator = found("open_generator")(
        found("open_identity")(job["face"]), tuple(job["size"]), job["open"], job["engine"]
    )
    with np.load(material / "motions.npz") as columns:
        rows = {name: columns[name] for name in columns.files}
    count = len(rows["time_s"])
    motions = [
        found("Motion")(
            time_s=float(rows["time_s"][number]),
            blendshapes=rows["blendshapes"][number],
            rotation=rows["rotation"][number],
            translation=rows["translation"][number],
            scale=float(rows["scale"][number]),
            gaze=None if np.isnan(rows["gaze"][number]).any() else rows["gaze"][number],
            residual=rows["residual"][number],
        )
        for number in range(count)
    ]
    return lambda number: np.asarray(generator.render(motions[number % count]))


def following(material: Path) -> Callable[[int], np.ndarray]:
    """Return a function that follows the face through a clip's frames, by number; it returns the landmarks."""
    tracker = found("FaceTracker")(found("get_model")("face_landmarker"))
    frames = np.load(material / "frames.npy", mmap_mode="r")

    def follow(number: int) -> np.ndarray:
        # There and back, so that no face jumps.
        at = number % (2 * len(frames))
        face = tracker.track(np.ascontiguousarray(frames[min(at, 2 * len(frames) - 1 - at)]), number / CLIP_FPS)
        return np.zeros((0, 3), np.float32) if face is None else np.asarray(face.landmarks_px)

    return follow


def run(work: Callable[[int], np.ndarray], job: dict[str, Any]) -> dict[str, Any]:
    """Do some of the work; keep what it gave out in the file `keep`, if wanted."""
    clock_ms, cpu_ms, kept = [], [], []
    for number in range(job["from"], job["from"] + job["count"]):
        clock, cpu = time.perf_counter(), time.process_time()
        made = work(number)
        clock_ms.append(1e3 * (time.perf_counter() - clock))
        cpu_ms.append(1e3 * (time.process_time() - cpu))
        if job.get("keep"):
            kept.append(made.copy())
    if job.get("keep"):
        np.save(job["keep"], np.stack(kept))
    return {"clock_ms": clock_ms, "cpu_ms": cpu_ms}


def main() -> None:
    """Answer the lines that come in until there are no more."""
    root, material = map(Path, sys.argv[1:])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what avatar's libraries print is no answer
    cv2.setNumThreads(1)
    import avatar  # noqa: PLC0415 - one side's or the other's

    if not Path(avatar.__file__).is_relative_to(root):
        raise SystemExit(f"avatar comes from {avatar.__file__}, not from {root}")
    work: Callable[[int], np.ndarray] | None = None
    for line in sys.stdin:
        job = json.loads(line)
        answer: dict[str, Any] = {}
        if "open" in job:
            work = following(material) if job["open"] == "track" else drawing(job, material)
        elif work is not None:
            answer = run(work, job)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
