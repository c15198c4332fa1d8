"""Does the avatar take music for a user who talks, and does it notice every user? The conversation's listener alone.

Each file of `--noises` is played as loud as a voice, for 20 seconds: how often does a turn begin, by loudness alone and
with the speech network's opinion? Then recordings of `--corpus` are spoken in a quiet room and with a noise 10 dB
below them: is a turn taken, how late is that known, and how long after the last loud sound is it over?
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from avatar.conversation.listener import Listener, TurnStarted, Utterance
from avatar.conversation.voice_detector import NetworkVoiceDetector, VoiceDetector
from avatar.perception.speech.log_mel import RATE
from avatar.types import F32
from benchmarks import report
from benchmarks.media import SHARED, sound_frames
from training.speech_clips import read_sound

FRAME = RATE // 50
NOISE_S, QUIET_S = 20.0, 1.5
VOICE_RMS, SNR_DB = 0.06, 10.0
LOUD_SHARE = 0.1
"""A recording is loud above this share of its loudest sample."""
BARS = {"noise_turns_per_minute": "<= 1", "voices_noticed": ">= 0.98", "voices_noticed_in_noise": ">= 0.95"}


class LoudnessAlone:
    """Takes everything loud for a voice."""

    def push(self, _samples: F32) -> bool:
        """Return True."""
        return True


def listen(sound: F32, detector: VoiceDetector) -> list[tuple[float, TurnStarted | Utterance]]:
    """Return (seconds, event) for each event of a listener to (n,) samples at 16 kHz."""
    listener = Listener(detector=detector)
    events = []
    for number, frame in enumerate(sound_frames(sound, RATE)):
        now_s = (number + 1) * FRAME / RATE
        events += [(now_s, event) for event in listener.push(frame, now_s, avatar_has_floor=False)]
    return events


def at_level(sound: F32, rms: float) -> F32:
    """Return (n,) samples at a level; silence stays silent."""
    return np.asarray(np.clip(sound * (rms / max(float(np.sqrt(np.mean(np.square(sound)))), 1e-6)), -1, 1), np.float32)


def measure_noises(noises: list[F32]) -> tuple[float, float]:
    """Return the turns a minute that begin in noises, by loudness alone and with the network."""
    counts = np.zeros(2)
    for noise in noises:
        played = at_level(np.resize(noise, round(NOISE_S * RATE)), VOICE_RMS)
        detectors: tuple[VoiceDetector, ...] = (LoudnessAlone(), NetworkVoiceDetector())
        for index, detector in enumerate(detectors):
            counts[index] += sum(isinstance(event, TurnStarted) for _, event in listen(played, detector))
    by_loudness, by_network = counts / (len(noises) * NOISE_S / 60)
    return float(by_loudness), float(by_network)


def measure_voices(voices: list[F32], noises: list[F32]) -> dict[str, float]:
    """Return how many of the recordings are noticed within a second, how late, and how long until they are over."""
    noticed: dict[str, list[bool]] = {"": [], "_in_noise": []}
    begin_ms, end_ms = [], []
    for number, voice in enumerate(voices):
        said = at_level(voice, VOICE_RMS)
        loud = np.flatnonzero(np.abs(said) > LOUD_SHARE * np.abs(said).max()) / RATE + QUIET_S
        whole = np.pad(said, round(QUIET_S * RATE))
        rounds = [("", whole)]
        if noises:
            beside = np.resize(noises[number % len(noises)], len(whole))
            rounds.append(("_in_noise", whole + at_level(beside, VOICE_RMS * 10 ** (-SNR_DB / 20))))
        for name, heard in rounds:
            events = listen(np.asarray(heard, np.float32), NetworkVoiceDetector())
            began = [
                at_s for at_s, event in events if isinstance(event, TurnStarted) and loud[0] <= at_s <= loud[-1] + 0.3
            ]
            noticed[name].append(bool(began) and began[0] <= loud[0] + 1)
            ended = [at_s for at_s, event in events if isinstance(event, Utterance) and at_s > loud[-1]]
            if not name and began and ended:
                begin_ms.append(1e3 * (began[0] - loud[0]))
                end_ms.append(1e3 * (ended[-1] - loud[-1]))
    figures = {f"voices_noticed{name}": float(np.mean(found)) for name, found in noticed.items() if found}
    return figures | {"begin_ms": report.median(begin_ms), "end_ms": report.median(end_ms)}


def main() -> None:
    """Measure, print, and write what was asked for."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--noises", type=Path, help="folder of music and noises without speech, any format")
    arguments.add_argument("--corpus", type=Path, default=SHARED / "speech_corpus", help="folder of spoken sound files")
    arguments.add_argument("--files", type=int, default=60, help="how many of them (default 60)")
    args = arguments.parse_args()
    sounds = sorted(path for path in args.corpus.glob("*") if path.suffix in (".flac", ".wav"))
    if not sounds:
        raise SystemExit(f"{args.corpus} holds no sound files: give --corpus DIR.")
    voices = [read_sound(path) for path in sounds[:: max(len(sounds) // args.files, 1)][: args.files]]
    noises = [read_sound(path) for path in sorted(args.noises.glob("*"))] if args.noises is not None else []
    figures = measure_voices(voices, noises)
    if noises:
        by_loudness, by_network = measure_noises(noises)
        figures |= {"noise_turns_per_minute_by_loudness": by_loudness, "noise_turns_per_minute": by_network}
    report.finish(figures, BARS, args.json)


if __name__ == "__main__":
    main()
