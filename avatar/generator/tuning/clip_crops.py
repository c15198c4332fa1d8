"""Cut a clip into face crops that follow the head, with landmarks and blendshapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from avatar.face.pose import fit_pose
from avatar.generator.face_crop import CROP_SIZE, cut_crop, face_window
from avatar.generator.framing import Window
from avatar.generator.tuning.face_tracks import Clip, Track, read_frames, track_clip
from avatar.generator.tuning.packed_clips import ClipLabel, ClipTracks, write_packed
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


def pack_clip(clip: Clip, folder: Path, out: Path, *, model: Path, work: Path, fps: float = FPS) -> int:
    """Pack one clip; returns its number of frames, 0 when too few show a face.

    Raises:
        MediaError: the clip cannot be decoded.
    """
    track = track_clip(folder / clip.name, model, work)
    chosen = chosen_frames(track.time_s, fps)
    if len(chosen) < FEWEST_FRAMES:
        return 0
    windows = steady_windows(track, CROP_SIZE)
    wanted = {float(track.time_s[index]): index for index in chosen}
    pictures: dict[int, U8] = {}
    for time_s, rgb in read_frames(folder / clip.name):
        index = wanted.get(float(np.float32(time_s)))
        if index is not None and index not in pictures:
            pictures[index] = cut_crop(rgb, windows[index], CROP_SIZE)
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
