"""A voice moves the mouth: in step, whole, and whatever the sound does, the mouth comes back to rest."""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.signal import lfilter, resample_poly

from avatar.motion.mouth_timeline import FADE_S, HOLD_S
from avatar.motion.speech import BUFFER_S, LOOK_AHEAD_S, SpeechMotion, speech_motions
from avatar.motion.speech_network import AHEAD_FRAMES, CLASSES, MOUTH, SpeechNetwork
from avatar.motion.voice_network import shipped_network
from avatar.perception.speech.features import FeatureFrames, LogMelFeatures
from avatar.perception.speech.log_mel import BANDS, HOP, RATE
from avatar.types import BLENDSHAPE_INDEX, F32

JAW = BLENDSHAPE_INDEX["jawOpen"]
FPS = 50
MOST = 0.75
"""Share of p, b, m that close in these sentences; how often they do over all voices is for the benchmark."""


@pytest.fixture(scope="module")
def spoken(spoken_sentences: ModuleType) -> Any:
    return spoken_sentences.spoken()


def vowel(seconds: float) -> F32:
    """Four syllables a second, each from closed lips to an open vowel: glottal pulses through four resonances."""
    times = np.arange(round(seconds * RATE)) / RATE
    within = times % 0.25
    cycles = np.cumsum(115 + 25 * np.exp(-times / 1.5) + 18 * np.sin(np.pi * within / 0.25)) / RATE
    sound = lfilter([1, -1], np.convolve([1, -0.97], [1, -0.9]), np.diff(np.floor(cycles), prepend=0))
    sound += 0.01 * np.abs(sound).max() * np.random.default_rng(0).standard_normal(len(sound))
    for closed_hz, open_hz, width_hz in ((250, 800, 80), (900, 1250, 100), (2300, 2500, 150), (3400, 3400, 250)):
        state, radius = np.zeros(2), np.exp(-np.pi * width_hz / RATE)
        for start in range(0, len(sound), HOP):
            hz = closed_hz + (open_hz - closed_hz) * min(within[start] / 0.06, 1)
            poles = np.array([1, -2 * radius * np.cos(2 * np.pi * hz / RATE), radius**2])
            piece = slice(start, start + HOP)
            sound[piece], state = lfilter([poles.sum()], poles, sound[piece], zi=state)
    sound *= np.clip(within / 0.02, 0, 1) * np.clip((0.2 - within) / 0.05, 0, 1) ** 0.7
    return np.asarray(0.3 * sound / np.abs(sound).max(), np.float32)


def jaws(speech: SpeechMotion, times: np.ndarray) -> np.ndarray:
    return np.array([speech.motion(float(time_s)).blendshapes[JAW] for time_s in times])


def open_between(speech: SpeechMotion, start_s: float, end_s: float) -> bool:
    """Whether the jaw is well open at some moment."""
    return bool(jaws(speech, np.arange(start_s, end_s, 0.01)).max() > 0.1)


def feed(speech: SpeechMotion, sound: F32, start_s: float = 0.0, piece: int = 320) -> None:
    for start in range(0, len(sound), piece):
        speech.push(sound[start : start + piece], start_s + start / RATE)


def live(sound: F32, piece: int) -> np.ndarray:
    """Blendshapes as a call shows them: asked for while the sound still comes."""
    speech, shown = SpeechMotion(), []
    pushed = 0
    for index in range(int(len(sound) / RATE * FPS)):
        while pushed < len(sound) and pushed / RATE <= index / FPS + LOOK_AHEAD_S:
            speech.push(sound[pushed : pushed + piece], pushed / RATE)
            pushed += piece
        shown.append(speech.motion(index / FPS).blendshapes)
    return np.array(shown)


