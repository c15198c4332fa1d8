"""Measures how fast an engine draws on this machine: the number of cores and the processor's name say too little."""

from __future__ import annotations

import time
from typing import Final

import numpy as np

from avatar.generator.engines.engine import Engine, FrameInput
from avatar.generator.face_crop import CROP_SIZE
from avatar.generator.network_input import CONDITION_SIZE, REGIONS

FRAMES: Final = 12


def measure_frame_ms(engine: Engine) -> float:
    """Return how many milliseconds the network takes for a frame: the best of a few, so others' work counts little."""
    grey = np.full((CROP_SIZE, CROP_SIZE, 3), 128, np.uint8)
    masks = np.zeros((len(REGIONS), CROP_SIZE, CROP_SIZE), np.uint8)
    grid = np.zeros((CROP_SIZE // 4, CROP_SIZE // 4, 2), np.float32)
    steer = np.zeros(CONDITION_SIZE, np.float32)
    frame = FrameInput(grey, grey, masks, masks[0], grid, engine.encode(grey), steer)
    times = []
    for _ in range(FRAMES):
        started_s = time.perf_counter()
        engine.decode(frame)
        times.append(time.perf_counter() - started_s)
    return min(times) * 1000
