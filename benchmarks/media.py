"""Which clips and faces a benchmark runs on when none are named."""

from __future__ import annotations

import csv
from pathlib import Path

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


def _span(text: str) -> float:
    low, _, high = text.partition("..")
    return float(high) - float(low)
