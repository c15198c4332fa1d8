"""A call that was never made says why, in one word for the metric and in a sentence that says what to do."""

from __future__ import annotations

import pytest

from avatar.stream.connect_failure import ConnectFacts, why_not_connected
from avatar.stream.tuning.handshake_record import NO_SRTP_PROFILE, WRONG_FINGERPRINT


@pytest.mark.parametrize(
    ("facts", "reason", "told"),
    [
        (ConnectFacts(0, 3, False, None), "never_connected", "Let UDP through"),
        (ConnectFacts(4, 2, False, None), "no_route", "TURN"),
        (ConnectFacts(4, 2, True, None), "dtls_failed", "a=setup:passive"),
        (ConnectFacts(4, 2, True, WRONG_FINGERPRINT), "certificate", "a=fingerprint"),
        (ConnectFacts(4, 2, True, NO_SRTP_PROFILE), "dtls_failed", "SRTP_AES128_CM_HMAC_SHA1_80"),
        (ConnectFacts(4, 2, True, "wrong curve"), "certificate", "cert_file"),
        (ConnectFacts(4, 2, True, "peer did not return a certificate"), "certificate", "P-256"),
        (ConnectFacts(4, 2, True, "tlsv1 alert unknown ca"), "certificate", "not by a CA"),
        (ConnectFacts(4, 2, True, "sslv3 alert handshake failure"), "dtls_failed", "broken off by the client"),
        (ConnectFacts(4, 2, True, "no shared cipher"), "dtls_failed", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ],
)
def test_each_failure_has_its_word_and_its_remedy(facts: ConnectFacts, reason: str, told: str) -> None:
    failure = why_not_connected(facts)
    assert failure.reason == reason
    assert told in failure.detail
