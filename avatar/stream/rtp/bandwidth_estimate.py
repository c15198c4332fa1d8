"""How many bits a second a line carries, as its receiver sees by when packets come: no sockets, the clock handed in.

Pictures that come ever later than they left wait in a queue that grows: more is sent than the line carries. After
Google's congestion control (draft-ietf-rmcat-gcc-02) with the line fitted through delays that libwebrtc has used since.
aiortc's own estimator takes one longer delay, or a receiver that is busy for a moment, for a queue that goes on
growing, and lowers the rate again and again; here most of the last delays have to grow.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Final

from avatar.stream.rtp.packet_train import PacketTrain

TICKS_PER_S: Final = 1 << 18
"""Of `abs-send-time`: 24 bits that begin anew every 64 s."""
GROUP_MS: Final = 5.0
"""Packets that left within so long count as one (draft-ietf-rmcat-gcc-02, 5.2)."""
WINDOW: Final = 20
"""Groups whose delays a line is fitted through."""
SMOOTHING: Final = 0.9
GAIN: Final = 4.0
MOST_COUNTED: Final = 60
RECENT: Final = 6
"""Groups of which most have to be later than the ones before: a queue grows with each, a longer way adds once."""
LATER_MS: Final = 0.5
"""What counts as later: clocks are read in whole milliseconds, and not at once."""
OVERUSE_MS: Final = 10.0
"""A queue has to grow for so long."""
THRESHOLD_MS, LEAST_THRESHOLD_MS, MOST_THRESHOLD_MS = 12.5, 6.0, 600.0
THRESHOLD_UP, THRESHOLD_DOWN = 0.0087, 0.039
"""How quickly the threshold follows what is seen (draft-ietf-rmcat-gcc-02, 5.4)."""
OUTLIER_MS: Final = 15.0
BACK_OFF: Final = 0.85
"""Of the bits that came, after more was sent than the line carries."""
HEAVY_LOSS: Final = 0.3
"""Share of missing packets that no line loses by chance: its queue is full, and no longer grows."""
FEWEST_LOST: Final = 6
RATE_WINDOW_MS: Final = 500.0
"""What came within so long is the rate; see `Throughput`."""
SHORT_WINDOW_MS: Final = 150.0
"""And when there is too much: so that what came before the line became narrow soon no longer counts."""
TRAIN_SHARE: Final = 0.5
"""A train of packets that shows less than so much of the present rate tells of a line that has become narrow."""
BACK_OFF_EVERY_MS: Final = 250.0
"""Time for the sender to do so, and for its queue to get shorter."""
GROWTH_PER_S: Final = 0.08
QUICK_GROWTH_PER_S: Final = 0.25
QUIET_MS: Final = 3000.0
"""After so long without a queue the rate grows quickly."""
HEADROOM: Final = 1.5
"""The estimate is never more times what came: nobody knows of more."""
HEADROOM_BPS: Final = 10_000
LEAST_BPS: Final = 50_000
MOST_GAPS: Final = 64
TELL_EVERY_MS: Final = 500.0
TELL_AGAIN_MS: Final = 100.0
"""While the line is too full the estimate is told so often: reports are lost too."""


@dataclass(slots=True)
class _Group:
    """Packets that left together."""

    first_ms: float
    last_ms: float
    arrival_ms: float


class Throughput:
    """Bits a second that came lately."""

    def __init__(self) -> None:
        self._came: deque[tuple[float, int]] = deque()
        self._bytes = 0
        """Of all that `_came` holds: with each packet the rate is asked for, and a hundred are held."""

    def add(self, size: int, now_ms: float) -> None:
        """Note bytes that have come now."""
        self._came.append((now_ms, size))
        self._bytes += size
        while self._came[0][0] <= now_ms - RATE_WINDOW_MS:
            self._bytes -= self._came.popleft()[1]

    def packets(self, now_ms: float, window_ms: float) -> int:
        """Return how many packets came in the last `window_ms`."""
        return sum(at_ms > now_ms - window_ms for at_ms, _ in self._came)

    def bps(self) -> float:
        """Return the rate when the last packet came."""
        return 8e3 * self._bytes / RATE_WINDOW_MS

    def short_bps(self, now_ms: float) -> float:
        """Return the rate of the last `SHORT_WINDOW_MS`."""
        return 8e3 * sum(size for at_ms, size in self._came if at_ms > now_ms - SHORT_WINDOW_MS) / SHORT_WINDOW_MS


class QueueTrend:
    """Says whether packets wait ever longer on their way."""

    def __init__(self) -> None:
        self._group: _Group | None = None
        self._before: _Group | None = None
        self._count = 0
        self._delay_ms = self._smooth_ms = 0.0
        self._points: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        self._recent_ms: deque[float] = deque(maxlen=RECENT)
        self._threshold_ms = THRESHOLD_MS
        self._updated_ms: float | None = None
        self._over_ms = self._trend = 0.0
        self.growing = False
        """Whether the queue grows."""

    def add(self, sent_ms: float, arrival_ms: float) -> None:
        """Note a packet by the two ends' own clocks; those that were overtaken do not count."""
        group = self._group
        if group is None:
            self._group = _Group(sent_ms, sent_ms, arrival_ms)
            return
        if sent_ms < group.first_ms:
            return
        late_ms = (arrival_ms - group.arrival_ms) - (sent_ms - group.last_ms)
        burst = sent_ms == group.last_ms or (late_ms < 0 and arrival_ms - group.arrival_ms <= GROUP_MS)
        if burst or sent_ms - group.first_ms <= GROUP_MS:
            group.last_ms, group.arrival_ms = max(group.last_ms, sent_ms), arrival_ms
            return
        if self._before is not None:
            self._see(group, self._before)
        self._before, self._group = group, _Group(sent_ms, sent_ms, arrival_ms)

    def _see(self, group: _Group, before: _Group) -> None:
        sent_ms, came_ms = group.last_ms - before.last_ms, group.arrival_ms - before.arrival_ms
        later_ms = came_ms - sent_ms
        self._count = min(self._count + 1, MOST_COUNTED)
        self._recent_ms.append(later_ms)
        self._delay_ms += later_ms
        self._smooth_ms = SMOOTHING * self._smooth_ms + (1 - SMOOTHING) * self._delay_ms
        self._points.append((group.arrival_ms, self._smooth_ms))
        trend = self._count * _slope(self._points) * GAIN
        over = trend > self._threshold_ms and median(self._recent_ms) > LATER_MS
        if over:
            self._over_ms += sent_ms
            self.growing = self._over_ms > OVERUSE_MS and trend >= self._trend
        else:
            self._over_ms, self.growing = 0.0, False
        self._trend = trend
        self._adapt(abs(trend), group.arrival_ms)

    def _adapt(self, trend: float, now_ms: float) -> None:
        since_ms = 0.0 if self._updated_ms is None else min(now_ms - self._updated_ms, 100.0)
        self._updated_ms = now_ms
        if trend > self._threshold_ms + OUTLIER_MS:
            return
        speed = THRESHOLD_DOWN if trend < self._threshold_ms else THRESHOLD_UP
        threshold_ms = self._threshold_ms + speed * (trend - self._threshold_ms) * since_ms
        self._threshold_ms = min(max(threshold_ms, LEAST_THRESHOLD_MS), MOST_THRESHOLD_MS)


