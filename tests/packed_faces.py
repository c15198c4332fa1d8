"""Clips to train on: a real portrait, moved as the geometry tier moves it, packed as `prepare` packs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from avatar.face.pose import fit_pose
from avatar.generator.face_crop import CROP_SIZE, cut_crop, face_window
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.generator.tuning.packed_clips import ClipLabel, ClipTracks, write_packed
from avatar.types import BLENDSHAPE_INDEX, Motion

FRAMES = 16
PEOPLE = ("anna", "ben", "cleo")


def write_packed_faces(folder: Path, astronaut: Identity) -> None:
    """Write three clips of 16 frames, as of three people: mouths that open, heads that turn."""
    generator = GeometryGenerator(astronaut, (512, 512))
    for number, person in enumerate(PEOPLE):
        pictures, landmarks, coefficients, windows = [], [], [], []
        for frame in range(FRAMES):
            phase = 2 * np.pi * frame / FRAMES + number
            blendshapes = np.zeros(52, np.float32)
            blendshapes[BLENDSHAPE_INDEX["jawOpen"]] = 0.35 * (1 - np.cos(phase))
            turn = np.radians([2 * np.sin(phase), 8 * np.cos(phase), number]).astype(np.float32)
            motion = Motion(frame / 15, blendshapes, turn, np.array([0.05 * np.sin(phase), 0], np.float32))
            moved = generator.rig.landmarks(motion, generator.rig.pose(motion))
            window = face_window(fit_pose(moved))
            pictures.append(cut_crop(generator.render(motion), window, CROP_SIZE))
            landmarks.append(window.to_picture(moved))
            coefficients.append(blendshapes)
            windows.append((window.scale, window.left, window.top))
        tracks = ClipTracks(
            time_s=np.arange(FRAMES, dtype=np.float32) / 15,
            landmarks=np.array(landmarks, np.float32),
            blendshapes=np.array(coefficients, np.float32),
            windows=np.array(windows, np.float32),
        )
        write_packed(
            folder, ClipLabel(f"video/{person}.mp4", "train", person, "NASA", "public domain"), pictures, tracks, 15
        )
