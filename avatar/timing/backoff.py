"""How long to wait before the next try: a pure function of the tries that have failed."""

from __future__ import annotations

from typing import Final

FIRST_S: Final = 1.0
LONGEST_S: Final = 30.0


def wait_before_retry_s(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row: 1, 2, 4 and so on, at most 30."""
    return float(min(FIRST_S * 2.0 ** min(max(failures - 1, 0), 10), LONGEST_S))
