"""The landmarker on OpenVINO says what MediaPipe's says, loses and finds a face, and gives way where it cannot run."""

from __future__ import annotations

import logging
import platform
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from avatar.errors import FrameError, PerceptionError
from avatar.media.frame_pixels import RgbPixels
from avatar.perception import landmark_networks, landmarker_choice
from avatar.perception.blendshape_network import blendshape_network
from avatar.perception.face_detection import anchor_centres, faces_in
from avatar.perception.landmark_network import blocked, landmark_network
from avatar.perception.landmark_networks import CROP_SIDE
from avatar.perception.landmarker import FaceLandmarker
from avatar.perception.landmarker_choice import open_landmarker, why_not_openvino
from avatar.perception.openvino_landmarker import OpenVinoLandmarker, in_picture
from avatar.perception.rotated_rect import RotatedRect
from avatar.perception.subject import FaceBox
from avatar.perception.tracker import FaceTracker
from avatar.types import U8

BLACK = np.zeros((480, 640, 3), np.uint8)
Shot = Callable[..., U8]


@pytest.fixture
def landmarker(face_model: Path) -> Iterator[OpenVinoLandmarker]:
    """Follow a face."""
    with OpenVinoLandmarker(face_model, video=True, max_faces=1) as landmarker:
        yield landmarker


