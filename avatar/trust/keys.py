"""The keys that this installation makes for itself, each in a file that only its user can read."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from platformdirs import user_config_path

from avatar.errors import TrustError

CONSENT_KEY: Final = "consent-key.pem"
MAX_KEY_BYTES: Final = 10_000


def consent_key(folder: Path | None) -> Ed25519PrivateKey:
    """Return the key that statements of consent are signed with, made on first use.

    Args:
        folder: where keys are; None: the user's folder of settings.

    Raises:
        TrustError: it cannot be made, read or used, or others on this machine can read it.
    """
    path = key_folder(folder) / CONSENT_KEY
    made = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    kept = read_or_make_secret(path, made)
    with suppress(ValueError, TypeError):
        key = serialization.load_pem_private_key(kept, password=None)
        if isinstance(key, Ed25519PrivateKey):
            return key
    raise TrustError(f"{path} holds no key of ours (Ed25519, PEM). Move it away: a new one is made then.")


def key_folder(folder: Path | None) -> Path:
    """Return where keys are; nothing is made."""
    return user_config_path("avatar", appauthor=False) if folder is None else folder


def read_or_make_secret(path: Path, made: bytes) -> bytes:
    """Return what is in a secret's file; where there is none yet, it becomes `made`, for its user alone (0600).

    Of programs that make it at the same time one wins, and all return the same.

    Raises:
        TrustError: it cannot be written or read, is too large, or others can read it.
    """
    try:
        if not path.exists():
            _make(path, made)
        with path.open("rb") as file:
            if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise TrustError(f"Others on this machine can read the key {path}. Take that away: chmod 600 {path}")
            data = file.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        raise TrustError(
            f"The key {path} cannot be made or read: {error.strerror or error}. Name another folder: --key-folder DIR"
        ) from error
    if len(data) > MAX_KEY_BYTES:
        raise TrustError(f"{path} is no key: it has more than {MAX_KEY_BYTES:,} bytes.")
    return data


def _make(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another program was first: its key is the one
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)
