"""The language model of a conversation: its protocol, and a scripted one that needs neither a network nor weights."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final, Protocol

SHORT_S: Final = 1.2
LONG_S: Final = 6.0
"""Turns that are short, or long, to a listener who knows nothing but how long somebody spoke."""
LONGEST_TEXT: Final = 2_000
"""Characters of a user's turn that are passed on; more is cut."""


@dataclass(frozen=True, slots=True)
class UserTurn:
    """One turn of the user."""

    seconds: float
    """How long they spoke."""
    text: str | None = None
    """What they said; None where nobody turns speech into text, or where it could not be understood."""


class LanguageModel(Protocol):
    """Answers the user's turns, one after another; keeps whatever history it needs itself."""

    def reply(self, turn: UserTurn) -> AsyncGenerator[str, None]:
        """Yield the answer a sentence at a time, each as soon as it is there. Closed early when the user cuts in.

        Raises:
            ConversationError: there is no answer; the message says why.
        """
        ...

    def interrupted(self, said: str) -> None:
        """Note that the user cut in: `said` holds the sentences of the last answer that were begun."""
        ...


_OPENERS: Final = (
    "Hello! I can hear that you are talking, but I can not make out the words, so I go by the sound of it.",
    "Hi, there you are! I hear your voice but not your words yet, so bear with me while I keep you company.",
)
_AFTER_SHORT: Final = (
    "That was short and sweet. Would you like to tell me a little more about it?",
    "Mhm, I heard that. Go on, I have all the time in the world for you.",
    "Just a few words! I am curious what comes next, so please go on.",
)
_AFTER_USUAL: Final = (
    "I was listening to you. How did that make you feel, if you do not mind my asking?",
    "I see. Tell me more about that, and take all the time you need.",
    "That sounds like something worth talking about. What happened after that?",
    "I like listening to you. Is there something that you are looking forward to today?",
)
_AFTER_LONG: Final = (
    "Thank you for telling me all of that. Which part of it matters most to you?",
    "You had a lot to say, and I enjoyed every bit of it. What would you like to happen now?",
)
_WORDS: Final = (
    (r"\b(hello|hi|hey|good (morning|evening|afternoon))\b", "Hello to you too! It is good to see you. How are you?"),
    (r"\b(bye|goodbye|see you|good night)\b", "It was lovely to talk to you. Goodbye, and see you soon!"),
    (r"\bthank(s| you)\b", "You are very welcome. Is there anything else on your mind?"),
    (r"\b(who|what) are you\b|\byour name\b", "I am a face made from one photo, and this voice is made here too."),
    (r"\bhow are you\b", "I am very well, thank you. And how has your day been so far?"),
    (r"\b(sad|tired|lonely|angry|afraid|worried)\b", "I am sorry to hear that. Do you want to tell me more about it?"),
    (r"\b(happy|glad|great|wonderful|love)\b", "That is lovely to hear! What was the best part of it?"),
    (r"\b(joke|funny|laugh)\b", "I would tell you a joke about silence, but then there would be nothing to hear."),
)  # fmt: skip
_QUESTION: Final = (
    "That is a good question, and I wish I knew. What do you think yourself?",
    "I am only a small script, so I can not say. But I would love to hear your own answer.",
)


class ScriptedLanguageModel:
    """Answers from a fixed list of lines: asks, acknowledges, and reacts to a few words where the turn has text."""

    def __init__(self, seed: int = 0) -> None:
        """Choose lines by chance; the same seed chooses the same."""
        self._chance = random.Random(seed)  # noqa: S311 - nothing secret about it
        self._turns = 0
        self._last = ""

    async def reply(self, turn: UserTurn) -> AsyncGenerator[str, None]:
        """Yield an answer to a turn."""
        self._turns += 1
        self._last = self._choose_answer(turn)
        for sentence in sentences(self._last):
            yield sentence

    def interrupted(self, said: str) -> None:
        """Do nothing: a script minds no interruption."""

    def _choose_answer(self, turn: UserTurn) -> str:
        if turn.text is not None:
            for pattern, answer in _WORDS:
                if re.search(pattern, turn.text, re.IGNORECASE) and answer != self._last:
                    return answer
            if turn.text.rstrip().endswith("?"):
                return self._choose(_QUESTION)
        elif self._turns == 1:
            return self._choose(_OPENERS)
        if turn.seconds < SHORT_S:
            return self._choose(_AFTER_SHORT)
        return self._choose(_AFTER_USUAL if turn.seconds < LONG_S else _AFTER_LONG)

    def _choose(self, lines: tuple[str, ...]) -> str:
        """Return one of some lines, never the one said last."""
        return self._chance.choice([line for line in lines if line != self._last])


def well_formed(text: str) -> str:
    """Return a text in which halves of a character (UTF-16 surrogates) are joined, or replaced where one is alone."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


_END: Final = re.compile(r"(?<=[.!?…])[\"')\]]*\s+|(?<=[。！？])[」』”’）]*|\n+")
"""Of Chinese and Japanese no white space follows on a sentence."""
LONGEST_SENTENCE: Final = 300
"""Characters after which a text without an end is said as far as it goes."""


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, without the white space around them."""
    taken, rest = split_sentences(text)
    return [*taken, *([rest.strip()] if rest.strip() else [])]


def split_sentences(text: str) -> tuple[list[str], str]:
    """Return the complete sentences at the beginning of a text that grows, and what is left of it."""
    whole, start = [], 0
    for match in _END.finditer(text):
        whole.append(text[start : match.end()].strip())
        start = match.end()
    rest = text[start:]
    while len(rest) > LONGEST_SENTENCE:
        cut = rest.rfind(" ", 0, LONGEST_SENTENCE)
        cut = cut if cut > 0 else LONGEST_SENTENCE
        whole.append(rest[:cut].strip())
        rest = rest[cut:].lstrip()
    return [sentence for sentence in whole if sentence], rest
