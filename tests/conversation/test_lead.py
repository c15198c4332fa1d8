"""Speech that is sent early, as a conversation sends it, moves the mouth as a recording of it does."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.conversation.conversation import BLOCK, LEAD_S, TAIL
from avatar.conversation.tts import open_voice
from avatar.motion.speech import SpeechMotion, speech_motions
from avatar.timing.rtp_clock import AUDIO_RATE as RATE
from avatar.types import BLENDSHAPE_INDEX

JAW = BLENDSHAPE_INDEX["jawOpen"]
START_S = 1.0


def sentence() -> np.ndarray:
    """Return a sentence at `RATE`, or skip."""
    pytest.importorskip("hibari", reason="needs a voice (pip install 'avatar[voice]')")
    voice = open_voice("hibari")
    samples = np.concatenate(list(voice.speak("My mother bought a big brown puppy, and we all love it.")))
    return np.repeat(samples, RATE // voice.sample_rate)


@pytest.mark.slow
def test_the_mouth_is_in_step_with_sound_that_comes_in_a_burst() -> None:
    speech, spoken = SpeechMotion(), sentence()
    whole = np.concatenate([np.zeros(round(START_S * RATE), np.float32), spoken, np.zeros(RATE, np.float32)])
    end_s = START_S + len(spoken) / RATE + TAIL * BLOCK / RATE
    pushed, jaws, times = 0, [], np.arange(0, end_s + 0.6, 1 / 30)
    for now_s in times:
        lead_s = LEAD_S if now_s >= START_S and pushed * BLOCK / RATE < end_s else 0.0
        while (pushed + 1) * BLOCK / RATE <= now_s + lead_s:
            speech.push(whole[pushed * BLOCK : (pushed + 1) * BLOCK], pushed * BLOCK / RATE, RATE)
            pushed += 1
        jaws.append(speech.motion(now_s).blendshapes[JAW])
    wanted = [motion.blendshapes[JAW] for motion in speech_motions(whole, RATE, times)]
    assert max(wanted) > 0.1
    assert np.abs(np.array(jaws) - np.array(wanted)).max() < 0.25 * max(wanted)
    assert jaws[-1] < 0.1 * max(wanted), "the mouth closes"