def test_what_was_heard_does_not_depend_on_how_it_was_cut() -> None:
    heard = np.random.default_rng(0).normal(-1, 0.7, (200, BANDS)).astype(np.float32)
    weights, silence = shipped_network().weights, LogMelFeatures().silence
    whole = SpeechNetwork(weights, silence).push(heard)
    network = SpeechNetwork(weights, silence)
    pieces = [network.push(heard[start : start + size]) for start, size in ((0, 1), (1, 2), (3, 50), (53, 147))]
    for name in ("coefficients", "closure", "posterior"):
        assert np.concatenate([getattr(p, name) for p in pieces]) == pytest.approx(getattr(whole, name), abs=1e-4)
    network.reset()
    assert network.push(heard[:20]).coefficients == pytest.approx(whole.coefficients[:20], abs=1e-4)


def test_it_hears_no_more_of_the_future_than_it_says() -> None:
    sound = np.concatenate([vowel(0.6), np.zeros(RATE, np.float32)])
    changed = sound.copy()
    at_s = 0.9
    changed[round(at_s * RATE) :] = vowel(2)[: len(sound) - round(at_s * RATE)]
    times = np.arange(0, at_s - LOOK_AHEAD_S, 0.01)
    first, second = (speech_motions(s, RATE, times.tolist()) for s in (sound, changed))
    assert np.array([m.blendshapes for m in first]) == pytest.approx(
        np.array([m.blendshapes for m in second]), abs=1e-5
    )
    assert LOOK_AHEAD_S <= 0.12 and AHEAD_FRAMES / 100 < LOOK_AHEAD_S


@pytest.mark.slow
def test_a_call_shows_what_the_whole_recording_gives(spoken: Any) -> None:
    times = np.arange(int(spoken.length_s * FPS)) / FPS
    whole = np.array([m.blendshapes for m in speech_motions(spoken.sound, RATE, times.tolist())])
    shown = live(spoken.sound, 320)
    last = round((spoken.length_s - 0.3) * FPS)
    assert np.abs(shown - whole)[:last].max() < 0.08, "nothing but the clocks' smoothing lies between them"


@pytest.mark.slow
def test_the_mouth_opens_for_speech_and_closes_for_p_b_m(spoken: Any) -> None:
    times = np.arange(0, spoken.length_s, 0.01)
    jaw = np.array([m.blendshapes[JAW] for m in speech_motions(spoken.sound, RATE, times.tolist())])
    assert np.percentile(jaw, 95) > 0.12
    closed = [jaw[np.abs(times - centre) <= 0.04].min() < 0.15 * np.percentile(jaw, 95) for centre in spoken.closures_s]
    assert np.mean(closed) >= MOST


@pytest.mark.slow
def test_calm_moves_less_than_lively_and_both_close(spoken: Any) -> None:
    times = np.arange(0, spoken.length_s, 0.01)
    calm, lively = (
        np.array([m.blendshapes[JAW] for m in speech_motions(spoken.sound, RATE, times.tolist(), liveliness=gain)])
        for gain in (0.0, 2.0)
    )
    assert np.percentile(lively, 95) > 1.4 * np.percentile(calm, 95)
    near = [np.abs(times - centre) <= 0.04 for centre in spoken.closures_s]
    assert np.mean([lively[part].min() < 0.15 * np.percentile(lively, 95) for part in near]) >= MOST


@pytest.mark.slow
def test_only_the_mouth_moves(spoken: Any) -> None:
    shown = np.array([m.blendshapes for m in speech_motions(spoken.sound, RATE, np.arange(0, 2, 0.02).tolist())])
    others = np.setdiff1d(np.arange(52), MOUTH)
    assert not shown[:, others].any() and shown[:, list(MOUTH)].any()


@pytest.mark.parametrize("level", [0.0, 1e-4, 1e-3])
def test_silence_rests(level: float) -> None:
    hiss = level * np.random.default_rng(0).standard_normal(3 * RATE)
    shown = speech_motions(hiss.astype(np.float32), RATE, np.arange(0, 2.5, 0.04).tolist())
    assert max(float(np.abs(m.blendshapes).max()) for m in shown) < 0.02
    assert shown[-1].posterior[CLASSES.index("silence")] > 0.9 and shown[-1].speaking < 0.1


