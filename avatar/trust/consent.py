"""Statements of consent: whose face an avatar is, said by the holder of a key, of one content and no other.

A statement is a JSON text and its Ed25519 signature (RFC 8032):

    {"v": 1, "claim": "self", "at": "2026-11-29T10:00:00Z", "content": "<SHA-256>", "key": "<public key>"}

and, of a face that was checked before a camera (`avatar.trust.live_check`), `"likeness": 0.961` of it and the photo.
The signature proves that whoever holds the key said this of that content, and that nothing was altered since. Whether
it is true no signature can prove: it is somebody's word, and says whose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from avatar.errors import ConsentError

VERSION: Final = 1
CLAIMS: Final = {
    "self": "whoever made it says that the face is their own",
    "permitted": "whoever made it says that the person has agreed to it",
    "nobody": "whoever made it says that the face is no real person's: drawn or generated",
    "live": "the person was before the camera, answered what was asked, and was found to be the one in the photo",
}
"""What can be stated, and what that says."""
CHECKED: Final = "live"
"""What nobody can just say: the check says it."""
SAID: Final = tuple(claim for claim in CLAIMS if claim != CHECKED)
"""What people can say."""
MAX_TEXT: Final = 2_000
"""Letters of a statement; ours have about 250."""
_DIGEST: Final = re.compile("[0-9a-f]{64}")
_SALT: Final = b"avatar consent\n"
"""Signed before the text, so that no other text signed with the key can be taken for a statement."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody stated."""

    claim: str
    """One of `CLAIMS`."""
    at: datetime
    """When, UTC, by the clock of whoever stated it."""
    content: str
    """SHA-256 of what it is about, 64 hexadecimal digits."""
    key: str
    """Whose word it is: an Ed25519 public key, 64 hexadecimal digits."""
    text: str
    """The JSON that was signed."""
    signature: str
    """128 hexadecimal digits."""
    likeness: float | None = None
    """Of `live`: of the person before the camera and the photo (`avatar.trust.likeness`), 0 to 1."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What a file states, and whether that holds."""

    statement: Statement | None
    """None: it cannot even be read."""
    problem: str | None = None
    """Why it does not hold, in words; None: it does."""

    @property
    def claim(self) -> str | None:
        """What is stated, where it holds."""
        return self.statement.claim if self.statement is not None and self.problem is None else None


def state(
    claim: str, content: str, key: Ed25519PrivateKey, at: datetime, *, likeness: float | None = None
) -> Statement:
    """Return a signed statement.

    Args:
        claim: one of `CLAIMS`.
        content: SHA-256 of what it is about, hexadecimal.
        key: whose word it is.
        at: now, UTC.
        likeness: of the claim `live`, and of no other: that of the person and the photo.

    Raises:
        ConsentError: no such claim.
    """
    check_claim(claim)
    if (likeness is not None) != (claim == CHECKED):
        raise ConsentError("That somebody was checked is stated with their likeness.", code="bad_consent")
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()
    said: dict[str, Any] = {
        "v": VERSION,
        "claim": claim,
        "at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "content": content,
        "key": public,
    }
    if likeness is not None:
        said |= {"likeness": round(min(max(likeness, 0.0), 1.0), 3)}
    text = json.dumps(said)
    signature = key.sign(_SALT + text.encode()).hex()
    return Statement(claim, at.replace(microsecond=0), content, public, text, signature, said.get("likeness"))


def check_claim(claim: str) -> None:
    """Raise ConsentError where nothing of this name can be stated."""
    if claim not in CLAIMS:
        raise ConsentError(
            f"Consent is one of {', '.join(CLAIMS)}: your own face, somebody's who has agreed, no real person's, or "
            "your own as a check before the camera finds it.",
            code="bad_consent",
        )


def as_json(statement: Statement) -> dict[str, str]:
    """Return a statement as a file holds it."""
    return {"statement": statement.text, "signature": statement.signature}


def read_consent(held: object, content: str) -> Consent:
    """Return what a file states, checked against its content; never raises.

    Args:
        held: what `as_json` returned, or whatever a stranger put there.
        content: SHA-256 of what the file holds, hexadecimal.
    """
    try:
        statement = _read(held)
    except (ValueError, KeyError, TypeError, RecursionError):
        return Consent(None, "its statement of consent cannot be read")
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(statement.key))
        public.verify(bytes.fromhex(statement.signature), _SALT + statement.text.encode())
    except (ValueError, InvalidSignature):
        return Consent(statement, "the signature of its statement of consent is not that of the key it names")
    if statement.content != content:
        return Consent(statement, "its statement of consent is about another face, or the file was altered since")
    return Consent(statement)


def require(consent: Consent | None, named: str, keys: Collection[str] = (), *, live: bool = False) -> None:
    """Raise ConsentError, which begins with `named`, where consent is not stated or does not hold.

    `keys`: whose statements count, public keys in hexadecimal; empty: anybody's. `live`: the person has to have been
    checked before a camera.
    """
    if consent is None:
        raise ConsentError(
            f"{named} does not say whose face it is, and this is asked for here (--require-consent). Make it anew: "
            "avatar enroll PHOTO --consent self (or permitted, or nobody)"
        )
    if consent.problem is not None or consent.statement is None:
        raise ConsentError(f"{named} is refused: {consent.problem}. Make it anew: avatar enroll PHOTO --consent self")
    if keys and consent.statement.key not in {key.lower() for key in keys}:
        raise ConsentError(
            f"{named} is refused: the word on whose face it is was given by the key {consent.statement.key[:16]}..., "
            "which is none of those that count here (--consent-key)."
        )
    if live and consent.statement.claim != CHECKED:
        raise ConsentError(
            f"{named} is refused: here the person has to be checked before a camera (--require-consent live), and it "
            f"says only {consent.statement.claim!r}. Make it anew: avatar enroll PHOTO --consent live"
        )


def in_words(consent: Consent | None) -> tuple[str, ...]:
    """Return sentences on what a file states."""
    if consent is None:
        return ("it does not say (avatar enroll --consent states it)",)
    statement = consent.statement
    if consent.problem is not None or statement is None:
        return (f"refused where it is asked for: {consent.problem}",)
    likeness = "" if statement.likeness is None else f" (likeness {statement.likeness:.3f})"
    return (
        f"{statement.claim}: {CLAIMS[statement.claim]}{likeness}",
        f"said on {statement.at:%Y-%m-%d %H:%M} UTC by the key {statement.key}",
    )


def _read(held: object) -> Statement:
    """Return a statement, its form checked, its signature not. Raises ValueError, KeyError or TypeError."""
    if not isinstance(held, dict):
        raise TypeError(held)
    text, signature = held["statement"], held["signature"]
    if not isinstance(text, str) or not isinstance(signature, str) or len(text) > MAX_TEXT or len(signature) != 128:
        raise ValueError(held)
    said: dict[str, Any] = json.loads(text)
    claim, content, key = said["claim"], said["content"], said["key"]
    if said["v"] != VERSION or claim not in CLAIMS:
        raise ValueError(said)
    for digest in (content, key):
        if not _DIGEST.fullmatch(digest):  # `bytes.fromhex` takes blanks and line breaks too, which would be shown
            raise ValueError(said)
    at = datetime.strptime(said["at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    likeness = said["likeness"] if claim == CHECKED else None
    if likeness is not None and (type(likeness) is not float or not 0 <= likeness <= 1):
        raise ValueError(said)
    return Statement(claim, at, content, key, text, signature, likeness)
