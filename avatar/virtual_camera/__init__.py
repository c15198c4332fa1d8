"""The avatar as a camera of this machine: other programs choose it as they would any camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatar import import_on_demand

if TYPE_CHECKING:
    from avatar.virtual_camera.device import VirtualCamera

__all__ = ["VirtualCamera"]

__getattr__ = import_on_demand(__name__, {"VirtualCamera": "device"})
