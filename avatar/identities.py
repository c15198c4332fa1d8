"""Whatever names a face on a command line: a built-in id, an `.avatar` file, or a photo."""

from __future__ import annotations

from pathlib import Path

from avatar.config import LimitSettings
from avatar.errors import AvatarError
from avatar.faces import builtin_faces
from avatar.generator.enrol import enrol
from avatar.generator.identity import Identity
from avatar.generator.identity_file import read_identity
from avatar.images import read_photo


def open_identity(named: str) -> Identity:
    """Return the identity of a built-in face, an `.avatar` file or a photo; a photo is enrolled (about a second).

    Raises:
        AvatarError: nothing of that name, or it cannot be used (the subclass says what is wrong).
    """
    path = Path(named)
    if path.is_file():
        if path.suffix == ".avatar":
            return read_identity(path)
        return enrol([read_photo(path.read_bytes(), LimitSettings())], name=path.stem)
    faces = {face.id: face for face in builtin_faces()}
    face = faces.get(named)
    if face is None:
        raise AvatarError(
            f"There is no file and no built-in face named {named!r}. Built in: {', '.join(faces)}.",
            code="unknown_avatar",
        )
    return enrol([read_photo(face.image.read_bytes(), LimitSettings())], name=face.name)
