"""Self-reenactment: an avatar made from a clip's first half, asked to show what its second half shows.

The real frames are laid into the avatar's picture, so that each picture drawn has a real one to be compared with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from avatar.errors import EnrolError
from avatar.face.pose import fit_pose
from avatar.generator.enrol import cut_portrait, enrol
from avatar.generator.face_search import face_size, find_faces
from avatar.generator.framing import frame_window
from avatar.generator.identity import Identity
from avatar.generator.network_input import REGIONS, region_masks
from avatar.generator.protocol import Generator, TargetFace
from avatar.generator.tuning.pairs import spread_expressions
from avatar.models.store import get_model
from avatar.perception.landmarker import FaceLandmarker
from avatar.perception.tracker import FaceTracker
from avatar.types import BLENDSHAPE_INDEX, F32, U8, FaceState
from benchmarks.clip_track import ClipTrack, read_pictures, slow_turn, stillest, strongest
from benchmarks.picture_measures import Mask, open_mouth, open_part

SIZE: Final = 512
"""Side of the pictures compared, where no other is asked for."""
PHOTOS: Final = 4
CANDIDATES: Final = 16
"""Frames that are tried as photos before the clip is given up: enrolment refuses turned heads and small faces."""
LEAD_IN: Final = 12
"""Frames that the tracker and the generator see before a stretch is measured."""
BLINK: Final = (BLENDSHAPE_INDEX["eyeBlinkRight"], BLENDSHAPE_INDEX["eyeBlinkLeft"])
CLOSED: Final = 0.5
"""From this `eyeBlink*` on an eye is shown as closed."""


@dataclass(frozen=True, slots=True)
class TargetFrame:
    """What one frame of the clip asks of the avatar, and the real frame, both in the avatar's picture."""

    row: int
    shown: TargetFace
    real: U8
    """(side, side, 3), RGB."""
    regions: U8
    """(side, side, 5), `network_input.REGIONS`, 0 beyond the real frame's edges."""

    def region(self, name: str) -> U8:
        """Return one region's mask (side, side), 0..255."""
        return np.asarray(self.regions[..., REGIONS.index(name)], np.uint8)

    @property
    def hole(self) -> Mask:
        """(side, side), bool: the inside of the mouth, nowhere where it is shut."""
        return open_mouth(self.region("mouth"), self.region("face"))

    @property
    def eyes(self) -> Mask:
        """(side, side), bool: the insides of the lids, nowhere where they are shut."""
        return open_part(self.region("eyes"))

    @property
    def face(self) -> Mask:
        """(side, side), bool."""
        return self.region("face") > 127


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames in a row, tracked as in a call."""

    frames: tuple[TargetFrame, ...] = ()
    """Empty where the clip has no such stretch."""
    lead_in: int = 0
    """So many of the first only bring tracker and generator into step."""


@dataclass(frozen=True, slots=True)
class Reenactment:
    """One clip, ready to be reenacted."""

    track: ClipTrack
    one: Identity
    """From the calmest frame."""
    several: Identity
    """From that one and more, spread over expression; rests in the same photo."""
    photo: TargetFrame
    """The calmest frame itself."""
    targets: tuple[TargetFrame, ...]
    """Half of them with the mouth as wide open as it gets, half spread evenly over the second half."""
    closed: tuple[TargetFrame, ...]
    """Closed eyes, to be looked at."""
    turned: tuple[TargetFrame, ...]
    """The head as far away from the photo as it gets, to be looked at."""
    still: Stretch
    """In which the face holds as still as it does."""
    turn: Stretch
    """In which the head turns slowly."""


def reenactment(track: ClipTrack, targets: int, *, native: bool = False) -> Reenactment:
    """Prepare one clip, in pictures of `SIZE` or, `native`, of the clip's own resolution.

    Raises:
        EnrolError: no frame of the first half makes an avatar.
    """
    half = len(track) // 2
    if half < CANDIDATES // 2:
        raise EnrolError(f"A face is seen in {len(track)} frames only.", code="no_face")
    second = range(half, len(track))
    photo_rows = spread_expressions(track.blendshapes[:half], CANDIDATES)
    calm_rows = strongest(-track.blendshapes[:half].sum(axis=1), CANDIDATES)
    asked_rows = target_rows(track, targets)
    blinks = track.blendshapes[:, list(BLINK)].min(axis=1)
    closed_rows = [row for row in strongest(blinks, 2, first_row=half) if blinks[row] >= CLOSED]
    still_rows, turn_rows = stillest(track, second), slow_turn(track, second)

    # The clip is read once, and only what is needed is kept.
    rows = {*photo_rows, *calm_rows}
    turned_rows = strongest(np.abs(track.turn_deg[:, 1] - np.median(track.turn_deg[:half, 1])), 2, first_row=half)
    rows |= {*asked_rows, *closed_rows, *turned_rows, *_with_lead_in(still_rows), *_with_lead_in(turn_rows)}
    by_frame = read_pictures(track.path, [int(track.frame[row]) for row in rows])
    pictures = {row: by_frame[int(track.frame[row])] for row in rows}

    rest_row, one = _first_enrolled(pictures, calm_rows)
    several = _with_more_photos(one, pictures, [row for row in photo_rows if abs(row - rest_row) > 2])
    place = _Place(one, pictures[rest_row], native_side(one) if native else SIZE)

    def ask(chosen: Sequence[int]) -> tuple[TargetFrame, ...]:
        return tuple(place.asked(row, track.face(row), pictures[row]) for row in sorted(chosen))

    def follow(stretch: range | None) -> Stretch:
        if stretch is None:
            return Stretch()
        rows = _with_lead_in(stretch)
        with FaceTracker(get_model("face_landmarker")) as tracker:
            faces = [tracker.track(pictures[row], float(track.time_s[row])) for row in rows]
        seen = [place.asked(row, face, pictures[row]) for row, face in zip(rows, faces, strict=True) if face]
        return Stretch(tuple(seen), stretch.start - rows.start) if len(seen) == len(rows) else Stretch()

    return Reenactment(
        track=track,
        one=one,
        several=several,
        photo=place.asked(rest_row, track.face(rest_row), pictures[rest_row]),
        targets=ask(asked_rows),
        closed=ask(closed_rows),
        turned=ask(turned_rows),
        still=follow(still_rows),
        turn=follow(turn_rows),
    )


def native_side(identity: Identity) -> int:
    """Return the side, even, of a square picture that shows an avatar's photo pixel by pixel."""
    height, width = identity.rest.rgb.shape[:2]
    return 2 * round(SIZE / frame_window(identity.rest.landmarks_px, (width, height), (SIZE, SIZE)).scale / 2)


