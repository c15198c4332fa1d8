"""What a listener does about the person their camera shows: eyes and head turn to them, and a smile is smiled back.

The avatar's picture and the user's camera face each other's way: who sits to the right in the camera's picture sits to
the left of the screen, so that is where the avatar looks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from avatar.face import mesh
from avatar.face.easing import towards
from avatar.motion.cues import emotion_offsets
from avatar.motion.expression import EYES_S, HEAD_S, LOOK_GAZE, LOOK_TURN, Lips, add_feeling, add_look
from avatar.motion.presence import Presence, PresenceKind
from avatar.types import BLENDSHAPE_INDEX, F32, FaceState, Motion

LOOK_SHARE: Final = 0.7
"""How far the avatar looks aside for a user at the edge of the camera's picture, of the farthest it can."""
STEADY: Final = 0.08
"""The eyes stay where they are until the user has moved by this much of half the picture."""
KEEP_S: Final = 1.0
"""How long a user who is no longer seen is thought to be where they were."""
TOWARDS: Final[dict[PresenceKind, float]] = {"listening": 1.0, "speaking": 0.8, "thinking": 0.3, "idle": 1.0}
"""How much of it each presence shows: who thinks looks away."""
SMILE: Final = (0.3, 0.8)
"""Smiles below the first are a resting face, those from the second on are whole."""
ANSWERED: Final = 0.4
"""How much of a smile is smiled back."""
SMILE_S: Final = 0.6
"""Time constant of that."""
LEAST: Final = 1e-3
"""What is less than this is not shown."""


@dataclass(frozen=True, slots=True)
class UserSeen:
    """Where the camera saw the user, and how they looked."""

    time_s: float
    x: float
    """From the middle of the camera's picture to its right edge, 0..1, to the left -1..0; of the unmirrored picture."""
    y: float
    """Downwards, in the same unit."""
    smile: float
    """0..1."""


@dataclass(frozen=True, slots=True)
class Attention:
    """What is remembered from one picture to the next."""

    time_s: float = 0.0
    place: tuple[float, float] = (0.0, 0.0)
    """Where to look: x to the avatar's picture's right and y down, -1..1, as `Direction.look`."""
    gaze: F32 = field(default_factory=lambda: np.zeros(2, np.float32))
    turn: F32 = field(default_factory=lambda: np.zeros(2, np.float32))
    smile: float = 0.0


def user_seen(face: FaceState, time_s: float) -> UserSeen:
    """Return where a face was seen, and how it looked; a covered mouth counts as not smiling."""
    width, height = face.frame_size
    x, y = face.landmarks_px[list(mesh.OUTER_EYE_CORNERS), :2].mean(axis=0).tolist()
    smiles = [float(face.blendshapes[BLENDSHAPE_INDEX[name]]) for name in ("mouthSmileLeft", "mouthSmileRight")]
    smile = 0.0 if face.mouth_covered else min(smiles)
    return UserSeen(time_s, 2 * x / width - 1, (2 * y - height) / width, smile)


def next_attention(attention: Attention, seen: UserSeen | None, presence: Presence, time_s: float) -> Attention:
    """Return the attention at a later moment; `seen` is the last sighting, None where there was none. Pure."""
    elapsed_s = max(time_s - attention.time_s, 0.0)
    if seen is None or time_s - seen.time_s > KEEP_S:
        place, smile = (0.0, 0.0), 0.0
    else:
        x, y = np.clip([-LOOK_SHARE * seen.x, LOOK_SHARE * seen.y], -LOOK_SHARE, LOOK_SHARE).tolist()
        moved = np.hypot(x - attention.place[0], y - attention.place[1]) > LOOK_SHARE * STEADY
        place = (x, y) if moved else attention.place
        smile = ANSWERED * float(np.interp(seen.smile, SMILE, (0.0, 1.0)))
    share = sum(part * presence.share(kind) for kind, part in TOWARDS.items())
    look = np.array(place, np.float32) * np.float32(share)
    return Attention(
        time_s=time_s,
        place=place,
        gaze=towards(attention.gaze, LOOK_GAZE * look, elapsed_s, EYES_S),
        turn=towards(attention.turn, LOOK_TURN * look, elapsed_s, HEAD_S),
        smile=smile + float(np.exp(-elapsed_s / SMILE_S)) * (attention.smile - smile),
    )


def apply_attention(motion: Motion, attention: Attention, lips: Lips) -> Motion:
    """Return a motion that looks at the user and answers their smile, as far as the lips are free."""
    if max(np.abs(attention.gaze).max(), np.abs(attention.turn).max()) >= LEAST:
        motion = add_look(motion, attention.gaze, attention.turn)
    if attention.smile >= LEAST:
        motion = add_feeling(motion, emotion_offsets("happy", attention.smile), lips)
    return motion
