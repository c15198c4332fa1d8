"""What the avatar answers when it is its own llm."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from avatar.conversation.llm import LONGEST_SENTENCE, ScriptedLanguageModel, UserTurn, sentences, split_sentences


def answers(llm: ScriptedLanguageModel, *turns: UserTurn) -> list[str]:
    async def ask(heard: UserTurn) -> str:
        return " ".join([sentence async for sentence in llm.reply(heard)])

    return [asyncio.run(ask(heard)) for heard in turns]


def test_the_same_seed_answers_alike_and_no_answer_comes_twice_in_a_row() -> None:
    turns = [UserTurn(seconds) for seconds in (2, 0.5, 0.5, 3, 3, 9, 9, 0.4, 2, 2)]
    said = answers(ScriptedLanguageModel(3), *turns)
    assert said == answers(ScriptedLanguageModel(3), *turns)
    assert said != answers(ScriptedLanguageModel(4), *turns)
    assert all(one and one != other for one, other in pairwise(said))


def test_without_ears_it_says_so_first_and_never_claims_to_have_understood() -> None:
    first, *_ = answers(ScriptedLanguageModel(0), UserTurn(2), UserTurn(2))
    assert "words" in first


@pytest.mark.parametrize(
    ("text", "word"), [("Hello there", "Hello"), ("I am so tired", "sorry"), ("thanks a lot", "welcome"), ("why?", "?")]
)
def test_with_ears_it_reacts_to_what_is_said(text: str, word: str) -> None:
    (said,) = answers(ScriptedLanguageModel(1), UserTurn(1, text))
    assert word in said or text.endswith("?")
    assert "words" not in said


def test_sentences_are_told_apart_as_they_come() -> None:
    assert split_sentences("One. Two! Th") == (["One.", "Two!"], "Th")
    assert sentences("One. Two!\nThree") == ["One.", "Two!", "Three"]
    assert sentences(" \n ") == []
    assert split_sentences("3.5 metres") == ([], "3.5 metres")
    assert split_sentences("你好。今天天气很好！我") == (["你好。", "今天天气很好！"], "我")


def test_a_text_without_an_end_is_said_in_parts() -> None:
    parts, rest = split_sentences("word " * 200)
    assert parts and all(len(part) <= LONGEST_SENTENCE for part in [*parts, rest])
    assert " ".join([*parts, rest]).split() == ["word"] * 200
    assert split_sentences("x" * 1000)[0]
