"""How long sound waits to be heard with its picture, and how well that goes: pure functions of state and clock.

A picture leaves later than the camera frame, or the sound, that it answers came: by what drawing and encoding it take.
Sound that came at the same moment waits for as long. The rest of the product hands numbers in: a session says which
sound a picture belongs to (`Picture.sound_s`), a call says when pictures and sound left, and a track holds its blocks
for as long as it is told here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from avatar.types import Drive

LONGEST_HOLD_S: Final = 0.4
"""Sound is never held longer than this, whatever the pictures do."""
RISE_PER_S: Final = 0.25
"""How fast the delay of sound may grow: seconds of delay per second."""
FALL_PER_S: Final = 0.05
"""How fast it may shrink: slowly, so that one quick picture does not cut into a word."""
BEHIND_S: Final = 0.06
"""Sound that is more than this behind its pictures, since those have become quick again, is sent faster ..."""
CATCH_UP_PER_S: Final = 0.5
"""... by this much: seconds of delay per second. None is lost: receivers play faster what comes faster."""
LATENCY_SMOOTHING_S: Final = 0.5
"""Time constant of the measured picture latency."""
OPUS_LOOKAHEAD_S: Final = 0.0065
"""Sound held back by an Opus encoder (libopus, default mode): one at the far end, and one here where it is encoded
again."""
LATE_S: Final = 0.125
"""Sound this much later than its picture is noticed (ITU-R BT.1359-1, threshold of detectability)."""
CAUGHT_UP_S: Final = 0.04
"""Once sound is given up, so much that this long a lateness is left: one more stumble is not to cost sound again."""


@dataclass(frozen=True, slots=True)
class SoundDelay:
    """How much later than it came sound leaves, to be heard with its picture. Start with `SoundDelay()`."""

    delay_s: float = 0.0
    latency_s: float = 0.0
    """Smoothed time from the coming of what a picture answers to the picture's leaving."""
    updated_s: float | None = None


def shown_moment_s(drive: Drive, now_s: float, camera_s: float | None, look_ahead_s: float) -> float:
    """Return which moment the next picture shows: that at which the sound to be heard with it came.

    A voice moves the mouth once `look_ahead_s` more of it was heard: pictures are behind by that, and the camera waits
    for it where both move the avatar. What the avatar says by itself comes early enough.

    Args:
        drive: what moves the avatar.
        now_s: the present.
        camera_s: when the camera frame arrived that is to be shown next; None: there is none.
        look_ahead_s: how much more of a voice has to be heard than is shown.
    """
    if drive == "camera" and camera_s is not None:
        return camera_s
    return now_s - look_ahead_s if drive in ("voice", "both") else now_s


def observe_picture(state: SoundDelay, sound_s: float, sent_s: float) -> SoundDelay:
    """Return the delay after a picture, whose sound came at `sound_s`, has left at `sent_s`; both on one clock.

    The first picture sets the delay at once; then it follows the pictures no faster than `RISE_PER_S` and
    `FALL_PER_S`, or `CATCH_UP_PER_S` while it is far behind.
    """
    latency = min(max(sent_s - sound_s, 0.0), LONGEST_HOLD_S)
    if state.updated_s is None:
        return SoundDelay(delay_s=latency, latency_s=latency, updated_s=sent_s)
    elapsed = max(sent_s - state.updated_s, 0.0)
    share = elapsed / (LATENCY_SMOOTHING_S + elapsed)
    smoothed = state.latency_s + share * (latency - state.latency_s)
    behind_s = state.delay_s - smoothed
    fall_per_s = CATCH_UP_PER_S if behind_s > BEHIND_S else FALL_PER_S
    change = min(max(-behind_s, -fall_per_s * elapsed), RISE_PER_S * elapsed)
    return replace(state, delay_s=state.delay_s + change, latency_s=smoothed, updated_s=sent_s)


def sound_age_s(frame_s: float, *, encoded_again: bool = True) -> float:
    """Return how much older the sound in a frame of `frame_s` seconds is than a picture that comes with it.

    A frame comes once its last sample was recorded, and Opus holds some back, as often as it is `encoded_again`.
    """
    return frame_s + OPUS_LOOKAHEAD_S * (2 if encoded_again else 1)


def hold_s(state: SoundDelay, age_s: float) -> float:
    """Return for how long sound of `age_s` (`sound_age_s`) is held after it has come: 0 to `LONGEST_HOLD_S`."""
    return max(state.delay_s - age_s, 0.0)


def av_offset_s(picture_latencies_s: Sequence[float], sound_delays_s: Sequence[float]) -> float | None:
    """Return how much later the sound leaves than the picture of the same moment (negative: earlier).

    Args:
        picture_latencies_s: from each camera frame's coming to its picture's leaving.
        sound_delays_s: from the recording of each piece of sound's first sample to its leaving.

    None where either is empty.
    """
    if not picture_latencies_s or not sound_delays_s:
        return None
    return median(sound_delays_s) - median(picture_latencies_s)


def blocks_to_drop(due_s: Sequence[float], now_s: float) -> int:
    """Return how many of the blocks of sound that wait are given up, from the oldest: none while it is hardly late.

    `due_s` is when each is due to leave, rising, on the clock of `now_s`. A block is kept where nothing else is left.
    """
    if not due_s or now_s - due_s[0] <= LATE_S:
        return 0
    late = sum(now_s - due > CAUGHT_UP_S for due in due_s)
    return min(late, len(due_s) - 1)
