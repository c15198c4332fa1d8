"""When a call has to end by itself: a pure function of what has happened so far and of the clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from avatar.config import LimitSettings, TransportSettings

MESSAGES_PER_SECOND: Final = 50
"""Messages that any participant may send in a second; a program may send more for each of its pictures."""

EndReason: TypeAlias = Literal[
    "left",
    "never_connected",
    "no_route",
    "dtls_failed",
    "certificate",
    "connection_lost",
    "idle",
    "time_limit",
    "failed",
    "server_stopping",
]

REASONS: Final[dict[EndReason, str]] = {
    "left": "The call was ended.",
    "never_connected": "The connection was not made in time. A firewall between browser and server may block UDP.",
    "no_route": "The server was reached, but its answers do not get back: UDP may be blocked in one direction.",
    "dtls_failed": "The connection could not be encrypted.",
    "certificate": "The certificate shown while the connection was being made cannot be used.",
    "connection_lost": "The connection was lost.",
    "idle": "Nothing has come for a while, neither picture nor sound.",
    "time_limit": "The call has reached its longest time.",
    "failed": "The avatar has failed.",
    "server_stopping": "The server is stopping.",
}
"""What each reason means, in words for the user."""


@dataclass(slots=True)
class CallTimes:
    """The moments the rules look at; seconds on one monotonic clock."""

    created_s: float
    connected_s: float | None = None
    last_packet_s: float = 0.0
    """When anything last came from the peer."""
    last_media_s: float = 0.0
    """When a camera picture or sound last came."""
    only_watched: bool = False
    """The peer sends neither by its offer: what it does is watch, and all that it sends says that it still does."""


def why_end(times: CallTimes, now_s: float, transport: TransportSettings, limits: LimitSettings) -> EndReason | None:
    """Return why the call must end now, or None while it may go on."""
    if times.connected_s is None:
        return "never_connected" if now_s - times.created_s > transport.connect_timeout_s else None
    if now_s - max(times.last_packet_s, times.connected_s) > transport.lost_timeout_s:
        return "connection_lost"
    last_media_s = max(times.last_media_s, times.last_packet_s) if times.only_watched else times.last_media_s
    if now_s - max(last_media_s, times.connected_s) > limits.idle_s:
        return "idle"
    if now_s - times.connected_s > limits.call_s:
        return "time_limit"
    return None
