"""One face followed through a video stream: the subject chosen, its motion filtered, short losses held."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from avatar.errors import FrameError, PerceptionError
from avatar.perception.landmarker import MIN_SIDE_PX, FaceDetection, FaceLandmarker
from avatar.perception.smoothing import NOMINAL_STEP_S, SmoothedFace, smooth_face
from avatar.perception.subject import FaceBox, Subject, choose_subject
from avatar.types import U8, FaceState

HOLD_S: Final = 0.4
"""How long a lost face is held: a hand before the face, a frame blurred by motion."""
FACES: Final = 2
"""Faces looked at: one more than the subject, so that a better one can be noticed. Each costs about 5 ms a frame. Above
1 also turns off MediaPipe's own smoothing, which lags."""


class FaceTracker:
    """Follows the largest, most central face of one stream and sticks to it.

    Not for use from several threads at once. Always `close()` it or use it as a context manager.
    """

    def __init__(self, model_path: Path) -> None:
        """Load the landmarker model.

        Raises:
            PerceptionError: the model or one of MediaPipe's libraries is missing.
        """
        self._model_path = model_path
        self._landmarker = FaceLandmarker(model_path, video=True, max_faces=FACES)
        self._rebuilt = False
        self._closed = False
        self._frame_size: tuple[int, int] | None = None
        self._time_s: float | None = None
        self._subject: Subject | None = None
        self._smoothed: SmoothedFace | None = None
        self._last: FaceState | None = None
        self._lost_s = 0.0

    def track(self, rgb: U8, time_s: float) -> FaceState | None:
        """Return the subject's face in a frame (height, width, 3) uint8 RGB taken at `time_s`.

        A face that is lost is held where it was last seen for `HOLD_S` while its confidence falls from 1 to 0; after
        that, and before any face was found, the answer is None. A black or tiny frame is a frame without a face. A
        change of the frame's size starts afresh. `time_s` may stand still or jump.

        Raises:
            FrameError: not a uint8 array of height x width x 3; the tracker stays usable.
            PerceptionError: it was closed, or MediaPipe failed again after it had been set up anew once.
        """
        step_s = NOMINAL_STEP_S if self._time_s is None or time_s <= self._time_s else time_s - self._time_s
        self._time_s = time_s
        faces = self._detect(rgb, time_s)
        height, width = rgb.shape[:2]
        if self._frame_size != (width, height):
            self._forget()
            self._frame_size = (width, height)
        boxes = [FaceBox.around(face.landmarks_px) for face in faces]
        choice = choose_subject(self._subject, boxes, self._frame_size, time_s)
        if choice.index is None:
            return self._hold(time_s, step_s)
        self._subject = choice.subject
        self._lost_s = 0.0
        self._smoothed = smooth_face(None if choice.changed else self._smoothed, faces[choice.index], time_s)
        self._last = FaceState(
            time_s=time_s,
            landmarks_px=self._smoothed.landmarks_px,
            blendshapes=self._smoothed.blendshapes,
            pose=self._smoothed.pose,
            confidence=1.0,
            frame_size=self._frame_size,
        )
        return self._last

    def close(self) -> None:
        """Release the model. May be called again; never raises."""
        self._closed = True
        self._landmarker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _forget(self) -> None:
        self._subject, self._smoothed, self._last = None, None, None
        self._lost_s = 0.0

    def _hold(self, time_s: float, step_s: float) -> FaceState | None:
        # Counted in steps, not from the time of the last sighting: the clock may have jumped since.
        self._lost_s += step_s
        if self._last is None or self._lost_s >= HOLD_S:
            self._forget()
            return None
        return replace(self._last, time_s=time_s, confidence=1.0 - self._lost_s / HOLD_S)

    def _detect(self, rgb: U8, time_s: float) -> list[FaceDetection]:
        if self._closed:
            raise PerceptionError("The face tracker is closed: make a new one.")
        try:
            return self._landmarker.detect(rgb, time_s)
        except FrameError:
            if getattr(rgb, "ndim", 0) == 3 and rgb.shape[2] == 3 and min(rgb.shape[:2]) < MIN_SIDE_PX:
                return []
            raise
        except PerceptionError:
            if self._rebuilt:
                raise
            self._rebuilt = True
            self._landmarker = FaceLandmarker(self._model_path, video=True, max_faces=FACES)
            return []
