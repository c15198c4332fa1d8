"""Draw a run's curves: what was measured on the people kept back, over steps.

python -m training.curves --log build/run/log.csv --out docs/training-curves.png
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from avatar.errors import AvatarError, TrainingError

PANELS: Final = (
    ("error inside lips and lids over the geometry tier's", ("mouth_l1_ratio", "mouth_l1_ratio_4refs", "eye_l1_ratio")),
    ("PSNR gained on the face, dB", ("face_psnr_gain_db",)),
    ("sharpness inside the lips beside real frames", ("mouth_sharpness",)),
)


def read_logs(paths: Sequence[Path]) -> dict[str, list[float]]:
    """Return the columns of logs, one run after the other; each goes on where the one before it ended.

    Raises:
        TrainingError: a file is no log of a run.
    """
    columns: dict[str, list[float]] = {}
    before = 0.0
    for path in paths:
        try:
            with path.open(newline="", encoding="utf-8") as lines:
                rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(lines)]
            for row in rows:
                row["step"] += before
                for name, value in row.items():
                    columns.setdefault(name, []).append(value)
            before = columns["step"][-1]
        except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
            raise TrainingError(f"{path} is no log of a training run ({error}).") from error
    return columns


def draw(columns: dict[str, list[float]], out: Path) -> None:
    """Write the curves as a picture."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - comes with mediapipe; needed here only

    figure = Figure(figsize=(12, 3.4), layout="constrained")
    for axes, (title, names) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        for name in names:
            axes.plot(columns["step"], columns[name], label=name)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("steps")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.savefig(out, dpi=110)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.curves", description=__doc__.split("\n")[0])
    parser.add_argument("--log", type=Path, action="append", required=True, help="log.csv of a run; repeat in order")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.png")
    options = parser.parse_args(arguments)
    try:
        draw(read_logs(options.log), options.out)
    except AvatarError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
