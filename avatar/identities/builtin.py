"""The built-in faces: which there are, where each picture is, whose it is and under what licence.

They are listed in `assets/faces.json`:

    {"faces": [{"id": "astronaut", "name": "Eileen", "image": "skimage:astronaut",
                "licence": "public domain", "provenance": "..."}]}

`image` is a file in `assets/`, or `skimage:NAME` for a picture inside the installed scikit-image package, which is read
from there and not copied.
"""

from __future__ import annotations

import importlib.util
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


def _face(entry: dict[str, Any], assets: Path) -> BuiltinFace:
    if not _ID.fullmatch(entry["id"]):
        raise ValueError(f"bad id {entry['id']!r}")
    source: str = entry["image"]
    if source.startswith("skimage:"):
        image = _skimage_folder() / "data" / f"{source.removeprefix('skimage:')}.png"
    else:
        image = assets / source.removeprefix("assets/")
    if not image.is_file():
        raise ValueError(f"the picture {image} of face {entry['id']!r} is missing")
    return BuiltinFace(
        id=entry["id"],
        name=entry["name"],
        image=image,
        licence=entry["licence"],
        provenance=entry["provenance"],
    )


def _skimage_folder() -> Path:
    """Find the package without importing it, which takes half a second."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise ValueError("scikit-image is not installed")
    return Path(spec.origin).parent
