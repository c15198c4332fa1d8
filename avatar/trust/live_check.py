"""Is the person before the camera the one in the photo, and there now? A pure rule of what is seen, and when.

The person is asked for gestures in an order drawn by chance (`draw_gestures`). Before each they look to the front, and
are compared with the photo; then they do what is asked, in time, and nothing else, while one face alone is seen that
does not jump from one picture to the next. Where an answer is missing or wrong, another gesture is asked for, twice at
most.

What this shows: a photo held up, moved or bent cannot answer, nor can a film that was made before it was known what
is asked. What it cannot show is that the camera is one: see docs/trust.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from avatar.trust.live_gestures import FACES, TURNS, Gesture, Posture, does, does_another
from avatar.types import F32

ASKED: Final = 4
"""Gestures that have to be done."""
MISSES: Final = 2
"""Gestures that may fail; one more is the end."""
LIKENESS: Final = 0.94
"""Of the face at rest and the photo, at least (`avatar.trust.likeness`). On people to fit on no one missed it, and one
in 350 pairs of different people reached it in one look of three tries; `benchmarks.consent_live` measures it."""
LIKENESS_MOVED: Final = 0.9
"""Of the face as it does what is asked."""
TRIES: Final = 3
"""Looks at one face at rest before it is said to be another's: one may be blurred."""

REST_S: Final = 0.4
"""So long a face has to rest before it is compared, and asked."""
PAUSE_S: Final = (0.2, 1.0)
"""How much longer, drawn by chance: what goes on by itself does not know when it is asked."""
LOOK_S: Final = 20.0
"""Who is not seen to rest by then is not there."""
GESTURE_S: Final = 6.0
"""Until then it has to be done."""
REACTION_S: Final = 0.25
"""Whatever is done sooner was not done because it was asked for."""
TURN_HELD_S: Final = 0.1
FACE_HELD_S: Final = 0.4
"""How long lids are shut, or the mouth is open; words and blinks are shorter."""
BLIND_S: Final = 1.5
"""A longer time without a picture of one face alone is a cut."""
JUMP: Final = 0.6
"""Of the face's size: who moves further, or grows by more, between two pictures `BLIND_S` apart is another one."""
LEAST_JUMP: Final = 0.3
"""The same of two pictures at once."""
SMALLEST_PX: Final = 90.0
"""Width of a face that can be told from others."""

Phase: TypeAlias = Literal["look", "gesture", "passed", "refused"]
Hint: TypeAlias = Literal["no_face", "several_faces", "too_far", "cut_off", "look_ahead", "hold_still", "comparing", ""]
Reason: TypeAlias = Literal["", "not_seen", "not_alike", "not_done", "drawn"]

HINTS: Final[Mapping[Hint, str]] = {
    "no_face": "No face is seen: come before the camera, in light from the front",
    "several_faces": "More than one face is seen: be alone in the picture",
    "too_far": "Come nearer",
    "cut_off": "Come to the middle of the picture",
    "look_ahead": "Look into the camera, eyes open, mouth closed",
    "hold_still": "Look into the camera, and hold still",
}
"""What to do so that one can be looked at, in words; nothing while the face is compared."""
REASONS: Final[Mapping[Reason, str]] = {
    "not_seen": "no face was seen to look into the camera for long enough",
    "not_alike": "the face before the camera was not found to be the one in the photo",
    "not_done": "what was asked for was not done in time, or something else was done",
    "drawn": "the camera shows an avatar: its pictures carry the invisible mark of those that are drawn",
}
"""Why a check ends without success, in words."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a picture of the camera shows."""

    time_s: float
    """When it came, by the clock of whoever checks."""
    faces: int
    """Seen in it."""
    size: tuple[int, int]
    """(width, height) of the picture."""
    landmarks_px: F32 | None = None
    """(478, 3), of the only face."""
    blendshapes: F32 | None = None
    """(52,)"""
    likeness: float | None = None
    """Of the face and the photo; None: not measured yet (`Check.wants_likeness`)."""


