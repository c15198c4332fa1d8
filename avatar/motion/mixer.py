"""Which source moves the avatar now: the camera while it sees a face, idle life otherwise, eased in between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from avatar.types import F32, FaceState, Motion

EASE_IN_S: Final = 0.25
EASE_OUT_S: Final = 0.6


@dataclass(frozen=True, slots=True)
class MixState:
    """What the mixer remembers between two moments."""

    time_s: float = 0.0
    camera_share: float = 0.0
    """0 idle, 1 camera."""
    camera: Motion | None = None
    """The last motion the camera gave."""


def mix(state: MixState, face: FaceState | None, camera: Motion | None, idle: Motion) -> tuple[MixState, Motion]:
    """Return the next state and the motion to show.

    A held face counts by its confidence, so a short loss eases towards rest; a lost one fades to idle life. Pure:
    depends on nothing but its arguments; `idle.time_s` is the present.
    """
    target = 0.0 if face is None or camera is None else face.confidence
    first = state.camera is None and camera is not None
    elapsed = max(idle.time_s - state.time_s, 0.0)
    step = elapsed / (EASE_IN_S if target > state.camera_share else EASE_OUT_S)
    share = target if first else state.camera_share + float(np.clip(target - state.camera_share, -step, step))
    latest = camera if camera is not None else state.camera
    state = MixState(time_s=idle.time_s, camera_share=share, camera=latest)
    if latest is None or share <= 0:
        return state, idle
    if share >= 1:
        return state, latest
    return state, blend(idle, latest, share * share * (3 - 2 * share))


def blend(first: Motion, second: Motion, share: float) -> Motion:
    """Return the motion between two, `share` of the way to the second; its time is the first's."""

    def between(a: F32, b: F32) -> F32:
        return (a + (b - a) * np.float32(share)).astype(np.float32)

    def optional(a: F32 | None, b: F32 | None) -> F32 | None:
        if a is None and b is None:
            return None
        there = a if a is not None else b
        assert there is not None  # noqa: S101 - one of the two is, for the type checker
        rest = np.zeros_like(there)
        return between(rest if a is None else a, rest if b is None else b)

    return replace(
        first,
        blendshapes=between(first.blendshapes, second.blendshapes),
        rotation=between(first.rotation, second.rotation),
        translation=between(first.translation, second.translation),
        scale=first.scale + (second.scale - first.scale) * share,
        gaze=optional(first.gaze, second.gaze),
        residual=optional(first.residual, second.residual),
        speech=optional(first.speech, second.speech),
    )
