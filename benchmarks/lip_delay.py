"""How long after an audio sample came in the picture of its mouth is finished, and what that costs."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from avatar.motion.idle import IdleLife
from avatar.motion.mixer import MixState, mix
from avatar.motion.speech import LOOK_AHEAD_S, SpeechMotion, speech_motions
from avatar.motion.voice_network import VoiceNetwork
from avatar.perception.speech.log_mel import RATE
from avatar.types import F32
from benchmarks import lip_measures as lips
from benchmarks import report
from benchmarks.talking_mouth import TalkingAvatar, read_audio


def measure_delay(avatar: TalkingAvatar, corpus: Path) -> dict[str, float]:
    """Return how long after a sound came in the picture of its mouth is finished, at a call's pace."""
    sound = read_audio(lips.read_corpus(corpus)[0].path)
    live, frame_s = SpeechMotion(avatar.network), 1 / avatar.fps
    pushed, late, shown = 0, [], []
    for index in range(int(len(sound) / RATE * avatar.fps)):
        now_s = index * frame_s
        while (pushed + 320) / RATE <= now_s:
            live.push(sound[pushed : pushed + 320], pushed / RATE)
            pushed += 320
        begin = time.perf_counter()
        voice = live.motion(now_s - LOOK_AHEAD_S)
        _, motion = mix(MixState(), None, None, IdleLife().motion(now_s), voice=voice)
        avatar.generator.render(motion)
        late.append(time.perf_counter() - begin)
        shown.append(voice.blendshapes)
    # What was shown, against the same sound heard in one piece: how much later, and is it the same mouth?
    times = np.arange(0, len(sound) / RATE, 0.005)
    spoken = speech_motions(sound, RATE, times.tolist(), network=avatar.network)
    whole = np.array([voice.blendshapes for voice in spoken])
    live_rows = np.array(shown)
    ticks = np.arange(len(live_rows)) * frame_s
    lags = np.arange(0, 0.4, 0.005)
    errors = []
    for lag in lags:
        at = np.clip(np.rint((ticks - lag) / 0.005).astype(int), 0, len(whole) - 1)
        used = ticks > 0.5
        errors.append(float(np.abs(whole[at][used] - live_rows[used]).mean()))
    lag_s = float(lags[int(np.argmin(errors))])
    cost_s = _cost(sound, avatar.network)
    return {"sound_to_mouth_ms": 1e3 * (lag_s + frame_s + report.p95(late)), "voice_ms_per_picture": 1e3 * cost_s}


def _cost(sound: F32, network: VoiceNetwork | None) -> float:
    """Return the median seconds a picture that the speech network takes at 30 pictures a second."""
    speech, spent, pushed = SpeechMotion(network), [], 0
    for index in range(int(len(sound) / RATE * 30)):
        begin = time.perf_counter()
        while pushed / RATE <= index / 30:
            speech.push(sound[pushed : pushed + 320], pushed / RATE)
            pushed += 320
        speech.motion(index / 30 - LOOK_AHEAD_S)
        spent.append(time.perf_counter() - begin)
    return report.median(spent)
