"""Whatever names a face on a command line: a built-in id, an `.avatar` file, or a photo."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from avatar.config import LimitSettings, TrustSettings
from avatar.errors import AvatarError, ConsentError, ImageError
from avatar.generator.enrol import enrol
from avatar.generator.identity import Identity
from avatar.generator.identity_file import read_identity
from avatar.generator.photo_checks import photo_warnings
from avatar.identities.builtin import BuiltinFace, builtin_faces
from avatar.media.heic_photo import is_heic, read_heic
from avatar.media.photo import photo_bytes, read_photo
from avatar.trust.consent import require
from avatar.types import U8

OWN_PHOTO_LIMITS: Final = LimitSettings(upload_bytes=100_000_000, upload_pixels=89_000_000)
"""One's own photos on one's own machine may be larger than what strangers may send to a server."""
KEPT_FACES: Final = 4
"""Built-in faces whose identities, of some 8 MB each, a process keeps."""


def open_identity(named: str, trust: TrustSettings | None = None) -> Identity:
    """Return the identity of a built-in face, an `.avatar` file or a photo; a photo is enrolled (about a second).

    Args:
        named: the id or the path.
        trust: what has to be stated of whose face it is; None: nothing.

    Raises:
        ConsentError: that is not stated, or what is stated does not hold.
        AvatarError: nothing of that name, or it cannot be used (the subclass says what is wrong).
    """
    path = Path(named)
    trust = TrustSettings() if trust is None else trust
    if path.is_file():
        if path.suffix == ".avatar":
            return checked_consent(read_identity(path), named, trust)
        if trust.require_consent == "live":
            raise ConsentError(
                f"{named} is a photo, and here the person has to be checked before a camera (--require-consent live): "
                f"avatar enroll {named} --consent live -o FILE.avatar"
            )
        if trust.require_consent and trust.stated is None:
            raise ConsentError(
                f"{named} does not say whose face it is, and this is asked for here (--require-consent). Say it with "
                "--consent self (your own), permitted (the person has agreed) or nobody (no real person's)."
            )
        return enrol([read_own_photo(path)], name=path.stem)
    faces = {face.id: face for face in builtin_faces()}
    if named not in faces:
        raise AvatarError(
            f"There is no file and no built-in face named {named!r}. Built in: {', '.join(faces)}.",
            code="unknown_avatar",
        )
    return _enrolled(faces[named])


@lru_cache(maxsize=KEPT_FACES)
def _enrolled(face: BuiltinFace) -> Identity:
    """Enrol a built-in face once: a program that answers many calls opens the same one for each."""
    return enrol([read_photo(face.image.read_bytes(), LimitSettings())], name=face.name)


def checked_consent(identity: Identity, named: str, trust: TrustSettings) -> Identity:
    """Return an avatar whose statement of consent is as settings want it. Raises ConsentError, which names it."""
    if trust.require_consent:
        require(identity.consent, named, trust.consent_keys, live=trust.require_consent == "live")
    return identity


def face_warnings(named: str, identity: Identity) -> tuple[str, ...]:
    """Return what is wrong with a photo that was named, as `avatar enroll` says it; nothing for any other face.

    Args:
        named: what `open_identity` was given.
        identity: what it returned.
    """
    path = Path(named)
    return photo_warnings(identity.portraits) if path.is_file() and path.suffix != ".avatar" else ()


def read_own_photo(path: Path) -> U8:
    """Return a photo of the user's own, upright (height, width, 3); one in HEIC with the extra `heic`.

    Raises:
        AvatarError: the file cannot be read, or is no photo that can be used (ImageError); it is named.
    """
    try:
        data = photo_bytes(path, OWN_PHOTO_LIMITS)
        return (read_heic if is_heic(data) else read_photo)(data, OWN_PHOTO_LIMITS)
    except OSError as error:
        raise AvatarError(f"{path} cannot be read: {error.strerror}.") from error
    except ImageError as error:
        raise ImageError(f"{path}: {error}", code=error.code) from error
