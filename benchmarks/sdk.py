"""A program gives an avatar a voice: is it in step, how fast does it begin and fall silent, and does memory hold?

One avatar lives all the time while its frames are taken as a player would take them. Sentences are pushed whole, far
faster than they are spoken, with pauses between them; then some are interrupted in the middle; then many short ones
follow. A picture's offset to its sound is the difference of the moments they came at plus how far the mouth shown is
from the mouth that belongs to that sound. After an interruption MediaPipe looks at the pictures until the lips meet.
`--sounds` takes any folder of speech. With `--connect` a server draws, one started here or the one named (its token in
AVATAR_TOKEN), and how far the mouth is behind is what MediaPipe sees of the lips.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import numpy as np
import psutil

from avatar import AudioFrame, Avatar, SpeechFinished, VideoFrame
from avatar.generator.protocol import Generator
from avatar.generator.tiers import open_generator
from avatar.generator.wrapped import WrappedGenerator
from avatar.identities.open import open_identity
from avatar.motion.speech import SpeechMotion, speech_motions
from avatar.motion.speech_network import MOUTH
from avatar.sdk.renderer import LocalRenderer, RenderParts
from avatar.types import BLENDSHAPE_INDEX, F32, U8, Motion
from benchmarks import report
from benchmarks.media import SHARED
from benchmarks.rough_network import Roughness, rough_network
from benchmarks.server_process import ServerProcess
from benchmarks.talking_mouth import MouthMeter, read_audio

RATE = 16_000
OUT_RATE = 48_000
CLOSED_SHARE = 0.15
"""Lips this near to rest, as a share of how far speech opened them, are closed (as in `lipsync`)."""
LAGS_S = np.arange(-0.12, 0.1201, 0.005)
JAW = MOUTH.index(BLENDSHAPE_INDEX["jawOpen"])
SHORT_S = 0.25
KEPT_PICTURES = 240
"""The newest pictures are kept to be looked at: eight seconds."""
LOOKED_AT_S = 0.6
"""After an interruption pictures are looked at for so long."""
BARS = {
    "av_offset_ms_p95": "<= 40",
    "interrupt_to_closed_ms": "<= 150",
    "playback_position_error_ms": "<= 40",
    "first_speaking_frame_ms": "<= 200",
    "rss_growth_mb": "about 0",
}


class WatchedGenerator(WrappedGenerator):
    """A generator that remembers the mouths it was asked to draw."""

    def __init__(self, generator: Generator) -> None:
        super().__init__(generator)
        self.mouths: deque[tuple[float, F32]] = deque(maxlen=9000)

    def render(self, motion: Motion) -> U8:
        """Draw a motion."""
        self.mouths.append((motion.time_s, motion.blendshapes[list(MOUTH)].copy()))
        return super().render(motion)


class Player:
    """Takes an avatar's frames and plays them: keeps when what came, and the newest pictures."""

    def __init__(self, avatar: Avatar) -> None:
        self._avatar = avatar
        self.pictures: deque[tuple[float, float, U8]] = deque(maxlen=KEPT_PICTURES)
        """(arrived, media time, RGB)."""
        self.offsets_s: deque[tuple[float, float]] = deque(maxlen=9000)
        """(media time, how much later than its sound a picture came)."""
        self.speech: deque[tuple[float, float, int]] = deque(maxlen=9000)
        """(arrived, media time, samples of speech)."""
        self.finished = asyncio.Event()
        self.drawn = self.skipped = 0
        self._spoken = asyncio.Event()

    async def play(self) -> None:
        """Take frames until the avatar closes."""
        picture: tuple[float, float] | None = None
        async for frame in self._avatar:
            now_s = time.monotonic()
            if isinstance(frame, VideoFrame):
                self.drawn += 1
                picture = (now_s, frame.time_s)
                self.pictures.append((now_s, frame.time_s, frame.rgb))
                continue
            self._on_audio(frame, now_s, picture)
            picture = None

    def _on_audio(self, frame: AudioFrame, now_s: float, picture: tuple[float, float] | None) -> None:
        if picture is None:
            self.skipped += 1
        else:
            self.offsets_s.append((frame.time_s, (picture[0] - picture[1]) - (now_s - frame.time_s)))
        if frame.spoken:
            self.speech.append((now_s, frame.time_s, frame.spoken))
            self._spoken.set()
        if any(isinstance(event, SpeechFinished) for event in frame.events):
            self.finished.set()

    async def first_speech(self, after: Awaitable[object]) -> float:
        """Return how many seconds after a push its first speaking picture and sound were there."""
        self._spoken.clear()
        begun_s = time.monotonic()
        await after
        await self._spoken.wait()
        return self.speech[-1][0] - begun_s

    def heard_s(self, since: int, now_s: float) -> float:
        """Return how much speech came out of the loudspeaker by `now_s`, counted from the `since`-th piece on."""
        end_s = heard = 0.0
        for arrived_s, _, samples in list(self.speech)[since:]:
            begin_s, length_s = max(arrived_s, end_s), samples / OUT_RATE
            end_s = begin_s + length_s
            heard += float(np.clip(now_s - begin_s, 0, length_s))
        return heard