def test_voices_in_the_background_do_not_move_it(spoken: Any) -> None:
    """After a voice, seven others at once, 10 dB below it."""
    # Higher and lower, each from a moment of its own.
    pitches = (8, 9, 10, 11, 12, 13, 14)
    others = [np.roll(resample_poly(spoken.sound, 11, pitch), 5000 * pitch) for pitch in pitches]
    count = len(spoken.sound) + 4 * RATE
    murmur = sum(np.resize(other / np.sqrt(np.mean(other**2)), count) for other in others)
    level = np.sqrt(np.mean(spoken.sound**2)) * 10 ** (-10 / 20)
    heard = np.pad(spoken.sound, (0, 4 * RATE)) + level * murmur / np.sqrt(np.mean(murmur**2))
    times = np.arange(0, count / RATE - 0.3, 0.02)
    jaw = np.array([m.blendshapes[JAW] for m in speech_motions(heard.astype(np.float32), RATE, times.tolist())])
    assert np.percentile(jaw[times < spoken.length_s], 95) > 0.12
    assert np.percentile(jaw[times > spoken.length_s + 0.6], 95) < 0.02


def test_when_sound_stops_coming_the_mouth_closes() -> None:
    speech = SpeechMotion()
    feed(speech, vowel(1.0))
    assert open_between(speech, 0.3, 0.8)
    before, after = speech.motion(0.8), speech.motion(1.0 + HOLD_S + FADE_S + 0.02)
    assert before.confidence == 1
    assert after.confidence == 0 and not after.blendshapes.any()


def test_before_any_sound_it_rests() -> None:
    voice = SpeechMotion().motion(3.0)
    assert not voice.blendshapes.any() and voice.confidence == 0 and voice.speaking == 0


def test_after_a_long_gap_it_starts_anew() -> None:
    speech = SpeechMotion()
    feed(speech, vowel(1.0))
    speech.motion(1.0)
    feed(speech, vowel(1.0), start_s=11.0)
    assert speech.motion(10.5).confidence == 0
    assert open_between(speech, 11.2, 11.8)


def test_a_short_gap_is_a_pause_and_what_follows_is_in_step() -> None:
    speech, sound = SpeechMotion(), vowel(0.8)
    feed(speech, sound)
    feed(speech, sound, start_s=1.1)
    jaw = jaws(speech, np.arange(0, 2.1, 0.01))
    assert jaw[93:103].max() < 0.3 * jaw[:80].max()
    # The syllables are alike, one each quarter of a second.
    alike = {late: np.corrcoef(jaw[:80], jaw[110 + late : 190 + late])[0, 1] for late in range(-12, 13)}
    assert jaw[110:160].max() > 0.6 * jaw[:50].max() and abs(max(alike, key=alike.__getitem__)) <= 3


def test_jitter_of_arrival_does_not_shake_the_mouth() -> None:
    rng = np.random.default_rng(1)
    even, shaken, sound = SpeechMotion(), SpeechMotion(), vowel(1.5)
    for start in range(0, len(sound), 320):
        even.push(sound[start : start + 320], start / RATE)
        shaken.push(sound[start : start + 320], start / RATE + float(rng.uniform(0, 0.04)))
    calm, other = (np.abs(np.diff(jaws(speech, np.arange(0.1, 1.3, 0.01)))) for speech in (even, shaken))
    assert other.max() < 1.3 * calm.max() and other.mean() < 1.1 * calm.mean()


def test_sound_that_runs_ahead_of_its_time_is_replaced_by_the_newest() -> None:
    """A burst after a stall: what waited is old, and the mouth is not to lag behind for ever."""
    speech, sound = SpeechMotion(), vowel(3.0)
    for start in range(0, len(sound), 320):
        speech.push(sound[start : start + 320], 5.0)
    assert speech.dropped_s > 1
    assert speech.motion(5.0 + 3.0).confidence == 0


