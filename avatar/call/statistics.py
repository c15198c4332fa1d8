"""What a call counts and measures: totals since it began, and once a second the figures that its page is shown."""

from __future__ import annotations

from statistics import median

from avatar.session.protocol import SessionStats
from avatar.stream.page_reports import Quality, Stats
from avatar.stream.video_track import SentPicture
from avatar.timing.av_sync import av_offset_s


class CallStatistics:
    """Collects samples between two readings; times are seconds on one monotonic clock. Used on the event loop only."""

    def __init__(self, size: tuple[int, int], now_s: float) -> None:
        """Count from now on; `size` is (width, height) of the pictures before the first has left."""
        self.pictures_sent = self.camera_frames = self.bytes_sent = 0
        """Since the call began."""
        self.latest: Stats | None = None
        """The figures read last."""
        self.tier: str | None = None
        """What draws in place of the tier that was asked for; None: that one."""
        self._size, self._since_s = size, now_s
        self._camera_skipped = 0
        self._latencies_s: list[float] = []
        self._encodes_s: list[float] = []
        self._sound_delays_s: list[float] = []
        self._bytes = 0

    def camera_frame(self, skipped: int) -> None:
        """Count a camera frame, and those that were passed over before it."""
        self.camera_frames += 1
        self._camera_skipped += skipped

    def picture_sent(self, sent: SentPicture) -> None:
        """Count a picture; one that answers a camera frame says how long that took."""
        self.pictures_sent += 1
        self.bytes_sent += sent.size_bytes
        self._size = sent.picture.size
        self._bytes += sent.size_bytes
        self._encodes_s.append(sent.encode_s)
        if sent.picture.capture is not None:
            self._latencies_s.append(sent.sent_s - sent.picture.capture.arrival_s)

    def sound_sent(self, delay_s: float) -> None:
        """Count a piece of sound that left `delay_s` after its first sample was recorded."""
        self._sound_delays_s.append(delay_s)

    def read(self, session: SessionStats, peer_dropped: int, now_s: float, quality: Quality | None = None) -> Stats:
        """Return the figures since the last reading and start anew."""
        elapsed = max(now_s - self._since_s, 1e-3)
        stage_ms = dict(session.stage_ms)
        if self._encodes_s:
            stage_ms["encode"] = _ms(median(self._encodes_s))
        offset_s = av_offset_s(self._latencies_s, self._sound_delays_s)
        self.latest = Stats(
            fps=round(len(self._encodes_s) / elapsed, 2),
            camera_fps=session.camera_fps,
            latency_ms=_ms(median(self._latencies_s)) if self._latencies_s else None,
            stage_ms=stage_ms,
            bitrate_bps=int(8 * self._bytes / elapsed),
            width=self._size[0],
            height=self._size[1],
            dropped=session.dropped + peer_dropped + self._camera_skipped,
            face=session.face,
            av_offset_ms=None if offset_s is None else _ms(offset_s),
            quality=quality,
            tier=self.tier,
        )
        self._since_s, self._bytes = now_s, 0
        for samples in (self._latencies_s, self._encodes_s, self._sound_delays_s):
            samples.clear()
        return self.latest


def _ms(seconds: float) -> float:
    return round(1e3 * seconds, 2)