async def speak_in_bursts(
    avatar: Avatar,
    player: Player,
    lag_of: Callable[[F32, float], float],
    sounds: Sequence[F32],
    seconds: float,
    rng: random.Random,
) -> tuple[list[float], list[float]]:
    """Say sentences for `seconds`; return picture offsets to the sound and first speaking frames, seconds.

    `lag_of` says by how much the mouth shown is behind, of a sentence and the media time it began at.
    """
    offsets, firsts, begin_s = [], [], time.monotonic()
    while time.monotonic() - begin_s < seconds:
        sound = rng.choice(sounds)
        player.finished.clear()
        before = len(player.offsets_s)
        firsts.append(await player.first_speech(avatar.push_audio(sound, RATE)))
        said_s = player.speech[-1][1]
        await avatar.end_of_speech()
        await player.finished.wait()
        lag_s = await asyncio.to_thread(lag_of, sound, said_s)
        offsets += [come + lag_s for _, come in list(player.offsets_s)[before:]]
        await asyncio.sleep(rng.uniform(0.1, 0.8))
    return offsets, firsts


def mouth_lag(watched: WatchedGenerator, sound: F32, said_s: float) -> float:
    """Return by how much the mouth shown is behind the one that the whole recording asks for, seconds."""
    shown = [(at - said_s, mouth[JAW]) for at, mouth in list(watched.mouths) if 0 <= at - said_s < len(sound) / RATE]
    times, jaws = np.array([at for at, _ in shown]), np.array([jaw for _, jaw in shown])
    fine = np.arange(0, len(sound) / RATE, 0.005)
    wanted = np.array([voice.blendshapes[MOUTH[JAW]] for voice in speech_motions(sound, RATE, fine.tolist())])
    errors = [float(np.mean((np.interp(times - lag, fine, wanted) - jaws) ** 2)) for lag in LAGS_S]
    return float(LAGS_S[int(np.argmin(errors))])


def seen_lag(player: Player, meter: MouthMeter, sound: F32, said_s: float) -> float:
    """Return by how much the lips in the pictures are behind the jaw that the whole recording asks for, seconds."""
    shown = [(at - said_s, rgb) for _, at, rgb in list(player.pictures) if 0 <= at - said_s < len(sound) / RATE]
    seen = meter.measure(shown)
    found = np.isfinite(seen.aperture)
    times, gaps = np.array([at for at, _ in shown])[found], seen.aperture[found]
    fine = np.arange(0, len(sound) / RATE, 0.005)
    wanted = np.array([voice.blendshapes[MOUTH[JAW]] for voice in speech_motions(sound, RATE, fine.tolist())])
    likeness = [np.corrcoef(np.interp(times - lag, fine, wanted), gaps)[0, 1] for lag in LAGS_S]
    return float(LAGS_S[int(np.argmax(likeness))])


async def interrupt_often(
    avatar: Avatar, player: Player, meter: MouthMeter, sounds: Sequence[F32], cuts: int, rng: random.Random
) -> tuple[list[float], list[float]]:
    """Interrupt in the middle; return the position's errors and how long until silent, closed lips, seconds."""
    errors, closed = [], []
    for _ in range(cuts):
        since = len(player.speech)
        await player.first_speech(avatar.push_audio(np.concatenate([rng.choice(sounds) for _ in range(3)]), RATE))
        await asyncio.sleep(rng.uniform(0.8, 2.5))
        before = list(player.pictures)
        cut_s = time.monotonic()
        heard_ms = avatar.interrupt()
        errors.append(abs(heard_ms / 1e3 - player.heard_s(since, cut_s)))
        count = len(player.speech)
        await asyncio.sleep(LOOKED_AT_S)
        after = [(at, rgb) for at, _, rgb in player.pictures if at > cut_s]
        talking = meter.measure((at, rgb) for at, _, rgb in before[-30:]).aperture
        gaps = meter.measure(after).aperture
        still = float(np.nanmedian(gaps[-6:]))
        closed.append(closing_time([at - cut_s for at, _ in after], gaps, still, float(np.nanpercentile(talking, 95))))
        if len(player.speech) > count:
            closed[-1] = max(closed[-1], player.speech[-1][0] - cut_s)
        await asyncio.sleep(0.3)
    return errors, closed


