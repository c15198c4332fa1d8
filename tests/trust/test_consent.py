"""Statements of consent: signed, bound to one content, and refused in plain words where they do not hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from avatar.errors import ConsentError
from avatar.trust.consent import as_json, in_words, read_consent, require, state

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NOW = datetime(2026, 11, 29, 10, 30, 5, tzinfo=UTC)
FACE, OTHER = "ab" * 32, "cd" * 32


def held(claim: str = "self", content: str = FACE) -> dict[str, str]:
    return as_json(state(claim, content, KEY, NOW))


def test_a_statement_holds_for_its_own_content_and_says_whose_word_it_is() -> None:
    consent = read_consent(json.loads(json.dumps(held())), FACE)
    assert (consent.problem, consent.claim) == (None, "self")
    assert consent.statement is not None
    assert consent.statement.at == NOW
    assert consent.statement.key == KEY.public_key().public_bytes_raw().hex()
    require(consent, "me.avatar")
    require(consent, "me.avatar", [consent.statement.key.upper()])


def test_a_statement_about_another_face_does_not_hold() -> None:
    consent = read_consent(held(), OTHER)
    assert consent.claim is None and "another face" in str(consent.problem)
    with pytest.raises(ConsentError, match=r"^me\.avatar is refused.*another face"):
        require(consent, "me.avatar")


@pytest.mark.parametrize(("old", "new"), [("self", "nobody"), (FACE, OTHER), ("2026", "2025")])
def test_altered_words_are_not_the_signers(old: str, new: str) -> None:
    altered = held()
    altered["statement"] = altered["statement"].replace(old, new)
    consent = read_consent(altered, FACE)
    assert consent.claim is None and "signature" in str(consent.problem)


@pytest.mark.parametrize(
    "junk",
    [
        None,
        [],
        {},
        {"statement": 1, "signature": "00" * 64},
        {"statement": "{}", "signature": "00" * 64},
        {"statement": "x" * 5_000, "signature": "00" * 64},
        {**held(), "signature": "zz" * 64},
        {**held(), "statement": held()["statement"].replace('"v": 1', '"v": 2')},
        {**held(), "statement": held()["statement"].replace("self", "king")},
        {**held(), "statement": held()["statement"].replace('"key": "', '"key": "\\r\\n  ')},
    ],
)
def test_what_is_no_statement_is_a_problem_and_no_crash(junk: Any) -> None:
    consent = read_consent(junk, FACE)
    assert consent.claim is None and consent.problem


def test_nothing_stated_is_refused_with_what_to_do() -> None:
    with pytest.raises(ConsentError, match=r"avatar enroll PHOTO --consent self"):
        require(None, "old.avatar")


def test_only_the_word_of_named_keys_counts_where_keys_are_named() -> None:
    with pytest.raises(ConsentError, match="--consent-key"):
        require(read_consent(held(), FACE), "me.avatar", ["00" * 32])


def test_only_what_can_be_stated_is() -> None:
    with pytest.raises(ConsentError, match="self, permitted, nobody"):
        state("certainly", FACE, KEY, NOW)


def test_a_live_check_is_stated_with_its_likeness_and_may_be_asked_for() -> None:
    text = as_json(state("live", FACE, KEY, NOW, likeness=0.96149))
    consent = read_consent(json.loads(json.dumps(text)), FACE)
    assert consent.claim == "live" and consent.statement is not None
    assert consent.statement.likeness == 0.961
    assert "(likeness 0.961)" in in_words(consent)[0]
    require(consent, "me.avatar", live=True)
    with pytest.raises(ConsentError, match="checked before a camera"):
        require(read_consent(held(), FACE), "me.avatar", live=True)
    with pytest.raises(ConsentError, match="likeness"):
        state("live", FACE, KEY, NOW)
    with pytest.raises(ConsentError, match="likeness"):
        state("self", FACE, KEY, NOW, likeness=0.96)
