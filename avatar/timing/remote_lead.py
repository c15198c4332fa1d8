"""How long before it is due a tick leaves for whoever draws it elsewhere: as long as pictures take to come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FIRST_S: Final = 0.12
"""Before anything is known."""
LEAST_S: Final = 0.05
"""However near the server is: threads and networks pause for a moment now and then."""
LONGEST_S: Final = 0.5
"""Pictures that take longer come too late: lips would answer half a second after a word was pushed."""
SPARE_S: Final = 0.015
KEPT: Final = 60
"""Pictures whose way is remembered: two seconds."""
IN_TIME_SHARE: Final = 0.8
"""Share of the pictures that come in time if the next ones take as long as the last did. The others are waited for, for
a picture's time: to be early enough for the slowest would make every answer as late as they are."""


@dataclass(frozen=True, slots=True)
class RemoteLead:
    """What is known of the way there and back. Start with `RemoteLead()`."""

    lead_s: float = FIRST_S
    ways_s: tuple[float, ...] = ()


def observe_way(lead: RemoteLead, way_s: float) -> RemoteLead:
    """Return the lead after a picture came `way_s` after its tick had left."""
    ways = (*lead.ways_s, min(max(way_s, 0.0), LONGEST_S))[-KEPT:]
    slow_s = sorted(ways)[min(int(IN_TIME_SHARE * len(ways)), len(ways) - 1)]
    return RemoteLead(min(max(slow_s + SPARE_S, LEAST_S), LONGEST_S), ways)
