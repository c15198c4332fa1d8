"""The landmarker finds real faces, refuses bad frames before MediaPipe sees them, and outlives its failures."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from avatar.errors import FrameError, PerceptionError
from avatar.perception.landmarker import FaceDetection, FaceLandmarker, _Graph, check_frame
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


def test_a_graph_that_broke_is_closed_and_a_new_one_works(
    face_model: Path, shot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    landmarker = FaceLandmarker(face_model, video=False)
    landmarker.detect(shot(), 0.0)
    closed: list[bool] = []
    broken = _BrokenGraph(closed)
    graph: Any = landmarker._graph
    graph.close()
    monkeypatch.setattr(landmarker, "_graph", broken)
    with pytest.raises(PerceptionError, match="failed"):
        landmarker.detect(shot(), 0.0)
    assert landmarker.closed and closed == [True]
    with pytest.raises(PerceptionError, match="closed"):
        landmarker.detect(shot(), 0.0)
    landmarker.close()
    assert closed == [True], "put away once"
    with FaceLandmarker(face_model, video=False) as fresh:
        assert len(fresh.detect(shot(), 0.0)) == 1


def test_an_error_code_becomes_an_error_with_mediapipes_reason(face_model: Path) -> None:
    freed: list[object] = []

    def failing(message: Any) -> int:
        message._obj.value = b"Graph has errors"
        return 1

    with FaceLandmarker(face_model, video=False) as landmarker:
        graph: Any = landmarker._graph
        library, graph._library = graph._library, SimpleNamespace(MpErrorFree=freed.append)
        try:
            with pytest.raises(PerceptionError, match="failed: Graph has errors"):
                graph._call(failing)
        finally:
            graph._library = library
    assert len(freed) == 1


def test_nothing_of_ours_closes_mediapipe_when_it_is_collected() -> None:
    assert not any(hasattr(kind, "__del__") for kind in (FaceLandmarker, _Graph))


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


class _BrokenGraph:
    """Stands in for a graph of MediaPipe's that answers every picture with an error."""

    def __init__(self, closed: list[bool]) -> None:
        self._closed = closed

    def detect(self, *_: object) -> list[FaceDetection]:
        raise PerceptionError("MediaPipe's face landmarker failed: Graph has errors")

    def close(self) -> None:
        self._closed.append(True)