@pytest.fixture
def without_openvino(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine on which OpenVINO is not installed."""
    for cached in (landmark_networks._pool, why_not_openvino):
        cached.cache_clear()
    monkeypatch.setitem(sys.modules, "openvino", None)
    yield
    for cached in (landmark_networks._pool, why_not_openvino):
        cached.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("video", [True, False])
def test_a_moving_turning_face_is_where_mediapipe_has_it(video: bool, face_model: Path, shot: Shot) -> None:
    frames = [shot(x=3.0 * i, y=-i, scale=1 + i / 60, roll=2.0 * i - 20, noise=i) for i in range(20)]
    faces = 1 if video else 3
    with (
        FaceLandmarker(face_model, video=video, max_faces=faces) as mediapipe,
        OpenVinoLandmarker(face_model, video=video, max_faces=faces) as ours,
    ):
        # Not from 0 on: to MediaPipe's filter the moment 0 is none, so it does not know the second frame's distance.
        theirs = [mediapipe.detect(frame, 1 + i / 30)[0] for i, frame in enumerate(frames)]
        found = [ours.detect(frame, 1 + i / 30)[0] for i, frame in enumerate(frames)]
    apart = np.array([own.landmarks_px - their.landmarks_px for own, their in zip(found, theirs, strict=True)])
    distances = np.linalg.norm(apart[..., :2], axis=-1)
    assert np.median(distances) < 0.1 and np.percentile(distances, 95) < 0.3, "pixels"
    assert np.percentile(np.abs(apart[..., 2]), 95) < 0.3, "depth, pixels"
    coefficients = [np.abs(own.blendshapes - their.blendshapes) for own, their in zip(found, theirs, strict=True)]
    assert np.percentile(coefficients, 95) < 0.02


def test_the_drawn_faces_are_read_alike(face_model: Path, face_clips: Any) -> None:
    with (
        FaceLandmarker(face_model, video=True, max_faces=1) as mediapipe,
        OpenVinoLandmarker(face_model, video=True, max_faces=1) as ours,
    ):
        for index, picture in enumerate(face_clips.pictures("mira", 1.0, fps=10)):
            (their,), (own,) = mediapipe.detect(picture, 1 + index), ours.detect(picture, 1 + index)
            apart = np.linalg.norm((own.landmarks_px - their.landmarks_px)[:, :2], axis=1)
            assert np.median(apart) < 0.1 and apart.max() < 1.0
            assert np.abs(own.blendshapes - their.blendshapes).max() < 0.05


def test_the_blendshape_network_answers_like_the_model_file_s(face_model: Path, tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    with zipfile.ZipFile(face_model) as archive:
        original = openvino.Core().read_model(archive.extract("face_blendshapes.tflite", tmp_path))
    count = len(landmark_networks.POINTS)
    precise = {"INFERENCE_PRECISION_HINT": "f32"}
    ours = openvino.compile_model(blendshape_network(original, count), "CPU", precise)
    original.reshape([1, count, 2])
    theirs = openvino.compile_model(original, "CPU", precise)
    points = np.random.default_rng(4).normal(0, 100, (5, 1, count, 2)).astype(np.float32)
    for shown in points:
        assert ours(shown)[0] == pytest.approx(theirs(shown)[0], abs=1e-3)
    with pytest.raises(ValueError, match="weights"):
        blendshape_network(SimpleNamespace(get_ordered_ops=list), count)


def test_the_landmark_network_answers_like_the_model_file_s(face_model: Path, tmp_path: Path, shot: Shot) -> None:
    openvino = pytest.importorskip("openvino")
    with zipfile.ZipFile(face_model) as archive:
        original = openvino.Core().read_model(archive.extract("face_landmarks_detector.tflite", tmp_path))
        blendshapes = openvino.Core().read_model(archive.extract("face_blendshapes.tflite", tmp_path))
    original.reshape([1, CROP_SIDE, CROP_SIDE, 3])
    theirs = openvino.compile_model(original, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    pool = landmark_networks.networks_of(face_model)
    pool.join()
    with pool.borrow() as ours:
        for crop in (shot(roll=20.0, noise=3)[112:368, 192:448], BLACK[:CROP_SIDE, :CROP_SIDE]):
            expected, presence, *_ = theirs(crop[None] / np.float32(255)).values()
            places, surely = ours.landmarks(crop)
            assert places == pytest.approx(expected.reshape(-1, 3), abs=0.03), "pixels of the crop"
            assert surely == pytest.approx(1 / (1 + np.exp(-float(presence.ravel()[0]))), abs=1e-3)
    pool.leave()
    with pytest.raises(ValueError, match="landmark network"):
        landmark_network(blendshapes, CROP_SIDE)


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="kernels of x86")
def test_openvino_takes_the_kernels_it_is_asked_for(face_model: Path) -> None:
    """Else it has learnt better or speaks of them otherwise: measure `benchmarks.versus --kinds track` again."""
    network = landmark_networks._compiled(face_model, landmark_networks._LANDMARKS)
    kernels = [layer.get_rt_info()["primitiveType"].astype(str) for layer in network.get_runtime_model().get_ops()]
    assert not any(kernel.startswith("brgconv") for kernel in kernels)


def test_a_known_face_costs_a_search_no_landmarks(
    face_model: Path, shot: Shot, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = shot()
    with OpenVinoLandmarker(face_model, video=False) as landmarker:
        (face,) = landmarker.detect(picture, 0.0)
        box = FaceBox.around(face.landmarks_px)
        assert len(landmarker.detect(picture, 0.0, box.moved(box.width, 0))) == 1, "another than the known one"
        assert landmarker._pool is not None
        with landmarker._pool.borrow() as networks:  # the one that is used next, too
            monkeypatch.setattr(networks, "landmarks", None)
        assert landmarker.detect(picture, 0.0, box.moved(0.1 * box.width, 0)) == []


def test_lost_it_is_searched_and_found_where_it_comes_back(landmarker: OpenVinoLandmarker, shot: Shot) -> None:
    (before,) = landmarker.detect(shot(), 0.0)
    assert landmarker.detect(BLACK, 0.1) == [] == landmarker.detect(BLACK, 0.2)
    (after,) = landmarker.detect(shot(x=150.0), 0.3)
    assert (after.landmarks_px - before.landmarks_px)[:, 0].mean() == pytest.approx(150, abs=2)


def test_a_face_is_followed_into_a_picture_of_another_size(landmarker: OpenVinoLandmarker, shot: Shot) -> None:
    (large,) = landmarker.detect(shot(), 0.0)
    (small,) = landmarker.detect(shot()[::2, ::2], 0.1)
    assert small.landmarks_px[1, :2] * 2 == pytest.approx(large.landmarks_px[1, :2], abs=4)


def test_results_stay_as_they_were_told(landmarker: OpenVinoLandmarker, shot: Shot) -> None:
    (face,) = landmarker.detect(shot(), 0.0)
    landmarks, blendshapes = face.landmarks_px.copy(), face.blendshapes.copy()
    landmarker.detect(shot(x=40.0, roll=10.0), 0.1)
    assert np.array_equal(face.landmarks_px, landmarks) and np.array_equal(face.blendshapes, blendshapes)


def test_a_bad_frame_is_refused_and_the_next_one_is_fine(landmarker: OpenVinoLandmarker, shot: Shot) -> None:
    with pytest.raises(FrameError):
        landmarker.detect(BLACK[..., 0], 0.0)
    assert len(landmarker.detect(shot(), 0.1)) == 1


def test_closed_it_says_so(face_model: Path) -> None:
    landmarker = OpenVinoLandmarker(face_model, video=False)
    landmarker.close()
    landmarker.close()
    assert landmarker.closed
    with pytest.raises(PerceptionError, match="closed"):
        landmarker.detect(BLACK, 0.0)


def test_in_video_it_follows_one_face(face_model: Path) -> None:
    with pytest.raises(ValueError, match="One face"):
        OpenVinoLandmarker(face_model, video=True, max_faces=2)


def test_a_failure_inside_openvino_is_told_in_our_words(
    landmarker: OpenVinoLandmarker, shot: Shot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("no memory")

    assert landmarker._pool is not None
    with landmarker._pool.borrow() as networks:  # the one that is used next, too
        pass
    monkeypatch.setattr(networks._landmarks, "_request", type("Request", (), {"infer": staticmethod(fail)})())
    with pytest.raises(PerceptionError, match=r"OpenVINO failed.*no memory"):
        landmarker.detect(shot(), 0.0)


def test_the_detector_looks_at_each_cell_of_both_grids() -> None:
    centres = anchor_centres()
    assert centres.shape == (896, 2)
    assert centres[0] == pytest.approx([1 / 32, 1 / 32]) and centres[511] == pytest.approx([31 / 32, 31 / 32])
    assert len(np.unique(centres[:512], axis=0)) == 256 and len(np.unique(centres[512:], axis=0)) == 64


def test_boxes_of_one_face_become_one_and_the_surest_face_comes_first() -> None:
    answers, logits = np.zeros((896, 16), np.float32), np.full(896, -9.0, np.float32)
    answers[:, 2:4] = 32.0  # pixels wide and high
    logits[[0, 1, 510]] = 1.0, 2.0, 4.0  # two anchors of the first cell, one of the last
    first, second = faces_in(answers, logits)
    assert first.score == pytest.approx(0.982, abs=0.001)
    assert first.box == pytest.approx([0.84375, 0.84375, 1.09375, 1.09375])
    assert second.box == pytest.approx([-0.09375, -0.09375, 0.15625, 0.15625])
    assert faces_in(answers, np.full(896, -0.01, np.float32)) == []


@pytest.mark.parametrize(
    "rect",
    [
        RotatedRect(320, 240, 330, 330, 0.1),
        RotatedRect(20, 460, 330, 300, -0.5),
        RotatedRect(600, 10, 90, 90, 3.0),
        RotatedRect(-500, -900, 90, 90, 1.0),
        RotatedRect(320, 240, 640, 640),
    ],
    ids=["inside", "over a corner", "upside down", "beside the picture", "all of it"],
)
@pytest.mark.parametrize("beyond", [cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT])
def test_a_cut_is_what_opencv_cuts_from_the_whole_picture(rect: RotatedRect, beyond: int, shot: Shot) -> None:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    whole = cv2.warpAffine(shot(), rect.to_picture(256), (256, 256), flags=flags, borderMode=beyond)
    square = rect.cut(RgbPixels(shot()), 256, beyond=beyond)[..., :3]
    assert np.abs(square.astype(int) - whole).max() <= 1, "rounding"


def test_what_is_found_in_a_turned_crop_lies_in_the_picture() -> None:
    rect = RotatedRect(300.0, 200.0, 512.0, 512.0, np.pi / 2)
    places = np.zeros((478, 3), np.float32)
    places[0], places[1] = (128.0, 128.0, 10.0), (256.0, 128.0, 0.0)
    found = in_picture(places, rect, 1.5)
    assert found[0] == pytest.approx([300, 200, 30], abs=1e-3), "as MediaPipe measures the depth of a head on its side"
    assert found[1, :2] == pytest.approx([300, 456], abs=1e-3), "right in the crop is down in the picture"


def test_without_openvino_mediapipe_follows_and_the_log_says_why(
    face_model: Path, shot: Shot, without_openvino: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), FaceTracker(face_model) as tracker:
        assert tracker.track(shot(), 0.0) is not None
    assert caplog.text.count("OpenVINO cannot be imported") == 1
    landmarker = open_landmarker(face_model, video=True, max_faces=1)
    assert isinstance(landmarker, FaceLandmarker)
    landmarker.close()


def test_doctor_says_why_openvino_does_not_follow(face_model: Path, without_openvino: None) -> None:
    from avatar.commands import diagnostics  # noqa: PLC0415

    check = diagnostics.face_tracker()
    assert check.state != "fail"
    assert "MediaPipe" in check.what and "OpenVINO cannot be imported" in check.what


def test_mediapipe_follows_where_it_is_asked_for(face_model: Path) -> None:
    with FaceTracker(face_model, engine="mediapipe") as tracker:
        assert isinstance(tracker._follower._landmarker, FaceLandmarker)
    with FaceTracker(face_model) as tracker:
        assert isinstance(tracker._follower._landmarker, OpenVinoLandmarker)


def test_a_model_that_was_not_measured_is_left_to_mediapipe(face_model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.task"
    other.write_bytes(face_model.read_bytes() + b"\0")
    reason = landmarker_choice.why_not_openvino(other)
    assert reason is not None and "another model" in reason


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="kernels of x86")
def test_a_folder_that_takes_no_network_is_named(tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    picture = openvino.opset13.parameter([1, 3], np.float32)
    network = openvino.Model([openvino.opset13.result(picture)], [picture], "nothing")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"cannot be written to, or is full\. Make room"):
        blocked(network, tmp_path / "file")


def test_an_archive_without_the_networks_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.task"
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("readme", "nothing")
    with pytest.raises(PerceptionError, match="face_detector"):
        OpenVinoLandmarker(empty, video=False)
