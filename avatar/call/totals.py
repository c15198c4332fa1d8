"""What all the calls of a process, and of a server with all its processes, did and do in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from avatar.call.call import Call
from avatar.call.limits import EndReason
from avatar.stream.page_reports import Stats
from avatar.stream.rtp.packet_guard import DROP_REASONS, DropReason


@dataclass(frozen=True, slots=True)
class CallFigures:
    """What the calls of one process did and do; the totals count from its start and never fall."""

    started: int
    ended: dict[EndReason, int]
    pictures_sent: int
    camera_frames: int
    picture_bytes_sent: int
    packets_dropped: dict[DropReason, int]
    """Packets kept from the calls, by reason."""
    latest: tuple[Stats, ...]
    """The last figures of each running call."""
    watchers: int
    """Of all the calls, by their links."""

    def past(self, lost: int) -> CallFigures:
        """Return what stays of a process that is gone, with so many calls that were lost with it."""
        ended = Counter(self.ended)
        ended["connection_lost"] += lost
        return replace(self, ended=dict(+ended), latest=(), watchers=0)


NO_FIGURES = CallFigures(0, {}, 0, 0, 0, dict.fromkeys(DROP_REASONS, 0), (), 0)
"""Of a process that has held no call."""


@dataclass(frozen=True, slots=True)
class CallsSnapshot:
    """What a metrics page shows; the totals count from the server's start and never fall."""

    active: int
    limit: int
    """How many may run at once, by the settings and as measured."""
    started: int
    refused: int
    """Calls turned away because every place was taken, or the machine had no time for another."""
    ended: dict[EndReason, int]
    pictures_sent: int
    camera_frames: int
    picture_bytes_sent: int
    packets_dropped: dict[DropReason, int]
    """Packets kept from the calls, by reason."""
    latest: tuple[Stats, ...]
    """The last figures of each running call."""
    watchers: int = 0
    """Of all the calls, by their links."""
    rooms: int = 0
    """In which people call each other."""
    call_cores: float = 0.0
    """Processor cores that a call at full quality is measured to cost."""
    workers: int = 0
    """Processes, besides the server's own, that hold calls or are ready to."""


class CallTotals:
    """Counts calls, and keeps what those did that have ended. Used on the event loop only."""

    def __init__(self) -> None:
        self._started = 0
        self._ended: Counter[EndReason] = Counter()
        self._pictures = self._camera_frames = self._bytes = 0
        self._packets: Counter[DropReason] = Counter(dict.fromkeys(DROP_REASONS, 0))

    def call_began(self) -> None:
        """Count a call that has begun."""
        self._started += 1

    def call_ended(self, call: Call) -> None:
        """Take in what a call did, once nothing of it is left."""
        if call.answer_sdp:
            self._ended[call.reason or "failed"] += 1
        self._pictures += call.statistics.pictures_sent
        self._camera_frames += call.statistics.camera_frames
        self._bytes += call.statistics.bytes_sent
        self._packets.update(call.packets_dropped)

    def figures(self, running: Collection[Call]) -> CallFigures:
        """Return the figures of now, with those of the calls that run."""
        packets_dropped = Counter(self._packets)
        for call in running:
            packets_dropped.update(call.packets_dropped)
        return CallFigures(
            started=self._started,
            ended=dict(self._ended),
            pictures_sent=self._pictures + sum(call.statistics.pictures_sent for call in running),
            camera_frames=self._camera_frames + sum(call.statistics.camera_frames for call in running),
            picture_bytes_sent=self._bytes + sum(call.statistics.bytes_sent for call in running),
            packets_dropped=dict(packets_dropped),
            latest=tuple(latest for call in running if (latest := call.statistics.latest) is not None),
            watchers=sum(len(call.watchers) for call in running),
        )


def joined(figures: Iterable[CallFigures]) -> CallFigures:
    """Return the figures of several processes as those of one."""
    parts = list(figures)
    ended: Counter[EndReason] = Counter()
    packets_dropped: Counter[DropReason] = Counter(dict.fromkeys(DROP_REASONS, 0))
    for part in parts:
        ended.update(part.ended)
        packets_dropped.update(part.packets_dropped)
    return CallFigures(
        started=sum(part.started for part in parts),
        ended=dict(ended),
        pictures_sent=sum(part.pictures_sent for part in parts),
        camera_frames=sum(part.camera_frames for part in parts),
        picture_bytes_sent=sum(part.picture_bytes_sent for part in parts),
        packets_dropped=dict(packets_dropped),
        latest=tuple(latest for part in parts for latest in part.latest),
        watchers=sum(part.watchers for part in parts),
    )
