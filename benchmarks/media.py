"""Default clips and photos of the benchmarks, and audio in frames as a call gets it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import av

from avatar.media.pcm import to_mono_pcm
from avatar.types import F32

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
"""A folder of real faces beside the checkout, where there is one; never part of the repository."""


def test_clips(limit: int, *, speech_only: bool = False) -> list[Path]:
    """Return clips of people nothing was fitted on, most head motion first.

    Raises:
        SystemExit: there are none on this machine.
    """
    manifest = SHARED / "MANIFEST.csv"
    if not manifest.exists():
        raise SystemExit("There are no clips here: name some with --driver CLIP (a video of one face).")
    with manifest.open(newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["kind"] == "video"
            and row["split"] == "test"
            and float(row["seconds"]) >= 4
            and (not speech_only or row["is_speech"] == "yes")
        ]
    rows.sort(key=lambda row: -_span(row["yaw_range"]) - 40 * _span(row["jaw_range"]))
    chosen, people = [], set()
    for row in rows:
        if row["identity_group"] not in people:
            people.add(row["identity_group"])
            chosen.append(SHARED / row["file"])
    return chosen[:limit]


def test_photos(limit: int) -> list[Path]:
    """Return portraits of different people nothing was fitted on, as many as there are on this machine."""
    manifest = SHARED / "MANIFEST.csv"
    if not manifest.exists():
        return []
    with manifest.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "still" and row["split"] == "test"]
    return [SHARED / row["file"] for row in {row["identity_group"]: row for row in rows}.values()][:limit]


def _span(text: str) -> float:
    low, _, high = text.partition("..")
    return float(high) - float(low)


def sound_frames(samples: F32, rate: int) -> Iterator[av.AudioFrame]:
    """Yield (n,) samples, -1..1, as a call gets them: 20 ms of one channel at a time, what is left over not."""
    pcm, length = to_mono_pcm(samples, rate), rate // 50
    for start in range(0, len(pcm) - length + 1, length):
        frame = av.AudioFrame.from_ndarray(pcm[None, start : start + length], format="s16", layout="mono")
        frame.sample_rate = rate
        yield frame
