"""Fit the mean head and the expression basis that ship in `models/`.

    python -m training.fit_basis --clips DIR --manifest CSV --out models/face_basis.safetensors

Tracks of clips are kept in the work folder, so a second run takes seconds. Fitted on `split=train`, measured on
`split=test`. Writes the model card beside the weights.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from avatar.errors import AvatarError, MediaError
from avatar.generator.tuning.face_tracks import Clip, Track, read_manifest, track_clip
from avatar.models.store import get_model
from avatar.models.tensor_file import write_tensor_file
from avatar.types import F32
from training.basis import (
    fit_mean_head,
    fit_offsets,
    penalties,
    to_head_track,
)
from training.basis_card import basis_card
from training.basis_measures import REGIONS, measure

RIDGE = 0.1
ELSEWHERE = 30.0
"""Chosen by four-fold cross-validation over the people of the training split."""
FEWEST_FRAMES = 20
"""A clip with fewer frames that show a face says nothing about motion."""


def load_tracks(clips: Sequence[Clip], folder: Path, work: Path) -> list[tuple[Clip, Track]]:
    """Track every clip (or read what was tracked before), showing progress; short and faceless ones are left out."""
    model = get_model("face_landmarker")
    tracks = []
    for number, clip in enumerate(clips, start=1):
        sys.stderr.write(f"\r[{number}/{len(clips)}] {clip.name:<40}")
        sys.stderr.flush()
        track = track_clip(folder / clip.name, model, work)
        if len(track.time_s) >= FEWEST_FRAMES:
            tracks.append((clip, track))
    sys.stderr.write("\n")
    return tracks


def fit(tracks: Sequence[tuple[Clip, Track]]) -> tuple[F32, F32]:
    """Return (mean head (478, 3), basis (52, 478, 3)) of tracks."""
    people = [clip.person for clip, _ in tracks]
    faces = [track for _, track in tracks]
    head = fit_mean_head(faces, people)
    # The second round knows what each face wears, takes it off, and so finds the head at rest.
    for _ in range(2):
        moved = [to_head_track(track, person, head) for track, person in zip(faces, people, strict=True)]
        offsets = fit_offsets(moved, head, penalties(head, ridge=RIDGE, elsewhere=ELSEWHERE))
        head = fit_mean_head(faces, people, offsets)
    moved = [to_head_track(track, person, head) for track, person in zip(faces, people, strict=True)]
    return head, fit_offsets(moved, head, penalties(head, ridge=RIDGE, elsewhere=ELSEWHERE))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.fit_basis", description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder that the manifest's paths start from")
    parser.add_argument("--manifest", type=Path, required=True, help="CSV: file, kind, split, identity_group, ...")
    parser.add_argument("--out", type=Path, default=Path("models/face_basis.safetensors"))
    parser.add_argument("--work", type=Path, default=Path("build/tracks"), help="where tracks of clips are kept")
    options = parser.parse_args(arguments)
    try:
        clips = read_manifest(options.manifest)
        tracks = load_tracks(clips, options.clips, options.work)
        train = [(clip, track) for clip, track in tracks if clip.split == "train"]
        test = [(clip, track) for clip, track in tracks if clip.split == "test"]
        if not train or not test:
            raise MediaError(f"{options.manifest} needs clips of both splits, train and test.")
        head, offsets = fit(train)
    except AvatarError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    on_train, on_test = (
        measure([to_head_track(track, clip.person, head) for clip, track in part], offsets) for part in (train, test)
    )
    write_tensor_file(
        options.out,
        {"mean": head, "blendshapes": offsets},
        {"format": "avatar-face-basis", "version": "1", "unit": "outer eye corner distance"},
    )
    options.out.with_suffix(".md").write_text(
        basis_card(tracks, on_train, on_test, ridge=RIDGE, elsewhere=ELSEWHERE), encoding="utf-8"
    )
    sys.stdout.write(f"{'':<28}{'train':>8}{'test':>8}\n")
    for name in REGIONS:
        sys.stdout.write(f"{'explained ' + name:<28}{on_train.explained[name]:8.3f}{on_test.explained[name]:8.3f}\n")
    sys.stdout.write(f"{'mouth opening gain':<28}{on_train.mouth_gain:8.3f}{on_test.mouth_gain:8.3f}\n")
    sys.stdout.write(f"{'lid opening gain':<28}{on_train.lid_gain:8.3f}{on_test.lid_gain:8.3f}\n")
    return 0


if __name__ == "__main__":
    os.nice(10)  # hours of clips must not slow down whoever else uses the machine
    sys.exit(main())
