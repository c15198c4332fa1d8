"""Enrolment: photos in, an identity out. Finds the face, checks it, and mattes the person from the background."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from avatar.errors import EnrolError
from avatar.face.pose import fit_pose, rotation_vector
from avatar.generator.face_search import face_size, find_faces
from avatar.generator.framing import frame_window
from avatar.generator.identity import Identity, Portrait
from avatar.generator.identity_file import MAX_SIDE
from avatar.generator.landmark_settling import with_tracked_landmarks
from avatar.generator.matte import background_plate, person_matte
from avatar.generator.skin_match import match_skin
from avatar.models.store import get_model
from avatar.perception.landmarker import FaceDetection, FaceLandmarker
from avatar.types import U8

MIN_FACE_PX: Final = 96
"""Smallest face, measured across the longer side of its landmarks' box."""
MAX_TURN_DEG: Final = 35.0
"""Largest turn of the head away from the camera, to the side or up and down."""
RIVAL_SHARE: Final = 0.55
"""A second face at least this large (as a share of the largest) makes it unclear who is meant."""
LARGEST_PICTURES: Final = ((1024, 1024), (1280, 720), (720, 1280))
"""(width, height), the largest pictures an avatar is drawn in (`avatar.config.can_be_sent`): a photo is kept as fine as
the finest of them shows it, for more is never seen, and every step is faster."""
PLATE_MARGIN: Final = 0.05
"""How far around the person the photo still carries a rim of them, in face heights."""
CUT_FACES: Final = 2.6
"""Half the side of the square kept around the face, in face heights: head, shoulders and some background."""


def enrol(photos: Sequence[U8], *, name: str = "") -> Identity:
    """Make an avatar from one or more photos of one person; the first is the one it rests in.

    Args:
        photos: each (height, width, 3), RGB, upright.
        name: for people to read.

    Raises:
        EnrolError: with code no_face, several_faces, face_too_small or face_turned.
        ModelError: a model file is missing and cannot be fetched.
    """
    return identity_of(portraits_of(photos), name=name)


def portraits_of(photos: Sequence[U8]) -> tuple[Portrait, ...]:
    """Find and check the faces of photos of one person, and bring all to the first one's light.

    Arguments and errors are those of `enrol`.
    """
    if not photos:
        raise EnrolError("Give at least one photo.", code="no_face")
    landmarker = FaceLandmarker(get_model("face_landmarker"), video=False)
    try:
        rest, *others = (
            take_portrait(photo, landmarker, which=f"Photo {number}: " if len(photos) > 1 else "")
            for number, photo in enumerate(photos, start=1)
        )
    finally:
        landmarker.close()
    return rest, *(match_skin(portrait, rest) for portrait in others)


def identity_of(portraits: Sequence[Portrait], *, name: str) -> Identity:
    """Return the avatar that rests in the first of a person's portraits, cut free from its background.

    Raises:
        ModelError: a model file is missing and cannot be fetched.
    """
    rest = portraits[0]
    matte = _matte(rest)
    plate = background_plate(rest.rgb, matte, margin_px=max(4, round(PLATE_MARGIN * face_size(rest.landmarks_px))))
    return Identity(name=name, portraits=tuple(portraits), matte=matte, plate=plate)


def take_portrait(photo: U8, landmarker: FaceLandmarker, *, which: str = "") -> Portrait:
    """Find and check the one face of a photo; return it cut and scaled for work.

    Raises:
        EnrolError: with code no_face, several_faces, face_too_small or face_turned; `which` begins its sentence.
    """
    face = _the_one(find_faces(photo, landmarker), which)
    size = face_size(face.landmarks_px)
    if size < MIN_FACE_PX:
        raise EnrolError(
            f"{which}The face is {size:.0f} pixels across; it takes at least {MIN_FACE_PX}. "
            "Use a larger photo or one taken from nearer.",
            code="face_too_small",
        )
    pitch, yaw, _ = np.degrees(rotation_vector(fit_pose(face.landmarks_px).rotation))
    if max(abs(pitch), abs(yaw)) > MAX_TURN_DEG:
        raise EnrolError(
            f"{which}The head is turned {max(abs(pitch), abs(yaw)):.0f} degrees away. "
            "Use a photo that looks roughly into the camera.",
            code="face_turned",
        )
    return with_tracked_landmarks(cut_portrait(photo, face))


def _the_one(found: list[FaceDetection], which: str) -> FaceDetection:
    """Return the face that is meant, or say why that is unclear."""
    if not found:
        raise EnrolError(
            f"{which}No face found. Use a photo in which the whole face is visible, evenly lit and not covered.",
            code="no_face",
        )
    by_size = sorted(found, key=lambda face: face_size(face.landmarks_px), reverse=True)
    if len(by_size) > 1 and face_size(by_size[1].landmarks_px) > RIVAL_SHARE * face_size(by_size[0].landmarks_px):
        raise EnrolError(
            f"{which}There are {len(by_size)} faces of like size. Cut the photo so that one person is left.",
            code="several_faces",
        )
    return by_size[0]


def cut_portrait(photo: U8, face: FaceDetection) -> Portrait:
    """Return head and shoulders of a photo (height, width, 3) RGB, as fine as pictures of it can be."""
    height, width = photo.shape[:2]
    size = face_size(face.landmarks_px)
    centre = face.landmarks_px[:, :2].mean(axis=0)
    left, top = np.maximum(np.floor(centre - CUT_FACES * size), 0).astype(int)
    right, bottom = np.minimum(np.ceil(centre + CUT_FACES * size), (width, height)).astype(int)
    part = photo[top:bottom, left:right]
    landmarks = face.landmarks_px - np.array([left, top, 0], np.float32)
    size_px = (part.shape[1], part.shape[0])
    finest = max(frame_window(landmarks, size_px, picture).scale for picture in LARGEST_PICTURES)
    scale = min(1.0, finest, MAX_SIDE / max(size_px))
    if scale < 1:
        target = (round(part.shape[1] * scale), round(part.shape[0] * scale))
        part = np.asarray(cv2.resize(part, target, interpolation=cv2.INTER_AREA), np.uint8)
        landmarks = landmarks * np.float32(scale)
    return Portrait(
        rgb=np.ascontiguousarray(part), landmarks_px=landmarks.astype(np.float32), blendshapes=face.blendshapes
    )


def _matte(portrait: Portrait) -> U8:
    """Cut the person free; whatever the segmenter thinks, the face itself is in front."""
    matte = person_matte(portrait.rgb, get_model("selfie_segmentation"))
    hull = cv2.convexHull(np.rint(portrait.landmarks_px[:, :2]).astype(np.int32))
    return np.asarray(cv2.fillConvexPoly(matte, hull, 255), np.uint8)
