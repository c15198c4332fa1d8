"""Is a hand before the mouth noticed, and how often is there none where one is seen?

Real clips, unchanged and with things painted over the mouth for a third of their length (`benchmarks.occluders`):
hands of the person's own skin, two fingers, a phone, a mug, a microphone, each coming from below in a quarter of a
second. A moment counts as noticed where the tracker says that the mouth is covered, or has lost the face; the first
0.2 s are left out. The delay counts from where the cover has arrived. False alarms are counted on the unchanged clips.
"""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avatar.media.frame_pixels import RgbPixels
from avatar.media.video import clip_frames
from avatar.models.store import get_model
from avatar.perception.mouth_cover import MouthCoverDetector
from avatar.perception.tracker import FaceTracker
from avatar.types import U8, FaceState
from benchmarks import report
from benchmarks.media import SHARED
from benchmarks.occluders import OCCLUDERS, Occluder, cover, skin_of

BEGIN, END = 0.45, 0.8
"""Of a clip's length: when the cover is there."""
WAY_S, GRACE_S = 0.25, 0.2
LEAST_S = 4.0
"""Shorter clips are only looked at unchanged."""
BARS = {"noticed": ">= 0.95", "delay_ms_p95": "<= 200", "false_alarms_per_minute": "<= 0.5", "cost_ms": "<= 0.5"}


@dataclass(frozen=True)
class WatchedClip:
    """What the tracker said of one clip."""

    times_s: list[float]
    faces: list[FaceState | None]

    @property
    def unseen(self) -> list[bool]:
        """Whether the voice has the mouth, frame by frame."""
        return [face is None or face.held or face.mouth_covered for face in self.faces]


def watch(
    clip: Path, seconds: float, painted: tuple[WatchedClip, str, int] | None = None
) -> tuple[WatchedClip, U8 | None]:
    """Return what the tracker sees of a clip, and its last picture.

    Args:
        clip: the file.
        seconds: how much of it.
        painted: (what is seen of it unchanged, one of `OCCLUDERS`, seed); None: nothing is painted.
    """
    times, faces, occluder, rgb = [], [], None, None
    with FaceTracker(get_model("face_landmarker")) as tracker:
        for index, (time_s, rgb) in enumerate(clip_frames(clip, until_s=seconds)):
            true = painted[0].faces[index] if painted is not None else None
            if painted is not None and true is not None:
                end_s = painted[0].times_s[-1]
                raised = min(1.0, (time_s - BEGIN * end_s) / WAY_S, (END * end_s - time_s) / WAY_S)
                if raised > 0:
                    occluder = occluder or draw(painted[1], rgb, true, painted[2])
                    rgb = cover(rgb, true.landmarks_px, occluder, raised)  # noqa: PLW2901 - painted over
            times.append(time_s)
            faces.append(tracker.track(rgb, time_s))
    return WatchedClip(times, faces), rgb


def draw(kind: str, rgb: U8, face: FaceState, seed: int) -> Occluder:
    """Return one of the things to be held before a face."""
    return OCCLUDERS[kind](np.random.default_rng(seed), skin_of(rgb, face.landmarks_px))


def noticed(shown: WatchedClip) -> tuple[float, float]:
    """Return the share of a painted clip's covered time that is noticed, and the delay in ms, infinite if never."""
    times, unseen = np.array(shown.times_s), np.array(shown.unseen)
    arrived_s, leaves_s = BEGIN * times[-1] + WAY_S, END * times[-1] - WAY_S
    there = (times >= arrived_s) & (times <= leaves_s)
    first = times[there & unseen]
    delay_ms = 1e3 * (first[0] - arrived_s) if len(first) else float("inf")
    return float(unseen[there & (times >= arrived_s + GRACE_S)].mean()), float(delay_ms)


def alarms(shown: WatchedClip) -> int:
    """Return how often an unchanged clip's mouth is said to be covered."""
    said = [face is not None and face.mouth_covered for face in shown.faces]
    return sum(now and not before for before, now in zip([False, *said], said, strict=False))


def cost_ms(rgb: U8, face: FaceState) -> float:
    """Return what one look takes, the median of many."""
    watcher, spent = MouthCoverDetector(), []
    for _ in range(300):
        begin = time.perf_counter()
        watcher.update(RgbPixels(rgb), face.landmarks_px, np.zeros(3, np.float32), 0.03)
        spent.append(1e3 * (time.perf_counter() - begin))
    return report.median(spent)


def main() -> None:
    """Measure, print, and write what was asked for."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--clips", type=Path, default=SHARED, help="folder with MANIFEST.csv and clips of faces")
    arguments.add_argument("--split", default="test", choices=("train", "test"))
    arguments.add_argument("--seconds", type=float, default=10.0, help="of each clip (default 10)")
    chosen = arguments.parse_args()
    if not (chosen.clips / "MANIFEST.csv").exists():
        raise SystemExit("There are no clips here: give --clips DIR with a MANIFEST.csv.")
    with (chosen.clips / "MANIFEST.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "video" and row["split"] == chosen.split]
    shares: dict[str, list[float]] = {kind: [] for kind in OCCLUDERS}
    delays, minutes, false, costs = [], 0.0, 0, []
    for number, row in enumerate(rows):
        clip = chosen.clips / row["file"]
        plain, rgb = watch(clip, chosen.seconds)
        minutes += plain.times_s[-1] / 60
        false += alarms(plain)
        if rgb is not None and (last := plain.faces[-1]) is not None:
            costs.append(cost_ms(rgb, last))
        line = f"{clip.stem}: {alarms(plain)} false"
        if plain.times_s[-1] >= LEAST_S:
            for turn in range(2):
                kind = list(OCCLUDERS)[(2 * number + turn) % len(OCCLUDERS)]
                share, delay_ms = noticed(watch(clip, chosen.seconds, (plain, kind, 2 * number + turn))[0])
                shares[kind].append(share)
                delays.append(delay_ms)
                line += f", {kind} {share:.2f} after {delay_ms:.0f} ms"
        print(line, flush=True)
    print()
    report.table(("cover", "clips", "noticed", "worst"), [
        (kind, len(found), float(np.mean(found)), min(found)) for kind, found in shares.items() if found
    ])  # fmt: skip
    figures = {
        "noticed": float(np.mean([share for found in shares.values() for share in found])),
        "delay_ms_median": report.median(delays),
        "delay_ms_p95": report.p95(delays),
        "false_alarms_per_minute": false / minutes,
        "unchanged_minutes": minutes,
        "cost_ms": report.median(costs),
    }
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    main()
