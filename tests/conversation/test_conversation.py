"""A conversation as its user meets it: answered, cut short, and alive after whatever goes wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
import pytest

from avatar.conversation.conversation import BLOCK, MOST_SENTENCES, Conversation
from avatar.conversation.events import Answered, Caption, Interrupted, Trouble
from avatar.conversation.llm import UserTurn
from avatar.errors import ConversationError, VoiceError
from avatar.timing.rtp_clock import AUDIO_RATE as RATE
from avatar.types import F32

pytestmark = pytest.mark.anyio


class EverythingIsVoice:
    """Takes a tone for a voice."""

    def push(self, _samples: F32) -> bool:
        return True


class ToneVoice:
    """Half a second of tone a word, in two pieces."""

    sample_rate = 24_000

    def speak(self, text: str) -> Iterator[F32]:
        for _ in range(2):
            yield np.full(6_000 * len(text.split()), 0.5, np.float32)


@dataclass
class ScriptedAnswers:
    """Answers from a list; remembers the turns it was given."""

    answers: list[Any]
    turns: list[UserTurn] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)

    async def reply(self, turn: UserTurn) -> AsyncGenerator[str, None]:
        self.turns.append(turn)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        for sentence in answer:
            yield sentence

    def interrupted(self, said: str) -> None:
        self.cut.append(said)


@dataclass
class ScriptedTranscripts:
    """Transcribes from a list."""

    texts: list[Any]
    lengths: list[int] = field(default_factory=list)

    async def transcribe(self, samples: F32) -> str:
        self.lengths.append(len(samples))
        text = self.texts.pop(0)
        if isinstance(text, Exception):
            raise text
        return str(text)


@dataclass
class Talk:
    """A conversation, what it has sent and reported, and a user who can speak."""

    conversation: Conversation
    events: list[Any]
    sent: list[np.ndarray]
    presences: list[str]

    def user(self, loud: bool, seconds: float) -> None:
        """Let sound arrive, faster than it would be spoken."""
        for _ in range(round(seconds / 0.02)):
            level = 8_000 if loud else 0
            wave = (level * np.sin(np.arange(BLOCK) * 0.05)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
            frame.sample_rate = RATE
            self.conversation.on_audio(frame, time.monotonic())

    def says(self, seconds: float = 0.6) -> None:
        self.user(False, 0.4)
        self.user(True, seconds)
        self.user(False, 0.6)

    def of(self, kind: type) -> list[Any]:
        return [one for one in self.events if isinstance(one, kind)]

    def loud_blocks(self) -> int:
        return sum(bool(np.abs(block).max() > 100) for block in self.sent)


@pytest.fixture
async def talks() -> AsyncIterator[Callable[..., Talk]]:
    running: list[tuple[Conversation, asyncio.Task[None]]] = []

    def begin(llm: Any, stt: Any = None, voice: Any = None, on_event: Any = None) -> Talk:
        events: list[Any] = []
        sent: list[np.ndarray] = []
        presences: list[str] = []

        def send(samples: np.ndarray, due_s: float) -> float:
            sent.append(samples)
            return 0.1

        conversation = Conversation(
            voice or ToneVoice(),
            llm,
            stt,
            send=send,
            on_event=on_event or events.append,
            set_presence=presences.append,
            detector=EverythingIsVoice(),
        )
        running.append((conversation, asyncio.create_task(conversation.run())))
        return Talk(conversation, events, sent, presences)

    yield begin
    for conversation, task in running:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await conversation.close()
        await conversation.close()


@pytest.mark.slow
async def test_a_turn_is_answered_in_the_avatars_voice_with_captions_and_times(
    talks: Callable[..., Talk], loopback: Any
) -> None:
    llm = ScriptedAnswers([["Hello there.", "Go on."]])
    talk = talks(llm)
    talk.says(0.6)
    await loopback.wait_for(lambda: bool(talk.of(Answered)) and not talk.conversation.has_floor)
    assert llm.turns[0].text is None and llm.turns[0].seconds == pytest.approx(0.6, abs=0.05)
    you, *avatar = talk.of(Caption)
    assert (you.speaker, you.text, you.turn) == ("you", "", 1) and you.seconds == pytest.approx(0.6, abs=0.05)
    assert [(one.speaker, one.text, one.turn) for one in avatar] == [
        ("avatar", "Hello there.", 1),
        ("avatar", "Go on.", 1),
    ]
    assert sum(len(block) for block in talk.sent) == len(talk.sent) * BLOCK
    assert talk.loud_blocks() == pytest.approx(4 * 0.5 / 0.02, abs=2)
    (answered,) = talk.of(Answered)
    assert list(answered.stage_ms()) == ["decided", "text", "sound", "sent"]
    assert all(milliseconds >= 0 for milliseconds in answered.stage_ms().values())
    assert talk.presences == ["listening", "thinking", "speaking", "listening"]


async def test_a_voice_cuts_the_avatar_short_and_tells_how_much_was_heard(
    talks: Callable[..., Talk], loopback: Any
) -> None:
    llm = ScriptedAnswers([["one two three four five six", "never said"], ["What?"]])
    talk = talks(llm)
    talk.says()
    await loopback.wait_for(lambda: talk.loud_blocks() >= 10)
    talk.user(True, 0.1)
    assert not talk.of(Interrupted), "a cough does not"
    talk.user(True, 0.3)
    (cut,) = talk.of(Interrupted)
    blocks = talk.loud_blocks()
    assert cut.heard_ms == pytest.approx(20 * (blocks + 1), abs=1e-6) and cut.said == "one two three four five six"
    assert llm.cut == [cut.said]
    count = len(talk.sent)
    await loopback.wait_for(lambda: len(talk.sent) >= count + 10)
    assert talk.loud_blocks() <= blocks + 1, "one block fades, then there is silence"
    talk.user(False, 0.6)
    await loopback.wait_for(lambda: bool(talk.of(Answered)[1:]))
    assert talk.of(Caption)[-1].text == "What?"


async def test_who_goes_on_before_the_answer_has_begun_is_not_talked_over(
    talks: Callable[..., Talk], loopback: Any
) -> None:
    llm = ScriptedAnswers([["Now."]])
    talk = talks(llm)
    talk.says()
    talk.user(True, 0.4)
    (cut,) = talk.of(Interrupted)
    assert cut.heard_ms == 0
    talk.user(False, 0.6)
    await loopback.wait_for(lambda: bool(talk.of(Answered)))
    assert [one.text for one in talk.of(Caption) if one.speaker == "avatar"] == ["Now."]


async def test_ears_give_the_brain_words_and_the_page_a_caption(talks: Callable[..., Talk], loopback: Any) -> None:
    llm, stt = ScriptedAnswers([["Yes."]]), ScriptedTranscripts(["  are you there  "])
    talk = talks(llm, stt)
    talk.says(1.0)
    await loopback.wait_for(lambda: bool(talk.of(Answered)))
    assert llm.turns[0].text == talk.of(Caption)[0].text == "are you there"
    assert stt.lengths[0] / 16_000 == pytest.approx(1.0 + 0.3 + 0.4, abs=0.1)
    assert "words" in talk.of(Answered)[0].stage_ms()


async def test_who_goes_on_before_the_ears_have_understood_is_heard_whole(
    talks: Callable[..., Talk], loopback: Any
) -> None:
    class SlowSpeechToText(ScriptedTranscripts):
        async def transcribe(self, samples: F32) -> str:
            text = await super().transcribe(samples)
            await asyncio.sleep(0.2)
            return text

    llm, stt = (
        ScriptedAnswers([["Yes."], ["No."]]),
        SlowSpeechToText(["I would like", "I would like some tea", "Please"]),
    )
    talk = talks(llm, stt)
    talk.says(0.8)
    await loopback.wait_for(lambda: bool(stt.lengths))
    talk.says(0.6)
    await loopback.wait_for(lambda: bool(talk.of(Answered)))
    assert [one.text for one in llm.turns] == ["I would like some tea"] and not llm.cut
    assert llm.turns[0].seconds == talk.of(Caption)[0].seconds == pytest.approx(0.8 + 0.6, abs=0.1)
    assert stt.lengths[1] / 16_000 == pytest.approx(0.8 + 0.6 + 2 * (0.3 + 0.4), abs=0.2)
    talk.says(0.6)
    await loopback.wait_for(lambda: len(talk.of(Answered)) == 2)
    assert llm.turns[1].text == "Please" and stt.lengths[2] < stt.lengths[1], "what was answered is not said again"


@pytest.mark.parametrize(
    ("llm", "stt", "code"),
    [
        (ScriptedAnswers([ConversationError("It took too long."), ["Back."]]), None, "conversation_failed"),
        (ScriptedAnswers([RuntimeError("rubbish"), ["Back."]]), None, "conversation_failed"),
        (ScriptedAnswers([[], ["Back."]]), None, "no_answer"),
        (ScriptedAnswers([[" "], ["Back."]]), None, "no_voice"),
        (
            ScriptedAnswers([["Back."]]),
            ScriptedTranscripts([ConversationError("Nobody answers."), "hello"]),
            "conversation_failed",
        ),
    ],
)
async def test_trouble_is_told_and_the_next_turn_is_answered(
    talks: Callable[..., Talk], loopback: Any, llm: ScriptedAnswers, stt: Any, code: str
) -> None:
    class PickyVoice(ToneVoice):
        def speak(self, text: str) -> Iterator[F32]:
            from avatar.conversation.tts import checked  # noqa: PLC0415

            return super().speak(checked(text))

    talk = talks(llm, stt, PickyVoice())
    talk.says()
    await loopback.wait_for(lambda: bool(talk.of(Trouble)))
    assert talk.of(Trouble)[0].code == code and talk.presences[-1] == "listening"
    talk.says()
    await loopback.wait_for(lambda: bool(talk.of(Answered)))
    assert talk.of(Caption)[-1].text == "Back."


class EnglishVoice(ToneVoice):
    """Has no sound for what is not ASCII."""

    def speak(self, text: str) -> Iterator[F32]:
        if text.isascii():
            yield from super().speak(text)
        yield np.zeros(0, np.float32)


async def test_an_answer_that_cannot_be_said_is_shown_and_told(talks: Callable[..., Talk], loopback: Any) -> None:
    talk = talks(ScriptedAnswers([["你好。", "😀"], ["Back."]]), voice=EnglishVoice())
    talk.says()
    await loopback.wait_for(lambda: len(talk.of(Caption)) == 3)
    assert [one.text for one in talk.of(Caption)[1:]] == ["你好。", "😀"]
    assert [one.code for one in talk.of(Trouble)] == ["unspeakable"] and talk.presences[-1] == "listening"
    talk.says()
    await loopback.wait_for(lambda: bool(talk.of(Answered)))
    assert talk.of(Caption)[-1].text == "Back."


async def test_a_sentence_that_cannot_be_said_is_shown_in_its_place(talks: Callable[..., Talk], loopback: Any) -> None:
    sentences = ["😀", "One.", "你好。", "Two.", "🎉"]
    talk = talks(ScriptedAnswers([sentences]), voice=EnglishVoice())
    talk.says()
    await loopback.wait_for(lambda: bool(talk.of(Answered)) and not talk.conversation.has_floor)
    assert [one.text for one in talk.of(Caption)[1:]] == sentences
    assert not talk.of(Trouble) and talk.presences[-1] == "listening"


class LatinVoice(ToneVoice):
    """Knows which words it has no sound for, and refuses a sentence of nothing else."""

    def unspeakable_words(self, text: str) -> tuple[str, ...]:
        return tuple(word for word in text.split() if not word.isascii())

    def speak(self, text: str) -> Iterator[F32]:
        if len(self.unspeakable_words(text)) == len(text.split()):
            raise VoiceError("No sound for that.", code="unspeakable")
        yield from super().speak(text)


@pytest.mark.slow
async def test_a_caption_says_what_is_only_shown(talks: Callable[..., Talk], loopback: Any) -> None:
    sentences = ["It is called 你好 there.", "Привет мир.", "😀", "Two."]
    talk = talks(ScriptedAnswers([sentences]), voice=LatinVoice())
    talk.says()
    await loopback.wait_for(lambda: bool(talk.of(Answered)) and not talk.conversation.has_floor)
    assert [one.text for one in talk.of(Caption)[1:]] == sentences
    assert [one.unspoken for one in talk.of(Caption)[1:]] == ["你好", "Привет мир.", "", ""]
    assert not talk.of(Trouble)


async def test_a_brain_that_ends_late_leaves_a_listener(talks: Callable[..., Talk], loopback: Any) -> None:
    done = asyncio.Event()

    class LateLanguageModel(ScriptedAnswers):
        async def reply(self, turn: UserTurn) -> AsyncGenerator[str, None]:
            yield "One."
            await done.wait()

    talk = talks(LateLanguageModel([]))
    talk.says()
    await loopback.wait_for(lambda: talk.loud_blocks() >= 24 and not np.any(talk.sent[-1]))
    assert talk.presences[-1] == "speaking"
    done.set()
    await loopback.wait_for(lambda: talk.presences[-1] == "listening")


async def test_half_a_character_is_told_as_a_whole_one(talks: Callable[..., Talk], loopback: Any) -> None:
    llm = ScriptedAnswers([["Well \ud83d."]])
    talk = talks(llm, ScriptedTranscripts(["hi \ude00"]))
    talk.says()
    await loopback.wait_for(lambda: bool(talk.of(Answered)))
    assert llm.turns[0].text == "hi \ufffd"
    assert [one.text for one in talk.of(Caption)] == ["hi \ufffd", "Well \ufffd."]


async def test_the_avatar_speaks_on_where_nothing_can_be_told(talks: Callable[..., Talk], loopback: Any) -> None:
    def fail(event: Any) -> None:
        raise ValueError("the line is gone")

    talk = talks(ScriptedAnswers([["One."], ["Two."]]), on_event=fail)
    for turn in (1, 2):
        talk.says()
        await loopback.wait_for(lambda turn=turn: talk.presences.count("speaking") == turn)
        await loopback.wait_for(lambda: not talk.conversation.has_floor)
    assert talk.loud_blocks() == pytest.approx(2 * 0.5 / 0.02, abs=2)


async def test_a_brain_that_fails_when_it_is_cut_short_is_asked_again(
    talks: Callable[..., Talk], loopback: Any
) -> None:
    class StubbornLanguageModel(ScriptedAnswers):
        def interrupted(self, said: str) -> None:
            raise RuntimeError("I was not done")

    talk = talks(StubbornLanguageModel([["one two three four five six"], ["Sorry."]]))
    talk.says()
    await loopback.wait_for(lambda: talk.loud_blocks() >= 10)
    talk.says()
    await loopback.wait_for(lambda: len(talk.of(Answered)) == 2)
    assert len(talk.of(Interrupted)) == 1 and talk.of(Caption)[-1].text == "Sorry."


async def test_an_answer_without_end_ends(talks: Callable[..., Talk], loopback: Any) -> None:
    class ShortVoice(ToneVoice):
        def speak(self, text: str) -> Iterator[F32]:
            yield np.full(480, 0.5, np.float32)

    talk = talks(ScriptedAnswers([["a"] * 1000]), voice=ShortVoice())
    talk.says()
    await loopback.wait_for(lambda: bool(talk.of(Answered)) and not talk.conversation.has_floor)
    assert len(talk.of(Caption)) == 1 + MOST_SENTENCES
