"""How far the lips of a talking avatar move while its voice pauses in silence, noise or music."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from avatar.motion.voice_motion import resting_voice
from avatar.perception.speech.log_mel import RATE
from avatar.types import F32
from benchmarks import lip_measures as lips
from benchmarks import report
from benchmarks.talking_mouth import NINE_SHIFTS, MouthMeter, TalkingAvatar, read_audio

SETTLE_S, PAUSE_S = 0.6, 4
RECORDED_LIMIT = 0.03


def measure_silence(
    avatar: TalkingAvatar, meter: MouthMeter, corpus: Path, recorded: Path | None = None
) -> dict[str, float]:
    """Return how far the lips move, as a share of their speaking range, when the voice pauses in silence and noise.

    `silence_motion` is what is seen, the life of a resting face included; `idle_motion` is the same face at the same
    moments with no voice at all, and `silence_motion_over_idle` the worst of what a pause adds to it. With a folder of
    `recorded` music and noises, `recorded_motion_over_idle` is the median and `recorded_motion_share` how many of them
    move the mouth by more than idle life and 0.03.
    """
    recordings = lips.read_corpus(corpus)
    step = max(len(recordings) // 8, 1)
    voices = [read_audio(recording.path) for recording in recordings[::step]][:8]
    rng = np.random.default_rng(0)
    worst, still, added = [], [], []
    for name in ("silence", "babble", "tones"):
        moved, idled = [], []
        for index in (0, 3):
            speech, others = voices[index], [voice for other, voice in enumerate(voices) if other != index]
            one, other = _moved_and_idled(
                avatar, meter, speech, _noise(name, len(speech) + PAUSE_S * RATE, others, rng)
            )
            moved.append(one)
            idled.append(other)
        print(f"mouth movement in {name}: {max(moved):.3f} of the speaking range, idle {max(idled):.3f}", flush=True)
        worst.append(max(moved))
        still.append(max(idled))
        added.append(max(one - other for one, other in zip(moved, idled, strict=True)))
    figures = {
        "silence_motion": float(max(worst)),
        "idle_motion": float(max(still)),
        "silence_motion_over_idle": float(max(added)),
    }
    if recorded is not None:
        over = []
        for path in sorted(path for path in recorded.rglob("*") if path.is_file()):
            noise = read_audio(path)
            noise = np.resize(noise, len(voices[0]) + PAUSE_S * RATE) / max(_rms(noise), 1e-9)
            one, other = _moved_and_idled(avatar, meter, voices[0], noise.astype(np.float32))
            over.append(one - other)
            print(f"mouth movement in {path.stem}: {one:.3f} of the speaking range, idle {other:.3f}", flush=True)
        figures["recorded_motion_over_idle"] = report.median(over)
        figures["recorded_motion_share"] = float(np.mean(np.array(over) > RECORDED_LIMIT))
    return figures


def _moved_and_idled(avatar: TalkingAvatar, meter: MouthMeter, speech: F32, noise: F32) -> tuple[float, float]:
    """Return how far the lips move after a voice in a noise 10 dB below it, and without any sound."""
    whole = np.pad(speech, (0, PAUSE_S * RATE)) + noise * _rms(speech) * np.float32(10 ** (-10 / 20))
    spoken = avatar.say(whole)
    end_s = len(speech) / RATE
    shown = list(avatar.show(spoken))
    talking = meter.measure([picture for picture in shown if picture[0] < end_s], avatar.rest)
    reach = float(np.nanpercentile(talking.aperture, 95))
    idled = avatar.show((time_s, resting_voice(time_s)) for time_s, _ in spoken)
    both = []
    for pictures in (shown, idled):
        after = [picture for picture in pictures if picture[0] > end_s + SETTLE_S]
        both.append(_spread(meter.measure(after, avatar.rest, NINE_SHIFTS).aperture) / reach)
    return both[0], both[1]


def _spread(aperture: np.ndarray) -> float:
    return float(np.nanpercentile(aperture, 97.5) - np.nanpercentile(aperture, 2.5))


def _noise(name: str, count: int, voices: list[F32], rng: np.random.Generator) -> F32:
    """Return (count,) samples of unit power (none for silence): many voices at once, or chords."""
    if name == "silence":
        return np.zeros(count, np.float32)
    noise = np.zeros(count)
    if name == "babble":
        for voice in voices:
            noise += np.resize(np.roll(voice, int(rng.integers(len(voice)))), count) / _rms(voice)
    else:
        times = np.arange(count) / RATE
        for onset in range(0, count, RATE // 2):
            part = slice(onset, min(onset + RATE // 2, count))
            for hz in 220 * 2 ** (rng.choice(24, 3, replace=False) / 12):
                noise[part] += np.sin(2 * np.pi * hz * times[part]) * np.exp(-3 * (times[part] - times[onset]))
    return np.asarray(noise / max(_rms(noise), 1e-9), np.float32)


def _rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound))))
