"""Fits the second of the two speech networks: how far real lips part, from the first one's answers.

    python -m training.speech_train --corpus build/speech/corpus --out build/speech/second
    python -m training.speech_opening --network build/speech/second/latest.safetensors --clips DIR --manifest CSV

The network has to be one that was shown no faces. Ridge regression, no randomness. How late a clip's lips are is known
to 40 ms only: a first fit to all other people says it better. Prints for each clip the correlation with the real
opening when its person had no part in the fit, and writes the network and the fit into one file.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from avatar.errors import AvatarError
from avatar.generator.tuning.face_tracks import track_clip
from avatar.models.store import get_model
from avatar.models.tensor_file import write_tensor_file
from avatar.motion.speech_network import AHEAD_FRAMES, SpeechNetwork, input_size
from avatar.motion.speech_pair import STEP, TAPS, observed, tapped
from avatar.motion.voice_network import load_voice_network
from avatar.perception.speech.features import LogMelFeatures
from avatar.perception.speech.log_mel import BANDS
from avatar.types import F32
from training.speech_clips import TalkingClip, read_sound, seen_mouths, talking_clips
from training.speech_streams import extract_features
from training.speech_targets import frame_times

PENALTY: Final = 1e4
"""Of the ridge, on numbers of variance 1; chosen by the correlation with people left out."""
SEEN_WITHIN_S: Final = 0.06
"""Frames further from any picture that showed the face do not count."""
SHIFTS_S: Final = tuple(np.arange(-0.04, 0.041, 0.01).tolist())
"""How much later than the manifest says a clip's lips may be."""
ALIGNED: Final = 2
"""Times that clips are aligned and fitted to again: a third one changes nothing."""


@dataclass(frozen=True, slots=True)
class Example:
    """One clip: the networks' answers and how far the lips were apart, frame by frame."""

    person: str
    rows: F32
    """(n, `TAPS` * `TAKEN`)."""
    openings: F32
    """(`SHIFTS_S`, n), head units beyond rest, were the lips so late."""
    shift: int = len(SHIFTS_S) // 2
    """Which of them is believed."""

    @property
    def opening(self) -> F32:
        """(n,), head units beyond rest."""
        return np.asarray(self.openings[self.shift], np.float32)


def example(clip: TalkingClip, weights: dict[str, F32], model: Path, tracks: Path) -> Example:
    """Return a clip as an example. Raises MediaError: it cannot be decoded or has no sound."""
    heard = extract_features(read_sound(clip.path)).astype(np.float32)
    rows = observed(heard, *SpeechNetwork(weights, LogMelFeatures().silence).push_embedded(heard))
    track = track_clip(clip.path, model, tracks)
    lead = (TAPS - 1) * STEP
    # What comes out at a frame is the mouth of `AHEAD_FRAMES` before.
    times = frame_times(len(heard))[lead - AHEAD_FRAMES : len(heard) - AHEAD_FRAMES] - clip.lag_s
    seen = np.abs(times[:, None] - track.time_s[None]).min(axis=1) < SEEN_WITHIN_S
    opening = seen_mouths(track)[1]
    openings = [np.interp(times[seen] + shift_s, track.time_s, opening) for shift_s in SHIFTS_S]
    return Example(clip.person, tapped(rows)[seen], np.array(openings, np.float32))


def fit(examples: list[Example]) -> tuple[F32, float]:
    """Return (`TAPS` * `TAKEN`,) weights and a bias; each clip counts for how its opening changes, not for how much."""
    rows = np.concatenate([e.rows for e in examples]).astype(np.float64)
    wanted = np.concatenate([(e.opening - e.opening.mean()) / e.opening.std() for e in examples])
    middle, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-3
    known = (rows - middle) / spread
    slopes = np.linalg.solve(known.T @ known + PENALTY * np.eye(known.shape[1]), known.T @ wanted) / spread
    mean = float(np.mean([e.opening.mean() for e in examples]))
    # A fit to the mean varies less than what it is fitted to; lips are to part as far as they do.
    reach = float(np.mean([e.opening.std() for e in examples])) / float((rows @ slopes).std())
    return np.asarray(slopes * reach, np.float32), mean - reach * float(middle @ slopes)


def left_out(examples: list[Example]) -> list[F32]:
    """Return what the fit to all other people reads off each example, (n,)."""
    return [one.rows @ fit([e for e in examples if e.person != one.person])[0] for one in examples]


def aligned(examples: list[Example]) -> list[Example]:
    """Return the examples, each shifted to where its lips go best with what is read off it by others."""
    return [
        replace(one, shift=int(np.argmax([correlation(read, opening) for opening in one.openings])))
        for one, read in zip(examples, left_out(examples), strict=True)
    ]


def correlation(a: F32, b: F32) -> float:
    """Return Pearson's r of (n,) and (n,)."""
    return float(np.corrcoef(a, b)[0, 1])


def main() -> None:
    """Run the command."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--network", type=Path, required=True, help="weights that speech_train wrote without clips")
    arguments.add_argument("--clips", type=Path, required=True, help="folder the manifest's files lie in")
    arguments.add_argument("--manifest", type=Path, required=True, help="CSV; talking clips of split=train count")
    arguments.add_argument("--tracks", type=Path, default=Path("build/tracks"))
    arguments.add_argument("--out", type=Path, default=Path("models/speech_second.safetensors"))
    chosen = arguments.parse_args()

    weights = load_voice_network(chosen.network).weights
    if input_size(weights) != BANDS:
        raise SystemExit(f"{chosen.network} takes other features: the second network takes log-mel.")
    examples, model = [], get_model("face_landmarker")
    for clip in talking_clips(chosen.clips, chosen.manifest, "train"):
        examples.append(example(clip, weights, model, chosen.tracks))
        print(f"{clip.path.stem}: {len(examples[-1].opening) / 100:.0f} s", flush=True)
    if len({one.person for one in examples}) < 2:
        raise SystemExit(f"{chosen.manifest} names fewer than two talking people of split=train.")
    for _ in range(ALIGNED):
        examples = aligned(examples)
    reads = left_out(examples)
    correlations = [correlation(read, one.opening) for read, one in zip(reads, examples, strict=True)]
    print("people left out:", " ".join(f"{r:.2f}" for r in correlations), f"median {np.median(correlations):.3f}")
    slopes, bias = fit(examples)
    read_off = {"opening.weight": slopes.reshape(TAPS, -1), "opening.bias": np.array([bias], np.float32)}
    write_tensor_file(chosen.out, {name: a.astype(np.float16) for name, a in weights.items()} | read_off, {})
    print(f"wrote {chosen.out}")


if __name__ == "__main__":
    try:
        main()
    except AvatarError as error:
        raise SystemExit(str(error)) from error
