"""The built-in faces: which there are, where each picture is, whose it is and under what licence.

They are listed in `assets/faces.json`:

    {"faces": [{"id": "astronaut", "name": "Astronaut", "image": "faces/astronaut.webp",
                "licence": "public domain", "provenance": "..."}]}

`image` is a file in `assets/`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avatar.errors import AvatarError
from avatar.resources import resource_folder

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class BuiltinFace:
    """A face that comes with the product."""

    id: str
    name: str
    image: Path
    licence: str
    provenance: str


def builtin_faces(assets: Path | None = None) -> tuple[BuiltinFace, ...]:
    """Return the faces listed in `faces.json` of the folder `assets` (default: the package's own).

    Raises AvatarError when the list is damaged or names a picture that is not there.
    """
    folder = resource_folder("assets") if assets is None else assets
    listing = folder / "faces.json"
    try:
        entries = json.loads(listing.read_text(encoding="utf-8"))["faces"]
        faces = tuple(_face(entry, folder) for entry in entries)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AvatarError(f"The list of built-in faces {listing} cannot be used ({error!r}).") from error
    if len({face.id for face in faces}) != len(faces):
        raise AvatarError(f"The list of built-in faces {listing} names one id twice.")
    return faces


def builtin_face(face_id: str) -> BuiltinFace:
    """Return the built-in face of that id. Raises AvatarError where there is none, or the list is damaged."""
    faces = {face.id: face for face in builtin_faces()}
    if face_id not in faces:
        raise AvatarError(f"There is no built-in face {face_id!r}; there are: {', '.join(faces)}.")
    return faces[face_id]


def _face(entry: dict[str, Any], assets: Path) -> BuiltinFace:
    if not _ID.fullmatch(entry["id"]):
        raise ValueError(f"bad id {entry['id']!r}")
    image = assets / str(entry["image"]).removeprefix("assets/")
    if not image.is_file():
        raise ValueError(f"the picture {image} of face {entry['id']!r} is missing")
    return BuiltinFace(
        id=entry["id"],
        name=entry["name"],
        image=image,
        licence=entry["licence"],
        provenance=entry["provenance"],
    )
