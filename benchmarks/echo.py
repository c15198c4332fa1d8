"""Does the avatar take its own voice for the user's? With and without `--echo-cancel`, in rooms of several delays.

The installed voice speaks for a while; a room with reverberation and a loudspeaker that clips bring it back into the
microphone, with a little noise. A recorded person, or without recordings the same voice lowered, talks over it late in
the run. Frames go the way of a call: uneven in time, through the echo canceller into the conversation's listener. The
user counts as heard where a turn begins within a second of the first word.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import av
import numpy as np
from scipy.signal import fftconvolve

from avatar.conversation.listener import Listener, TurnStarted
from avatar.conversation.tts import open_voice
from avatar.media.audio import audio_blocks
from avatar.media.pcm import SampleQueue, as_floats, to_mono_pcm
from avatar.perception.speech.echo import EchoCanceller
from avatar.timing.rtp_clock import AUDIO_RATE as RATE
from avatar.types import F32
from benchmarks import report
from benchmarks.media import SHARED, sound_frames

SPEECH = (
    "I was listening to you. How did that make you feel, if you do not mind my asking? I see. Tell me more about that, "
    "and take all the time you need. That sounds like something worth talking about. What happened after that? "
    "I like listening to you. Is there something that you are looking forward to today?"
)
ROOMS: tuple[tuple[float, float], ...] = ((0.06, 0.3), (0.12, 0.3), (0.12, 1.0), (0.2, 0.5), (0.3, 0.5))
"""(delay in seconds, level of the echo relative to what is played)."""
BETWEEN_S = 0.6
"""Silence after each sentence besides the voice's own: what is taken for a turn ends, and another may begin."""
FRAME = RATE // 50
SETTLED_S = 3.0
"""From here on the canceller should have learned the room."""
USER_AT_S, USER_S, HEARD_WITHIN_S = 9.0, 3.0, 1.0
USER_RMS, NOISE_RMS = 0.06, 0.001
USERS = 4
BARS = {"echo_loss_db_median": ">= 15", "own_voice_turns_per_minute": "<= 0.5", "user_heard": ">= 0.95"}


@dataclass
class EchoRun:
    """Result of one run."""

    sound: F32
    """(n,) what was left after echo cancelling."""
    turns_s: list[float] = field(default_factory=list)
    """When it thought that the user began to talk."""
    cost_ms: float = 0.0
    """Of the canceller, for 20 ms of sound."""


def spoken(text: str) -> F32:
    """Return the installed voice, sentence by sentence, a second of silence before it. Raises VoiceError."""
    voice, line = open_voice(), SampleQueue(RATE)
    for piece in voice.speak(text):
        line.push(to_mono_pcm(piece, voice.sample_rate), voice.sample_rate)
        line.push(np.zeros(round(BETWEEN_S * voice.sample_rate), np.int16), voice.sample_rate)
    line.finish()
    return np.concatenate([np.zeros(RATE, np.float32), as_floats(line.take(len(line)))])


