"""A call over WebRTC in which a voice is heard and MuseTalk's networks draw the mouth: tiny ones, the whole way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.signal import resample_poly

from avatar.types import U8
from benchmarks.call_media import SOUND_RATE
from benchmarks.network_call import NetworkCall

PICTURES = 45
"""A second and a half at full rate: a voice is sure of itself by then."""
LIMIT_S = 120


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_in_a_call_a_voice_draws_the_mouth_and_nothing_else(
    pulled: Path,
    hold_call: Callable[..., NetworkCall],
    apart_from_rest: Callable[[U8], U8],
    spoken_sentences: ModuleType,
) -> None:
    spoken = resample_poly(spoken_sentences.spoken().sound, SOUND_RATE // 16_000, 1)
    samples = (20_000 * spoken / np.abs(spoken).max()).astype(np.int16)
    held = hold_call(pulled, "musetalk", pictures=PICTURES, limit_s=LIMIT_S, samples=samples, drive="voice")
    assert {"speech", "generate", "encode"} <= held.stage_ms.keys()
    apart = [apart_from_rest(picture) for picture in held.pictures]
    mouths = [float(np.median(one[300:330, 235:280])) for one in apart]
    # Seeded weights draw noise where the networks draw.
    assert max(mouths) > 15, f"no voice has drawn a mouth: {mouths}"
    drawn = apart[int(np.argmax(mouths))]
    assert np.median(drawn[-60:]) < 8 and np.median(drawn[:150]) < 8, "all else is the other tier's"
