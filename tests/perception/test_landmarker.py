"""The landmarker finds real faces, refuses bad frames before MediaPipe sees them, and never hangs."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avatar.errors import FrameError, PerceptionError
from avatar.perception.landmarker import FaceDetection, FaceLandmarker, check_frame
from avatar.types import BLENDSHAPE_INDEX

GOOD = np.zeros((480, 640, 3), np.uint8)


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((15, 640, 3), np.uint8),
        np.zeros((480, 640), np.uint8),
        np.zeros((480, 640, 1), np.uint8),
        np.zeros((480, 640, 4), np.uint8),
        np.zeros((480, 640, 3), np.float32),
        None,
        b"not a frame",
    ],
    ids=["empty", "thin", "grey", "grey with an axis", "alpha", "float", "None", "bytes"],
)
def test_a_frame_that_is_no_rgb_picture_is_refused_and_the_next_one_is_fine(frame: Any, face_model: Path) -> None:
    with FaceLandmarker(face_model, video=True) as landmarker:
        with pytest.raises(FrameError):
            landmarker.detect(frame, 0.0)
        assert landmarker.detect(GOOD, 0.1) == []


def test_a_good_frame_is_passed_on_uncopied_and_a_view_is_copied() -> None:
    assert check_frame(GOOD) is GOOD
    view = GOOD[:, ::-1]
    assert check_frame(view).flags.c_contiguous


@pytest.mark.parametrize("video", [True, False])
def test_finds_the_face_in_a_portrait(video: bool, face_model: Path, shot: Any) -> None:
    with FaceLandmarker(face_model, video=video) as landmarker:
        faces = landmarker.detect(shot(), 0.0)
    assert len(faces) == 1
    face = faces[0]
    assert face.landmarks_px.shape == (478, 3) and face.landmarks_px.dtype == np.float32
    assert face.blendshapes.shape == (52,) and face.blendshapes.dtype == np.float32
    assert face.blendshapes.min() >= 0.0 and face.blendshapes.max() <= 1.0
    right_corner, left_corner, nose, chin = face.landmarks_px[[33, 263, 1, 152]]
    assert right_corner[0] < nose[0] < left_corner[0] and right_corner[1] < nose[1] < chin[1]
    assert nose[2] < right_corner[2], "the nose is nearer to the camera than the eyes"
    assert face.blendshapes[BLENDSHAPE_INDEX["tongueOut"]] == 0.0
    # She smiles: this also catches an order that is off by one.
    assert face.blendshapes[BLENDSHAPE_INDEX["mouthSmileLeft"]] > 0.3
    assert face.blendshapes[BLENDSHAPE_INDEX["jawOpen"]] < 0.3


def test_results_are_the_ones_of_mediapipes_own_wrapper(face_model: Path, shot: Any) -> None:
    from mediapipe.tasks.python import vision  # noqa: PLC0415
    from mediapipe.tasks.python.core.base_options import BaseOptions  # noqa: PLC0415
    from mediapipe.tasks.python.vision.core.image import Image, ImageFormat  # noqa: PLC0415

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(face_model)), num_faces=3, output_face_blendshapes=True
    )
    theirs = vision.FaceLandmarker.create_from_options(options)
    try:
        result = theirs.detect(Image(ImageFormat.SRGB, shot()))
    finally:
        theirs.close()
    with FaceLandmarker(face_model, video=False) as landmarker:
        ours = landmarker.detect(shot(), 0.0)[0]
    points = np.array([(p.x * 640, p.y * 480, p.z * 640) for p in result.face_landmarks[0]], np.float32)
    named = {c.category_name: c.score for c in result.face_blendshapes[0]}
    assert np.allclose(ours.landmarks_px, points, atol=1e-3)
    for name, index in BLENDSHAPE_INDEX.items():
        assert ours.blendshapes[index] == pytest.approx(named.get(name, 0.0), abs=1e-6)


def test_a_followed_face_is_where_it_is_and_not_where_it_was(face_model: Path, shot: Any) -> None:
    """MediaPipe's own filter, which would trail a moving face by half a frame and more, has nothing to hold on to."""
    step_px = 2.0
    with FaceLandmarker(face_model, video=True, max_faces=1) as landmarker:
        seen = [landmarker.detect(shot(x=step_px * index), index / 30)[0].landmarks_px for index in range(20)]
        seen += [landmarker.detect(shot(x=step_px * 19), (20 + index) / 30)[0].landmarks_px for index in range(5)]
    trails = (seen[-1] - seen[19])[:, 0].mean() / step_px
    assert abs(trails) < 0.2, "frames"


