"""Make lessons of photos whose mouth is open: who is seen in one moment only can teach what their teeth are like.

    python -m avatar.training.photos --photos DIR --manifest CSV --out build/photos
    python -m avatar.training.train --data build/packed --data build/photos --out build/run

Geometry closes the mouth of a photo well, while it cannot open one. So the closed mouth becomes the photo that training
starts from, and the photo itself, moved a little, what is to become of it. Packed as `prepare` packs; people are those
of the manifest. Takes seconds a photo. Look at them with --sheet.
"""

from __future__ import annotations

import argparse
import os
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from avatar import face_mesh as mesh
from avatar.config import LimitSettings
from avatar.errors import AvatarError, ImageError, MediaError
from avatar.generator.enrol import MIN_FACE_PX, cut_portrait
from avatar.generator.face_crop import CROP_SIZE, cut_crop, face_window
from avatar.generator.face_search import face_size, find_faces
from avatar.generator.identity import Portrait
from avatar.generator.network_input import CropWarp
from avatar.generator.rig import Rig
from avatar.generator.second_look import followed
from avatar.images import read_photo
from avatar.models import get_model
from avatar.motion.basis import load_basis
from avatar.perception.landmarker import FaceLandmarker
from avatar.perception.pose import fit_pose
from avatar.training.face_tracks import Clip, read_manifest
from avatar.training.packed_clips import ClipLabel, ClipTracks, is_packed, read_packed, write_packed
from avatar.training.prepare import FPS
from avatar.training.sample_sheet import write_sheet
from avatar.types import BLENDSHAPE_INDEX, F32, U8, Motion

VIEWS: Final = 16
"""Of each photo, with the mouth closed, and as many with it open."""
OPEN_FROM: Final = 0.02
"""Distance of the inner lips, as a share of the face's height, from which a mouth shows what is in it."""
MEETING: Final = 0.004
"""The same of lips that meet."""
TURNS_DEG: Final = (3.0, 5.0, 2.5)
"""How far heads are turned beside the photo's: standard deviation of pitch, yaw and roll."""
JAW_STEP: Final = 0.05
LEAST_JAW: Final = -1.6
RAISED: Final = ("mouthUpperUpLeft", "mouthUpperUpRight")
LOWERED: Final = ("mouthLowerDownLeft", "mouthLowerDownRight")
SMILE: Final = ("mouthSmileLeft", "mouthSmileRight")


class Model:
    """One photo, ready to be drawn as it might have been."""

    def __init__(self, portrait: Portrait) -> None:
        """Take a portrait whose mouth is open."""
        self._rest = portrait.blendshapes
        self._rig = Rig(portrait.landmarks_px, load_basis())
        self._height = float(np.linalg.norm(np.diff(portrait.landmarks_px[[mesh.FOREHEAD, mesh.CHIN]], axis=0)))
        window = face_window(fit_pose(portrait.landmarks_px), CROP_SIZE)
        crop = cut_crop(portrait.rgb, window, CROP_SIZE)
        self._warp = CropWarp(crop, window.to_picture(portrait.landmarks_px), window)
        self._pictures: list[U8] = []
        self._rows: list[tuple[F32, F32, tuple[float, float, float]]] = []

    def opening(self, landmarks: F32) -> float:
        """Return how far inner lips are apart at the widest, as a share of the face's height."""
        gaps = landmarks[list(mesh.LOWER_INNER_LIP), 1] - landmarks[list(mesh.UPPER_INNER_LIP), 1]
        return float(gaps.max()) / self._height

    def close(self, rng: np.random.Generator) -> None:
        """Draw a view with the mouth closed, less of a smile, and the head turned."""
        expression = dict.fromkeys((*RAISED, *LOWERED, *SMILE), 0.0)
        smile = -float(rng.uniform(0, 0.9))
        for names, share in ((RAISED, -0.5), (LOWERED, -1.0), (SMILE, smile)):
            expression |= {name: share * float(self._rest[BLENDSHAPE_INDEX[name]]) for name in names}
        turn = _turn(rng)
        for jaw in np.arange(0.0, LEAST_JAW, -JAW_STEP).tolist():
            motion = _motion({**expression, "jawOpen": jaw}, turn)
            landmarks = self._rig.landmarks(motion, self._rig.pose(motion))
            if self.opening(landmarks) < MEETING:
                break
        self._draw(_shut(landmarks), motion)

    def open(self, rng: np.random.Generator) -> None:
        """Draw a view with the mouth about as far open as it is, and the head turned."""
        motion = _motion({"jawOpen": float(rng.uniform(-0.12, 0.05))}, _turn(rng))
        self._draw(self._rig.landmarks(motion, self._rig.pose(motion)), motion)

    def pack(self, label: ClipLabel, out: Path) -> None:
        """Write the views: those closed were made, the rest is what the photo shows."""
        landmarks, blendshapes, windows = zip(*self._rows, strict=True)
        tracks = ClipTracks(
            time_s=(np.arange(len(landmarks)) / FPS).astype(np.float32),
            landmarks=np.array(landmarks, np.float32),
            blendshapes=np.array(blendshapes, np.float32),
            windows=np.array(windows, np.float32),
        )
        write_packed(out, label, self._pictures, tracks, FPS, made=VIEWS)

    def _draw(self, landmarks: F32, motion: Motion) -> None:
        window = face_window(fit_pose(landmarks), CROP_SIZE)
        there = window.to_picture(landmarks)
        self._pictures.append(self._warp.view(there, window).rgb)
        expression = np.clip(self._rest + motion.blendshapes, 0, 1)
        self._rows.append((there, expression, (window.scale, window.left, window.top)))


