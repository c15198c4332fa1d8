"""Draw people who do not exist, packed as real clips are: mouths of every kind, closed lids, turned heads.

    python -m training.synth --head HEAD.npz --people 40 --out build/synth
    python -m training.train --data build/synth --out build/run

Each person is one identity, skin, hair, room, light and camera of the 3D morphable head (ICT FaceKit Light, MIT), drawn
in unrelated moments: vowels, smiles with teeth, laughter, pursed lips, blinks, glances, turns of up to 30 degrees.
Landmarks and blendshapes come from MediaPipe on the picture, as in real clips, with its errors; where it finds no face
the moment is left out. A second a picture on one core, a few more for each person's hair.

The same numbers draw the same people. Can be stopped and started again: whoever lies whole in the folder is skipped;
more people are added with a larger --people. Look at them with --sheet.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import cv2
import numpy as np

from avatar.errors import AvatarError, MediaError
from avatar.face.pose import fit_pose
from avatar.generator.face_crop import CROP_SIZE, cut_crop, face_window
from avatar.generator.tuning.clip_crops import FEWEST_FRAMES, FPS
from avatar.generator.tuning.packed_clips import RENDERED, ClipLabel, ClipTracks, is_packed, read_packed, write_packed
from avatar.models.store import get_model
from avatar.perception.landmarker import FaceDetection, FaceLandmarker
from avatar.types import U8
from training.head3d.model import HeadModel, load_head
from training.head3d.oral import Oral
from training.head3d.posed_person import PosedPerson
from training.head3d.random_people import random_camera, random_person, random_poses
from training.sample_sheet import write_sheet

LICENCE: Final = "MIT"
PICTURE_SIDE: Final = 480
"""Side of the picture a crop is cut from: the crop is shrunk to three quarters, which smooths its edges."""
SHEET_COLUMNS: Final = 8


def label_of(seed: int) -> ClipLabel:
    """Return what a drawn clip says about itself; drawn people are never for measuring."""
    return ClipLabel(f"synth_{seed:03d}", "train", f"synth_{seed:03d}", RENDERED, LICENCE)


def pack_seen(label: ClipLabel, pictures: Sequence[U8], faces: Sequence[FaceDetection | None], out: Path) -> int:
    """Cut the pictures in which a face was found to crops and pack them; returns how many, 0 for too few.

    `pictures` are (side, side, 3) RGB; `faces` what the landmarker found in each.
    """
    crops, landmarks, blendshapes, windows = [], [], [], []
    for picture, face in zip(pictures, faces, strict=True):
        if face is None:
            continue
        window = face_window(fit_pose(face.landmarks_px), CROP_SIZE)
        crops.append(cut_crop(picture, window, CROP_SIZE))
        landmarks.append(window.to_picture(face.landmarks_px))
        blendshapes.append(face.blendshapes)
        windows.append((window.scale, window.left, window.top))
    if len(crops) < FEWEST_FRAMES:
        return 0
    tracks = ClipTracks(
        time_s=(np.arange(len(crops)) / FPS).astype(np.float32),
        landmarks=np.array(landmarks, np.float32),
        blendshapes=np.array(blendshapes, np.float32),
        windows=np.array(windows, np.float32),
    )
    write_packed(out, label, crops, tracks, FPS)
    return len(crops)


def draw_person(seed: int, head: HeadModel, inside: Oral, frames: int, landmarker: FaceLandmarker, out: Path) -> int:
    """Draw, track and pack one person; returns the number of frames kept."""
    posed = PosedPerson(random_person(seed), head, inside, random_camera(seed, PICTURE_SIDE))
    pictures: list[U8] = []
    faces: list[FaceDetection | None] = []
    for pose in random_poses(seed, frames):
        pictures.append(posed.draw(pose))
        found = landmarker.detect(pictures[-1], 0.0)
        faces.append(max(found, key=lambda face: float(np.ptp(face.landmarks_px[:, 0])), default=None))
    return pack_seen(label_of(seed), pictures, faces, out)


def draw_sheet(folder: Path) -> U8:
    """Return a sheet of a folder of clips: a row per clip, its frames from start to end.

    Raises:
        MediaError: the folder holds no clips, or one is damaged.
    """
    rows = []
    for clip in read_packed(folder):
        chosen = np.linspace(0, len(clip.rgb) - 1, SHEET_COLUMNS).round().astype(int)
        rows.append(np.concatenate(list(clip.rgb[chosen]), axis=1))
    return np.concatenate(rows, axis=0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.synth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--head", type=Path, required=True, help="ict_facekit_light.npz (see docs/training.md)")
    parser.add_argument("--people", type=_count, default=40, help="how many people the folder shall hold (default 40)")
    parser.add_argument("--first", type=_count, default=1, help="number of the first: others draw others (default 1)")
    parser.add_argument("--frames", type=_count, default=24, help=f"a person, {FEWEST_FRAMES} or more (default 24)")
    parser.add_argument("--out", type=Path, default=Path("build/synth"), help="where packed clips go")
    parser.add_argument("--sheet", type=Path, help="also write a picture of all people in the folder (.jpg)")
    options = parser.parse_args(arguments)
    if options.frames < FEWEST_FRAMES:
        parser.error(f"--frames must be {FEWEST_FRAMES} or more: a clip with fewer is not packed.")
    try:
        _draw_people(options)
        if options.sheet is not None:
            write_sheet(draw_sheet(options.out), options.sheet)
    except AvatarError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    total = sum(path.stat().st_size for path in options.out.iterdir())
    sys.stdout.write(f"{len(list(options.out.glob('*.npz')))} people in {options.out}, {total / 1e6:.1f} MB\n")
    return 0


def _draw_people(options: argparse.Namespace) -> None:
    wanted = range(options.first, options.first + options.people)
    missing = [seed for seed in wanted if not is_packed(options.out, label_of(seed), FPS)]
    if not missing:
        return
    head = _read_head(options.head)
    inside = Oral.of(head)
    with FaceLandmarker(get_model("face_landmarker"), video=False) as landmarker:
        for seed in missing:
            started = time.monotonic()
            kept = draw_person(seed, head, inside, options.frames, landmarker, options.out)
            note = f"{kept} of {options.frames} frames" if kept else "left out: hardly a face was found"
            took = time.monotonic() - started
            sys.stderr.write(
                f"[{seed - options.first + 1}/{options.people}] {label_of(seed).name}: {note}, {took:.0f} s\n"
            )


def _read_head(path: Path) -> HeadModel:
    try:
        return load_head(path)
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        raise MediaError(f"{path} is not the 3D head (ict_facekit_light.npz): {error}") from error


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 999:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 999")
    return value


if __name__ == "__main__":
    os.nice(10)  # drawing must not slow down whoever else uses the machine
    cv2.setNumThreads(1)
    sys.exit(main())
