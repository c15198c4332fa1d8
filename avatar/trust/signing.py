"""Signs files that were made here: content credentials (C2PA) that say that it is generated, by what and from what.

The public c2pa library writes them (https://github.com/contentauth/c2pa-python); the specification is at
https://spec.c2pa.org. A file is signed once it is whole: an MP4 in fragments, as a recording is, like any other.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from PIL import Image

from avatar import __version__
from avatar.config import TrustSettings
from avatar.errors import TrustError
from avatar.trust.certificates import SigningKey, kept_test_key, read_signing_key
from avatar.trust.content_credentials import INPUTS, SOURCE_TYPES
from avatar.trust.fragment_index import fragment_index, whole_bytes, write_fragment_index

MIME_TYPES: Final = {".mp4": "video/mp4", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
"""Of the kinds of files that are signed, by how their names end."""
NETWORK: Final = "trainedAlgorithmicMedia"
SYNTHETIC: Final = "compositeSynthetic"
"""IPTC's words for what a network has drawn, and for a photo that was moved."""
_PIECE_BYTES: Final = 1_000_000
_PROGRAM: Final = {"name": "Avatar", "version": __version__}
_SETTINGS: Final[dict[str, Any]] = {
    "builder": {"thumbnail": {"enabled": False}},  # a picture of the person, of 75 kB, in each file
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
}


@dataclass(frozen=True, slots=True)
class Input:
    """Something that a file was made from."""

    role: str
    """What it was there for: avatar, driver, voice."""
    sha256: str
    """Of its content, hexadecimal: whoever has it can show that it was this one."""

    @classmethod
    def of_file(cls, role: str, path: Path) -> Input:
        """Return the input that a file is. Raises OSError."""
        with path.open("rb") as file:
            return cls(role, hashlib.file_digest(file, "sha256").hexdigest())


def source_type(tier: str) -> str:
    """Return IPTC's word for pictures that a tier draws; where it is not known, the one that says most."""
    return SYNTHETIC if tier == "geometry" else NETWORK


class FileSigner:
    """Signs files with one key. May be used from any thread."""

    def __init__(self, key: SigningKey) -> None:
        """Sign with `key`.

        Raises:
            TrustError: the library is not installed, or does not take the key.
        """
        try:
            import c2pa  # noqa: PLC0415 - of the extra `trust`
        except ImportError as error:
            raise TrustError("Files are signed by the c2pa library: pip install 'avatar[trust]'") from error
        self._c2pa, self._key = c2pa, key
        try:
            self._try()
        except c2pa.C2paError as error:
            raise TrustError(
                f"Files cannot be signed with this certificate and key: {error}. It has to be one for signing "
                "documents: key usage digitalSignature, extended key usage emailProtection or documentSigning (a web "
                "server's has neither), not the certificate of an authority itself, and RSA of 2048 bits or more."
            ) from error

    @classmethod
    def of(cls, trust: TrustSettings) -> FileSigner | None:
        """Return what signs as the settings say: with the operator's own key, else with one that is made here; None:
        nothing is to be signed.

        Raises:
            TrustError: the key cannot be used, or the library is not installed.
        """
        if not trust.sign:
            return None
        if trust.sign_cert is not None and trust.sign_key is not None:
            return cls(read_signing_key(trust.sign_cert, trust.sign_key))
        return cls(kept_test_key(trust.key_folder))

    def sign(
        self,
        path: Path,
        source: str,
        inputs: Sequence[Input],
        *,
        kind: str | None = None,
        made: datetime | None = None,
    ) -> None:
        """Sign a file in place: it is replaced by the signed one, or stays as it was.

        What an MP4's writing ended in the middle of is left out. Takes about 3 ms of one core for each MB, and as much
        room on the disk again meanwhile.

        Args:
            path: the file; nobody writes on it any more.
            source: one of IPTC's digital source types, the last part of its address.
            inputs: what it was made from.
            kind: its MIME type; None: by its name.
            made: when it was made, UTC; None: now.

        Raises:
            TrustError: it cannot be signed, or written.
        """
        mime = MIME_TYPES.get(path.suffix.lower(), "video/mp4") if kind is None else kind
        part = path.with_name(f"{path.stem[:100]}.{secrets.token_hex(4)}.part{path.suffix}")
        try:
            index = fragment_index(path) if mime == "video/mp4" else None
            with (
                self._c2pa.Context.from_dict(_SETTINGS) as context,
                self._signer() as signer,
                self._c2pa.Builder(_manifest(source, inputs, made or datetime.now(UTC)), context) as builder,
                _whole(path, mime) as whole,
                part.open("x+b") as signed,
            ):
                builder.sign(signer, mime, whole, signed)
                if index is not None:
                    write_fragment_index(signed, index)
                signed.flush()
                os.fsync(signed.fileno())
            part.replace(path)
        except (OSError, self._c2pa.C2paError) as error:
            why = getattr(error, "strerror", None) or error
            raise TrustError(f"{path} is there, but could not be signed: {why}.") from error
        finally:
            part.unlink(missing_ok=True)

    def _try(self) -> None:
        """Sign a picture of one pixel: what is wrong with a certificate is said before there is a file to sign."""
        pixel = io.BytesIO()
        Image.new("L", (1, 1)).save(pixel, "PNG")
        with (
            self._c2pa.Context.from_dict(_SETTINGS) as context,
            self._signer() as signer,
            self._c2pa.Builder(_manifest(NETWORK, (), datetime.now(UTC)), context) as builder,
        ):
            builder.sign(signer, "image/png", pixel, io.BytesIO())

    def _signer(self) -> Any:
        key = self._key
        return self._c2pa.Signer.from_info(self._c2pa.C2paSignerInfo(key.algorithm, key.chain_pem, key.key_pem, None))


@contextmanager
def _whole(path: Path, mime: str) -> Iterator[BinaryIO]:
    """Open what is whole of a file: a movie that was cut off would be refused as damaged."""
    length = whole_bytes(path) if mime == "video/mp4" else None
    with path.open("rb") as file:
        if length is None or length == path.stat().st_size:
            yield file
            return
        with tempfile.TemporaryFile(dir=path.parent) as copy:
            while length > 0 and (piece := file.read(min(length, _PIECE_BYTES))):
                copy.write(piece)
                length -= len(piece)
            copy.seek(0)
            yield copy


def _manifest(source: str, inputs: Sequence[Input], made: datetime) -> dict[str, Any]:
    action = {
        "action": "c2pa.created",
        "when": f"{made:%Y-%m-%dT%H:%M:%SZ}",
        "softwareAgent": _PROGRAM,
        "digitalSourceType": SOURCE_TYPES + source,
    }
    made_from = [{"role": each.role, "sha256": each.sha256} for each in inputs]
    return {
        "claim_generator_info": [_PROGRAM],
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": [action]}},
            {"label": INPUTS, "data": {"inputs": made_from}},
        ],
    }