@pytest.mark.slow
def test_a_minute_at_once_is_bounded_and_answered_quickly() -> None:
    speech = SpeechMotion()
    minute = np.tile(vowel(1.0), 60)
    tracemalloc.start()
    for round_number in range(5):
        speech.push(minute, 100.0 * round_number)
        begin = time.thread_time()
        speech.motion(100.0 * round_number + 0.5)
        assert time.thread_time() - begin < 1.0
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 8e6
    assert speech.dropped_s == pytest.approx(5 * 60 - 5 * BUFFER_S, abs=15)


def test_sound_that_has_waited_is_heard_in_pieces_that_one_thread_can_bear() -> None:
    """Longer ones are shared out among threads that wait for each other: the later a call, the later it would get."""
    lengths: list[int] = []

    class Noting(LogMelFeatures):
        def push(self, samples: F32) -> FeatureFrames:
            heard = super().push(samples)
            lengths.append(len(heard.frames))
            return heard

    late, prompt = SpeechMotion(replace(shipped_network(), make_features=Noting)), SpeechMotion()
    feed(late, vowel(2.0))
    feed(prompt, vowel(2.0))
    for moment in np.arange(0, 1.5, 0.02):
        last = prompt.motion(float(moment))
    shown = late.motion(float(moment))
    assert sum(lengths) > 140
    assert max(lengths) <= 32, "64 frames are enough for OpenBLAS to wake its threads"
    assert np.allclose(shown.blendshapes, last.blendshapes, atol=1e-4)


def test_broken_sound_never_breaks_the_mouth() -> None:
    speech = SpeechMotion()
    rng = np.random.default_rng(3)
    for index in range(200):
        kind = index % 5
        count = int(rng.integers(0, 2000))
        samples = rng.standard_normal(count).astype(np.float32) * 10.0**kind
        samples[rng.random(count) < 0.1] = (np.nan, np.inf, -np.inf, 1e30, 0)[kind]
        speech.push(samples, index * 0.02, rate=(8_000, 16_000, 44_100, 48_000, 96_000)[kind])
        voice = speech.motion(index * 0.02 - LOOK_AHEAD_S)
        assert np.isfinite(voice.blendshapes).all() and np.abs(voice.blendshapes).max() <= 2
        assert np.isfinite([voice.level_db, voice.emphasis]).all()
    feed(speech, np.zeros(2 * RATE, np.float32), start_s=10.0)
    assert np.abs(speech.motion(11.5).blendshapes).max() < 0.02, "and then it closes"


def test_it_costs_a_small_part_of_a_core(spoken: Any) -> None:
    begin = time.process_time()
    live(spoken.sound, 320)
    assert (time.process_time() - begin) / spoken.length_s < 0.5, "about 0.03 on a quiet machine"


def test_reset_forgets() -> None:
    speech = SpeechMotion()
    feed(speech, vowel(1.0))
    speech.motion(0.5)
    speech.reset()
    assert speech.motion(0.5).confidence == 0
    feed(speech, vowel(1.0), start_s=0.2)
    assert open_between(speech, 0.3, 1.0)


def test_nobody_listens_for_a_mouth_that_is_the_cameras() -> None:
    class Listener:
        samples, ahead_s = RATE // 2, 0.12
        asked = 0

        def listen(self, sound: F32) -> F32:
            self.asked += 1
            return np.zeros((2, 3), np.float32)

    listener = Listener()
    speech = SpeechMotion(listener=listener)
    feed(speech, np.concatenate([np.zeros(RATE, np.float32), vowel(1.0)]))
    assert speech.motion(0.6, sees_mouth=1.0).heard is None and not listener.asked, "the camera has the mouth"
    assert speech.motion(0.7, sees_mouth=0.5).heard is not None, "half of it"
    assert speech.motion(1.6, sees_mouth=1.0).heard is not None, "who speaks has all of it"
    assert listener.asked == 2
