"""A photo's landmarks agree with what the camera's tracker says of the same face."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from avatar.generator.enrol import cut_portrait
from avatar.generator.face_search import face_size
from avatar.generator.identity import Portrait
from avatar.generator.landmark_settling import with_tracked_landmarks
from avatar.perception.landmarker import FaceLandmarker
from avatar.types import F32, U8


def first_look(photo: U8, model: Path) -> Portrait:
    with FaceLandmarker(model, video=False) as landmarker:
        return cut_portrait(photo, landmarker.detect(photo, 0.0)[0])


def tracked(rgb: U8, model: Path) -> F32:
    with FaceLandmarker(model, video=True, max_faces=1) as landmarker:
        return [landmarker.detect(rgb, index / 30)[0] for index in range(12)][-1].landmarks_px


def apart(first: F32, second: F32) -> float:
    """Return how far landmarks lie apart, in shares of the face."""
    return float(np.linalg.norm((first - second)[:, :2], axis=1).mean()) / face_size(first)


def test_a_photo_is_seen_as_the_tracker_sees_the_face(photo: U8, face_model: Path) -> None:
    portrait = first_look(photo, face_model)
    truth = tracked(portrait.rgb, face_model)
    again = with_tracked_landmarks(portrait)
    assert apart(again.landmarks_px, truth) < 0.003
    assert apart(again.landmarks_px, truth) < 0.5 * apart(portrait.landmarks_px, truth)
    assert again.rgb is portrait.rgb


def test_what_is_no_face_or_another_face_leaves_the_portrait_as_it_was(photo: U8, face_model: Path) -> None:
    portrait = first_look(photo, face_model)
    blank = replace(portrait, rgb=np.full_like(portrait.rgb, 128))
    assert with_tracked_landmarks(blank) is blank
    aside = portrait.landmarks_px + np.array([0.6 * face_size(portrait.landmarks_px), 0, 0], np.float32)
    strayed = replace(portrait, landmarks_px=aside)
    assert with_tracked_landmarks(strayed) is strayed


def test_how_a_photo_was_cut_and_turned_hardly_changes_where_its_landmarks_lie(photo: U8, face_model: Path) -> None:
    portrait = first_look(photo, face_model)
    height, width = portrait.rgb.shape[:2]
    to_turned = cv2.getRotationMatrix2D((width / 2, height / 2), 5, 0.95)
    turned = cv2.warpAffine(portrait.rgb, to_turned, (width, height), borderMode=cv2.BORDER_REPLICATE)

    def in_turned(landmarks: F32) -> F32:
        places = landmarks[:, :2] @ to_turned[:, :2].T + to_turned[:, 2]
        return np.column_stack([places, landmarks[:, 2] * 0.95]).astype(np.float32)

    other = replace(portrait, rgb=turned, landmarks_px=in_turned(portrait.landmarks_px))
    once = apart(tracked(turned, face_model), in_turned(tracked(portrait.rgb, face_model)))
    meant = apart(with_tracked_landmarks(other).landmarks_px, in_turned(with_tracked_landmarks(portrait).landmarks_px))
    assert meant < 0.7 * once
