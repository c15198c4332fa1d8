"""One face followed through a video stream: found, chosen among several, its motion filtered, short losses held.

A face is found by its share of what the detector is shown, and followed in the whole picture however small it is there
(`avatar/perception/regions.py`). So only the search uses regions of the picture: a tracked face costs what it costs in
a small picture, and its landmarks are always measured in the same way.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from avatar.errors import FrameError, PerceptionError
from avatar.face.pose import rotation_vector, to_pixels
from avatar.media.frame_pixels import FramePixels
from avatar.perception.face_finder import FaceFinder
from avatar.perception.follower import FaceFollower
from avatar.perception.landmarker import MIN_SIDE_PX, FaceDetection, check_pixels
from avatar.perception.mouth_cover import MouthCoverDetector
from avatar.perception.regions import LEAST_SHARE, SURE_SHARE, Region, around
from avatar.perception.smoothing import NOMINAL_STEP_S, SmoothedFace, expected_face, smooth_face
from avatar.perception.subject import TAKEOVER_RATIO, Choice, FaceBox, Subject, choose_subject
from avatar.perception.sweep import LIVE_REGIONS, Sweep
from avatar.types import U8, FaceState

HOLD_S: Final = 0.4
"""How long a lost face is held: a hand before the face, a frame blurred by motion."""
SAME_PERSON_S: Final = 3.0
"""Who is found again so soon is who was lost: a hand that hides the whole face must not be learnt as their mouth."""
SEARCH_S: Final = 0.7
"""How often the whole frame is searched for a better subject. Asked for several faces in every frame, MediaPipe would
detect each anew and cut it out a little differently each time: half as slow again, and its landmarks tremble."""
SEARCH_RIVAL_S: Final = 0.3
"""How often while somebody else looks more like the subject: a takeover has to last."""
MISSED_S: Final = 0.5
"""What looked like a far face and could not be followed is not tried again sooner: a try takes up to 0.3 s."""


class FaceTracker:
    """Follows the largest, most central face of one stream and sticks to it.

    Not for use from several threads at once. Always `close()` it or use it as a context manager.
    """

    def __init__(self, model_path: Path, *, regions_per_frame: int = LIVE_REGIONS, engine: str = "auto") -> None:
        """Load the landmarker model. `regions_per_frame` are searched while there is no face.

        `engine` is one of `open_landmarker`'s.

        Raises:
            PerceptionError: the model or one of MediaPipe's libraries is missing.
            ModelError: weights are not as they were installed.
        """
        self._model_path, self._regions_per_frame, self._engine = model_path, regions_per_frame, engine
        self._finder, self._follower = FaceFinder(model_path, engine=engine), FaceFollower(model_path, engine=engine)
        self._sweep: Sweep | None = None
        self._searched_s: float | None = None
        self._searched_parts = 0
        self._missed_s = float("-inf")
        self._last_box: FaceBox | None = None
        self._rebuilt = False
        self._closed = False
        self._frame_size: tuple[int, int] | None = None
        self._time_s: float | None = None
        self._subject: Subject | None = None
        self._smoothed: SmoothedFace | None = None
        self._mouth = MouthCoverDetector()
        self._unseen_s = 0.0
        self._last: FaceState | None = None
        self._lost_s = 0.0

    def track(self, frame: U8 | FramePixels, time_s: float) -> FaceState | None:
        """Return the subject's face in a frame, (height, width, 3) uint8 RGB or the pixels of one, taken at `time_s`.

        A face that is lost is held where it was last seen for `HOLD_S` while its confidence falls from 1 to 0; after
        that, and before any face was found, the answer is None. A black or tiny frame is a frame without a face. A
        change of the frame's size starts afresh. `time_s` may stand still or jump.

        Raises:
            FrameError: not a uint8 array of height x width x 3; the tracker stays usable.
            PerceptionError: it was closed, or its engine failed again after it had been set up anew once.
        """
        step_s = NOMINAL_STEP_S if self._time_s is None or time_s <= self._time_s else time_s - self._time_s
        self._time_s = time_s
        if self._closed:
            raise PerceptionError("The face tracker is closed: make a new one.")
        try:
            pixels = check_pixels(frame)
        except FrameError:
            if _is_tiny(frame):
                return self._hold(time_s, step_s)
            raise
        if self._frame_size != pixels.size:
            self._forget()
            self._frame_size = pixels.size
            self._sweep, self._last_box = None, None
        seen = self._find(pixels, self._frame_size, time_s)
        if seen is None:
            return self._hold(time_s, step_s)
        face, changed = seen
        self._lost_s = 0.0
        if changed and (self._smoothed is not None or self._unseen_s > SAME_PERSON_S):
            self._mouth = MouthCoverDetector()
        self._unseen_s = 0.0
        self._smoothed = smooth_face(None if changed else self._smoothed, face, time_s)
        pose = self._smoothed.pose
        self._last = FaceState(
            time_s=time_s,
            landmarks_px=to_pixels(self._smoothed.shape.value, pose),
            blendshapes=self._smoothed.blendshapes,
            pose=pose,
            confidence=1.0,
            frame_size=self._frame_size,
            mouth_covered=self._mouth.update(pixels, face.landmarks_px, rotation_vector(pose.rotation), step_s),
        )
        return self._last

    def expect(self, time_s: float) -> FaceState | None:
        """Return the subject's face as it is expected at `time_s` after the last `track`, without a look at a frame.

        It moves on as it moved; one that is held stays where it is. None where `track` has returned None last.
        """
        if self._last is None or self._smoothed is None:
            return None
        if self._lost_s > 0:
            return replace(self._last, time_s=time_s, confidence=1.0 - self._lost_s / HOLD_S)
        expected = expected_face(self._smoothed, time_s)
        return replace(
            self._last,
            time_s=time_s,
            landmarks_px=expected.landmarks_px,
            blendshapes=expected.blendshapes,
            pose=expected.pose,
        )

    def close(self) -> None:
        """Release the model. May be called again; never raises."""
        self._closed = True
        self._finder.close()
        self._follower.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _forget(self) -> None:
        if self._subject is not None:
            self._sweep = None  # search the whole picture anew
        self._subject, self._smoothed, self._last = None, None, None
        self._lost_s = 0.0
        self._searched_s = None

    def _hold(self, time_s: float, step_s: float) -> FaceState | None:
        # Counted in steps, not from the time of the last sighting: the clock may have jumped since.
        self._lost_s += step_s
        self._unseen_s += step_s
        if self._last is None or self._lost_s >= HOLD_S:
            self._forget()
            return None
        return replace(self._last, time_s=time_s, confidence=1.0 - self._lost_s / HOLD_S)

    def _find(self, pixels: FramePixels, size: tuple[int, int], time_s: float) -> tuple[FaceDetection, bool] | None:
        """Return the subject's face and whether it is another one than before, or None where it is not to be seen."""
        try:
            changed = self._search_if_due(pixels, size, time_s)
            found = self._follower.detect(pixels, time_s) if self._subject is not None else []
        except PerceptionError:
            if self._rebuilt:
                raise
            self._rebuilt = True
            self._restart()
            return None
        if self._subject is None or not found:
            self._searched_s = None  # search the next frame
            return None
        box = FaceBox.around(found[0].landmarks_px)
        choice = choose_subject(self._subject, [box], size, time_s)
        if choice.index is None:  # it has jumped to somebody else
            self._searched_s = None
            return None
        self._subject = replace(self._subject, box=box)
        self._last_box = box
        return found[0], changed

    def _search_if_due(self, pixels: FramePixels, size: tuple[int, int], time_s: float) -> bool:
        """Search now and then; put the follower on a new subject. Return True when there is one."""
        rival = self._subject is not None and self._subject.rival_since_s is not None
        every_s = SEARCH_RIVAL_S if rival else SEARCH_S
        if self._searched_s is not None and 0 <= time_s - self._searched_s < every_s:
            return False
        self._searched_s = time_s
        rgb = pixels.rgb()
        for region in self._regions_to_search(rgb, size, rival=rival):
            followed = self._subject.box if self._subject is not None and self._lost_s == 0 else None
            boxes = self._finder.detect(rgb, region, followed)
            choice = self._choose(rgb, region, boxes, time_s)
            if choice.index is None:
                continue
            if not (choice.changed or self._lost_s > 0):
                self._subject = choice.subject
                return False
            box = boxes[choice.index]
            distant = box.width < LEAST_SHARE * max(size)
            if distant and 0 <= time_s - self._missed_s < MISSED_S:
                return False
            others = [box for number, box in enumerate(boxes) if number != choice.index]
            if self._follower.switch_to(rgb, box, others, time_s):
                self._subject = choice.subject
                return choice.changed
            self._missed_s = time_s
            return False
        return False

    def _choose(self, rgb: U8, region: Region, boxes: list[FaceBox], time_s: float) -> Choice:
        """Choose among the faces of a part of a frame. Takes what would be a new subject and is none out of `boxes`."""
        size = (rgb.shape[1], rgb.shape[0])
        is_part = (region.width, region.height) != size
        while (choice := choose_subject(self._subject, boxes, size, time_s)).changed and choice.index is not None:
            if not is_part or self._finder.confirms(rgb, boxes[choice.index]):
                break
            del boxes[choice.index]
        return choice

    def _regions_to_search(self, rgb: U8, size: tuple[int, int], *, rival: bool) -> list[Region]:
        """Return the parts of the frame to search, one after another until somebody is found."""
        if self._sweep is None:
            self._sweep = Sweep(size, self._regions_per_frame)
        parts = self._sweep.parts
        last = self._last_box
        near = []
        if last is not None and _is_far(last, size) and self._unseen_s <= SAME_PERSON_S:
            near = [around(last, size)]
        if self._subject is None:
            return near + self._sweep.next(rgb)
        if self._lost_s > 0:
            return [*near, parts.whole]
        if not _is_far(self._subject.box, size, TAKEOVER_RATIO):
            return [parts.whole]  # in which whoever may take over is seen
        self._searched_parts += not rival
        others = parts.large or parts.small
        return [parts.whole if self._searched_parts % 2 else others[self._searched_parts // 2 % len(others)]]

    def _restart(self) -> None:
        """Begin anew: a graph of MediaPipe's that has failed answers every later frame with the same error."""
        self._finder.close()
        self._follower.close()
        self._finder = FaceFinder(self._model_path, engine=self._engine)
        self._follower = FaceFollower(self._model_path, engine=self._engine)
        self._searched_s = None


def _is_tiny(frame: U8 | FramePixels) -> bool:
    """Return whether a frame is one, but too small to hold a face."""
    if isinstance(frame, FramePixels):
        return True  # nothing else can be wrong with those
    shape: tuple[int, ...] = getattr(frame, "shape", ())
    return len(shape) == 3 and shape[2] == 3 and min(shape[:2]) < MIN_SIDE_PX


def _is_far(box: FaceBox, size: tuple[int, int], times: float = 1.0) -> bool:
    """Return whether a face so many times as large may be too small a share of the picture to be found in all of it."""
    return times * box.width < SURE_SHARE * max(size)
