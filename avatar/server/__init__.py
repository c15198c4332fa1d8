"""The HTTP application: the page, the avatars, calls by WHIP, and who may ask for what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatar import import_on_demand

if TYPE_CHECKING:
    from avatar.server.app import create_app

__all__ = ["create_app"]

__getattr__ = import_on_demand(
    __name__,
    {
        "create_app": "app",
    },
)
