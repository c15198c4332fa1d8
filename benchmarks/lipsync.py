"""Does the mouth say what the voice says? MediaPipe looks at rendered pictures of a talking avatar.

Lips closed at p, b, m (within 40 ms of the middle, under 15 % of the clip's 95th percentile), not closed inside vowels,
teeth on the lip for f and v, rounding for oo, width for ee; sound and mouth in step; still in silence and noise;
and, on real talking clips nothing was trained on, open when the real mouth is open, beside what loudness alone tells.
`--corpus` takes any folder of sound files with a JSON each: {"engine", "voice", "phonemes": [{"p": IPA, "start_ms",
"end_ms"}]}.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from avatar.commands.options import add_voice_network, chosen_voice_network
from avatar.face import mesh
from avatar.face.pose import fit_pose, to_head_frame
from avatar.generator.geometry import GeometryGenerator
from avatar.identities.open import open_identity
from avatar.media.audio import audio_blocks
from avatar.media.video import clip_frames
from avatar.models.store import get_model
from avatar.motion.idle import IdleLife
from avatar.motion.mixer import MixState, mix
from avatar.motion.speech import LOOK_AHEAD_S, SpeechMotion, speech_motions
from avatar.motion.voice_motion import VoiceMotion, resting_voice
from avatar.motion.voice_network import VoiceNetwork
from avatar.perception.landmarker import FaceLandmarker
from avatar.perception.speech.log_mel import RATE, LogMelStream
from avatar.perception.speech.preprocessing import SpeechPreprocessor, sound_frame
from avatar.types import F32, U8
from benchmarks import lip_measures as lips
from benchmarks import report
from benchmarks.media import SHARED
from training.speech_clips import LOUDNESS_LEAD_S, talking_clips

EXACT = ("espeak-ng", "espeak", "flite", "festival")
"""Engines that say exactly when they said what."""
LOWER_LIP_EDGE, LEFT_CORNER, RIGHT_CORNER = 17, 61, 291
SETTLE_S, PAUSE_S = 0.6, 4
RECORDED_LIMIT = 0.03
LAG_KNOWN_S = 0.04
ONE_LOOK = ((0, 0),)
NINE_LOOKS = tuple((x, y) for x in (-5, 0, 4) for y in (-4, 0, 5))
"""Pixels that a picture is shifted by. What MediaPipe reads off lips depends on where in the picture a face lies: off a
picture that is only shifted it reads movements of 0.002 to 0.006 head units. Where so little counts it looks nine
times."""
BARS = {
    "closure_recall_exact": ">= 0.90",
    "closure_recall_neural": ">= 0.85",
    "false_closures_per_s": "<= 0.3",
    "lag_ms_worst_voice": "within +-40",
    "aperture_r_real": ">= 0.55",
    "silence_motion": "< 0.03",
    "auc_fv": ">= 0.85",
    "auc_round": ">= 0.85",
    "auc_wide": ">= 0.85",
    "sound_to_mouth_ms": f"<= {1e3 * LOOK_AHEAD_S:.0f} + a frame + 40",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A mouth measured picture by picture, head units in the head's own frame; NaN where no face was found."""

    times: np.ndarray
    aperture: np.ndarray
    """(n,), between the inner lips."""
    width: np.ndarray
    """(n,), between the corners."""
    tucked: np.ndarray
    """(n,), how far the lower lip is raised and rolled in and the upper lip lifted off it, against the face's rest."""


