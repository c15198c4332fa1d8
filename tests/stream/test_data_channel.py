"""The codec of the data channel: strict with what is asked of it, patient with what a newer sender adds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated

import pytest
from pydantic import Field

from avatar.errors import ControlError
from avatar.stream.data_channel import LONGEST_REFUSAL, Vocabulary


@dataclass(frozen=True, slots=True)
class Turn:
    degrees: Annotated[float, Field(ge=-90, le=90)]
    side: str | None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    pass


WORDS = Vocabulary[Turn | Stop]({"turn": Turn, "stop": Stop})


def test_only_fields_that_may_be_missing_are_left_out() -> None:
    assert json.loads(WORDS.write(Turn(5.0, None))) == {"v": 1, "type": "turn", "degrees": 5.0, "side": None}
    assert json.loads(WORDS.write(Turn(5.0, "left", "now")))["note"] == "now"
    assert WORDS.write(Stop()) == '{"v":1,"type":"stop"}'


@pytest.mark.parametrize("message", [Turn(5.0, None), Turn(-90.0, "é", "x"), Stop()])
def test_what_is_written_is_read_as_it_was(message: Turn | Stop) -> None:
    assert WORDS.read(WORDS.write(message), limit_bytes=100) == message


def test_a_number_that_is_none_does_not_spoil_the_text() -> None:
    assert json.loads(WORDS.write(Turn(float("nan"), None)))["degrees"] is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"v":1,"type":"turn","degrees":5}', "exactly these fields: degrees, side; and, where wanted, note."),
        ('{"v":1,"type":"stop","at":1}', "'stop' takes exactly these fields: none."),
        ('{"v":1,"type":"spin"}', "of no known version and type: version 1, turn, stop."),
        ('{"v":3,"type":"stop"}', "another version than 1"),
        ('{"v":true,"type":"stop"}', "another version than 1"),
        ('{"v":1,"type":"turn","degrees":91,"side":null}', "at degrees: Input should be less than or equal to 90."),
    ],
)  # fmt: skip
def test_a_refusal_says_what_is_wrong_and_what_is_right(text: str, sentence: str) -> None:
    with pytest.raises(ControlError) as refusal:
        WORDS.read(text, limit_bytes=1000)
    assert sentence in str(refusal.value) and refusal.value.code == "bad_message"
    assert len(str(refusal.value)) <= LONGEST_REFUSAL


def test_a_newer_sender_is_understood_as_far_as_it_is_known() -> None:
    newer = '{"v":1,"type":"turn","degrees":5,"side":"left","speed":2}'
    assert WORDS.read_known(newer, limit_bytes=1000) == Turn(5.0, "left")
    assert WORDS.read_known('{"v":1,"type":"spin"}', limit_bytes=1000) is None
    for wrong in ('{"v":1}', '{"v":1,"type":"turn","degrees":"5","side":null}', '{"v":2,"type":"stop"}'):
        with pytest.raises(ControlError):
            WORDS.read_known(wrong, limit_bytes=1000)


def test_a_message_whose_fields_might_be_missing_by_mistake_is_no_message() -> None:
    @dataclass(frozen=True)
    class Loose:
        items: list[int] = field(default_factory=list)

    with pytest.raises(TypeError, match="Loose"):
        Vocabulary[Loose]({"loose": Loose})
