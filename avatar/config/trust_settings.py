"""Settings of whose face an avatar may be, and of how that is said and logged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from avatar.config.declaration import setting
from avatar.config.kinds import CONSENT_ASKED

ADDRESS_RULES: Final = ("shortened", "hashed", "none")
CONSENTS: Final = ("unstated", "self", "permitted", "nobody", "live")


@dataclass(frozen=True, slots=True)
class TrustSettings:
    """Whose face an avatar is, and how that is said (docs/trust.md)."""

    consent: str = setting(
        "unstated",
        "what is stated of a photo's face where nobody says it: self (one's own), permitted (the person has agreed), "
        "nobody (no real person's) or unstated; for avatar enroll also live (one's own, as a check before the camera "
        "finds)",
        choices=CONSENTS,
        metavar="WHOSE",
    )
    require_consent: bool | Literal["live"] = setting(
        False,
        "refuse avatars that do not state whose face they show, or whose statement does not hold; live: also those "
        "whose person was not checked before a camera",
        kind=CONSENT_ASKED,
    )
    consent_keys: tuple[str, ...] = setting(
        (),
        "a public key whose statements count, as `avatar info` shows it (default: anybody's)",
        metavar="KEY",
    )
    sign: bool = setting(
        False,
        "write content credentials (C2PA) into recordings and movies: that they are generated, by what and from what "
        "(pip install 'avatar[trust]')",
    )
    sign_cert: Path | None = setting(
        None,
        "your certificate (chain) in PEM to sign them with (default: a self-made one, to try it)",
        metavar="FILE",
    )
    sign_key: Path | None = setting(None, "its private key in PEM", metavar="FILE")
    audit_log: Path | None = setting(
        None, "log who did what when into this file, as JSON, without content (docs/trust.md)", metavar="FILE"
    )
    audit_addresses: str = setting(
        "shortened",
        "how addresses are written there: shortened (to 24 bits, of IPv6 48), hashed (with a key of the day) or none",
        choices=ADDRESS_RULES,
        metavar="HOW",
    )
    key_folder: Path | None = setting(
        None, "folder of the keys that avatar makes for itself (default: the user's folder of settings)", metavar="DIR"
    )

    @property
    def stated(self) -> str | None:
        """What is stated where nobody says it; None: nothing. What a check finds cannot be stated without one."""
        return None if self.consent in ("unstated", "live") else self.consent