class BandwidthEstimate:
    """Stands where an aiortc receiver keeps its `RemoteBitrateEstimator`, and takes what that takes."""

    def __init__(self) -> None:
        self._trend, self._throughput, self._train = QueueTrend(), Throughput(), PacketTrain()
        self._missing: deque[tuple[float, int]] = deque(maxlen=MOST_GAPS)
        self._now_ms = 0.0
        self._ssrcs: dict[int, None] = {}
        self._send_ticks = 0
        self._last_ticks: int | None = None
        self._began_ms: float | None = None
        self._bps: float | None = None
        self._grown_ms = self._full_ms = self._told_ms = float("-inf")

    def add(
        self, *, abs_send_time: int, arrival_time_ms: int, payload_size: int, ssrc: int
    ) -> tuple[int, list[int]] | None:
        """Note a packet; return (bits a second, of these sources) where the sender should be told of it now.

        `abs_send_time` is the header extension's, 24 bits, 2^-18 s.
        """
        now_ms = self._now_ms = float(arrival_time_ms)
        self._began_ms = now_ms if self._began_ms is None else self._began_ms
        self._ssrcs[ssrc] = None
        self._throughput.add(payload_size, now_ms)
        sent_ms = self._sent_ms(abs_send_time)
        self._trend.add(sent_ms, now_ms)
        train_bps = self._train.add(payload_size, sent_ms, now_ms)
        if now_ms - self._began_ms < 2 * RATE_WINDOW_MS:
            return None
        self._follow(now_ms, train_bps)
        every_ms = TELL_AGAIN_MS if now_ms - self._full_ms < TELL_EVERY_MS else TELL_EVERY_MS
        if self._bps is None or now_ms - self._told_ms < every_ms:
            return None
        self._told_ms = now_ms
        return int(self._bps), list(self._ssrcs)

    def missing(self, packets: int) -> None:
        """Note that so many packets are missing before the last one that has come."""
        self._missing.append((self._now_ms, packets))

    def _loses_heavily(self, now_ms: float) -> bool:
        lost = sum(packets for at_ms, packets in self._missing if at_ms > now_ms - SHORT_WINDOW_MS)
        if lost < FEWEST_LOST:
            return False
        return lost > HEAVY_LOSS * (lost + self._throughput.packets(now_ms, SHORT_WINDOW_MS))

    def _follow(self, now_ms: float, train_bps: float | None) -> None:
        rate_bps = self._throughput.bps()
        narrow = train_bps is not None and train_bps < TRAIN_SHARE * rate_bps
        most_bps = HEADROOM * rate_bps + HEADROOM_BPS
        if self._bps is None:
            self._bps = most_bps
        if narrow or self._trend.growing or self._loses_heavily(now_ms):
            if now_ms - self._full_ms >= BACK_OFF_EVERY_MS:
                carried_bps = min(rate_bps, self._throughput.short_bps(now_ms))
                if narrow and train_bps is not None:
                    carried_bps = train_bps
                self._bps = min(self._bps, BACK_OFF * carried_bps)
                self._full_ms = now_ms
                self._told_ms = float("-inf")
        else:
            growth = QUICK_GROWTH_PER_S if now_ms - self._full_ms > QUIET_MS else GROWTH_PER_S
            grown_bps = self._bps * (1 + growth) ** (min(max(now_ms - self._grown_ms, 0.0), 1000.0) / 1e3)
            # A sender that needs less than it may send is no reason to allow it less.
            self._bps = max(self._bps, min(grown_bps, most_bps))
        self._grown_ms = now_ms
        self._bps = max(self._bps, LEAST_BPS)

    def _sent_ms(self, abs_send_time: int) -> float:
        """Return the send time without its beginning anew, milliseconds."""
        if self._last_ticks is not None:
            self._send_ticks += ((abs_send_time - self._last_ticks + (1 << 23)) & 0xFFFFFF) - (1 << 23)
        self._last_ticks = abs_send_time
        return 1e3 * self._send_ticks / TICKS_PER_S


def _slope(points: deque[tuple[float, float]]) -> float:
    """Return by how much the second number grows with the first (least squares)."""
    if len(points) < 2:
        return 0.0
    # For so few numbers NumPy's arrays take six times as long as this.
    mean_at = sum([at for at, _ in points]) / len(points)
    spread = grown = 0.0
    for at, value in points:
        spread += (at - mean_at) ** 2
        grown += (at - mean_at) * value
    return grown / spread if spread else 0.0
