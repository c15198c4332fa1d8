"""How somebody is there: speaking, listening, thinking or just present, with smooth ways from one to another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import numpy as np

from avatar.face.easing import ease
from avatar.types import BLENDSHAPE_INDEX, F32, Motion

PresenceKind: TypeAlias = Literal["speaking", "listening", "thinking", "idle"]
PRESENCES: Final[tuple[PresenceKind, ...]] = ("speaking", "listening", "thinking", "idle")

CHANGE_S: Final = 0.6
"""How long the way from one presence to another takes."""
NOD_SLOT_S: Final = 3.2
"""A listener may nod once in each such stretch of time."""
NODS_SHARE: Final = 0.6
"""Share of the stretches in which they do."""
NOD_S: Final = 0.7
NOD_PITCH: Final = float(np.radians(3.2))

STEADY: Final = {"speaking": 0.5, "listening": 0.85, "thinking": 0.6, "idle": 0.0}
"""How much of idle life's glances is given up: a listener's eyes stay with who speaks."""
POSES: Final = {
    # pitch, yaw, roll in degrees; gaze x, y as shares of the eye's width; size
    "speaking": ((0.0, 0.0, 0.0), (0.0, 0.0), 1.0),
    "listening": ((0.6, 0.0, 2.2), (0.0, 0.0), 1.012),
    "thinking": ((-2.2, -3.0, 1.2), (0.13, -0.11), 1.0),
    "idle": ((0.0, 0.0, 0.0), (0.0, 0.0), 1.0),
}
FACES: Final[dict[str, dict[str, float]]] = {
    "speaking": {},
    "listening": {"browInnerUp": 0.1, "browOuterUpLeft": 0.06, "browOuterUpRight": 0.06},
    "thinking": {
        "browDownLeft": 0.16, "browDownRight": 0.16, "eyeSquintLeft": 0.12, "eyeSquintRight": 0.12,
        "mouthPressLeft": 0.12, "mouthPressRight": 0.12,
    },
    "idle": {},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Presence:
    """How much of each presence is shown; the shares, in the order of `PRESENCES`, add up to 1."""

    time_s: float = 0.0
    shares: tuple[float, ...] = (0.0, 0.0, 0.0, 1.0)

    def share(self, kind: PresenceKind) -> float:
        """Return how far one of them is shown, 0..1, eased at both ends."""
        return ease(self.shares[PRESENCES.index(kind)])


def next_presence(presence: Presence, wanted: PresenceKind, time_s: float) -> Presence:
    """Return the presence at a later moment, on its way to the wanted one at a steady pace."""
    step = max(time_s - presence.time_s, 0.0) / CHANGE_S
    goal = PRESENCES.index(wanted)
    others = sum(part for index, part in enumerate(presence.shares) if index != goal)
    left = max(others - step, 0.0)
    factor = left / others if others > 0 else 0.0
    shares = [part * factor for part in presence.shares]
    shares[goal] = 1 - left
    return Presence(time_s, tuple(shares))


def apply_presence(motion: Motion, presence: Presence, seed: int = 0, *, own_gaze: bool = False) -> Motion:
    """Return a motion with what a presence makes of it. Pure: depends on the arguments alone.

    Idle life gives up part of its glances for it; a driver's gaze is their own (`own_gaze`) and stays.
    """
    blendshapes, rotation = motion.blendshapes.copy(), motion.rotation.copy()
    gaze = np.zeros(2, np.float32) if motion.gaze is None else motion.gaze.copy()
    scale = motion.scale
    if not own_gaze:
        gaze *= np.float32(1 - sum(STEADY[kind] * presence.share(kind) for kind in PRESENCES))
    for kind in PRESENCES:
        share = presence.share(kind)
        if share <= 0:
            continue
        turn, look, size = POSES[kind]
        rotation += np.float32(share) * np.radians(np.array(turn, np.float32))
        gaze += np.float32(share) * np.array(look, np.float32)
        scale *= 1 + share * (size - 1)
        for name, value in FACES[kind].items():
            blendshapes[BLENDSHAPE_INDEX[name]] += np.float32(share * value)
    listening = presence.share("listening")
    if listening > 0:  # else 0.1 ms for chance that nobody sees
        rotation[0] += np.float32(listening * _listeners_nod(motion.time_s, seed))
    return replace(motion, blendshapes=blendshapes, rotation=_f32(rotation), gaze=_f32(gaze), scale=scale)


def _listeners_nod(time_s: float, seed: int) -> float:
    """Return the pitch of small nods, radians: some stretches of time have one, somewhere."""
    slot = int(time_s // NOD_SLOT_S)
    happens, where, size = np.random.default_rng([seed, 4, slot + 2**20]).uniform(size=3)
    since = time_s - slot * NOD_SLOT_S - where * (NOD_SLOT_S - NOD_S)
    if happens > NODS_SHARE or not 0 <= since <= NOD_S:
        return 0.0
    return float(NOD_PITCH * (0.6 + 0.4 * size) * np.sin(np.pi * since / NOD_S) ** 2)


def _f32(array: F32) -> F32:
    return np.asarray(array, np.float32)