def pack_photo(clip: Clip, folder: Path, out: Path, landmarker: FaceLandmarker) -> str | None:
    """Pack one photo; returns why it was left out, None where it was not.

    Raises:
        ImageError: it cannot be read.
    """
    try:
        photo = read_photo((folder / clip.name).read_bytes(), LimitSettings())
    except OSError as error:
        raise ImageError(f"{folder / clip.name} cannot be read: {error.strerror}", code="broken_image") from error
    found = find_faces(photo, landmarker)
    if not found:
        return "no face"
    face = max(found, key=lambda face: face_size(face.landmarks_px))
    if face_size(face.landmarks_px) < MIN_FACE_PX:
        return "the face is small"
    portrait = followed(cut_portrait(photo, face))
    model = Model(portrait)
    if model.opening(portrait.landmarks_px) < OPEN_FROM:
        return "the mouth is closed"
    rng = np.random.default_rng(zlib.crc32(clip.name.encode()))
    for _ in range(VIEWS):
        model.close(rng)
    for _ in range(VIEWS):
        model.open(rng)
    model.pack(ClipLabel(clip.name, clip.split, clip.person, clip.source, clip.licence), out)
    return None


def draw_sheet(folder: Path) -> U8:
    """Return a sheet of a folder of photos: of each three views closed and three open.

    Raises:
        MediaError: the folder holds none, or one is damaged.
    """
    shown = [*range(3), *range(VIEWS, VIEWS + 3)]
    return np.concatenate([np.concatenate(list(clip.rgb[shown]), axis=1) for clip in read_packed(folder)], axis=0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m avatar.training.photos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--photos", type=Path, required=True, help="folder that the manifest's paths start from")
    parser.add_argument("--manifest", type=Path, required=True, help="CSV: file, kind, split, identity_group, ...")
    parser.add_argument("--out", type=Path, default=Path("build/photos"), help="where packed photos go")
    parser.add_argument("--sheet", type=Path, help="also write a picture of all of them (.jpg)")
    options = parser.parse_args(arguments)
    try:
        photos = [clip for clip in read_manifest(options.manifest, "still") if clip.split == "train"]
        if not photos:
            raise MediaError(f"{options.manifest} has no photos (kind=still) of split train.")
        with FaceLandmarker(get_model("face_landmarker"), video=False) as landmarker:
            for number, clip in enumerate(photos, start=1):
                label = ClipLabel(clip.name, clip.split, clip.person, clip.source, clip.licence)
                if is_packed(options.out, label, FPS):
                    continue
                reason = pack_photo(clip, options.photos, options.out, landmarker)
                note = f"left out: {reason}" if reason else "packed"
                sys.stderr.write(f"[{number}/{len(photos)}] {clip.name}: {note}\n")
        if options.sheet is not None:
            write_sheet(draw_sheet(options.out), options.sheet)
    except AvatarError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{len(list(options.out.glob('*.npz')))} photos in {options.out}\n")
    return 0


def _turn(rng: np.random.Generator) -> F32:
    return np.radians(rng.normal(0, TURNS_DEG)).astype(np.float32)


def _motion(expression: dict[str, float], turn: F32) -> Motion:
    blendshapes = np.zeros(len(BLENDSHAPE_INDEX), np.float32)
    for name, value in expression.items():
        blendshapes[BLENDSHAPE_INDEX[name]] = value
    return Motion(0.0, blendshapes, turn, np.zeros(2, np.float32))


def _shut(landmarks: F32) -> F32:
    """Return landmarks whose inner lips meet, whatever was left between them."""
    upper, lower = list(mesh.UPPER_INNER_LIP), list(mesh.LOWER_INNER_LIP)
    shut = landmarks.copy()
    shut[upper, :2] = shut[lower, :2] = (landmarks[upper, :2] + landmarks[lower, :2]) / 2
    return shut


if __name__ == "__main__":
    os.nice(10)  # this must not slow down whoever else uses the machine
    cv2.setNumThreads(1)
    sys.exit(main())
