"""Packed clips for training: face crops as H.264, with landmarks and coefficients beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np

from avatar.errors import MediaError
from avatar.generator.tuning.face_tracks import read_frames
from avatar.media.movie_writer import MovieWriter
from avatar.types import F32, LANDMARK_COUNT, U8

PACK_VERSION: Final = 1
RENDERED: Final = "ICT FaceKit Light (rendered)"
"""Source of clips of people who do not exist (`training.synth`)."""
LANDMARK_STEPS: Final = 32
"""Landmarks are kept in 1/32 of a crop pixel."""
SOFT_BELOW_PX: Final = 200
"""Faces narrower than this in the clip are soft by nature: enlarged before, or compressed away."""


@dataclass(frozen=True, slots=True)
class ClipLabel:
    """Who a packed clip shows and where it came from."""

    name: str
    split: str
    """`train` or `test`."""
    person: str
    source: str
    licence: str

    @property
    def rendered(self) -> bool:
        """Whether it shows a person who does not exist."""
        return self.source == RENDERED


@dataclass(frozen=True, slots=True)
class ClipTracks:
    """The numbers of a packed clip's n frames."""

    time_s: F32
    """(n,)."""
    landmarks: F32
    """(n, 478, 3), pixels of the crop."""
    blendshapes: F32
    """(n, 52), 0..1."""
    windows: F32
    """(n, 3): scale, left, top of each crop's window in the clip (`generator/framing.py`)."""


@dataclass(frozen=True, slots=True)
class PackedClip:
    """One clip, in memory."""

    label: ClipLabel
    rgb: U8
    """(n, size, size, 3), RGB face crops."""
    tracks: ClipTracks

    @property
    def detail(self) -> float:
        """Pixels of the clip per pixel of the crop, at most 1: below 1 the crops are enlarged and so soft."""
        return min(1.0, float(1 / np.median(self.tracks.windows[:, 0])))

    @property
    def face_px(self) -> float:
        """Median width of the face in the clip as it was filmed, pixels."""
        widths = np.ptp(self.tracks.landmarks[..., 0], axis=1) / self.tracks.windows[:, 0]
        return float(np.median(widths))

    @property
    def soft(self) -> bool:
        """Whether the footage is too coarse to teach sharpness; rendered people are as sharp as they are drawn."""
        return not self.label.rendered and self.face_px < SOFT_BELOW_PX


def is_packed(folder: Path, label: ClipLabel, fps: float) -> bool:
    """Return whether a clip lies whole in a folder, as this version packs it at this rate."""
    try:
        kept = _read_numbers(folder, label.name)
    except (OSError, ValueError, KeyError, BadZipFile):
        return False
    return kept["version"] == PACK_VERSION and kept["fps"] == fps and _movie(folder, label.name).is_file()


def write_packed(folder: Path, label: ClipLabel, rgb: Sequence[U8], tracks: ClipTracks, fps: float) -> None:
    """Write one clip; the numbers come last and at once, so that a half-written clip does not count."""
    folder.mkdir(parents=True, exist_ok=True)
    size = rgb[0].shape[0]
    with MovieWriter(_movie(folder, label.name), (size, size), fps, sound=False) as movie:
        for picture, time_s in zip(rgb, tracks.time_s - tracks.time_s[0], strict=True):
            movie.picture(picture, float(time_s))
    steps = np.rint(tracks.landmarks * LANDMARK_STEPS).astype(np.int16)
    part = folder / f"{_stem(label.name)}.part.npz"
    np.savez_compressed(
        part,
        version=PACK_VERSION,
        fps=fps,
        label=json.dumps([label.name, label.split, label.person, label.source, label.licence]),
        time_s=tracks.time_s,
        # Differences from frame to frame are small numbers and compress to half.
        landmark_steps=np.diff(steps, axis=0, prepend=np.zeros_like(steps[:1])),
        blendshapes=np.rint(tracks.blendshapes * 255).astype(np.uint8),
        windows=tracks.windows,
    )
    part.replace(folder / f"{_stem(label.name)}.npz")


def read_packed(folder: Path) -> list[PackedClip]:
    """Return every clip of a folder, in order of name.

    Raises:
        MediaError: the folder holds none, or one is damaged.
    """
    names = sorted(path for path in folder.glob("*.npz") if not path.name.endswith(".part.npz"))
    if not names:
        raise MediaError(f"{folder} holds no packed clips: run `python -m training.prepare` first.")
    return [_read_clip(folder, path.stem) for path in names]


def _read_clip(folder: Path, stem: str) -> PackedClip:
    try:
        kept = _read_numbers(folder, stem)
        steps = np.cumsum(kept["landmark_steps"], axis=0, dtype=np.int16)
        tracks = ClipTracks(
            time_s=kept["time_s"],
            landmarks=steps.astype(np.float32) / np.float32(LANDMARK_STEPS),
            blendshapes=kept["blendshapes"].astype(np.float32) / np.float32(255),
            windows=kept["windows"],
        )
        label = ClipLabel(*json.loads(str(kept["label"])))
    except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise MediaError(f"{folder / stem}.npz is damaged ({error}): delete it and prepare again.") from error
    rgb = np.array([picture for _, picture in read_frames(_movie(folder, stem))], np.uint8)
    if len(rgb) != len(tracks.time_s) or tracks.landmarks.shape[1:] != (LANDMARK_COUNT, 3):
        raise MediaError(f"{_movie(folder, stem)} does not fit its numbers: delete both and prepare again.")
    return PackedClip(label, rgb, tracks)


def _read_numbers(folder: Path, name: str) -> dict[str, Any]:
    with np.load(folder / f"{_stem(name)}.npz", allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


def _stem(name: str) -> str:
    return Path(name).stem


def _movie(folder: Path, name: str) -> Path:
    return folder / f"{_stem(name)}.mp4"
