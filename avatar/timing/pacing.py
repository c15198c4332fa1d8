"""When the next picture is drawn, and how much of it: pure functions of state and clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class NextPicture:
    """What the generator does next."""

    wait_s: float
    """Sleep at most this long for a camera frame; 0: render now."""
    idle: bool
    """Render a picture that no camera frame drives."""


CAMERA_PATIENCE: Final = 3.0
"""Frame times without a camera frame after which idle life takes over."""
CAMERA_HOLD_S: Final = 0.5
"""How long the last face seen still counts when no newer camera frame comes: cameras send five a second in the dark."""


def camera_holds(now_s: float, last_camera_s: float | None) -> bool:
    """Return whether a picture without a camera frame of its own still shows what the last frame showed."""
    return last_camera_s is not None and now_s - last_camera_s <= CAMERA_HOLD_S


def next_picture(now_s: float, last_camera_s: float | None, last_picture_s: float | None, fps: int) -> NextPicture:
    """Return whether to wait for the camera or to render an idle picture.

    A camera that sends sets the pace itself; without one (or when it stalls) pictures keep coming at `fps`.
    """
    period = 1.0 / fps
    due = -1.0 if last_picture_s is None else last_picture_s + period
    if last_camera_s is not None:
        due = max(due, last_camera_s + CAMERA_PATIENCE * period)
    return NextPicture(wait_s=max(due - now_s, 0.0), idle=due <= now_s)


EARLY_SHARE: Final = 0.25
"""So much of a picture's time a camera frame may come before it is due: frames do not come evenly."""


def next_due(arrival_s: float, due_s: float | None, fps: float) -> float | None:
    """Return when the frame after this one is due where a camera sends more than `fps` a second; None: leave it out.

    `due_s` is when this one is; None: it is the first.
    """
    if due_s is not None and arrival_s < due_s - EARLY_SHARE / fps:
        return None
    return arrival_s + 1 / fps if due_s is None else max(due_s + 1 / fps, arrival_s)


MOST_IN_BETWEEN: Final = 3
"""Of so many pictures at least one is drawn in full: lips would lag behind any longer."""
SLOW_SHARE: Final = 0.85
"""Share of a picture's time from which drawing is too slow: what is left is for the rest of the way."""
EASY_SHARE: Final = 0.5
"""Share below which a step back to more pictures in full is tried."""
CADENCE_HOLD_S: Final = 2.0
"""How long a cadence stays before the next is tried."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often a picture is drawn in full when time is short."""

    key_every: int = 1
    changed_s: float = 0.0


def next_cadence(cadence: Cadence, full_s: float, other_s: float, period_s: float, now_s: float) -> Cadence:
    """Return how often to draw in full from now on.

    Args:
        cadence: the present one.
        full_s: how long a picture takes that is drawn in full, seconds; 0 where not known yet.
        other_s: how long one in between takes; 0 where not known yet.
        period_s: the time from one picture to the next.
        now_s: the present.
    """
    if now_s - cadence.changed_s < CADENCE_HOLD_S:
        return cadence
    every = cadence.key_every
    mean_s = (full_s + (every - 1) * other_s) / every
    if mean_s > SLOW_SHARE * period_s and every < MOST_IN_BETWEEN:
        return Cadence(every + 1, now_s)
    fewer = every - 1
    if fewer and (full_s + (fewer - 1) * other_s) / fewer < EASY_SHARE * period_s:
        return Cadence(fewer, now_s)
    return cadence