def recorded_users() -> list[F32]:
    """Return some seconds of each of a few recorded people, none where there are no recordings."""
    files = sorted((SHARED / "audio").glob("*.flac"))[:: max(len(list((SHARED / "audio").glob("*.flac"))) // USERS, 1)]
    return [at_level(np.concatenate([block.mean(axis=0) for block in audio_blocks(file)])) for file in files[:USERS]]


def lowered(voice: F32) -> F32:
    """Return speech a quarter lower and slower: another person, for want of one."""
    speech = voice[RATE:]
    return at_level(np.interp(np.arange(len(speech)) * 0.75, np.arange(len(speech)), speech).astype(np.float32))


def at_level(speech: F32) -> F32:
    """Return the first seconds from the first loud moment on, at the level of somebody close to a microphone."""
    first = int(np.argmax(np.abs(speech) > 0.1 * np.abs(speech).max()))
    part = speech[first : first + round(USER_S * RATE)]
    return np.asarray(part * (USER_RMS / part.std()), np.float32)


def in_room(played: F32, delay_s: float, gain: float, seed: int = 0) -> F32:
    """Return what a microphone hears of what is played: late, reverberating for 0.25 s, from a small loudspeaker."""
    chance = np.random.default_rng(seed)
    tail = chance.normal(size=RATE // 4) * np.exp(-np.arange(RATE // 4) / (0.04 * RATE))
    tail[0] = 6.0
    response = np.concatenate([np.zeros(round(delay_s * RATE)), gain * tail / np.linalg.norm(tail)])
    echo = fftconvolve(np.tanh(1.5 * played) / 1.5, response)[: len(played)]
    return np.asarray(echo + chance.normal(size=len(played)) * NOISE_RMS, np.float32)


def listen(played: F32, heard: F32, echo: EchoCanceller | None, *, jitter: int = 2, seed: int = 0) -> EchoRun:
    """Let the avatar speak (n,) samples while its microphone hears (n,); the frames of one end come in small bursts."""
    listener, chance = Listener(), np.random.default_rng(seed)
    result = EchoRun(np.zeros(0, np.float32))
    pieces: list[F32] = []
    waiting: list[av.AudioFrame] = []
    spent_s = 0.0
    for number, (far, near) in enumerate(zip(sound_frames(played, RATE), sound_frames(heard, RATE), strict=True)):
        begin_s = time.perf_counter()
        if echo is not None:
            echo.played(far)
        spent_s += time.perf_counter() - begin_s
        waiting.append(near)
        if len(waiting) <= chance.integers(jitter):
            continue
        for frame in waiting:
            begin_s = time.perf_counter()
            cleaned = frame if echo is None else echo.clean(frame)
            spent_s += time.perf_counter() - begin_s
            if cleaned is None:
                continue
            pieces.append(as_floats(cleaned.to_ndarray()[0]))
            now_s = (number + 1) * FRAME / RATE
            events = listener.push(cleaned, now_s, avatar_has_floor=True)
            result.turns_s += [now_s for event in events if isinstance(event, TurnStarted)]
        waiting.clear()
    result.sound = np.concatenate(pieces)
    result.cost_ms = 1e3 * spent_s * FRAME / len(heard)
    return result


def loss_db(before: F32, after: F32) -> float:
    """Return how much quieter the echo is, in decibels, once the room is known (echo return loss enhancement)."""
    settled = slice(round(SETTLED_S * RATE), min(len(before), len(after)))
    return float(10 * np.log10(np.mean(before[settled] ** 2) / max(float(np.mean(after[settled] ** 2)), 1e-12)))


def with_user(heard: F32, user: F32) -> F32:
    """Return what the microphone hears with a user who talks from `USER_AT_S` on."""
    both, begin = heard.copy(), round(USER_AT_S * RATE)
    both[begin : begin + len(user)] += user
    return both


def hears_user(turns_s: Iterable[float]) -> bool:
    """Return whether a turn begins with the user's first words."""
    return any(USER_AT_S <= turn_s <= USER_AT_S + HEARD_WITHIN_S for turn_s in turns_s)


def main() -> None:
    """Measure, print, and write what was asked for."""
    args = report.parser(__doc__ or "").parse_args()
    if not EchoCanceller().works:
        raise SystemExit("There is nothing to measure without the package: pip install 'avatar[echo]'.")
    played = spoken(SPEECH)
    users = recorded_users() or [lowered(played)]
    minutes = len(played) / RATE / 60
    rows, losses, raw, own, heard, costs = [], [], [], [], [], []
    for delay_s, gain in ROOMS:
        microphone = in_room(played, delay_s, gain)
        before, after = listen(played, microphone, None), listen(played, microphone, EchoCanceller())
        found = [hears_user(listen(played, with_user(microphone, user), EchoCanceller()).turns_s) for user in users]
        losses.append(loss_db(before.sound, after.sound))
        raw.append(len(before.turns_s) / minutes)
        own.append(len(after.turns_s) / minutes)
        heard += found
        costs.append(after.cost_ms)
        share = f"{sum(found)}/{len(found)}"
        rows.append((f"{1e3 * delay_s:.0f} ms, {20 * np.log10(gain):.0f} dB", losses[-1], raw[-1], own[-1], share))
    report.table(("room", "echo loss dB", "own turns/min before", "after", "user heard"), rows)
    figures = {
        "echo_loss_db_median": report.median(losses),
        "own_voice_turns_per_minute_before": float(np.mean(raw)),
        "own_voice_turns_per_minute": float(np.mean(own)),
        "user_heard": float(np.mean(heard)),
        "cost_ms_per_20_ms": report.median(costs),
    }
    report.finish(figures, BARS, args.json)


if __name__ == "__main__":
    main()