def target_rows(track: ClipTrack, count: int) -> list[int]:
    """Return rows of the second half: half of them the widest mouths, half evenly spread."""
    half = len(track) // 2
    widest = strongest(track.opening, count // 2, first_row=half)
    spread = np.linspace(half, len(track) - 1, count - count // 2).round().astype(int).tolist()
    return sorted({*widest, *spread})


def draw_all(generator: Generator, asked: Sequence[TargetFrame]) -> Iterator[U8]:
    """Yield what a generator makes of each frame, in order."""
    for frame in asked:
        yield generator.draw(frame.shown)


def _with_lead_in(stretch: range | None) -> range:
    return range(0) if stretch is None else range(max(0, stretch.start - LEAD_IN), stretch.stop)


def _first_enrolled(pictures: dict[int, U8], rows: Sequence[int]) -> tuple[int, Identity]:
    """Return the first of some rows that makes an avatar, and that avatar."""
    refused: EnrolError | None = None
    for row in rows:
        try:
            return row, enrol([pictures[row]])
        except EnrolError as error:
            refused = error
    raise refused if refused is not None else EnrolError("No frame to make an avatar from.", code="no_face")


def _with_more_photos(one: Identity, pictures: dict[int, U8], rows: Sequence[int]) -> Identity:
    """Return an avatar with up to `PHOTOS` photos: the given one's and the first of these rows that enrolment takes."""
    portraits = list(one.portraits)
    for row in rows:
        if len(portraits) == PHOTOS:
            break
        try:
            portraits += enrol([pictures[row]]).portraits
        except EnrolError:
            continue  # the next frame is as good
    return replace(one, portraits=tuple(portraits))


class _Place:
    """Lays frames of the clip into the avatar's picture."""

    def __init__(self, identity: Identity, photo: U8, side: int) -> None:
        """Take the avatar, the frame it was made from, which enrolment has cut and scaled, and the picture's side."""
        with FaceLandmarker(get_model("face_landmarker"), video=False) as landmarker:
            face = max(find_faces(photo, landmarker), key=lambda found: face_size(found.landmarks_px))
        portrait = identity.rest
        cut = cut_portrait(photo, face)  # by the landmarks that enrolment cut by, before it looked again
        window = frame_window(portrait.landmarks_px, (portrait.rgb.shape[1], portrait.rgb.shape[0]), (side, side))
        scale, shift = fit_scale_and_shift(face.landmarks_px[:, :2], cut.landmarks_px[:, :2])
        corner = np.array([window.left, window.top], np.float32)
        self._side = side
        self._scale = window.scale * scale
        self._shift = ((shift - corner) * window.scale).astype(np.float32)

    def asked(self, row: int, face: FaceState, rgb: U8) -> TargetFrame:
        """Return one frame of the clip."""
        landmarks = face.landmarks_px * np.float32(self._scale)
        landmarks[:, :2] += self._shift
        map_to = np.array([[self._scale, 0, self._shift[0]], [0, self._scale, self._shift[1]]], np.float32)
        # As the photo itself is laid into the picture (`stage`).
        flags = cv2.INTER_AREA if self._scale < 1 else cv2.INTER_CUBIC
        real = cv2.warpAffine(rgb, map_to, (self._side, self._side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        within = cv2.warpAffine(
            np.full(rgb.shape[:2], 255, np.uint8), map_to, (self._side, self._side), flags=cv2.INTER_NEAREST
        )
        regions = np.moveaxis(region_masks(landmarks, self._side), 0, -1)
        regions[within == 0] = 0
        shown = TargetFace(landmarks, fit_pose(landmarks), face.blendshapes)
        return TargetFrame(row, shown, np.asarray(real, np.uint8), regions)


def fit_scale_and_shift(source: F32, target: F32) -> tuple[float, F32]:
    """Return the scale and (2,) shift that carry points (n, 2) onto others, least squares."""
    middle, goal = source.mean(axis=0), target.mean(axis=0)
    away = source - middle
    scale = float((away * (target - goal)).sum() / max(float((away**2).sum()), 1e-9))
    return scale, (goal - np.float32(scale) * middle).astype(np.float32)
