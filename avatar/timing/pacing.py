"""Timing rules: pure functions of state and clock, tested with simulated clocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

MAX_AUDIO_DELAY_S: Final = 0.4
"""Sound is never held longer than this, whatever the pictures do."""
RISE_PER_S: Final = 0.25
"""How fast the sound's delay may grow: seconds of delay per second."""
FALL_PER_S: Final = 0.05
"""How fast it may shrink: slowly, so that one quick picture does not cut into a word."""
LATENCY_SMOOTHING_S: Final = 0.5
"""Time constant of the measured picture latency."""


@dataclass(frozen=True, slots=True)
class AudioDelay:
    """How long sound waits for its picture."""

    delay_s: float = 0.0
    latency_s: float = 0.0
    """Smoothed time from a camera frame's arrival to its finished picture."""
    updated_s: float | None = None


def observe_picture(state: AudioDelay, picture_latency_s: float, now_s: float) -> AudioDelay:
    """Return the next state after one picture took `picture_latency_s` from its camera frame's arrival to its end."""
    latency = min(max(picture_latency_s, 0.0), MAX_AUDIO_DELAY_S)
    if state.updated_s is None:
        return AudioDelay(delay_s=latency, latency_s=latency, updated_s=now_s)
    elapsed = max(now_s - state.updated_s, 0.0)
    share = elapsed / (LATENCY_SMOOTHING_S + elapsed)
    smoothed = state.latency_s + share * (latency - state.latency_s)
    change = min(max(smoothed - state.delay_s, -FALL_PER_S * elapsed), RISE_PER_S * elapsed)
    return replace(state, delay_s=state.delay_s + change, latency_s=smoothed, updated_s=now_s)


@dataclass(frozen=True, slots=True)
class Turn:
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


def next_turn(now_s: float, last_camera_s: float | None, last_picture_s: float | None, fps: int) -> Turn:
    """Return whether to wait for the camera or to render an idle picture.

    A camera that sends sets the pace itself; without one (or when it stalls) pictures keep coming at `fps`.
    """
    period = 1.0 / fps
    due = -1.0 if last_picture_s is None else last_picture_s + period
    if last_camera_s is not None:
        due = max(due, last_camera_s + CAMERA_PATIENCE * period)
    return Turn(wait_s=max(due - now_s, 0.0), idle=due <= now_s)


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
