"""Adds portraits from a clip of the person: frames that show what the photo does not, such as teeth or closed eyes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from avatar.errors import EnrolError
from avatar.face.pose import fit_pose, rotation_vector
from avatar.generator.enrol import RIVAL_SHARE, cut_portrait, identity_of
from avatar.generator.face_search import face_size, find_faces, find_near
from avatar.generator.identity import Identity, Portrait
from avatar.generator.identity_file import MAX_PORTRAITS
from avatar.generator.landmark_settling import with_single_frame_landmarks, with_tracked_landmarks
from avatar.generator.likeness import FOREIGN, UNLIKE, resting_shape, shape_distance, usual_shape
from avatar.generator.reference_choice import (
    ChosenFrame,
    MeasuredFrame,
    RejectedFrames,
    calmest,
    choose_references,
    fit_frames,
)
from avatar.generator.skin_match import MAX_GAIN, match_skin, skin_gain
from avatar.media.files import Damage
from avatar.media.video import spread_frames
from avatar.models.store import get_model
from avatar.perception.landmarker import FaceDetection, FaceLandmarker
from avatar.perception.subject import FaceBox
from avatar.types import F32, U8

RefineProgress = Callable[[int, int | None], None]
"""Called with (frames measured, at most so many in all)."""

LONGEST_S: Final = 60.0
"""This much of a clip is looked at, evenly spread when it is longer."""
MOST_FRAMES: Final = 450
FEWEST_FRAMES: Final = 10
"""A clip in which the face is seen in fewer frames holds no choice."""
CROWDED_SHARE: Final = 0.1
"""A second face in more than this share of the frames makes it unclear who is meant."""
SEARCHES: Final = 8
"""How many frames without a face are searched part by part, in case the face is small or fills the picture."""
SHARPNESS_SIDE: Final = 160


@dataclass(frozen=True, slots=True)
class RefineReport:
    """What was taken from a clip, and why."""

    frames: int
    """Frames looked at."""
    left_out: RejectedFrames
    rest_s: float | None
    """When the clip shows the rest portrait; None when a photo gave it."""
    chosen: tuple[ChosenFrame, ...]
    """The references taken from the clip, in the order of the identity's last portraits."""
    times_s: tuple[float, ...]
    """When the clip shows them."""
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Sighting:
    """The one face of a frame, without its pixels."""

    number: int
    time_s: float
    face: FaceDetection
    measured: MeasuredFrame


def refine(
    identity: Identity | None, video: Path, *, name: str = "", progress: RefineProgress | None = None
) -> tuple[Identity, RefineReport]:
    """Give an avatar further portraits from a clip, or make one from the clip alone.

    Args:
        identity: the avatar so far; None: it rests in the clip's calmest frame.
        video: a clip of that person alone, in which they talk, laugh, blink and turn a little.
        name: of an avatar made from the clip alone.
        progress: called with how far it is.

    Raises:
        EnrolError: with code no_face, several_faces, other_person, clip_too_short or no_fit_frame.
        MediaError: the clip cannot be read.
        ModelError: a model file is missing and cannot be fetched.
    """
    damage = Damage()
    looked, sightings = _measure_frames(video, progress, damage)
    warnings = damage.warnings(video)
    portraits = as_frames(identity.portraits) if identity is not None else ()
    if portraits:
        doubt = _warn_of_stranger(portraits[0], sightings)
        warnings += [doubt] if doubt else []
    frames = [sighting.measured for sighting in sightings]
    fit, left_out = fit_frames(frames)
    if not fit:
        raise EnrolError(
            f"No frame of {video} will do as a portrait ({_reasons(left_out)}). "
            "Record the face from near, in good light, looking roughly into the camera.",
            code="no_fit_frame",
        )
    if identity is None:
        rest = [calmest(frames, fit)]
        known = [frames[rest[0]]]
    else:
        rest = []
        known = [measure_portrait(portrait) for portrait in portraits]
    chosen = choose_references(frames, fit, known, MAX_PORTRAITS - len(known))
    wanted = [*rest, *(choice.index for choice in chosen)]
    taken = _cut_portraits(video, [sightings[index] for index in wanted])
    if identity is None:
        identity = identity_of(taken[:1], name=name)
        taken = taken[1:]
    if taken and np.abs(np.log([skin_gain(portrait, identity.rest) for portrait in taken])).max() > np.log(MAX_GAIN):
        warnings.append(
            "The light in the clip is so unlike the photo's that its colours could be matched only in part."
        )
    if not taken:
        warnings.append("The clip shows no expression or turn that the portraits lack: nothing was added.")
    matched = tuple(match_skin(portrait, identity.rest) for portrait in taken)
    return (
        Identity(identity.name, (*identity.portraits, *matched), identity.matte, identity.plate),
        RefineReport(
            frames=looked,
            left_out=left_out,
            rest_s=sightings[rest[0]].time_s if rest else None,
            chosen=tuple(chosen),
            times_s=tuple(sightings[choice.index].time_s for choice in chosen),
            warnings=tuple(warnings),
        ),
    )


def as_frames(portraits: Sequence[Portrait]) -> tuple[Portrait, ...]:
    """Return portraits with landmarks and coefficients that compare with those of a clip's frames.

    Raises:
        ModelError: the landmarker's model is missing and cannot be fetched.
    """
    with FaceLandmarker(get_model("face_landmarker"), video=False) as landmarker:
        return tuple(with_single_frame_landmarks(portrait, landmarker) for portrait in portraits)


def measure_portrait(portrait: Portrait) -> MeasuredFrame:
    """Return a portrait's measures, as a frame's."""
    return _measure(portrait.rgb, FaceDetection(portrait.landmarks_px, portrait.blendshapes))


