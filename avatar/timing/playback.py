"""Playback position of one voice: how much was pushed, handed over to the player, and heard.

    push --> [waiting] --> take --> deliver --> (time passes) --> heard --> finished
                 '-------------'---------'-- interrupt: the rest is never heard

Sound comes as utterances, each closed by an end marker. Sound is taken a block at a time to be joined with a picture,
and is delivered to the player; from then on the clock says how much of it has been heard. Markers may get lost,
interruptions may come twice, sound may arrive after it was interrupted, the clock may leap: at no time is more counted
as heard than was delivered, and each utterance ends exactly once.

A program's avatar and a conversation in a call keep their account here. Everything is a pure function of (account,
clock); amounts are samples at the account's rate, times are seconds of a monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from avatar.timing.speech_events import PlaybackEvent, SpeechFinished, SpeechInterrupted, SpeechStarted

LEAP_S: Final = 0.3
"""Nobody is handed sound this long before it is due: a longer wait means that the clock has stepped back."""
MARKER_PATIENCE_S: Final = 1.0
"""An utterance that has run dry for so long without its end marker has ended all the same."""
PREBUFFER_S: Final = 0.12
"""Sound that must wait before an utterance begins, or goes on after it ran dry: the mouth is moved ahead of it."""
REMEMBERED: Final = 32
"""Labels that are kept, by which late sound and late markers are recognised."""
MOST_WAITING: Final = 256
"""Utterances that may wait; the end of an empty one more is not counted."""


@dataclass(frozen=True, slots=True)
class Span:
    """Samples in a row of one utterance."""

    utterance: int
    count: int


@dataclass(frozen=True, slots=True)
class QueuedUtterance:
    """One stretch of speech that has not ended yet."""

    number: int
    label: str | None = None
    pushed: int = 0
    taken: int = 0
    delivered: int = 0
    complete: bool = False
    """Its end marker has come."""


@dataclass(frozen=True, slots=True)
class Playback:
    """The utterances of one voice and how far each has got. Start with `Playback(rate)`."""

    rate: int
    """Samples a second."""
    waiting: tuple[QueuedUtterance, ...] = ()
    """In the order they are heard; the first may be in the middle of it."""
    next_number: int = 1
    marker_owed: bool = False
    """The end marker of an utterance that is gone may still come, without a label."""
    begun: tuple[str, ...] = ()
    """Labels of the latest utterances, by which markers that come late or again are recognised."""
    silenced: tuple[str, ...] = ()
    """Labels of interrupted utterances."""
    late: int = 0
    """Samples that came after their utterance was interrupted, and were dropped."""
    played_until_s: float | None = None
    """When all that was delivered will have been heard."""
    spoken_until_s: float | None = None
    """When the last speech that was delivered will have been heard."""
    recent: tuple[Span, ...] = ()
    """What was delivered and may not all have been heard, silence as utterance 0."""
    running: bool = False
    """Sound flows: no need to wait for a prebuffer."""
    marker_patience_s: float = MARKER_PATIENCE_S
    """Infinite where end markers do not get lost."""


def push(account: Playback, count: int, label: str | None = None) -> tuple[Playback, bool]:
    """Return the account after `count` samples came, and whether they will be heard.

    Another label than the open utterance's begins a new one: one voice speaks at a time, in the order of arrival.
    """
    if label is not None and label in account.silenced:
        return replace(account, late=account.late + count), False
    if count <= 0:
        return account, True
    opened = _open(account)
    if opened is None or opened.label != label:
        account = _begin(_complete(account), label)
        opened = account.waiting[-1]
    return _with(account, replace(opened, pushed=opened.pushed + count)), True


def ended_by(account: Playback, label: str | None = None) -> QueuedUtterance | None:
    """Return the open utterance if it is the one that an end marker closes: one without a label closes any."""
    opened = _open(account)
    return opened if opened is not None and label in (None, opened.label) else None


def end(account: Playback, label: str | None = None) -> Playback:
    """Return the account after an end marker.

    It closes the open utterance. The marker of another that has begun closes nothing: whoever spoke next has closed
    that, an interruption, or its own marker before. Nor does one without a label that is owed by an utterance that is
    gone. Any other says that an utterance was empty, which is accounted for like the rest.
    """
    if ended_by(account, label) is not None:
        return _complete(account)
    if label in account.silenced or label in account.begun:
        return account
    if account.marker_owed and label is None:
        return replace(account, marker_owed=False)
    if len(account.waiting) >= MOST_WAITING:
        return account
    return _complete(_begin(_complete(account), label))


def ready(account: Playback) -> bool:
    """Return whether sound should flow now: enough waits to begin with, or all there will be, or it already does."""
    rest = [one for one in account.waiting if one.pushed > one.taken]
    if not rest:
        return False
    left = sum(one.pushed - one.taken for one in rest)
    return account.running or rest[0].complete or left >= PREBUFFER_S * account.rate


def take(account: Playback, count: int) -> tuple[Playback, tuple[Span, ...]]:
    """Return the account after up to `count` samples were taken, and the utterances they are of, in order."""
    spans: list[Span] = []
    waiting: list[QueuedUtterance] = []
    for one in account.waiting:
        part = min(one.pushed - one.taken, count - sum(span.count for span in spans))
        if part:
            spans.append(Span(one.number, part))
        waiting.append(replace(one, taken=one.taken + part))
    dry = all(one.taken == one.pushed for one in waiting)
    return replace(account, waiting=tuple(waiting), running=bool(spans) and not dry), tuple(spans)


def alive(account: Playback, utterance: int) -> bool:
    """Return whether an utterance has neither ended nor been interrupted: sound taken before may still be delivered."""
    return any(one.number == utterance for one in account.waiting)


def deliver(
    account: Playback, spans: tuple[Span, ...], silence: int, now_s: float
) -> tuple[Playback, tuple[PlaybackEvent, ...]]:
    """Return the account after a block was handed to the player, and the utterances that began and ended by then.

    Args:
        account: before.
        spans: the speech in the block, as taken; what was interrupted since is counted as silence.
        silence: samples of silence after it.
        now_s: the present.
    """
    account, events = settle(account, now_s)
    happened: list[PlaybackEvent] = list(events)
    block = tuple(span if alive(account, span.utterance) else Span(0, span.count) for span in spans)
    for span in block:
        for one in account.waiting:
            if one.number == span.utterance:
                if not one.delivered:
                    happened.append(SpeechStarted(one.number, one.label))
                account = _with(account, replace(one, delivered=min(one.delivered + span.count, one.taken)))
    # A player makes up for late blocks in silence: silence waits for speech, but not for other silence.
    before_s = account.played_until_s if any(span.utterance for span in block) else account.spoken_until_s
    starts_s = now_s if before_s is None else max(before_s, now_s)
    spoken_s = starts_s + sum(span.count for span in block) / account.rate
    kept = _newest(account.recent, _unheard(account, now_s))
    return replace(
        account,
        recent=(*kept, *block, *((Span(0, silence),) if silence else ())),
        played_until_s=spoken_s + silence / account.rate,
        spoken_until_s=spoken_s if any(span.utterance for span in block) else account.spoken_until_s,
    ), tuple(happened)


def settle(account: Playback, now_s: float) -> tuple[Playback, tuple[SpeechFinished, ...]]:
    """Return the account at a moment, and the utterances that have been heard to their end by then."""
    if account.played_until_s is not None and account.played_until_s - now_s > LEAP_S:
        account = replace(account, played_until_s=now_s)
    if account.spoken_until_s is not None and account.spoken_until_s - now_s > LEAP_S:
        account = replace(account, spoken_until_s=now_s)
    finished = []
    while account.waiting:
        first = account.waiting[0]
        if first.delivered < first.pushed or _unheard_of(account, first.number, now_s):
            break
        dry_s = 0.0 if account.spoken_until_s is None else now_s - account.spoken_until_s
        if not first.complete and dry_s < account.marker_patience_s:
            break
        lost = not first.complete
        finished.append(SpeechFinished(first.number, first.label, _ms(account, first.delivered), lost))
        account = replace(account, waiting=account.waiting[1:], marker_owed=account.marker_owed or lost)
    return account, tuple(finished)


def interrupt(account: Playback, now_s: float) -> tuple[Playback, tuple[PlaybackEvent, ...]]:
    """Return the account after everything that waits was given up, and what that cut short.

    An interruption while nothing is said changes nothing and has no event. Where a block held the end of one utterance
    and the beginning of the next, both have begun and are cut short; the last counts what waits behind it.
    """
    account, finished = settle(account, now_s)
    if not account.waiting:
        return account, finished
    cut_short = _cut_short(account, now_s)
    labels = dict.fromkeys((*account.silenced, *(one.label for one in account.waiting if one.label is not None)))
    account = replace(
        account,
        waiting=(),
        running=False,
        marker_owed=account.marker_owed or not account.waiting[-1].complete,
        silenced=tuple(labels)[-REMEMBERED:],
    )
    return account, (*finished, *cut_short)


def _cut_short(account: Playback, now_s: float) -> list[SpeechInterrupted]:
    """Return how much of each utterance that has begun, or is about to, was heard."""
    first, *later = account.waiting
    begun = [first, *(one for one in later if one.delivered)]
    behind = sum(one.pushed for one in later if not one.delivered)
    events = []
    for one in begun:
        heard = one.delivered - _unheard_of(account, one.number, now_s)
        rest = one.pushed - heard + (behind if one is begun[-1] else 0)
        events.append(SpeechInterrupted(one.number, one.label, _ms(account, heard), _ms(account, rest)))
    return events


def heard_samples(account: Playback, now_s: float) -> int:
    """Return how much of the utterance at hand has been heard."""
    if not account.waiting:
        return 0
    first = account.waiting[0]
    return first.delivered - _unheard_of(account, first.number, now_s)


def delivered_samples(account: Playback) -> int:
    """Return how much of the utterance at hand has been handed over."""
    return account.waiting[0].delivered if account.waiting else 0


def pushed_samples(account: Playback) -> int:
    """Return how much of the utterance at hand has come."""
    return account.waiting[0].pushed if account.waiting else 0


def _ms(account: Playback, count: int) -> float:
    return 1e3 * count / account.rate


def _open(account: Playback) -> QueuedUtterance | None:
    last = account.waiting[-1] if account.waiting else None
    return last if last is not None and not last.complete else None


def _begin(account: Playback, label: str | None) -> Playback:
    waiting = (*account.waiting, QueuedUtterance(account.next_number, label))
    begun = account.begun
    if label is not None:
        begun = (*(one for one in begun if one != label), label)[-REMEMBERED:]
    return replace(account, waiting=waiting, next_number=account.next_number + 1, marker_owed=False, begun=begun)


def _complete(account: Playback) -> Playback:
    opened = _open(account)
    return account if opened is None else _with(account, replace(opened, complete=True))


def _with(account: Playback, changed: QueuedUtterance) -> Playback:
    waiting = tuple(changed if one.number == changed.number else one for one in account.waiting)
    return replace(account, waiting=waiting)


def _unheard(account: Playback, now_s: float) -> int:
    """Return how many of the samples delivered, silence included, have not been heard."""
    left_s = 0.0 if account.played_until_s is None else account.played_until_s - now_s
    return max(round(left_s * account.rate), 0)


def _unheard_of(account: Playback, utterance: int, now_s: float) -> int:
    """Return how many of an utterance's delivered samples have not been heard: what is unheard is what came last."""
    kept = _newest(account.recent, _unheard(account, now_s))
    return sum(span.count for span in kept if span.utterance == utterance)


def _newest(spans: tuple[Span, ...], count: int) -> tuple[Span, ...]:
    """Return the last `count` samples of some spans."""
    kept: list[Span] = []
    for span in reversed(spans):
        if count <= 0:
            break
        part = min(span.count, count)
        kept.append(Span(span.utterance, part))
        count -= part
    return tuple(reversed(kept))
