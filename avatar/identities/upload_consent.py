"""What is stated of uploaded faces: as who uploads says it, or the operator; signed with the server's own key."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from avatar.config import TrustSettings
from avatar.errors import ConsentError, TrustError
from avatar.generator.identity import Identity
from avatar.generator.identity_file import with_consent
from avatar.trust.consent import check_claim, require
from avatar.trust.keys import consent_key

_log = logging.getLogger(__name__)


class UploadConsent:
    """States, and holds uploads against what the settings ask for."""

    def __init__(self, trust: TrustSettings) -> None:
        """Follow the settings; the key is read, or made, when it is first needed."""
        self._trust = trust
        self._key: Ed25519PrivateKey | None = None

    def claim(self, said: str | None) -> str | None:
        """Return what is to be stated of an upload of which `said` is said; None: nothing. Raises ConsentError."""
        if said is not None:
            check_claim(said)
            return said
        if self._trust.consent != "unstated":
            return self._trust.consent
        if self._trust.require_consent:
            raise ConsentError(
                "This server asks whose face it is: send `consent` with the photos: self (your own), permitted (the "
                "person has agreed) or nobody (no real person's)."
            )
        return None

    def stated(self, identity: Identity, claim: str | None) -> Identity:
        """Return an identity with its statement; as it is where there is none. May read a file; for one thread."""
        return identity if claim is None else with_consent(identity, claim, self._signing_key(), datetime.now(UTC))

    def check(self, identity: Identity) -> None:
        """Raise ConsentError where an upload that another server took does not state what is asked for here."""
        if self._trust.require_consent:
            require(identity.consent, "This avatar")

    def _signing_key(self) -> Ed25519PrivateKey:
        """Return this server's own key; one for this run alone where it cannot keep any."""
        if self._key is None:
            try:
                self._key = consent_key(self._trust.key_folder)
            except TrustError as error:
                _log.warning("Statements of consent are signed with a key that is forgotten at the end: %s", error)
                self._key = Ed25519PrivateKey.generate()
        return self._key
