"""The live check at work: an avatar that does what it is asked is found by its mark, a person is not."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from avatar.generator.identity import Identity
from avatar.identities.live_consent import LiveCheck
from avatar.media.colour import to_i420
from avatar.perception.landmarker import FaceDetection
from avatar.trust.live_check import ASKED, begin
from avatar.trust.watermark import Mark, Marker
from avatar.trust.watermark_numbers import MarkNumbers
from avatar.types import BLENDSHAPES, F32, U8

LAST_LOOK = replace(begin(lambda among: among[0], lambda: 0.0), done=ASKED, asked=ASKED)
"""All was done; the face is compared once more."""


class AnyFace:
    """Takes everybody for the same person."""

    def embed(self, rgb: U8, landmarks_px: F32) -> F32:
        return np.array([1.0], np.float32)

    def close(self) -> None:
        pass


class OneFace:
    """Finds the same face in each picture."""

    closed = False

    def __init__(self, landmarks_px: F32) -> None:
        self.face = FaceDetection(landmarks_px, np.zeros(len(BLENDSHAPES), np.float32))

    def detect(self, rgb: U8, time_s: float, known: object = None) -> list[FaceDetection]:
        return [self.face]

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(("marked", "phase", "reason"), [(True, "refused", "drawn"), (False, "passed", "")])
def test_an_avatar_before_the_camera_is_found_by_its_mark(
    marked: bool, phase: str, reason: str, astronaut: Identity
) -> None:
    picture = to_i420(astronaut.rest.rgb)
    if marked:
        picture = Marker(Mark(MarkNumbers.unpack(12345))).mark_i420(picture)
    rgb = np.asarray(cv2.cvtColor(picture, cv2.COLOR_YUV2RGB_I420), np.uint8)
    faces = OneFace(astronaut.rest.landmarks_px)
    with LiveCheck([astronaut.rest], AnyFace(), check=LAST_LOOK, landmarker=faces) as check:
        for step in range(12):
            check.look(rgb, 10 + 0.1 * step)
    assert (check.check.phase, check.check.reason) == (phase, reason)
    assert faces.closed