class Eye:
    """MediaPipe, each picture for itself: no smoothing over time."""

    def __init__(self) -> None:
        self._landmarker = FaceLandmarker(get_model("face_landmarker"), video=False, max_faces=1)

    def look(
        self,
        pictures: Iterable[tuple[float, U8]],
        rest: U8 | None = None,
        shifts: Sequence[tuple[int, int]] = ONE_LOOK,
    ) -> Seen:
        """Return the mouth of (seconds, (height, width, 3) RGB) pictures, beside the face's resting picture.

        With several `shifts` each picture is looked at so many times, and the mean counts.
        """
        zero = self._points(rest) if rest is not None else None
        rows = []
        for time_s, rgb in pictures:
            looks = [self._measure(np.roll(rgb, (y, x), (0, 1)), zero) for x, y in shifts]
            rows.append((time_s, *np.mean(looks, axis=0)))
        table = np.array(rows, np.float64).reshape(-1, 4)
        return Seen(table[:, 0], table[:, 1], table[:, 2], table[:, 3])

    def _points(self, rgb: U8) -> F32 | None:
        faces = self._landmarker.detect(np.ascontiguousarray(rgb), 0.0)
        return to_head_frame(faces[0].landmarks_px, fit_pose(faces[0].landmarks_px)) if faces else None

    def _measure(self, rgb: U8, zero: F32 | None) -> tuple[float, float, float]:
        head = self._points(rgb)
        if head is None:
            return (float("nan"),) * 3
        upper, lower = head[mesh.UPPER_LIP_CENTRE, 1], head[mesh.LOWER_LIP_CENTRE, 1]
        tucked = 0.0
        if zero is not None:
            raised = zero[mesh.UPPER_LIP_CENTRE, 1] - upper + zero[mesh.LOWER_LIP_CENTRE, 1] - lower
            height = head[LOWER_LIP_EDGE, 1] - lower
            tucked = raised + (zero[LOWER_LIP_EDGE, 1] - zero[mesh.LOWER_LIP_CENTRE, 1]) - height
        return float(lower - upper), float(head[RIGHT_CORNER, 0] - head[LEFT_CORNER, 0]), float(tucked)

    def close(self) -> None:
        """Free the landmarker."""
        self._landmarker.close()


class Stage:
    """One face, ready to say anything."""

    def __init__(self, face: str, size: int, fps: float, network: VoiceNetwork | None = None) -> None:
        self.generator = GeometryGenerator(open_identity(face), (size, size))
        self.fps, self.network = fps, network
        self.rest = self.generator.render(replace(IdleLife().motion(0.0), blendshapes=np.zeros(52, np.float32)))

    def say(self, sound: F32, rate: int = RATE) -> list[tuple[float, VoiceMotion]]:
        """Return what a voice does, picture by picture, for (n,) samples."""
        times = np.arange(round(len(sound) / rate * self.fps)) / self.fps
        spoken = speech_motions(sound, rate, times.tolist(), network=self.network)
        return list(zip(times.tolist(), spoken, strict=True))

    def show(self, spoken: Iterable[tuple[float, VoiceMotion]]) -> Iterator[tuple[float, U8]]:
        """Yield pictures of the avatar that lives and speaks."""
        idle, state = IdleLife(), MixState()
        for time_s, voice in spoken:
            state, motion = mix(state, None, None, idle.motion(time_s), voice=voice)
            yield time_s, self.generator.render(motion)


def read_sound(path: Path) -> F32:
    """Return a file's sound, (n,) at 16 kHz, from the moment of its first picture where it has pictures."""
    preprocessor = SpeechPreprocessor()
    blocks = [preprocessor.take(sound_frame(block, 48_000)) for block in audio_blocks(path, begin_s=_begin_s(path))]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def _begin_s(path: Path) -> float | None:
    from avatar.media.video import probe_clip  # noqa: PLC0415

    return probe_clip(path).begin_s if path.suffix == ".mp4" else None


