"""Face tracks of many clips: the landmarker run once over each, kept in a work folder so that a run can be resumed."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from avatar.errors import MediaError
from avatar.media.files import opened
from avatar.perception.landmarker import FaceDetection, FaceLandmarker
from avatar.types import F32, U8


@dataclass(frozen=True, slots=True)
class Clip:
    """One line of the manifest."""

    name: str
    """Path below the clips folder, e.g. `video/a.mp4`."""
    split: str
    """`train` or `test`; all clips of one person are in one split."""
    person: str
    source: str
    """Where it came from (a repository) and under which licence."""
    licence: str


@dataclass(frozen=True, slots=True)
class Track:
    """The face of one clip, frames without a face left out."""

    time_s: F32
    """(n,), seconds from the clip's start."""
    landmarks_px: F32
    """(n, 478, 3), as measured, unfiltered."""
    blendshapes: F32
    """(n, 52), as measured, unfiltered."""


def read_manifest(manifest: Path) -> list[Clip]:
    """Return the video clips of a manifest (CSV with file, kind, split, identity_group, source_repo, repo_license).

    Raises:
        MediaError: the file is not such a table.
    """
    try:
        with manifest.open(newline="", encoding="utf-8") as lines:
            return [
                Clip(row["file"], row["split"], row["identity_group"], row["source_repo"], row["repo_license"])
                for row in csv.DictReader(lines)
                if row["kind"] == "video"
            ]
    except (OSError, KeyError) as error:
        raise MediaError(f"{manifest} is not a clip manifest: {error}") from error


def read_frames(clip: Path) -> Iterator[tuple[float, U8]]:
    """Yield (time_s, rgb (height, width, 3) uint8) of each frame of a clip.

    Raises:
        MediaError: the file cannot be decoded.
    """
    try:
        with opened(clip) as container:
            for frame in container.decode(video=0):
                rgb: U8 = frame.to_ndarray(format="rgb24")
                yield float(frame.time or 0.0), rgb
    except (OSError, av.FFmpegError) as error:
        raise MediaError(f"{clip} cannot be decoded: {error}") from error


def track_clip(clip: Path, model: Path, work: Path) -> Track:
    """Return the track of the face in `clip`, followed as a camera's is, from `work` if it was made there before.

    Raises:
        MediaError: the clip cannot be decoded.
        PerceptionError: the landmarker cannot run.
    """
    stat = clip.stat()
    # Tracks that were kept before clips were followed are others.
    key = hashlib.sha256(f"followed:{clip.name}:{stat.st_size}:{stat.st_mtime_ns}".encode()).hexdigest()[:12]
    kept = work / f"{clip.stem}-{key}.npz"
    if kept.is_file():
        with np.load(kept, allow_pickle=False) as arrays:
            return Track(arrays["time_s"], arrays["landmarks_px"], arrays["blendshapes"])
    times: list[float] = []
    faces: list[FaceDetection] = []
    with FaceLandmarker(model, video=True, max_faces=1) as landmarker:
        for time_s, rgb in read_frames(clip):
            found = landmarker.detect(rgb, time_s)
            if found:
                faces += found
                times.append(time_s)
    track = Track(
        np.array(times, np.float32),
        np.array([face.landmarks_px for face in faces], np.float32).reshape(-1, 478, 3),
        np.array([face.blendshapes for face in faces], np.float32).reshape(-1, 52),
    )
    work.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(".part.npz")
    np.savez_compressed(part, time_s=track.time_s, landmarks_px=track.landmarks_px, blendshapes=track.blendshapes)
    part.replace(kept)
    return track
