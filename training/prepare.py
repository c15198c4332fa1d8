"""Pack clips for training: face crops that follow the head, landmarks, blendshapes.

    python -m training.prepare --clips DIR --manifest CSV --out build/packed

Can be stopped and started again: what is packed stays. Only one split is packed at a time, so that people kept for
measuring cannot slip into training.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from avatar.errors import AvatarError, MediaError
from avatar.generator.tuning.clip_crops import FPS, pack_clip
from avatar.generator.tuning.face_tracks import read_manifest
from avatar.generator.tuning.packed_clips import ClipLabel, is_packed
from avatar.models.store import get_model


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.prepare", description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder that the manifest's paths start from")
    parser.add_argument("--manifest", type=Path, required=True, help="CSV: file, kind, split, identity_group, ...")
    parser.add_argument("--out", type=Path, default=Path("build/packed"), help="where packed clips go")
    parser.add_argument("--work", type=Path, default=Path("build/tracks"), help="where tracks of clips are kept")
    parser.add_argument("--split", choices=("train", "test"), default="train")
    parser.add_argument("--fps", type=float, default=FPS, help="frames kept of each second at most")
    options = parser.parse_args(arguments)
    try:
        clips = [clip for clip in read_manifest(options.manifest) if clip.split == options.split]
        if not clips:
            raise MediaError(f"{options.manifest} has no video of split {options.split}.")
        model = get_model("face_landmarker")
        for number, clip in enumerate(clips, start=1):
            label = ClipLabel(clip.name, clip.split, clip.person, clip.source, clip.licence)
            if is_packed(options.out, label, options.fps):
                continue
            frames = pack_clip(clip, options.clips, options.out, model=model, work=options.work, fps=options.fps)
            note = f"{frames} frames" if frames else "left out: hardly a face in it"
            sys.stderr.write(f"[{number}/{len(clips)}] {clip.name}: {note}\n")
    except AvatarError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    total = sum(path.stat().st_size for path in options.out.iterdir())
    sys.stdout.write(f"{len(list(options.out.glob('*.npz')))} clips in {options.out}, {total / 1e6:.1f} MB\n")
    return 0


if __name__ == "__main__":
    os.nice(10)  # hours of clips must not slow down whoever else uses the machine
    sys.exit(main())