def measure_corpus(stage: Stage, eye: Eye, corpus: Path, files: int) -> tuple[dict[str, float], list[U8]]:
    """Return the figures of labelled speech, a table printed voice by voice, and some pictures."""
    by_voice: defaultdict[tuple[str, str], list[lips.Recording]] = defaultdict(list)
    for recording in lips.read_corpus(corpus):
        by_voice[recording.engine, recording.voice].append(recording)
    rows, tiles = [], []
    pooled: defaultdict[str, list[float]] = defaultdict(list)
    counts = {"exact": [0, 0], "neural": [0, 0]}
    false_count, vowel_s = 0, 0.0
    for (engine, voice), recordings in by_voice.items():
        chosen = recordings[:: max(len(recordings) // files, 1)][:files]
        hits = total = wrong = 0
        within_s, lags = 0.0, []
        for recording in chosen:
            shown = list(stage.show(stage.say(read_sound(recording.path))))
            seen = eye.look(shown, stage.rest)
            tiles += _at_work(recording, shown) if len(tiles) < 24 else []
            found, there = lips.closure_recall(recording.said, seen.times, seen.aperture)
            hits, total = hits + found, total + there
            false, seconds = lips.false_closures(recording.said, seen.times, seen.aperture)
            wrong, within_s = wrong + false, within_s + seconds
            lags.append(1e3 * lips.best_lag_s(recording.said, seen.times, seen.aperture))
            for name, score, positive, ignored in (
                ("fv", seen.tucked, "fv", ""),
                ("round", -seen.width, "uʉw", ("ʊ", "oʊ", "əʊ", "ɔ", "o", "ɔɪ", "aʊ", "əu")),
                ("wide", seen.width, "i", ("ɪ", "eɪ", "e", "j", "ei", "aɪ", "ɔɪ")),
            ):
                yes, no = lips.at_centres(recording.said, seen.times, score, positive, ignored)
                pooled[f"{name}+"] += yes
                pooled[f"{name}-"] += no
        kind = counts["exact" if engine in EXACT else "neural"]
        kind[0], kind[1] = kind[0] + hits, kind[1] + total
        false_count, vowel_s = false_count + wrong, vowel_s + within_s
        lag = float(np.mean(lags))
        pooled["lag"].append(lag)
        rows.append((f"{engine} {voice}", len(chosen), total, hits / max(total, 1), wrong / max(within_s, 1e-6), lag))
        print(f"{engine} {voice}: {hits} of {total} closures, lag {lag:.0f} ms", flush=True)
    print()
    report.table(("voice", "files", "p b m", "closed", "false/s in vowels", "lag ms"), rows)
    figures = {
        "closure_recall_exact": counts["exact"][0] / max(counts["exact"][1], 1),
        "closure_recall_neural": counts["neural"][0] / max(counts["neural"][1], 1),
        "false_closures_per_s": false_count / max(vowel_s, 1e-6),
        "lag_ms_worst_voice": max(pooled["lag"], key=abs),
        **{f"auc_{name}": lips.auc(pooled[f"{name}+"], pooled[f"{name}-"]) for name in ("fv", "round", "wide")},
    }
    return figures, tiles


def measure_clips(stage: Stage, eye: Eye, clips: Path, seconds: float) -> dict[str, float]:
    """Return how the avatar's lips follow the real ones of talking clips, from their sound alone."""
    rows = []
    for clip in talking_clips(clips, clips / "MANIFEST.csv", "test"):
        sound = read_sound(clip.path)[: round(seconds * RATE)]
        real = eye.look(clip_frames(clip.path, until_s=len(sound) / RATE))
        seen = eye.look(stage.show(stage.say(sound)), stage.rest)
        level_db = LogMelStream().push(sound)[1]
        loud = gaussian_filter1d(np.clip(level_db, level_db.max() - 40, None), 5)
        heard = np.arange(len(loud)) / 100 + 0.0125
        r = _r_in_step(real, seen.times, seen.aperture, clip.lag_s)
        # Loudness leads the lips by nature, and is given what it leads by.
        rows.append((clip.path.stem, r, _r_in_step(real, heard, loud, clip.lag_s - LOUDNESS_LEAD_S)))
        print(f"{rows[-1][0]}: r {rows[-1][1]:.2f}, loudness {rows[-1][2]:.2f}", flush=True)
    print()
    report.table(("clip", "r", "r of loudness"), rows)
    return {
        "aperture_r_real": report.median(row[1] for row in rows),
        "aperture_r_loudness_baseline": report.median(row[2] for row in rows),
    }


def _r_in_step(real: Seen, times: np.ndarray, signal: np.ndarray, lag_s: float) -> float:
    """Return how a signal goes with real lips whose sound is `lag_s` late.

    That lag is the clip's own and no fault of the avatar; it is known to 40 ms, and the best within counts.
    """
    lags = lag_s + np.arange(-LAG_KNOWN_S, LAG_KNOWN_S + 1e-6, 0.01)
    return max(lips.correlation(np.interp(real.times + lag, times, signal), real.aperture) for lag in lags)


def measure_silence(stage: Stage, eye: Eye, corpus: Path, recorded: Path | None = None) -> dict[str, float]:
    """Return how far the lips move, as a share of their speaking range, when the voice pauses in silence and noise.

    `silence_motion` is what is seen, the life of a resting face included; `idle_motion` is the same face at the same
    moments with no voice at all, and `silence_motion_over_idle` the worst of what a pause adds to it. With a folder of
    `recorded` music and noises, `recorded_motion_over_idle` is the median and `recorded_motion_share` how many of them
    move the mouth by more than idle life and 0.03.
    """
    recordings = lips.read_corpus(corpus)
    step = max(len(recordings) // 8, 1)
    voices = [read_sound(recording.path) for recording in recordings[::step]][:8]
    rng = np.random.default_rng(0)
    worst, still, added = [], [], []
    for name in ("silence", "babble", "tones"):
        moved, idled = [], []
        for index in (0, 3):
            speech, others = voices[index], [voice for other, voice in enumerate(voices) if other != index]
            one, other = _moved_and_idled(stage, eye, speech, _noise(name, len(speech) + PAUSE_S * RATE, others, rng))
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
            noise = read_sound(path)
            noise = np.resize(noise, len(voices[0]) + PAUSE_S * RATE) / max(_rms(noise), 1e-9)
            one, other = _moved_and_idled(stage, eye, voices[0], noise.astype(np.float32))
            over.append(one - other)
            print(f"mouth movement in {path.stem}: {one:.3f} of the speaking range, idle {other:.3f}", flush=True)
        figures["recorded_motion_over_idle"] = report.median(over)
        figures["recorded_motion_share"] = float(np.mean(np.array(over) > RECORDED_LIMIT))
    return figures


def _moved_and_idled(stage: Stage, eye: Eye, speech: F32, noise: F32) -> tuple[float, float]:
    """Return how far the lips move after a voice in a noise 10 dB below it, and without any sound."""
    whole = np.pad(speech, (0, PAUSE_S * RATE)) + noise * _rms(speech) * np.float32(10 ** (-10 / 20))
    spoken = stage.say(whole)
    end_s = len(speech) / RATE
    shown = list(stage.show(spoken))
    talking = eye.look([picture for picture in shown if picture[0] < end_s], stage.rest)
    reach = float(np.nanpercentile(talking.aperture, 95))
    idled = stage.show((time_s, resting_voice(time_s)) for time_s, _ in spoken)
    both = []
    for pictures in (shown, idled):
        after = [picture for picture in pictures if picture[0] > end_s + SETTLE_S]
        both.append(_spread(eye.look(after, stage.rest, NINE_LOOKS).aperture) / reach)
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
        for beat in range(0, count, RATE // 2):
            part = slice(beat, min(beat + RATE // 2, count))
            for hz in 220 * 2 ** (rng.choice(24, 3, replace=False) / 12):
                noise[part] += np.sin(2 * np.pi * hz * times[part]) * np.exp(-3 * (times[part] - times[beat]))
    return np.asarray(noise / max(_rms(noise), 1e-9), np.float32)


def _rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound))))


def measure_delay(stage: Stage, corpus: Path) -> dict[str, float]:
    """Return how long after a sound came in the picture of its mouth is finished, at a call's pace."""
    sound = read_sound(lips.read_corpus(corpus)[0].path)
    live, frame_s = SpeechMotion(stage.network), 1 / stage.fps
    pushed, late, shown = 0, [], []
    for index in range(int(len(sound) / RATE * stage.fps)):
        now_s = index * frame_s
        while (pushed + 320) / RATE <= now_s:
            live.push(sound[pushed : pushed + 320], pushed / RATE)
            pushed += 320
        begin = time.perf_counter()
        voice = live.motion(now_s - LOOK_AHEAD_S)
        _, motion = mix(MixState(), None, None, IdleLife().motion(now_s), voice=voice)
        stage.generator.render(motion)
        late.append(time.perf_counter() - begin)
        shown.append(voice.blendshapes)
    # What was shown, against the same sound heard in one piece: how much later, and is it the same mouth?
    times = np.arange(0, len(sound) / RATE, 0.005)
    spoken = speech_motions(sound, RATE, times.tolist(), network=stage.network)
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
    cost_s = _cost(sound, stage.network)
    return {"sound_to_mouth_ms": 1e3 * (lag_s + frame_s + report.p95(late)), "voice_ms_per_picture": 1e3 * cost_s}


def _cost(sound: F32, network: VoiceNetwork | None) -> float:
    """Return seconds of hearing and answering per picture at 30 fps, the median."""
    speech, spent, pushed = SpeechMotion(network), [], 0
    for index in range(int(len(sound) / RATE * 30)):
        begin = time.perf_counter()
        while pushed / RATE <= index / 30:
            speech.push(sound[pushed : pushed + 320], pushed / RATE)
            pushed += 320
        speech.motion(index / 30 - LOOK_AHEAD_S)
        spent.append(time.perf_counter() - begin)
    return report.median(spent)


def _at_work(recording: lips.Recording, shown: list[tuple[float, U8]]) -> list[U8]:
    """Return labelled close-ups of the mouth at some sounds."""
    tiles = []
    times = np.array([time_s for time_s, _ in shown])
    for wanted in ("m", "b", "f", "v", "u", "i", "ɑ", "oʊ"):
        for sound in recording.said:
            if sound.ipa == wanted:
                rgb = shown[int(np.argmin(np.abs(times - sound.centre_s)))][1]
                side = rgb.shape[0]
                tile = cv2.resize(rgb[side // 4 : side, side // 8 : side * 7 // 8], (192, 192))
                label = {"ɑ": "aa", "oʊ": "oh"}.get(wanted, wanted)
                tiles.append(np.asarray(cv2.putText(tile, label, (6, 20), 0, 0.7, (255, 40, 40), 2), np.uint8))
                break
    return tiles


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--corpus", type=Path, default=SHARED / "speech_corpus", help="folder of labelled speech")
    arguments.add_argument("--clips", type=Path, default=SHARED, help="folder with MANIFEST.csv and real talking clips")
    arguments.add_argument("--noises", type=Path, help="folder of music and noises: does the mouth rest through them?")
    arguments.add_argument("--files", type=int, default=4, help="recordings of each voice (default 4)")
    arguments.add_argument("--seconds", type=float, default=10.0, help="how much of each clip (default 10)")
    arguments.add_argument("--face", default="mira", help="a photo, .avatar file or built-in id")
    arguments.add_argument("--size", type=int, default=384, help="side of the pictures (default 384)")
    arguments.add_argument("--fps", type=float, default=30.0)
    arguments.add_argument("--only", choices=("corpus", "clips", "silence", "delay"), help="one part of it")
    arguments.add_argument("--sheet", type=Path, default=Path("bench-out/lipsync.png"), help="contact sheet to write")
    add_voice_network(arguments)
    chosen = arguments.parse_args()

    stage, eye = Stage(chosen.face, chosen.size, chosen.fps, chosen_voice_network(chosen)), Eye()
    figures: dict[str, float] = {}
    if chosen.only in (None, "corpus"):
        found, tiles = measure_corpus(stage, eye, chosen.corpus, chosen.files)
        figures |= found
        chosen.sheet.parent.mkdir(parents=True, exist_ok=True)
        rows = [np.hstack(tiles[start : start + 8]) for start in range(0, len(tiles) // 8 * 8, 8)]
        cv2.imwrite(str(chosen.sheet), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
        print(f"\nContact sheet: {chosen.sheet}")
    if chosen.only in (None, "clips"):
        if (chosen.clips / "MANIFEST.csv").exists():
            figures |= measure_clips(stage, eye, chosen.clips, chosen.seconds)
        else:
            print("No real talking clips here (--clips DIR with a MANIFEST.csv): that part is left out.")
    if chosen.only in (None, "silence"):
        figures |= measure_silence(stage, eye, chosen.corpus, chosen.noises)
    if chosen.only in (None, "delay"):
        figures |= measure_delay(stage, chosen.corpus)
    eye.close()
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    main()
