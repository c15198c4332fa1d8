"""The pipeline of a call: camera and voice in, pictures out, live or offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatar import import_on_demand

if TYPE_CHECKING:
    from avatar.session.live import Session
    from avatar.session.opening import open_session

__all__ = ["Session", "open_session"]

__getattr__ = import_on_demand(
    __name__,
    {
        "Session": "live",
        "open_session": "opening",
    },
)
