"""Does the mouth say what the voice says? MediaPipe looks at rendered pictures of a talking avatar.

Lips closed at p, b, m (within 40 ms of the middle, under 15 % of the clip's 95th percentile), not closed inside vowels,
teeth on the lip for f and v, rounding for oo, width for ee; sound and mouth in step; still in silence and noise;
and, on real talking clips nothing was trained on, open when the real mouth is open, beside what loudness alone tells.
`--corpus` takes any folder of sound files with a JSON each: {"engine", "voice", "phonemes": [{"p": IPA, "start_ms",
"end_ms"}]}.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from avatar.commands.options import chosen_voice_network
from avatar.config import LipSyncSettings
from avatar.media.video import clip_frames
from avatar.motion.speech import LOOK_AHEAD_S
from avatar.perception.speech.log_mel import RATE, LogMelStream
from avatar.types import U8
from benchmarks import lip_measures as lips
from benchmarks import report
from benchmarks.lip_delay import measure_delay
from benchmarks.lip_stillness import measure_silence
from benchmarks.media import SHARED
from benchmarks.talking_mouth import MouthMeter, MouthTrack, TalkingAvatar, read_audio
from training.speech_clips import LOUDNESS_LEAD_S, talking_clips

EXACT = ("espeak-ng", "espeak", "flite", "festival")
"""Engines that say exactly when they said what."""
LAG_KNOWN_S = 0.04
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


def measure_corpus(
    avatar: TalkingAvatar, meter: MouthMeter, corpus: Path, files: int
) -> tuple[dict[str, float], list[U8]]:
    """Return the figures of labelled speech, a table printed voice by voice, and some pictures."""
    by_voice: defaultdict[tuple[str, str], list[lips.Recording]] = defaultdict(list)
    for recording in lips.read_corpus(corpus):
        by_voice[recording.engine, recording.voice].append(recording)
    rows = []
    tiles: list[U8] = []
    pooled: defaultdict[str, list[float]] = defaultdict(list)
    counts = {"exact": [0, 0], "neural": [0, 0]}
    false_count, vowel_s = 0, 0.0
    for (engine, voice), recordings in by_voice.items():
        chosen = recordings[:: max(len(recordings) // files, 1)][:files]
        hits = total = wrong = 0
        within_s, lags = 0.0, []
        for recording in chosen:
            shown = list(avatar.show(avatar.say(read_audio(recording.path))))
            seen = meter.measure(shown, avatar.rest)
            tiles += _close_ups(recording, shown) if len(tiles) < 24 else []
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


def measure_clips(avatar: TalkingAvatar, meter: MouthMeter, clips: Path, seconds: float) -> dict[str, float]:
    """Return how the avatar's lips follow the real ones of talking clips, from their sound alone."""
    rows = []
    for clip in talking_clips(clips, clips / "MANIFEST.csv", "test"):
        sound = read_audio(clip.path)[: round(seconds * RATE)]
        real = meter.measure(clip_frames(clip.path, until_s=len(sound) / RATE))
        seen = meter.measure(avatar.show(avatar.say(sound)), avatar.rest)
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


def _r_in_step(real: MouthTrack, times: np.ndarray, signal: np.ndarray, lag_s: float) -> float:
    """Return how a signal goes with real lips whose sound is `lag_s` late.

    That lag is the clip's own and no fault of the avatar; it is known to 40 ms, and the best within counts.
    """
    lags = lag_s + np.arange(-LAG_KNOWN_S, LAG_KNOWN_S + 1e-6, 0.01)
    return max(lips.correlation(np.interp(real.times + lag, times, signal), real.aperture) for lag in lags)


def _close_ups(recording: lips.Recording, shown: list[tuple[float, U8]]) -> list[U8]:
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
    arguments.add_argument("--voice-network", type=Path, metavar="FILE", help="other weights for voice to mouth")
    arguments.add_argument("--voice-encoder", metavar="DIR", help="the speech encoder that those weights need")
    chosen = arguments.parse_args()

    network = chosen_voice_network(LipSyncSettings(chosen.voice_network, chosen.voice_encoder))
    avatar, meter = TalkingAvatar(chosen.face, chosen.size, chosen.fps, network), MouthMeter()
    figures: dict[str, float] = {}
    if chosen.only in (None, "corpus"):
        found, tiles = measure_corpus(avatar, meter, chosen.corpus, chosen.files)
        figures |= found
        chosen.sheet.parent.mkdir(parents=True, exist_ok=True)
        rows = [np.hstack(tiles[start : start + 8]) for start in range(0, len(tiles) // 8 * 8, 8)]
        cv2.imwrite(str(chosen.sheet), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
        print(f"\nContact sheet: {chosen.sheet}")
    if chosen.only in (None, "clips"):
        if (chosen.clips / "MANIFEST.csv").exists():
            figures |= measure_clips(avatar, meter, chosen.clips, chosen.seconds)
        else:
            print("No real talking clips here (--clips DIR with a MANIFEST.csv): that part is left out.")
    if chosen.only in (None, "silence"):
        figures |= measure_silence(avatar, meter, chosen.corpus, chosen.noises)
    if chosen.only in (None, "delay"):
        figures |= measure_delay(avatar, chosen.corpus)
    meter.close()
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    main()