def closing_time(times_s: Sequence[float], gaps: np.ndarray, rest: float, open_gap: float) -> float:
    """Return when lips were as near as at rest and stayed so, seconds after the interruption."""
    limit = rest + CLOSED_SHARE * max(open_gap - rest, 0.0) + 0.01
    apart = [at for at, gap in zip(times_s, gaps, strict=True) if gap > limit]
    later = [at for at in times_s if not apart or at > apart[-1]]
    return later[0] if later else times_s[-1]


async def say_many(avatar: Avatar, player: Player, sounds: Sequence[F32], utterances: int) -> float:
    """Return by how much memory grew from the first fifth of many short utterances to the last, MB."""
    process, memory = psutil.Process(), []
    for index in range(utterances):
        player.finished.clear()
        await avatar.push_audio(sounds[index % len(sounds)][: round(SHORT_S * RATE)], RATE)
        await avatar.end_of_speech()
        await player.finished.wait()
        memory.append(process.memory_info().rss / 1e6)
    part = max(utterances // 5, 1)
    return report.median(memory[-part:]) - report.median(memory[part : 2 * part] or memory)


async def measure(
    face: str, sounds: Sequence[F32], seconds: float, cuts: int, utterances: int, server: str | None = None
) -> dict[str, float]:
    """Return the figures of one avatar's life, drawn here or by the server at that address."""
    rng, meter = random.Random(1), MouthMeter()  # noqa: S311 - the same pauses each time
    if server is None:
        watched = WatchedGenerator(open_generator(open_identity(face), (512, 512)))
        unopened = Avatar(LocalRenderer(lambda: RenderParts(watched, SpeechMotion())))
    else:
        unopened = Avatar.connect(server, face, token=os.environ.get("AVATAR_TOKEN") or None)
    async with unopened as avatar:
        player = Player(avatar)

        def lag_of(sound: F32, said_s: float) -> float:
            return mouth_lag(watched, sound, said_s) if server is None else seen_lag(player, meter, sound, said_s)

        playing = asyncio.create_task(player.play())
        await asyncio.sleep(2.0)
        offsets, firsts = await speak_in_bursts(avatar, player, lag_of, sounds, seconds, rng)
        skipped, drawn = player.skipped, player.drawn
        errors, closed = await interrupt_often(avatar, player, meter, sounds, cuts, rng)
        growth = await say_many(avatar, player, sounds, utterances)
        playing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await playing
    meter.close()
    return {
        "av_offset_ms_p95": 1e3 * report.p95(abs(offset) for offset in offsets),
        "interrupt_to_closed_ms": 1e3 * max(closed, default=float("nan")),
        "interrupt_to_closed_ms_median": 1e3 * report.median(closed),
        "playback_position_error_ms": 1e3 * max(errors, default=float("nan")),
        "first_speaking_frame_ms": 1e3 * report.p95(firsts),
        "rss_growth_mb": growth,
        "pictures_skipped_share": skipped / max(drawn + skipped, 1),
        "sentences": float(len(firsts)),
    }


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--sounds", type=Path, default=SHARED / "speech_corpus", help="folder of speech recordings")
    arguments.add_argument("--face", default="mira", help="a photo, .avatar file or built-in id")
    arguments.add_argument("--seconds", type=float, default=20.0, help="of bursty speech (default 20; the bar's: 60)")
    arguments.add_argument("--cuts", type=int, default=6, help="interruptions (default 6)")
    arguments.add_argument("--utterances", type=int, default=40, help="short ones (default 40; the bar's: 200)")
    arguments.add_argument(
        "--connect", nargs="?", const="", metavar="URL", help="let a server draw; without URL, start one here"
    )
    arguments.add_argument("--loss", type=float, default=0.0, help="with --connect: packets lost each way, percent")
    arguments.add_argument("--delay", type=float, default=0.0, help="the same: milliseconds each way")
    arguments.add_argument("--jitter", type=float, default=0.0, help="the same: up to so many milliseconds more")
    chosen = arguments.parse_args()
    files = sorted(path for path in chosen.sounds.glob("*") if path.suffix in (".flac", ".wav", ".mp3", ".ogg"))
    if not files:
        raise SystemExit(f"There is no speech in {chosen.sounds}: name a folder of recordings with --sounds.")
    sounds = [read_audio(path) for path in random.Random(2).sample(files, min(12, len(files)))]  # noqa: S311
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(ServerProcess()).url if chosen.connect == "" else chosen.connect
        how = Roughness(chosen.loss / 100, chosen.delay / 1e3, chosen.jitter / 1e3)
        if how != Roughness():
            stack.enter_context(rough_network(how))
        figures = asyncio.run(measure(chosen.face, sounds, chosen.seconds, chosen.cuts, chosen.utterances, server))
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    main()
