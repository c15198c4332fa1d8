"""One face followed through a video stream: the subject chosen, its motion filtered, short losses held."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from avatar.errors import FrameError, PerceptionError
from avatar.perception.landmarker import MIN_SIDE_PX, FaceDetection, FaceLandmarker, check_frame
from avatar.perception.mouth_cover import MouthWatch
from avatar.perception.pose import rotation_vector
from avatar.perception.smoothing import NOMINAL_STEP_S, SmoothedFace, smooth_face
from avatar.perception.subject import FaceBox, Subject, choose_subject
from avatar.types import U8, FaceState

HOLD_S: Final = 0.4
"""How long a lost face is held: a hand before the face, a frame blurred by motion."""
SAME_PERSON_S: Final = 3.0
"""Who is found again so soon is who was lost: a hand that hides the whole face must not be learnt as their mouth."""
SCOUT_S: Final = 0.7
"""How often the whole frame is searched for a better subject. Asked for several faces in every frame, MediaPipe would
detect each anew and cut it out a little differently each time: half as slow again, and its landmarks tremble."""
SCOUT_RIVAL_S: Final = 0.3
"""How often while somebody else looks more like the subject: a takeover has to last."""
SCOUTED_FACES: Final = 3


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
        self._scout = FaceLandmarker(model_path, video=False, max_faces=SCOUTED_FACES)
        self._follower = FaceLandmarker(model_path, video=True, max_faces=1)
        self._scouted_s: float | None = None
        self._rebuilt = False
        self._closed = False
        self._frame_size: tuple[int, int] | None = None
        self._time_s: float | None = None
        self._subject: Subject | None = None
        self._smoothed: SmoothedFace | None = None
        self._mouth = MouthWatch()
        self._unseen_s = 0.0
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
        if self._closed:
            raise PerceptionError("The face tracker is closed: make a new one.")
        try:
            frame = check_frame(rgb)
        except FrameError:
            if getattr(rgb, "ndim", 0) == 3 and rgb.shape[2] == 3 and min(rgb.shape[:2]) < MIN_SIDE_PX:
                return self._hold(time_s, step_s)
            raise
        height, width = frame.shape[:2]
        if self._frame_size != (width, height):
            self._forget()
            self._frame_size = (width, height)
        seen = self._look(frame, self._frame_size, time_s)
        if seen is None:
            return self._hold(time_s, step_s)
        face, changed = seen
        self._lost_s = 0.0
        if changed and (self._smoothed is not None or self._unseen_s > SAME_PERSON_S):
            self._mouth = MouthWatch()
        self._unseen_s = 0.0
        self._smoothed = smooth_face(None if changed else self._smoothed, face, time_s)
        self._last = FaceState(
            time_s=time_s,
            landmarks_px=self._smoothed.landmarks_px,
            blendshapes=self._smoothed.blendshapes,
            pose=self._smoothed.pose,
            confidence=1.0,
            frame_size=self._frame_size,
            mouth_covered=self._mouth.look(
                frame, face.landmarks_px, rotation_vector(self._smoothed.pose.rotation), step_s
            ),
        )
        return self._last

    def close(self) -> None:
        """Release the model. May be called again; never raises."""
        self._closed = True
        self._scout.close()
        self._follower.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _forget(self) -> None:
        self._subject, self._smoothed, self._last = None, None, None
        self._lost_s = 0.0
        self._scouted_s = None

    def _hold(self, time_s: float, step_s: float) -> FaceState | None:
        # Counted in steps, not from the time of the last sighting: the clock may have jumped since.
        self._lost_s += step_s
        self._unseen_s += step_s
        if self._last is None or self._lost_s >= HOLD_S:
            self._forget()
            return None
        return replace(self._last, time_s=time_s, confidence=1.0 - self._lost_s / HOLD_S)

    def _look(self, rgb: U8, size: tuple[int, int], time_s: float) -> tuple[FaceDetection, bool] | None:
        """Return the subject's face and whether it is another one than before, or None where it is not to be seen."""
        try:
            changed = self._scout_if_due(rgb, size, time_s)
            found = self._follower.detect(rgb, time_s) if self._subject is not None else []
        except PerceptionError:
            if self._rebuilt:
                raise
            self._rebuilt = True
            self._restart()
            return None
        if self._subject is None or not found:
            self._scouted_s = None  # search the next frame
            return None
        box = FaceBox.around(found[0].landmarks_px)
        choice = choose_subject(self._subject, [box], size, time_s)
        if choice.index is None:  # it has jumped to somebody else
            self._scouted_s = None
            return None
        self._subject = replace(self._subject, box=box)
        return found[0], changed

    def _scout_if_due(self, rgb: U8, size: tuple[int, int], time_s: float) -> bool:
        """Search the whole frame now and then; put the follower on a new subject. Return True when there is one."""
        rival = self._subject is not None and self._subject.rival_since_s is not None
        every_s = SCOUT_RIVAL_S if rival else SCOUT_S
        if self._scouted_s is not None and 0 <= time_s - self._scouted_s < every_s:
            return False
        self._scouted_s = time_s
        faces = self._scout.detect(rgb, time_s)
        boxes = [FaceBox.around(face.landmarks_px) for face in faces]
        choice = choose_subject(self._subject, boxes, size, time_s)
        self._subject = choice.subject
        if choice.index is None or not (choice.changed or (len(boxes) > 1 and self._lost_s > 0)):
            return False
        # A follower takes the face it finds first: show it the subject alone, and it keeps to that.
        self._follower.close()
        self._follower = FaceLandmarker(self._model_path, video=True, max_faces=1)
        if len(boxes) > 1:
            others = [box for number, box in enumerate(boxes) if number != choice.index]
            self._follower.detect(_without(rgb, others), time_s)
        return choice.changed

    def _restart(self) -> None:
        """Begin anew with fresh graphs: one that has failed answers every later frame with the same error."""
        for landmarker in (self._scout, self._follower):
            landmarker.close()
        self._scout = FaceLandmarker(self._model_path, video=False, max_faces=SCOUTED_FACES)
        self._follower = FaceLandmarker(self._model_path, video=True, max_faces=1)
        self._scouted_s = None


def _without(rgb: U8, boxes: list[FaceBox]) -> U8:
    """Return a copy of a frame with faces painted over in grey."""
    blank = rgb.copy()
    for box in boxes:
        left, top = (max(0, round(middle - 0.75 * box.width)) for middle in box.centre)
        right, bottom = (max(0, round(middle + 0.75 * box.width)) for middle in box.centre)
        blank[top:bottom, left:right] = 128
    return blank