@dataclass(frozen=True, slots=True)
class Check:
    """How far a check is."""

    gestures: tuple[Gesture, ...]
    """In the order in which they are asked for, with those for misses (`draw_gestures`)."""
    pauses_s: tuple[float, ...]
    """Beyond `REST_S`, before each."""
    phase: Phase = "look"
    asked: int = 0
    """Which gesture is, or will be, asked for."""
    done: int = 0
    since_s: float | None = None
    """When the phase began; None: no picture has come yet."""
    hint: Hint = ""
    """What keeps a face from being looked at."""
    wants_likeness: bool = False
    """The last sighting is to be given again, with its likeness."""
    reason: Reason = ""
    likenesses: tuple[float, ...] = ()
    """At rest, those that count."""
    _rest: Posture | None = field(default=None, repr=False)
    _held_since_s: float | None = None
    _tries: int = 0
    _seen: tuple[float, F32] | None = field(default=None, repr=False)
    """When one face alone was seen last, and its landmarks."""

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.phase in ("passed", "refused")

    @property
    def gesture(self) -> Gesture | None:
        """What is asked for now."""
        return self.gestures[self.asked] if self.phase == "gesture" else None

    @property
    def score(self) -> float:
        """Likeness of face and photo, the mean of all looks; 0 before the first."""
        return sum(self.likenesses) / len(self.likenesses) if self.likenesses else 0.0


def draw_gestures(choose: Callable[[Sequence[Gesture]], Gesture]) -> tuple[Gesture, ...]:
    """Return what to ask for, by `choose`, such as `random.SystemRandom().choice`.

    Turns and others by turns, so that whatever is missed, both kinds are done.
    """
    first = choose((*TURNS, *FACES))
    kinds = (TURNS, FACES) if first in TURNS else (FACES, TURNS)
    return (first, *(choose(kinds[number % 2]) for number in range(1, ASKED + MISSES)))


def begin(choose: Callable[[Sequence[Gesture]], Gesture], draw: Callable[[], float]) -> Check:
    """Return a check that begins; `draw` returns numbers from 0 to 1 by chance."""
    low, high = PAUSE_S
    gestures = draw_gestures(choose)
    return Check(gestures, tuple(low + (high - low) * draw() for _ in gestures))


def advance(check: Check, seen: Sighting) -> Check:
    """Return how far a check is after one more picture. Pictures are given in the order in which they came.

    Where the answer `wants_likeness`, the same sighting is given again with it, to the check that was answered.
    """
    if check.ended:
        return check
    if check.since_s is None:
        check = replace(check, since_s=seen.time_s)
    check = replace(check, wants_likeness=False)
    hint = _hint(seen)
    if hint or _is_cut(check, seen):
        return _unseen(check, seen, hint)
    if seen.landmarks_px is None or seen.blendshapes is None:
        return _unseen(check, seen, "no_face")
    check = replace(check, _seen=(seen.time_s, seen.landmarks_px))
    now = Posture.of(seen.landmarks_px, seen.blendshapes)
    return _look(check, seen, now) if check.phase == "look" else _watch(check, seen, now)


def seconds_left(check: Check, now_s: float) -> float:
    """Return how long the phase may still last."""
    if check.ended or check.since_s is None:
        return 0.0
    return max((LOOK_S if check.phase == "look" else GESTURE_S) - (now_s - check.since_s), 0.0)


def is_like(likenesses: Sequence[float]) -> bool:
    """Return whether a face at rest that was looked at so often is the photo's: one good look is enough."""
    return any(likeness >= LIKENESS for likeness in likenesses[:TRIES])


def _look(check: Check, seen: Sighting, now: Posture) -> Check:
    """A face is to rest, and is compared with the photo."""
    if not now.at_rest:
        return _unseen(check, seen, "look_ahead")
    held_since_s = check._held_since_s if check._held_since_s is not None else seen.time_s
    check = replace(check, hint="hold_still", _held_since_s=held_since_s)
    last = check.done == ASKED
    pause_s = 0.0 if last else check.pauses_s[check.asked]
    if seen.time_s - held_since_s < REST_S + pause_s:
        return _timed(check, seen)
    if seen.likeness is None:
        return replace(check, hint="comparing", wants_likeness=True)
    if not is_like((seen.likeness,)):
        if check._tries + 1 >= TRIES:
            return replace(check, phase="refused", reason="not_alike", hint="")
        return _timed(replace(check, _tries=check._tries + 1, _held_since_s=None), seen)
    return replace(
        check,
        likenesses=(*check.likenesses, seen.likeness),
        phase="passed" if last else "gesture",
        since_s=seen.time_s,
        hint="",
        _rest=now,
        _held_since_s=None,
        _tries=0,
    )


