"""What a network is given of a photo: moved to a frame's landmarks, whole or the mouth alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from avatar.face.expression_basis import load_basis
from avatar.generator.face_crop import CROP_SIZE, cut_crop, face_window
from avatar.generator.identity import Identity
from avatar.generator.network_input import REGIONS, CropWarp, region_masks
from avatar.generator.rig import Rig
from avatar.types import Motion


def test_a_mouth_moved_alone_is_that_of_the_whole_photo(astronaut: Identity, move: Callable[..., Motion]) -> None:
    rig = Rig(astronaut.rest.landmarks_px, load_basis())
    window = face_window(rig.rest_pose)
    warp = CropWarp(cut_crop(astronaut.rest.rgb, window, CROP_SIZE), window.to_picture(rig.rest), window)
    motion = move(jawOpen=0.6, yaw=8)
    landmarks = window.to_picture(rig.landmarks(motion, rig.pose(motion)))
    blank = np.full((CROP_SIZE, CROP_SIZE, 3), 77, np.uint8)
    alone, whole = warp.mouth_on(blank, landmarks), warp.view(landmarks, window).rgb
    regions = region_masks(landmarks)
    mouth = regions[REGIONS.index("mouth")] > 0
    assert mouth.sum() > 200
    away = np.abs(alone[mouth].astype(int) - whole[mouth])
    assert away.mean() < 0.5 and np.percentile(away, 99) <= 8, "but for rounding"
    assert (alone[regions[REGIONS.index("eyes")] > 0] == 77).all() and (blank == 77).all()
