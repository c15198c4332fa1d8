"""Why a call was never made, in one word and one sentence: a pure function of what the connection has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from avatar.stream.tuning.handshake_record import NO_SRTP_PROFILE, WRONG_FINGERPRINT

ConnectFailureReason: TypeAlias = Literal["never_connected", "no_route", "dtls_failed", "certificate"]

_CERTIFICATE_WORDS: Final = (
    "certificate",
    "unknown ca",
    "wrong curve",
    "key too small",
    "md too weak",
    "signature type",
)
"""Words of OpenSSL's reasons, and of the names of alerts, that are about a certificate."""


@dataclass(frozen=True, slots=True)
class ConnectFacts:
    """What a connection that was not made has seen."""

    checks: int
    """Connectivity checks of the peer that came with the right password."""
    addresses: int
    """Addresses of the peer that were tried."""
    way_found: bool
    """Whether ICE found a pair of addresses that works both ways."""
    dtls_error: str | None
    """What ended the DTLS handshake, in OpenSSL's words; None: nothing has."""


@dataclass(frozen=True, slots=True)
class ConnectFailure:
    """Why a call was never made."""

    reason: ConnectFailureReason
    detail: str
    """A sentence or two for whoever runs the server or the client: what happened, and what to do."""


def why_not_connected(facts: ConnectFacts) -> ConnectFailure:
    """Return what kept a call from being made."""
    if facts.dtls_error is not None:
        return _broken_handshake(facts.dtls_error)
    if facts.way_found:
        return ConnectFailure(
            "dtls_failed",
            "The client was reached, but its DTLS handshake did not come to an end in time. Does it read the answer, "
            "and begin the handshake where the answer says a=setup:passive?",
        )
    if facts.checks:
        return ConnectFailure(
            "no_route",
            f"{facts.checks} connectivity checks of the client came, but no pair of addresses worked both ways "
            f"({facts.addresses} of the client's were tried). Let UDP through from the server to the client too, or "
            "use a TURN server (--ice-server).",
        )
    return ConnectFailure(
        "never_connected",
        "No connectivity check of the client has come: it is gone, or nothing it sends by UDP gets here. Let UDP "
        "through to the server; where the server stands behind NAT or in a container, give it a STUN or TURN server "
        "(--ice-server).",
    )


def _broken_handshake(error: str) -> ConnectFailure:
    if error == WRONG_FINGERPRINT:
        return ConnectFailure(
            "certificate",
            "The client showed another certificate than the one its offer names (a=fingerprint). Send the offer as the "
            "client made it, and let nothing that ends DTLS stand between client and server.",
        )
    if error == NO_SRTP_PROFILE:
        return ConnectFailure(
            "dtls_failed",
            "Client and server have no SRTP profile in common. Let the client offer SRTP_AES128_CM_HMAC_SHA1_80 or "
            "SRTP_AEAD_AES_128_GCM.",
        )
    if any(word in error.lower() for word in _CERTIFICATE_WORDS):
        return ConnectFailure("certificate", _about_certificate(error))
    return ConnectFailure(
        "dtls_failed",
        f"The DTLS handshake {_by_whom(error)}. The client must take DTLS 1.2 with ECDHE-ECDSA-AES128-GCM-SHA256 "
        "and the curve P-256, as WebRTC asks of all (RFC 8827).",
    )


def _about_certificate(error: str) -> str:
    if "alert" in error.lower():
        return (
            f"The client did not accept the server's certificate ({error}). It must check certificates by the answer's "
            "a=fingerprint and not by a CA, and must have read the answer by then."
        )
    return (
        f"The client's certificate cannot be used ({error}). Give it one of the curve P-256 or of RSA with 2048 bits: "
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=call -keyout key.pem "
        "-out cert.pem, which FFmpeg's whip muxer takes by -cert_file cert.pem -key_file key.pem."
    )


def _by_whom(error: str) -> str:
    return f"was broken off by the client ({error})" if "alert" in error.lower() else f"has failed ({error})"
