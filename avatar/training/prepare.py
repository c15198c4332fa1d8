"""Pack clips for training: face crops that follow the head, landmarks, blendshapes.

    python -m avatar.training.prepare --clips DIR --manifest CSV --out build/packed

Can be stopped and started again: what is packed stays. Only one split is packed at a time, so that people kept for
measuring cannot slip into training.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from avatar.errors import AvatarError, MediaError
from avatar.generator.face_crop import CROP_SIZE, cut_crop, face_window
from avatar.generator.framing import Window
from avatar.models import get_model
from avatar.perception.pose import fit_pose
from avatar.training.face_tracks import Clip, Track, read_frames, read_manifest, track_clip
from avatar.training.packed_clips import ClipLabel, ClipTracks, is_packed, write_packed
from avatar.types import F32, U8

FPS = 15.0
"""Neighbouring frames say the same; half of them are enough and halve the size."""
FEWEST_FRAMES = 12
STEADY_S = 0.1
"""Crops follow the head through this much smoothing: the landmarker's jitter would cost bits."""


def chosen_frames(time_s: F32, fps: float) -> list[int]:
    """Return which frames of a track to keep so that at most `fps` a second remain."""
    kept: list[int] = []
    due = float(time_s[0]) if len(time_s) else 0.0
    for index, now in enumerate(time_s.tolist()):
        # A frame a little early counts: clips' clocks are not exact.
        if now >= due - 0.25 / fps:
            kept.append(index)
            due = max(due, now - 1 / fps) + 1 / fps
    return kept


def steady_windows(track: Track, size: int) -> list[Window]:
    """Return for each frame of a track the window that shows the head in a square of `size` pixels."""
    raw = [face_window(fit_pose(landmarks), size) for landmarks in track.landmarks_px]
    reach = np.array([size / window.scale for window in raw])
    middle = np.array([(window.left, window.top) for window in raw]) + reach[:, None] / 2
    frames = STEADY_S / max(float(np.median(np.diff(track.time_s))), 1e-3)
    reach = gaussian_filter1d(reach, frames, mode="nearest")
    middle = gaussian_filter1d(middle, frames, axis=0, mode="nearest")
    return [
        Window(scale=size / side, left=x - side / 2, top=y - side / 2)
        for side, (x, y) in zip(reach.tolist(), middle.tolist(), strict=True)
    ]


def pack_clip(
    clip: Clip, folder: Path, out: Path, *, model: Path, work: Path, fps: float = FPS, size: int = CROP_SIZE
) -> int:
    """Pack one clip; returns its number of frames, 0 when too few show a face.

    Raises:
        MediaError: the clip cannot be decoded.
    """
    track = track_clip(folder / clip.name, model, work)
    chosen = chosen_frames(track.time_s, fps)
    if len(chosen) < FEWEST_FRAMES:
        return 0
    windows = steady_windows(track, size)
    wanted = {float(track.time_s[index]): index for index in chosen}
    pictures: dict[int, U8] = {}
    for time_s, rgb in read_frames(folder / clip.name):
        index = wanted.get(float(np.float32(time_s)))
        if index is not None and index not in pictures:
            pictures[index] = cut_crop(rgb, windows[index], size)
    kept = sorted(pictures)
    tracks = ClipTracks(
        time_s=track.time_s[kept],
        landmarks=np.array([windows[index].to_picture(track.landmarks_px[index]) for index in kept], np.float32),
        blendshapes=track.blendshapes[kept],
        windows=np.array([(windows[i].scale, windows[i].left, windows[i].top) for i in kept], np.float32),
    )
    label = ClipLabel(clip.name, clip.split, clip.person, clip.source, clip.licence)
    write_packed(out, label, [pictures[index] for index in kept], tracks, fps)
    return len(kept)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m avatar.training.prepare", description=__doc__.split("\n")[0])
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
