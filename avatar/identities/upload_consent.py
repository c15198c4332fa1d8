"""Whose an uploaded face is, as its uploader or the operator states it, signed with the server's own key."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from avatar.config import TrustSettings
from avatar.errors import ConsentError, TrustError
from avatar.generator.identity import Identity
from avatar.generator.identity_file import with_consent
from avatar.trust.consent import CHECKED, check_claim, require
from avatar.trust.keys import consent_key

_log = logging.getLogger(__name__)


class UploadConsent:
    """States consent for uploads, and checks it against what the settings ask for."""

    def __init__(self, trust: TrustSettings) -> None:
        """Follow the settings; the key is read, or made, when it is first needed."""
        self._trust = trust
        self._key: Ed25519PrivateKey | None = None

    def claim(self, said: str | None, *, checked: bool = False) -> str | None:
        """Return what is to be stated of an upload of which `said` is said; None: nothing. Raises ConsentError.

        `checked`: the person was found before the camera (`live`).
        """
        if said is not None:
            check_claim(said)
        if (said == CHECKED) != checked:
            raise ConsentError(
                "`live` is said by a check before the camera, and of it nothing else: send its id as `check`.",
                code="bad_consent",
            )
        if self._trust.require_consent == "live" and said != CHECKED:
            raise ConsentError(
                "This server takes faces only of people whom it has seen: check that you are the person in the photo "
                "(docs/trust.md), and send `consent` = live with the photos and the check's id as `check`."
            )
        if said is not None or self._trust.stated is not None:
            return said or self._trust.stated
        if self._trust.require_consent:
            raise ConsentError(
                "This server asks whose face it is: send `consent` with the photos: self (your own), permitted (the "
                "person has agreed) or nobody (no real person's)."
            )
        return None

    def stated(self, identity: Identity, claim: str | None, likeness: float | None = None) -> Identity:
        """Return an identity with its statement; as it is where there is none. May read a file; for one thread.

        `likeness`: what the check before the camera has found; None: there was none. Raises ConsentError where this
        server's word is none of those that count.
        """
        if claim is None:
            return identity
        stated = with_consent(identity, claim, self._signing_key(), datetime.now(UTC), likeness=likeness)
        self.check(stated)  # the server's own word counts only where the operator has not named others'
        return stated

    def check(self, identity: Identity) -> None:
        """Raise ConsentError where an upload, here or taken by another server, does not state what is asked for."""
        if self._trust.require_consent:
            keys, live = self._trust.consent_keys, self._trust.require_consent == "live"
            require(identity.consent, "This avatar", keys, live=live)

    def _signing_key(self) -> Ed25519PrivateKey:
        """Return this server's own key; one for this run alone where it cannot keep any."""
        if self._key is None:
            try:
                self._key = consent_key(self._trust.key_folder)
            except TrustError as error:
                _log.warning("Statements of consent are signed with a key that is forgotten at the end: %s", error)
                self._key = Ed25519PrivateKey.generate()
        return self._key
