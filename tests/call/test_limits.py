"""A call ends by itself when it should, and not before."""

from __future__ import annotations

import pytest

from avatar.call.limits import CallTimes, why_end
from avatar.config import LimitSettings, TransportSettings

TRANSPORT = TransportSettings(connect_timeout_s=15, lost_timeout_s=10)
LIMITS = LimitSettings(idle_s=120, call_s=3600)


@pytest.mark.parametrize(
    ("times", "now_s", "reason"),
    [
        (CallTimes(0), 14, None),
        (CallTimes(0), 16, "never_connected"),
        (CallTimes(0, connected_s=1), 10, None),
        (CallTimes(0, connected_s=1), 12, "connection_lost"),
        (CallTimes(0, connected_s=1, last_packet_s=119), 120, None),
        (CallTimes(0, connected_s=1, last_packet_s=122), 122, "idle"),
        (CallTimes(0, connected_s=1, last_packet_s=122, last_media_s=50), 122, None),
        (CallTimes(0, connected_s=1, last_packet_s=200, last_media_s=50), 200, "idle"),
        (CallTimes(0, connected_s=1, last_packet_s=200, only_watched=True), 200, None),
        (CallTimes(0, connected_s=1, last_packet_s=200, only_watched=True), 212, "connection_lost"),
        (CallTimes(0, connected_s=1, last_packet_s=3602, only_watched=True), 3602, "time_limit"),
        (CallTimes(0, connected_s=1, last_packet_s=3602, last_media_s=3602), 3602, "time_limit"),
        (CallTimes(0, connected_s=1, last_packet_s=3600, last_media_s=3600), 3600, None),
    ],
)
def test_a_call_ends_when_it_should(times: CallTimes, now_s: float, reason: str | None) -> None:
    assert why_end(times, now_s, TRANSPORT, LIMITS) == reason
