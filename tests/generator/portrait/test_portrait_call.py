"""A call over WebRTC that LivePortrait's networks draw, on this machine's CPU: slow, and the whole way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avatar.types import U8
from benchmarks.network_call import NetworkCall

LIMIT_S = 280
"""A picture takes fifteen seconds on two quiet cores, and CI's are neither quiet nor quick."""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_call_is_drawn_by_liveportraits_networks(
    seeded_folder: Path, hold_call: Callable[..., NetworkCall], apart_from_rest: Callable[[U8], U8]
) -> None:
    held = hold_call(seeded_folder, "portrait", pictures=1, limit_s=LIMIT_S)
    assert held.latencies_s, "no picture answered the camera"
    assert {"perceive", "generate", "encode"} <= held.stage_ms.keys()
    apart = apart_from_rest(held.pictures[-1])
    # Seeded weights draw noise where the networks draw, and the photo stays around it.
    assert np.median(apart[-60:]) < 8
    assert np.median(apart[180:340, 200:310]) > 15
