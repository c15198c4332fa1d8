"""MediaPipe's face landmarker (tasks, C library) behind one small class that no bad frame gets through.

MediaPipe's own Python wrapper is passed by on purpose. After an error its graph stays broken for good and it cannot be
put away safely: a process may hang over it. It also builds 530 Python objects a face while it holds the interpreter
lock (0.7 ms a frame; reading the C result with numpy takes 0.1 ms). So frames are checked here first, the C functions
are called from the caller's own thread, and results are read as arrays. The ctypes structures and signatures are
MediaPipe's, so their layout always matches the installed library; the package version is pinned and
`tests/perception/test_landmarker.py` guards the rest.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from avatar.errors import FrameError, PerceptionError
from avatar.media.frame_pixels import FramePixels, RgbPixels
from avatar.perception.native_log import quiet_start
from avatar.perception.subject import FaceBox
from avatar.types import BLENDSHAPES, F32, LANDMARK_COUNT, U8

MIN_SIDE_PX: Final = 16
"""Smaller frames hold no face that could be found."""
APART: Final = 10_000
"""How much further apart in time MediaPipe believes the frames of a video to be. It steadies a face that it follows
alone by a filter that cannot be turned off, and whose landmarks trail by half a frame and lie 1 % of the face beside
what is seen; between frames minutes apart that filter has nothing to hold on to."""


@dataclass(frozen=True, slots=True)
class FaceDetection:
    """One face found in one frame."""

    landmarks_px: F32
    """(478, 3), pixels of the frame, x right, y down, z smaller is nearer (scaled by the frame's width)."""
    blendshapes: F32
    """(52,), 0..1, in the order of `avatar.types.BLENDSHAPES`; `tongueOut` is always 0."""


def check_frame(rgb: U8) -> U8:
    """Return `rgb` as a C-contiguous array that is safe to hand to MediaPipe (itself when it already is one).

    Raises:
        FrameError: not a numpy array of uint8, not (height, width, 3), or a side under 16 px.
    """
    if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8:
        raise FrameError(f"A frame must be a uint8 array, this is {getattr(rgb, 'dtype', type(rgb).__name__)}.")
    if rgb.ndim != 3 or rgb.shape[2] != 3:
        raise FrameError(f"A frame must be height x width x 3 (RGB), this has the shape {rgb.shape}.")
    if min(rgb.shape[:2]) < MIN_SIDE_PX:
        raise FrameError(f"A frame must be at least {MIN_SIDE_PX} px on each side, this has the shape {rgb.shape}.")
    # MediaPipe does not ask for strides: of a view it would read other pixels.
    return np.ascontiguousarray(rgb)


def check_pixels(frame: U8 | FramePixels) -> FramePixels:
    """Return a frame, or its RGB, as pixels to look at. Raises FrameError as `check_frame` does."""
    if isinstance(frame, FramePixels):
        if min(frame.size) < MIN_SIDE_PX:
            raise FrameError(f"A frame must be at least {MIN_SIDE_PX} px on each side, this has {frame.size}.")
        return frame
    return RgbPixels(check_frame(frame))


class FaceLandmarker:
    """Finds faces, their 478 landmarks and their blendshapes in RGB frames.

    One instance serves one stream: with `video=True` it follows faces from frame to frame and so must see the frames
    in order; with `video=False` every picture stands alone. Calls from several threads are taken one at a time. Always
    `close()` it or use it as a context manager; an instance that is dropped open is leaked: the garbage collector must
    not wait for MediaPipe.
    """

    def __init__(self, model_path: Path, *, video: bool, max_faces: int = 3) -> None:
        """Load the model (about 50 ms).

        Raises:
            PerceptionError: the file is missing or is no face landmarker model, or MediaPipe's libraries are missing.
        """
        self._video = video
        self._last_ms = 0  # the next is 1: of a video that begins at 0 the filter holds the second frame back
        self._lock = threading.Lock()
        self._graph: _Graph | None = _Graph(model_path, video=video, max_faces=max_faces)

    @property
    def closed(self) -> bool:
        """True after `close()`, and after a failure inside MediaPipe."""
        return self._graph is None

    def detect(
        self,
        frame: U8 | FramePixels,
        time_s: float,
        known: FaceBox | None = None,  # noqa: ARG002
    ) -> list[FaceDetection]:
        """Return the faces in one frame, in MediaPipe's order; an empty list where there are none.

        A `known` one is among them all the same: MediaPipe cannot leave one out.

        `frame` is (height, width, 3) uint8 RGB, or the pixels of one. `time_s` is the frame's time; MediaPipe wants
        strictly rising milliseconds, so a time that stands still or jumps back counts as 1 ms after the last one.
        Ignored unless `video`.

        Raises:
            FrameError: the frame is not fit to look at (see `check_frame`); the landmarker stays usable.
            PerceptionError: it was closed, or MediaPipe failed (then it is closed now, and a new one is needed).
        """
        rgb = check_pixels(frame).rgb()
        with self._lock:
            if self._graph is None:
                raise PerceptionError("The face landmarker is closed: make a new one.")
            timestamp_ms: int | None = None
            if self._video:
                wanted_ms = round(time_s * 1000.0) if np.isfinite(time_s) else 0
                self._last_ms = max(self._last_ms + 1, min(wanted_ms, _LATEST_MS))
                timestamp_ms = self._last_ms * APART
            try:
                return self._graph.detect(rgb, timestamp_ms)
            except PerceptionError:
                # A graph that failed once answers every later frame with the same error.
                self._close()
                raise

    def close(self) -> None:
        """Release the model. May be called again, from any thread; never raises."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        graph, self._graph = self._graph, None
        if graph is not None:
            graph.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


_LATEST_MS: Final = 2**53 // APART
"""Cap on timestamps: far beyond any session, far below MediaPipe's own limit in microseconds (2**63)."""


class _Graph:
    """The native graph: owns the C handle, turns status codes into PerceptionError."""

    def __init__(self, model_path: Path, *, video: bool, max_faces: int) -> None:
        if not model_path.is_file():
            raise PerceptionError(f"There is no face model at {model_path}: run `avatar models pull`.")
        try:
            # Imported here because it takes a second and fails where a system library is missing.
            from mediapipe.tasks.python.core import mediapipe_c_bindings  # noqa: PLC0415
            from mediapipe.tasks.python.core.base_options import BaseOptions  # noqa: PLC0415
            from mediapipe.tasks.python.vision import face_landmarker as api  # noqa: PLC0415
            from mediapipe.tasks.python.vision.core import image  # noqa: PLC0415
            from mediapipe.tasks.python.vision.core.vision_task_running_mode import (  # noqa: PLC0415
                VisionTaskRunningMode,
            )

            self._library: Any = mediapipe_c_bindings.load_raw_library(api._CTYPES_SIGNATURES)
        except (ImportError, OSError) as error:
            raise PerceptionError(
                f"MediaPipe cannot start: {error}. "
                "On Debian it needs: apt-get install libegl1 libgles2 libgl1 libglib2.0-0"
            ) from error
        self._api: Any = api
        self._image: Any = image
        options = api.MpFaceLandmarkerOptionsC.from_c_options(
            base_options=BaseOptions(model_asset_path=str(model_path)).to_ctypes(),
            running_mode=VisionTaskRunningMode.VIDEO if video else VisionTaskRunningMode.IMAGE,
            num_faces=max_faces,
            min_face_detection_confidence=0.5,
            min_face_presence_confidence=0.5,
            min_tracking_confidence=0.5,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=False,
            result_callback=api._C_TYPES_RESULT_CALLBACK(),
        )
        self._handle = ctypes.c_void_p()
        with quiet_start():
            self._call(self._library.MpFaceLandmarkerCreate, ctypes.byref(options), ctypes.byref(self._handle))
        self._landmark = _float_fields(api.landmark_c_lib.MpNormalizedLandmarkC, ("x", "y", "z"))
        self._score = _float_fields(api.category_c_lib.MpCategoryC, ("score",))

    def detect(self, rgb: U8, timestamp_ms: int | None) -> list[FaceDetection]:
        image = self._image.Image(self._image.ImageFormat.SRGB, rgb)
        result = self._api.MpFaceLandmarkerResultC()
        handle, pointer, out = self._handle, image._image_ptr, ctypes.byref(result)
        if timestamp_ms is None:
            self._call(self._library.MpFaceLandmarkerDetectImage, handle, pointer, None, out)
        else:
            self._call(self._library.MpFaceLandmarkerDetectForVideo, handle, pointer, None, timestamp_ms, out)
        try:
            return self._read(result, width=rgb.shape[1], height=rgb.shape[0])
        finally:
            self._library.MpFaceLandmarkerCloseResult(out)

    def _read(self, result: Any, *, width: int, height: int) -> list[FaceDetection]:
        faces = []
        for index in range(min(result.face_landmarks_count, result.face_blendshapes_count)):
            points, scores = result.face_landmarks[index], result.face_blendshapes[index]
            if points.landmarks_count != LANDMARK_COUNT or scores.categories_count != len(BLENDSHAPES):
                raise PerceptionError(
                    f"This model gives {points.landmarks_count} landmarks and {scores.categories_count} blendshapes, "
                    f"{LANDMARK_COUNT} and {len(BLENDSHAPES)} are needed: run `avatar models verify`."
                )
            landmarks = self._landmark(points.landmarks, LANDMARK_COUNT)
            landmarks *= np.array([width, height, width], np.float32)
            measured = self._score(scores.categories, len(BLENDSHAPES))[:, 0]
            blendshapes = np.zeros(len(BLENDSHAPES), np.float32)
            blendshapes[:-1] = measured[1:]  # MediaPipe leads with `_neutral` and has no `tongueOut`
            if np.isfinite(landmarks).all():
                faces.append(FaceDetection(landmarks, np.nan_to_num(blendshapes).clip(0.0, 1.0)))
        return faces

    def close(self) -> None:
        if self._handle:
            # A graph that failed reports it again here; there is nothing left to do about it.
            message = ctypes.c_char_p()
            self._library.MpFaceLandmarkerClose(self._handle, ctypes.byref(message))
            if message.value is not None:
                self._library.MpErrorFree(message)
            self._handle = ctypes.c_void_p()

    def _call(self, function: Callable[..., int], *arguments: object) -> None:
        message = ctypes.c_char_p()
        if function(*arguments, ctypes.byref(message)) == 0:
            return
        text = message.value.decode("utf-8", "replace") if message.value is not None else "no reason given"
        if message.value is not None:
            self._library.MpErrorFree(message)
        raise PerceptionError(f"MediaPipe's face landmarker failed: {text}")


def _float_fields(struct: type[ctypes.Structure], names: tuple[str, ...]) -> Callable[[Any, int], F32]:
    """Return a reader of an array of C structs: (pointer, count) -> (count, len(names)) float32, a copy."""
    layout = np.dtype(
        {
            "names": list(names),
            "formats": [np.float32] * len(names),
            "offsets": [getattr(struct, name).offset for name in names],
            "itemsize": ctypes.sizeof(struct),
        }
    )

    def read(pointer: Any, count: int) -> F32:
        memory = ctypes.string_at(pointer, count * layout.itemsize)
        records = np.frombuffer(memory, layout, count)
        return np.stack([records[name] for name in names], axis=1)

    return read
