"""Makes the second of the two networks that hear a mouth: fits how far real lips part to what it says.

    python -m avatar.training.speech_train --corpus build/speech/corpus --out build/speech/second
    python -m avatar.training.speech_opening --network build/speech/second/latest.safetensors --clips DIR --manifest CSV

The network has to be one that was shown no faces. Ridge regression, no randomness. Prints for each clip the correlation
with the real opening when its person had no part in the fit, and writes the network and the fit into one file.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from safetensors.numpy import save_file

from avatar.errors import AvatarError
from avatar.models import get_model
from avatar.motion.speech_network import AHEAD_FRAMES, SpeechNetwork, input_size
from avatar.motion.speech_pair import STEP, TAPS, observed, tapped
from avatar.motion.voice_network import load_voice_network
from avatar.perception.speech.features import LogMelFeatures
from avatar.perception.speech.log_mel import BANDS
from avatar.training.face_tracks import track_clip
from avatar.training.speech_clips import TalkingClip, read_sound, seen_mouths, talking_clips
from avatar.training.speech_streams import hear
from avatar.training.speech_targets import frame_times
from avatar.types import F32

PENALTY: Final = 1e4
"""Of the ridge, on numbers of variance 1; chosen by the correlation with people left out."""
SEEN_WITHIN_S: Final = 0.06
"""Frames further from any picture that showed the face do not count."""


@dataclass(frozen=True, slots=True)
class Example:
    """One clip: what was heard and how far the lips were apart, frame by frame."""

    person: str
    rows: F32
    """(n, `TAPS` * `TAKEN`)."""
    opening: F32
    """(n,), head units beyond rest."""


def example(clip: TalkingClip, weights: dict[str, F32], model: Path, tracks: Path) -> Example:
    """Return a clip as an example. Raises MediaError: it cannot be decoded or has no sound."""
    heard = hear(read_sound(clip.path)).astype(np.float32)
    rows = observed(heard, SpeechNetwork(weights, LogMelFeatures().silence).push(heard))
    track = track_clip(clip.path, model, tracks)
    lead = (TAPS - 1) * STEP
    # What comes out at a frame is the mouth of `AHEAD_FRAMES` before.
    times = frame_times(len(heard))[lead - AHEAD_FRAMES : len(heard) - AHEAD_FRAMES] - clip.lag_s
    seen = np.abs(times[:, None] - track.time_s[None]).min(axis=1) < SEEN_WITHIN_S
    opening = np.interp(times, track.time_s, seen_mouths(track)[1])
    return Example(clip.person, tapped(rows)[seen], opening[seen].astype(np.float32))


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


def left_out(examples: list[Example]) -> list[float]:
    """Return each example's correlation with the fit to all other people."""
    found = []
    for one in examples:
        slopes, _ = fit([e for e in examples if e.person != one.person])
        found.append(float(np.corrcoef(one.rows @ slopes, one.opening)[0, 1]))
    return found


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
        raise SystemExit(f"{chosen.network} hears another network's features: the second network hears log-mel.")
    examples, model = [], get_model("face_landmarker")
    for clip in talking_clips(chosen.clips, chosen.manifest, "train"):
        examples.append(example(clip, weights, model, chosen.tracks))
        print(f"{clip.path.stem}: {len(examples[-1].opening) / 100:.0f} s", flush=True)
    if len({one.person for one in examples}) < 2:
        raise SystemExit(f"{chosen.manifest} names fewer than two talking people of split=train.")
    correlations = left_out(examples)
    print("people left out:", " ".join(f"{r:.2f}" for r in correlations), f"median {np.median(correlations):.3f}")
    slopes, bias = fit(examples)
    read_off = {"opening.weight": slopes.reshape(TAPS, -1), "opening.bias": np.array([bias], np.float32)}
    save_file({name: a.astype(np.float16) for name, a in weights.items()} | read_off, chosen.out)
    print(f"wrote {chosen.out}")


if __name__ == "__main__":
    try:
        main()
    except AvatarError as error:
        raise SystemExit(str(error)) from error
