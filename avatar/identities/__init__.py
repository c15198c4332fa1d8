"""The avatars there are: built-in faces, `.avatar` files, uploads, photos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatar import import_on_demand

if TYPE_CHECKING:
    from avatar.identities.open import face_warnings, open_identity, read_own_photo

__all__ = ["face_warnings", "open_identity", "read_own_photo"]

__getattr__ = import_on_demand(
    __name__,
    {
        "face_warnings": "open",
        "open_identity": "open",
        "read_own_photo": "open",
    },
)
