"""Landmarks of faces that no clip shows: one person's face with another's expression, turned, stretched, trembling.

What a network learns of a few dozen people it knows of those; of made faces there are as many as one likes. They lie
where real ones might, and a little beyond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from avatar.face.expression_basis import load_basis
from avatar.face.pose import fit_pose, mean_head, to_head_frame
from avatar.generator.tuning.face_tracks import Track
from avatar.generator.tuning.mirror import mirror_head, mirrored_landmarks
from avatar.types import F32

REAL_SHARE: Final = 0.3
"""Of the faces: so many are a clip's, only turned and stretched."""
QUIET_SHARE: Final = 0.25
"""Share of a person's frames, those with the least expression, whose median is their face at rest."""
MOST_COEFFICIENTS: Final = 5
"""Of the expression basis, moved at once."""
NOISE: Final = (0.001, 0.003, 0.006)
"""Standard deviations of what landmarks tremble by, head units."""
NEAREST, FARTHEST = 4.0, 15.0
"""How far a camera is away that makes what is nearer larger, head units."""


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """What clips show of one person, in the head's own frame and in head units."""

    seen: F32
    """(n, 478, 3), as the camera saw the face, about its middle."""
    rest: F32
    """(478, 3)."""
    expressions: F32
    """(n, 478, 3), away from rest."""
    rotations: F32
    """(n, 3, 3), head frame -> camera frame."""

    @classmethod
    def of(cls, tracks: Sequence[Track]) -> Self:
        """Return what one person's tracks show."""
        landmarks = np.concatenate([track.landmarks_px for track in tracks])
        activity = np.concatenate([track.blendshapes for track in tracks]).sum(axis=1)
        poses = [fit_pose(points) for points in landmarks]
        heads = np.stack([to_head_frame(points, pose) for points, pose in zip(landmarks, poses, strict=True)])
        quiet = heads[activity <= np.quantile(activity, QUIET_SHARE)]
        rest = np.median(quiet, axis=0).astype(np.float32)
        scales = np.array([pose.scale for pose in poses], np.float32)
        seen = np.asarray(landmarks / scales[:, None, None], np.float32)
        seen -= seen.mean(axis=1, keepdims=True)
        return cls(seen, rest, heads - rest, np.stack([pose.rotation for pose in poses]))


class MadeFaces:
    """Makes faces of what is known of some people."""

    def __init__(self, people: Sequence[KnownPerson], seed: int) -> None:
        """Begin; a seed gives the same faces again."""
        self._people = people
        self._random = np.random.default_rng(seed)
        self._partner = mirrored_landmarks(mean_head())
        self._mean = np.mean([person.rest for person in people], axis=0)

    def next(self) -> F32:
        """Return one more face, (478, 3), x and y as a camera sees them."""
        person = self._any_person()
        face = self._as_seen(person) if self._by_chance(REAL_SHARE) else self._turned(self._moved(self._shape(person)))
        if self._by_chance(0.5):
            face = face + self._normal(float(self._random.choice(NOISE)), face.shape)
        if self._by_chance(0.3):
            face = face * (1 + self._normal(np.array([0.04, 0.04, 0])))
        return face

    def _as_seen(self, person: KnownPerson) -> F32:
        """Return a frame's face, turned a little further."""
        face = self._any_of(person.seen)
        if self._by_chance(0.5):
            face = mirror_head(face, self._partner)
        return self._rotated(face, (0.12, 0.12, 0.15)) if self._by_chance(0.7) else face

    def _shape(self, person: KnownPerson) -> F32:
        """Return a face at rest: the person's, or one between several people's."""
        shape = person.rest
        if self._by_chance(0.5):
            shape = self._mean + self._random.uniform(0, 0.8) * (shape - self._mean)
            for _ in range(3):
                strength = self._random.normal(0, 0.8 / np.sqrt(3))
                shape = shape + strength * (self._any_person().rest - self._mean)
        return shape * (1 + self._normal(np.full(3, 0.05))) if self._by_chance(0.5) else shape

    def _moved(self, face: F32) -> F32:
        """Return a face with expressions of any people, and some coefficients at random."""
        for share, strongest in ((0.85, 1.4), (0.3, 1.0)):
            if self._by_chance(share):
                face = face + self._random.uniform(0.3, strongest) * self._any_of(self._any_person().expressions)
        if self._by_chance(0.5):
            offsets = load_basis().offsets
            chosen = self._random.choice(len(offsets), self._random.integers(1, MOST_COEFFICIENTS + 1), replace=False)
            face = face + np.tensordot(self._random.uniform(0, 1.2, len(chosen)), offsets[chosen], 1)
        return mirror_head(np.asarray(face, np.float32), self._partner) if self._by_chance(0.5) else face

    def _turned(self, face: F32) -> F32:
        """Return a face as a camera sees it, from further aside than most clips show."""
        if self._by_chance(0.5):
            face = self._rotated(face @ self._any_of(self._any_person().rotations).T, (0.1, 0.1, 0.12))
        else:
            face = self._rotated(face, (0.25, 0.35, 0.2))
        if self._by_chance(0.3):
            away = self._random.uniform(NEAREST, FARTHEST)
            face = face * (away / (away + face[:, 2:]))
        return face

    def _rotated(self, face: F32, spread_rad: tuple[float, float, float]) -> F32:
        turn = Rotation.from_euler("xyz", self._normal(np.array(spread_rad))).as_matrix()
        return np.asarray(face @ turn.T, np.float32)

    def _by_chance(self, share: float) -> bool:
        return bool(self._random.random() < share)

    def _normal(self, spread: float | NDArray[np.float64], shape: tuple[int, ...] | None = None) -> F32:
        return np.asarray(self._random.normal(0, spread, shape), np.float32)

    def _any_person(self) -> KnownPerson:
        return self._people[int(self._random.integers(len(self._people)))]

    def _any_of(self, rows: F32) -> F32:
        return np.asarray(rows[self._random.integers(len(rows))])
