"""Teach a small tier what a wide one has learnt: its pictures count beside the real ones.

    python -m training.distill --teacher build/wide/best.safetensors --data build/packed --out build/lite

Everything else is as in `training.train`, whose options it takes: resumable, seeded, measured on people kept
back. A teacher that is not wider than its pupil teaches nothing, and neither does one trained less.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from training import train


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    asks_for_help = any(option in given for option in ("-h", "--help"))
    if not asks_for_help and not any(option.startswith("--teacher") for option in given):
        sys.stderr.write("Name the wide network's weights: --teacher WEIGHTS.safetensors\n")
        return 1
    return train.main(given)


if __name__ == "__main__":
    sys.exit(main())