def _watch(check: Check, seen: Sighting, now: Posture) -> Check:
    """A face is to do what is asked."""
    gesture, rest = check.gestures[check.asked], check._rest
    assert rest is not None and check.since_s is not None  # of the look before  # noqa: S101
    done = does(gesture, rest, now)
    if does_another(gesture, rest, now) or (done and seen.time_s - check.since_s < REACTION_S):
        return _missed(check, seen)
    if not done:
        return _timed(replace(check, _held_since_s=None, hint=""), seen)
    held_since_s = check._held_since_s if check._held_since_s is not None else seen.time_s
    check = replace(check, _held_since_s=held_since_s)
    if seen.time_s - held_since_s < (FACE_HELD_S if gesture in FACES else TURN_HELD_S):
        return _timed(check, seen)
    if gesture in FACES and seen.likeness is None:
        return replace(check, wants_likeness=True)
    if seen.likeness is not None and seen.likeness < LIKENESS_MOVED:
        return _missed(check, seen)
    return _next(replace(check, done=check.done + 1), seen)


def _missed(check: Check, seen: Sighting) -> Check:
    """What was asked for was not done, or something else: another gesture is asked for, if there is one left."""
    if check.asked - check.done >= MISSES:
        return replace(check, phase="refused", reason="not_done", hint="")
    return _next(check, seen)


def _next(check: Check, seen: Sighting) -> Check:
    return replace(
        check, phase="look", asked=check.asked + 1, since_s=seen.time_s, hint="", _held_since_s=None, _tries=0
    )


def _unseen(check: Check, seen: Sighting, hint: Hint) -> Check:
    """The picture shows nobody who could be looked at, or somebody else than the one before."""
    check = replace(check, hint=hint, _held_since_s=None)
    if check.phase == "look":
        if _is_cut(check, seen):
            check = replace(check, _seen=None)
        return _timed(check, seen)
    blind = check._seen is None or seen.time_s - check._seen[0] > BLIND_S
    if hint == "several_faces" or blind or (not hint and _is_cut(check, seen)):
        return replace(_missed(check, seen), _seen=None)
    return _timed(check, seen)


def _timed(check: Check, seen: Sighting) -> Check:
    if seconds_left(check, seen.time_s) > 0:
        return check
    if check.phase == "gesture":
        return _missed(check, seen)
    return replace(check, phase="refused", reason="not_seen", hint="")


def _hint(seen: Sighting) -> Hint:
    if seen.faces > 1:
        return "several_faces"
    if seen.landmarks_px is None:
        return "no_face"
    low, high = seen.landmarks_px[:, :2].min(axis=0), seen.landmarks_px[:, :2].max(axis=0)
    if float(high[0] - low[0]) < SMALLEST_PX:
        return "too_far"
    if low.min() < 0 or high[0] > seen.size[0] or high[1] > seen.size[1]:
        return "cut_off"
    return ""


def _is_cut(check: Check, seen: Sighting) -> bool:
    """Return whether a face cannot have come to where it is from where it was seen last."""
    if check._seen is None or seen.landmarks_px is None:
        return False
    time_s, before = check._seen
    elapsed_s = seen.time_s - time_s
    if not 0 <= elapsed_s <= BLIND_S:
        return True
    sizes, centres = [], []
    for points in (before, seen.landmarks_px):
        low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
        sizes.append(float((high - low).mean()))
        centres.append((low + high) / 2)
    moved = float(((centres[1] - centres[0]) ** 2).sum() ** 0.5) + abs(sizes[1] - sizes[0])
    return moved > (LEAST_JUMP + (JUMP - LEAST_JUMP) * elapsed_s / BLIND_S) * max(*sizes, 1e-6)