def _frames(video: Path, damage: Damage | None = None) -> Iterator[tuple[float, U8]]:
    return spread_frames(video, longest_s=LONGEST_S, most=MOST_FRAMES, damage=damage)


def _measure_frames(video: Path, progress: RefineProgress | None, damage: Damage) -> tuple[int, list[_Sighting]]:
    """Measure the clip's frames; return how many there are, and those with one face."""
    sightings: list[_Sighting] = []
    looked = crowded = searches = 0
    last: FaceBox | None = None
    with FaceLandmarker(get_model("face_landmarker"), video=False) as landmarker:
        for number, (time_s, rgb) in enumerate(_frames(video, damage)):
            looked += 1
            if progress is not None:
                progress(looked, MOST_FRAMES)
            found = landmarker.detect(rgb, 0.0) if min(rgb.shape[:2]) > SHARPNESS_SIDE // 2 else []
            if not found and last is not None:
                found = find_near(rgb, landmarker, last)
            if not found and searches < SEARCHES and min(rgb.shape[:2]) > SHARPNESS_SIDE // 2:
                found = find_faces(rgb, landmarker)
                searches += not found
            by_size = sorted(found, key=lambda face: face_size(face.landmarks_px), reverse=True)
            if len(by_size) > 1 and (
                face_size(by_size[1].landmarks_px) > RIVAL_SHARE * face_size(by_size[0].landmarks_px)
            ):
                crowded += 1
            elif by_size:
                last = FaceBox.around(by_size[0].landmarks_px)
                sightings.append(_Sighting(number, time_s, by_size[0], _measure(rgb, by_size[0])))
    if crowded > CROWDED_SHARE * max(looked, 1):
        raise EnrolError(
            f"{video} shows two or more people ({crowded} of {looked} frames). Give a clip of one person alone.",
            code="several_faces",
        )
    if not sightings:
        raise EnrolError(
            f"No face was seen anywhere in {video}: give a clip of one person, well lit, from near.", code="no_face"
        )
    if len(sightings) < FEWEST_FRAMES:
        raise EnrolError(
            f"{video} shows the face in only {len(sightings)} frames; it takes at least {FEWEST_FRAMES}. "
            "Give a clip of a few seconds in which the person talks, laughs and blinks.",
            code="clip_too_short",
        )
    return looked, sightings


def _warn_of_stranger(rest: Portrait, sightings: Sequence[_Sighting]) -> str | None:
    """Return a warning when the clip may show somebody else than the portrait.

    Raises:
        EnrolError: with code other_person when it clearly does.
    """
    frontal = [sighting for sighting in sightings if abs(sighting.measured.yaw_deg) < 20] or list(sightings)
    shapes = [resting_shape(sighting.face.landmarks_px, sighting.face.blendshapes) for sighting in frontal]
    distance = shape_distance(resting_shape(rest.landmarks_px, rest.blendshapes), usual_shape(shapes))
    if distance > FOREIGN:
        raise EnrolError(
            f"The clip shows another person than the photo (their faces' shapes are {distance / FOREIGN:.1f} times as "
            "far apart as one person's can be). Use a photo and a clip of the same person, both looking at the camera.",
            code="other_person",
        )
    if distance > UNLIKE:
        return "The clip's face is not much like the photo's: make sure that both show the same person."
    return None


def _measure(rgb: U8, face: FaceDetection) -> MeasuredFrame:
    pitch, yaw, _ = np.degrees(rotation_vector(fit_pose(face.landmarks_px).rotation)).tolist()
    low, high = face.landmarks_px[:, :2].min(axis=0), face.landmarks_px[:, :2].max(axis=0)
    size = float((high - low).max())
    room = np.concatenate([low, np.array(rgb.shape[1::-1], np.float32) - high]).min()
    return MeasuredFrame(
        blendshapes=face.blendshapes,
        pitch_deg=pitch,
        yaw_deg=yaw,
        face_px=size,
        border_share=float(room) / max(size, 1e-6),
        sharpness=_sharpness(rgb, low, high),
    )


def _sharpness(rgb: U8, low: F32, high: F32) -> float:
    """Return the variance of the Laplacian over the face's box, shrunk to a fixed size so that noise counts little."""
    left, top = np.maximum(np.floor(low), 0).astype(int)
    right, bottom = np.maximum(np.ceil(high).astype(int), (left + 2, top + 2))
    part = rgb[top:bottom, left:right]
    if min(part.shape[:2]) < 2:
        return 0.0
    grey = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SHARPNESS_SIDE, SHARPNESS_SIDE), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(small, cv2.CV_32F).var())


def _cut_portraits(video: Path, wanted: Sequence[_Sighting]) -> list[Portrait]:
    """Read the clip again and cut the wanted frames out, in the order asked for: only theirs are ever held."""
    by_number = {sighting.number: sighting for sighting in wanted}
    cut: dict[int, Portrait] = {}
    for number, (_, rgb) in enumerate(_frames(video)):
        if number in by_number:
            cut[number] = with_tracked_landmarks(cut_portrait(rgb, by_number[number].face))
            if len(cut) == len(by_number):
                break
    return [cut[sighting.number] for sighting in wanted]


def _reasons(left_out: RejectedFrames) -> str:
    """Name what the frames lacked."""
    counts = (
        (left_out.small, "too small"),
        (left_out.at_border, "cut by the picture's edge"),
        (left_out.turned, "turned too far"),
        (left_out.blurred, "blurred"),
    )
    return ", ".join(f"{count} {reason}" for count, reason in counts if count)
