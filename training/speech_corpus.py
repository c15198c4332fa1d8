"""Makes speech whose sounds have known times: WAV and JSON files, many voices, for training.

    python -m training.speech_corpus --out build/speech/corpus --kokoro DIR

Resumable: files that are there are left alone. One thread. Voices that are not installed are named and left out;
`docs/speech.md` says which packages bring them.
"""

from __future__ import annotations

import argparse
import json
import wave
from collections.abc import Callable
from math import gcd
from pathlib import Path
from typing import Final

import numpy as np
from scipy.signal import resample_poly

from avatar.perception.speech.log_mel import RATE
from avatar.types import F32
from training.speech_labels import Aligner, Phone, level_silences, tidy
from training.speech_sentences import make_sentence, make_syllables
from training.speech_voices import Engine, Espeak, Festival, Flite, Kokoro, NotInstalledError, Utterance

ESPEAK_VOICES: Final = (
    "en-gb:50", "en-gb+f2:60", "en-gb-scotland:45", "en-gb-x-rp+f3:55", "en-029+m3:40", "en-gb-x-gbclan+m1:60",
    "en-gb-x-gbcwmd+f4:70", "en-us+m7:30", "en-us+f5:65", "en-us-nyc+m4:50", "en-us+f1:50", "en-gb+klatt2:50",
)  # fmt: skip
FLITE_VOICES: Final = ("slt", "awb", "kal", "kal16")
FESTIVAL_VOICES: Final = ("kal_diphone", "ked_diphone")
FESTIVAL_ABROAD: Final = (
    "lp_diphone", "pc_diphone", "czech_ph", "czech_dita", "czech_machac", "czech_krb", "suo_fi_lj_diphone",
    "hy_fi_mv_diphone", "upc_ca_ona_hts",
)  # fmt: skip
"""Voices of other languages say syllables that every one of them can read: other throats, the same lips."""
KEPT_FOR_TESTING: Final = ("af_heart", "am_michael")
"""Voices of the test corpus, and the same speaker in another engine: never trained on."""
SPEEDS: Final = (0.85, 1.3)


def main() -> None:
    """Run the command."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=Path, default=Path("build/speech/corpus"))
    arguments.add_argument("--files", type=int, default=50, help="sentences of each espeak and festival voice")
    arguments.add_argument("--flite-files", type=int, default=90, help="sentences of each flite voice")
    arguments.add_argument("--kokoro-files", type=int, default=6, help="sentences of each Kokoro voice")
    arguments.add_argument("--kokoro", type=Path, help="folder with model.onnx, vocab.json and voices/*.bin")
    chosen = arguments.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)

    jobs: list[tuple[str, Callable[[], Engine], tuple[str, ...], int]] = [
        ("flite", Flite, FLITE_VOICES, chosen.flite_files),
        ("espeak", Espeak, ESPEAK_VOICES, chosen.files),
        ("festival", Festival, FESTIVAL_VOICES, chosen.files),
        ("abroad", Festival, FESTIVAL_ABROAD, chosen.files),
    ]
    if chosen.kokoro is not None:
        folder: Path = chosen.kokoro
        names = sorted(voice.stem for voice in (folder / "voices").glob("*.bin"))
        voices = tuple(name for name in names if name not in KEPT_FOR_TESTING)
        jobs.append(
            (
                "kokoro",
                lambda: Kokoro(folder / "model.onnx", folder / "vocab.json", folder / "voices"),
                voices,
                chosen.kokoro_files,
            )
        )
    for name, make, voices, files in jobs:
        try:
            seconds, silent = _speak(name, make(), voices, files, chosen.out)
        except NotInstalledError as missing:
            print(f"{name}: left out, {missing} is not installed", flush=True)
            continue
        note = f"; not installed: {', '.join(sorted(silent))}" if silent else ""
        print(f"{name}: {len(voices) - len(silent)} voices, {seconds / 60:.1f} minutes{note}", flush=True)


def _speak(name: str, engine: Engine, voices: tuple[str, ...], files: int, out: Path) -> tuple[float, set[str]]:
    """Let every voice of an engine say its sentences; return the seconds that lie there now and the voices it lacks."""
    aligner: Aligner | None = None
    seconds = 0.0
    silent: set[str] = set()
    # Sentence by sentence, so that a run that is stopped has heard every voice.
    for number in range(files):
        for order, voice in enumerate(voices):
            stem = out / f"{name}_{voice.replace(':', '-').replace('+', '-')}_{number:03d}"
            if not stem.with_suffix(".json").exists():
                # Every voice has sentences of its own.
                seed = sum(map(ord, name)) * 1_000_000 + order * 10_000 + number
                text = (make_syllables if name == "abroad" else make_sentence)(seed)
                speed = float(np.random.default_rng(seed).uniform(*SPEEDS))
                try:
                    said = engine.say(text, voice, speed)
                except NotInstalledError:
                    silent.add(voice)
                    continue
                if len(said.sound) < said.rate // 2:
                    continue
                aligner = Aligner() if not said.exact and aligner is None else aligner
                sound, phones, method = timed(said, text, aligner)
                write_labelled(stem, sound, phones, {"text": text, "voice": voice, "engine": name, "method": method})
            with wave.open(str(stem.with_suffix(".wav"))) as file:
                seconds += file.getnframes() / file.getframerate()
    return seconds, silent


def timed(said: Utterance, text: str, aligner: Aligner | None) -> tuple[F32, list[Phone], str]:
    """Return an utterance as ((n,) at 16 kHz, phones that cover it, how the times came about)."""
    common = gcd(said.rate, RATE)
    sound = np.asarray(resample_poly(said.sound, RATE // common, said.rate // common), np.float32)
    sound = sound * np.float32(0.7 / max(float(np.abs(sound).max()), 1e-6))
    length_s = len(sound) / RATE
    phones, method = tidy(said.phones, length_s, said.lag_s), "engine"
    if not said.exact and aligner is not None:
        method = "durations"
        refined = aligner.refine(phones, sound, text)
        if refined is not None:
            phones, method = tidy(refined, length_s), "durations+forced-alignment"
        phones = tidy(level_silences(phones, sound), length_s)
    return sound, phones, method


def write_labelled(stem: Path, sound: F32, phones: list[Phone], facts: dict[str, str]) -> None:
    """Write `stem`.wav and, once that is whole, `stem`.json."""
    with wave.open(str(stem.with_suffix(".wav")), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    times = [{"p": p.ipa, "start_ms": round(1e3 * p.start_s, 1), "end_ms": round(1e3 * p.end_s, 1)} for p in phones]
    label = {**facts, "sample_rate": RATE, "duration_ms": round(1e3 * len(sound) / RATE), "phonemes": times}
    stem.with_suffix(".json").write_text(json.dumps(label, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
