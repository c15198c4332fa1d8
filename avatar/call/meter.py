"""What a call's last second looked like from the network's side: samples, read and emptied once a second."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class CallSecond:
    """One second of a call, or whatever time has passed since the last reading."""

    fps: float
    """Pictures sent, a second."""
    latency_ms: float | None
    """Median time from a camera frame's arrival to its picture's leaving."""
    encode_ms: float | None
    bitrate_bps: int
    """Of the picture, before RTP's own few per cent."""
    av_offset_ms: float | None
    """How much later the sound leaves than the picture of the same moment; negative: earlier."""


class CallMeter:
    """Collects samples between two readings; times are seconds on any one monotonic clock."""

    def __init__(self, now_s: float) -> None:
        self._since_s = now_s
        self._latencies_s: list[float] = []
        self._encodes_s: list[float] = []
        self._sound_delays_s: list[float] = []
        self._bytes = 0
        self.encode_s = 0.0
        """Median time an encode took in the last full reading."""

    def picture_sent(self, size_bytes: int, encode_s: float, latency_s: float | None) -> None:
        """Count one picture; `latency_s` is None when no camera frame drove it."""
        self._bytes += size_bytes
        self._encodes_s.append(encode_s)
        if latency_s is not None:
            self._latencies_s.append(latency_s)

    def sound_sent(self, delay_s: float) -> None:
        """Count one piece of sound that left `delay_s` after it arrived."""
        self._sound_delays_s.append(delay_s)

    def read(self, now_s: float) -> CallSecond:
        """Return the figures since the last reading and start anew."""
        elapsed = max(now_s - self._since_s, 1e-3)
        latency_s = median(self._latencies_s) if self._latencies_s else None
        sound_s = median(self._sound_delays_s) if self._sound_delays_s else None
        encode_s = median(self._encodes_s) if self._encodes_s else None
        second = CallSecond(
            fps=round(len(self._encodes_s) / elapsed, 2),
            latency_ms=None if latency_s is None else round(1e3 * latency_s, 2),
            encode_ms=None if encode_s is None else round(1e3 * encode_s, 2),
            bitrate_bps=int(8 * self._bytes / elapsed),
            av_offset_ms=None if latency_s is None or sound_s is None else round(1e3 * (sound_s - latency_s), 2),
        )
        self.encode_s = encode_s or 0.0
        self._since_s, self._bytes = now_s, 0
        for samples in (self._latencies_s, self._encodes_s, self._sound_delays_s):
            samples.clear()
        return second
