"""The mathematics behind `fit_basis`: a mean head and a linear, symmetric expression basis from face tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.face.easing import smooth_step
from avatar.face.mesh import OUTER_EYE_CORNERS
from avatar.face.pose import RIGID, fit_pose, fit_similarity, rotation_matrix, rotation_vector, to_head_frame
from avatar.generator.tuning.face_tracks import Track
from avatar.generator.tuning.mirror import mirror_head, mirrored_blendshapes, mirrored_landmarks
from avatar.types import BLENDSHAPES, F32


@dataclass(frozen=True, slots=True)
class HeadTrack:
    """A track in the head's own frame."""

    person: str
    heads: F32
    """(n, 478, 3), head units."""
    blendshapes: F32
    """(n, 52)."""
    pitch: float
    """Radians, mean over the clip, + chin down."""


def to_head_track(track: Track, person: str, head: F32, *, every: int = 1) -> HeadTrack:
    """Bring every `every`-th frame of a track to the frame of `head` (478, 3)."""
    poses = [fit_pose(landmarks, head) for landmarks in track.landmarks_px[::every]]
    heads = [to_head_frame(landmarks, pose) for landmarks, pose in zip(track.landmarks_px[::every], poses, strict=True)]
    pitch = float(np.mean([rotation_vector(pose.rotation)[0] for pose in poses]))
    return HeadTrack(person, np.array(heads, np.float32), track.blendshapes[::every], pitch)


def _upright(head: F32, pitch: float) -> F32:
    """Bring a head to the convention of `avatar.face.pose`, symmetric; `pitch` is where it looks on average."""
    head = head - head[list(RIGID)].mean(0)
    # The mirrored head is the head turned by twice its tilt: turn it back by half.
    for _ in range(3):
        partner = mirrored_landmarks(head)
        tilt = rotation_vector(fit_similarity(mirror_head(head, partner), head).rotation)
        head = head @ rotation_matrix(tilt / np.float32(2.0))
        head = head - head.mean(0) * np.array([1.0, 0.0, 0.0], np.float32)
    head = (head + mirror_head(head, partner)) / np.float32(2.0)
    head = head @ rotation_matrix(np.array([pitch, 0.0, 0.0], np.float32)).T
    return _normal(head)


def mean_over_people(values: Sequence[F32], people: Sequence[str]) -> F32:
    """Return the mean in which each person counts once, however many clips show them."""
    each = [
        np.mean([value for value, owner in zip(values, people, strict=True) if owner == person], axis=0)
        for person in sorted(set(people))
    ]
    return np.asarray(np.mean(each, axis=0, dtype=np.float64), np.float32)


def fit_mean_head(tracks: Sequence[Track], people: Sequence[str], offsets: F32 | None = None) -> F32:
    """Return the mean head (478, 3): symmetric, upright, in head units (generalised Procrustes over people).

    With `offsets` (52, 478, 3) each head is first brought to rest: the expression it wears is taken off.
    """
    head = _normal(tracks[0].landmarks_px[0])
    for round_ in range(6):
        moved = [to_head_track(track, person, head, every=5) for track, person in zip(tracks, people, strict=True)]
        rests = [_at_rest(track, offsets) for track in moved]
        head = _normal(mean_over_people(rests, people))
        if round_ >= 2:
            # Not before people have averaged out: one face alone is too lopsided to pair left and right.
            pitch = mean_over_people([np.array([track.pitch], np.float32) for track in moved], people)
            head = _upright(head, float(pitch[0]))
    return head


def _normal(head: F32) -> F32:
    first, second = OUTER_EYE_CORNERS
    scaled: F32 = (head - head[list(RIGID)].mean(0)) / np.float32(np.linalg.norm(head[first] - head[second]))
    return scaled


def _at_rest(track: HeadTrack, offsets: F32 | None) -> F32:
    mean = np.asarray(track.heads.mean(0), np.float32)
    return mean if offsets is None else mean - np.asarray(np.tensordot(track.blendshapes.mean(0), offsets, axes=1))


LITTLE: Final = 0.05
"""Standard deviation of a coefficient at which its penalty is doubled."""
UPPER_FACE: Final = ("brow", "eye")
"""Coefficients of the upper face begin so; `cheek` and `nose` reach both halves; the others are of the lower face."""
BOTH_HALVES: Final = ("cheek", "nose")


def penalties(head: F32, *, ridge: float, elsewhere: float) -> F32:
    """Return (52, 478): the ridge penalty of each coefficient at each landmark.

    `ridge` where a coefficient belongs, up to `ridge * elsewhere` on the other half of the face, so that a blink that
    goes along with speech does not end up moving the lips. The halves blend over the cheeks, between the lower lids
    and the base of the nose.
    """
    top, bottom = float(head[[145, 374], 1].mean()), float(head[2, 1])
    lower = smooth_step(head[:, 1], top, bottom)
    rows = []
    for name in BLENDSHAPES:
        if name.startswith(BOTH_HALVES):
            away = np.zeros_like(lower)
        else:
            away = lower if name.startswith(UPPER_FACE) else 1.0 - lower
        rows.append(ridge * elsewhere**away)
    return np.array(rows, np.float32)


def fit_offsets(tracks: Sequence[HeadTrack], head: F32, penalty: F32) -> F32:
    """Return the expression basis (52, 478, 3), head units per unit coefficient, by ridge regression.

    Each clip speaks only of changes: its mean is taken off landmarks and coefficients. Every frame is used twice, as
    seen and as in the mirror, which makes the basis symmetric. A person weighs as the root of their frames.
    `penalty` is (52, 478), see `penalties`; it grows for coefficients that stir little (`LITTLE`), whose effect at 1
    would be extrapolated from next to nothing.
    """
    partner, swap = mirrored_landmarks(head), mirrored_blendshapes()
    spread = np.concatenate([track.blendshapes - track.blendshapes.mean(0) for track in tracks]).std(0)
    spread = np.hypot(spread, spread[swap]) / np.sqrt(2.0)
    shy = 1.0 + (LITTLE / np.maximum(spread, 1e-3)) ** 2
    frames = {person: sum(len(t.heads) for t in tracks if t.person == person) for person in {t.person for t in tracks}}
    count = len(BLENDSHAPES)
    inputs = np.zeros((count, count))
    outputs = np.zeros((count, head.size))
    for track in tracks:
        weight = frames[track.person] ** -0.5
        moves = track.heads - track.heads.mean(0)
        changes = track.blendshapes - track.blendshapes.mean(0)
        for x, y in ((changes, moves), (changes[:, swap], mirror_head(moves, partner))):
            inputs += weight * x.T.astype(np.float64) @ x
            outputs += weight * x.T.astype(np.float64) @ y.reshape(len(y), -1)
    targets = outputs.reshape(count, len(head), 3)
    offsets = np.zeros_like(targets)
    for landmark in range(len(head)):
        damping = np.diag(penalty[:, landmark] * shy)
        offsets[:, landmark] = np.linalg.solve(inputs + damping, targets[:, landmark])
    fitted: F32 = offsets.astype(np.float32)
    return fitted