def test_a_mirrored_view_is_read_as_mirrored(face_model: Path, shot: Any) -> None:
    frame = shot()
    with FaceLandmarker(face_model, video=False) as landmarker:
        view = landmarker.detect(frame[:, ::-1], 0.0)
        copy = landmarker.detect(np.ascontiguousarray(frame[:, ::-1]), 0.0)
    assert np.array_equal(view[0].landmarks_px, copy[0].landmarks_px)


def test_time_may_stand_still_jump_back_or_be_no_number(face_model: Path, shot: Any) -> None:
    with FaceLandmarker(face_model, video=True) as landmarker:
        for time_s in (5.0, 5.0, 1.0, -3.0, float("nan"), float("inf"), 1e300, 2.0):
            assert len(landmarker.detect(shot(), time_s)) == 1


def test_a_camera_that_changes_size_is_followed(face_model: Path, shot: Any) -> None:
    big, small = shot(), np.ascontiguousarray(shot()[::2, ::2])
    with FaceLandmarker(face_model, video=True) as landmarker:
        first = landmarker.detect(big, 0.0)
        second = landmarker.detect(small, 0.033)
        third = landmarker.detect(big, 0.066)
    assert len(first) == len(second) == len(third) == 1
    assert second[0].landmarks_px[1, :2] * 2 == pytest.approx(first[0].landmarks_px[1, :2], abs=8.0)


def test_after_close_it_says_so(face_model: Path) -> None:
    landmarker = FaceLandmarker(face_model, video=True)
    landmarker.close()
    landmarker.close()
    with pytest.raises(PerceptionError, match="closed"):
        landmarker.detect(GOOD, 0.0)


def test_a_graph_that_broke_closes_itself_and_nothing_hangs(face_model: Path, shot: Any) -> None:
    landmarker = FaceLandmarker(face_model, video=False)
    landmarker.detect(shot(), 0.0)
    _break(landmarker)
    with pytest.raises(PerceptionError, match="failed"):
        landmarker.detect(shot(), 0.0)
    assert landmarker.closed
    landmarker.close()
    del landmarker
    gc.collect()  # MediaPipe's own wrapper hangs here for ever
    with FaceLandmarker(face_model, video=False) as fresh:
        assert len(fresh.detect(shot(), 0.0)) == 1


def test_one_dropped_open_in_a_cycle_does_not_hang_the_collector(face_model: Path, shot: Any) -> None:
    landmarker: Any = FaceLandmarker(face_model, video=False)
    landmarker.detect(shot(), 0.0)
    landmarker.itself = landmarker
    graph = landmarker._graph
    del landmarker
    gc.collect()
    graph.close()  # keeps the test itself from leaking


def test_a_missing_model_names_the_command_that_gets_it(tmp_path: Path) -> None:
    with pytest.raises(PerceptionError, match="avatar models pull"):
        FaceLandmarker(tmp_path / "nothing.task", video=True)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    junk = tmp_path / "junk.task"
    junk.write_bytes(b"junk" * 1000)
    with pytest.raises(PerceptionError):
        FaceLandmarker(junk, video=True)


def test_a_face_is_two_arrays_that_own_their_numbers(face_model: Path, shot: Any) -> None:
    with FaceLandmarker(face_model, video=False) as landmarker:
        face: FaceDetection = landmarker.detect(shot(), 0.0)[0]
        before = face.landmarks_px.copy()
        for step in range(5):
            landmarker.detect(shot(x=20.0 * step), 0.0)
    assert np.array_equal(face.landmarks_px, before), "results must not point into MediaPipe's memory"


def _break(landmarker: FaceLandmarker) -> None:
    """Feed the graph what no caller can: a grey image, which breaks it for good."""
    graph: Any = landmarker._graph
    grey = graph._image.Image(graph._image.ImageFormat.GRAY8, np.zeros((64, 64), np.uint8))
    result = graph._api.MpFaceLandmarkerResultC()
    with pytest.raises(PerceptionError):
        graph._call(
            graph._library.MpFaceLandmarkerDetectImage, graph._handle, grey._image_ptr, None, ctypes.byref(result)
        )
