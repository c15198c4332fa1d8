"""A stage's thread ends with a word, and nobody waits for one that was never begun."""

from __future__ import annotations

import threading

import pytest

from avatar.errors import PerceptionError
from avatar.timing.stage_thread import StageThread


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PerceptionError("The face tracker has failed."), "The face tracker has failed."),
        (RuntimeError("the encoder is gone"), "RuntimeError: the encoder is gone"),
    ],
    ids=["our own", "another's"],
)
def test_why_a_stage_ended_early_is_told_in_words(error: Exception, words: str) -> None:
    told: list[str] = []

    def fail() -> None:
        raise error

    thread = StageThread("test", fail, told.append)
    thread.start()
    thread.join()
    assert told == [words]


def test_a_stage_that_ends_by_itself_has_nothing_to_tell_and_may_be_joined_again() -> None:
    told: list[str] = []
    names: list[str] = []
    thread = StageThread("test", lambda: names.append(threading.current_thread().name), told.append)
    thread.join()
    thread.start()
    thread.join()
    thread.join()
    assert (names, told) == (["avatar-test"], [])
