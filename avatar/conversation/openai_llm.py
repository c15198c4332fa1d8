"""A language model behind an HTTP endpoint of the OpenAI chat protocol, on this machine or elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Literal

from avatar.conversation.llm import LONGEST_TEXT, UserTurn, split_sentences, well_formed
from avatar.conversation.openai_http import HttpPost, check_url
from avatar.errors import ConversationError

PROMPT: Final = (
    "You are a friendly person in a video call. What you write is spoken aloud: answer in one to three short sentences "
    "of plain words, without lists, markup, or emoji."
)
MOST_MESSAGES: Final = 20
"""Messages of the conversation so far that are sent along; older ones are forgotten."""
MOST_TOKENS: Final = 300
LONGEST_ANSWER: Final = 10 * LONGEST_TEXT
"""Characters of an answer that are read; more is not said."""
THREADS: Final = 4
"""A request that was given up may need a moment to end while the next one is made."""


class OpenAILanguageModel:
    """Keeps one conversation with one model."""

    def __init__(self, base_url: str, model: str, key: str | None = None) -> None:
        """Ask `model` at `base_url`, such as http://localhost:11434/v1. Raises ConversationError for what is no URL."""
        self._base_url, self._model, self._key = check_url(base_url), model, key
        self._history: list[dict[str, str]] = []
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="avatar-llm")

    async def reply(self, turn: UserTurn) -> AsyncGenerator[str, None]:
        """Yield the model's answer a sentence at a time.

        It is read as fast as it comes, however slowly it is spoken: what waits is at most LONGEST_ANSWER characters.

        Raises:
            ConversationError: the endpoint cannot be reached, refuses, takes too long or answers with rubbish.
        """
        content = turn.text or f"(The user spoke for {turn.seconds:.1f} seconds; nobody could make out the words.)"
        spoken = [message for message in self._history if message["content"]]
        self._history = [*spoken, {"role": "user", "content": content}][-MOST_MESSAGES:]
        body = {
            "model": self._model,
            "stream": True,
            "max_tokens": MOST_TOKENS,
            "messages": [{"role": "system", "content": PROMPT}, *self._history],
        }
        request = HttpPost(
            self._base_url, "/chat/completions", json.dumps(body).encode(), "application/json", self._key
        )
        loop = asyncio.get_running_loop()
        read: asyncio.Queue[str | None] = asyncio.Queue()

        def read_all() -> None:
            with contextlib.closing(request.lines()) as lines:
                for sentence in _sentences(_whole_characters(_pieces(lines))):
                    loop.call_soon_threadsafe(read.put_nowait, sentence)

        said = ""
        self._history.append({"role": "assistant", "content": ""})
        reading = loop.run_in_executor(self._threads, read_all)
        reading.add_done_callback(lambda _: read.put_nowait(None))
        try:
            while (sentence := await read.get()) is not None:
                said = f"{said} {sentence}".strip()
                self._history[-1]["content"] = said
                yield sentence
            await reading  # raises what went wrong
        finally:
            request.close()
            reading.cancel()  # where it has not begun; else its thread ends with the request
            await asyncio.gather(reading, return_exceptions=True)

    def interrupted(self, said: str) -> None:
        """Cut the last answer in the history to the sentences that were begun."""
        if self._history and self._history[-1]["role"] == "assistant":
            self._history[-1]["content"] = f"{said} (interrupted here)" if said else ""


def _pieces(lines: Iterator[bytes]) -> Iterator[str]:
    """Yield the pieces of text in a stream of server-sent events, or the text of an answer that is not streamed."""
    streamed, others = False, []
    for line in lines:
        if not line.startswith(b"data:"):
            others.append(line)
            continue
        streamed = True
        data = line[5:].strip()
        if data == b"[DONE]":
            return
        yield from _content(data, "delta")
    if not streamed:
        yield from _content(b"".join(others), "message")


def _content(data: bytes, kind: Literal["delta", "message"]) -> Iterator[str]:
    """Yield the text of a chat completion, or of a piece of one, where it has any."""
    try:
        choices: Any = json.loads(data)["choices"]
        text = choices[0][kind].get("content") if choices else None  # some end with an event of figures
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise ConversationError(
            "The language model's endpoint answered with no chat completion. Check its URL and the model's name."
        ) from error
    if isinstance(text, str) and text:
        yield text


def _sentences(pieces: Iterator[str]) -> Iterator[str]:
    """Yield the sentences of a text that comes in pieces, each as soon as it is complete."""
    rest, left = "", LONGEST_ANSWER
    for piece in pieces:
        whole, rest = split_sentences(rest + piece[:left])
        yield from whole
        left -= len(piece)
        if left <= 0:
            break
    if rest.strip():
        yield rest.strip()


def _whole_characters(pieces: Iterator[str]) -> Iterator[str]:
    """Yield pieces of text; half a character at the end of one (an emoji may be split in two) waits for the next."""
    half = ""
    for piece in pieces:
        text = half + piece
        half = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
        yield well_formed(text.removesuffix(half))
    yield well_formed(half)
