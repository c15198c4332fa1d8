"""A call over WebRTC that LivePortrait's networks draw, on this machine's CPU: slow, and the whole way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar.generator.tiers import open_generator
from avatar.identities.open import open_identity
from avatar.types import rest_motion
from benchmarks.call_media import still_packets
from benchmarks.portrait_call import PortraitCall, portrait_call

LIMIT_S = 280
"""A picture takes fifteen seconds on two quiet cores, and CI's are neither quiet nor quick."""


@pytest.fixture(scope="module")
def held(seeded_folder: Path, face_model: Path) -> PortraitCall:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AVATAR_MODELS", str(seeded_folder))
        packets = still_packets(open_identity("mira").rest.rgb, seconds=1.0)
        return asyncio.run(portrait_call(packets, "mira", engine="torch", pictures=1, limit_s=LIMIT_S))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_call_is_drawn_by_liveportraits_networks(held: PortraitCall) -> None:
    assert held.latencies_s, "no picture answered the camera"
    assert {"perceive", "generate", "encode"} <= held.stage_ms.keys()
    picture = held.pictures[-1]
    assert picture.shape == (512, 512, 3)
    still = open_generator(open_identity("mira"), (512, 512), "geometry").render(rest_motion(0.0))
    apart = cv2.absdiff(picture, still).mean(axis=2)
    # Seeded weights draw noise where the networks draw, and the photo stays around it.
    assert np.median(apart[-60:]) < 8
    assert np.median(apart[180:340, 200:310]) > 15
