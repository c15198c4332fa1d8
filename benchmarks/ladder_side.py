"""A server of which each call stands on one level of the ladder of quality, for `benchmarks.ladder`.

python -m benchmarks.ladder_side LEVEL serve ...
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avatar.timing.quality_control import Observation, QualityState


def hold(level: int) -> None:
    """Have every call of this process stand on a level, whatever is observed of it."""
    from avatar.call import quality  # noqa: PLC0415

    def held(state: QualityState, seen: Observation, now_s: float) -> QualityState:
        del seen
        return state if state.level == level else replace(state, level=level, why="cpu", changed_s=now_s)

    quality.next_quality = held  # type: ignore[assignment,attr-defined]


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is loaded, as the command itself does
    from avatar.commands.main import main

    hold(int(sys.argv[1]))
    raise SystemExit(main(sys.argv[2:]))
