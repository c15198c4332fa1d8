"""A language model and speech to text behind endpoints of somebody else's, which may do anything."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import json
import threading
import time
import wave
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from avatar.conversation import openai_http
from avatar.conversation.llm import UserTurn
from avatar.conversation.openai_http import check_url
from avatar.conversation.openai_llm import LONGEST_ANSWER, OpenAILanguageModel
from avatar.conversation.openai_stt import OpenAISpeechToText
from avatar.errors import ConversationError

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


class Service:
    """A service on this machine that answers as it is messages to."""

    def __init__(self) -> None:
        service = self
        self.answer: Answer = lambda handler, body: None
        self.asked: list[tuple[str, dict[str, str], bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.asked.append((self.path, dict(self.headers), body))
                service.answer(self, body)

            def log_message(self, *arguments: object) -> None:
                """Stay silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()


def with_body(body: bytes, status: int = 200, length: int | None = None) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(status)
        if length is not None:
            handler.send_header("Content-Length", str(length))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def events(*texts: str) -> bytes:
    lines = [json.dumps({"choices": [{"delta": {"content": text}}]}) for text in texts]
    return "".join(f"data: {line}\n\n" for line in [*lines, '{"choices": []}', "[DONE]"]).encode()


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.server.shutdown()
    made.server.server_close()


def ask(llm: OpenAILanguageModel, text: str | None = "Hi") -> list[str]:
    async def collect() -> list[str]:
        return [sentence async for sentence in llm.reply(UserTurn(1.0, text))]

    return asyncio.run(collect())


def ask_brain(url: str) -> list[str]:
    return ask(OpenAILanguageModel(url, "small"))


def ask_ears(url: str) -> str:
    return asyncio.run(OpenAISpeechToText(url, "whisper").transcribe(np.zeros(160, np.float32)))


def test_sentences_come_out_of_a_stream_and_the_conversation_is_remembered(service: Service) -> None:
    service.answer = with_body(events("Hel", "lo. How", " are you? ", "Fine"))
    llm = OpenAILanguageModel(service.url, "small", "secret")
    assert ask(llm, "Hi") == ["Hello.", "How are you?", "Fine"]
    llm.interrupted("Hello.")
    ask(llm, None)
    path, headers, body = service.asked[-1]
    asked = json.loads(body)
    assert path == "/v1/chat/completions" and headers["Authorization"] == "Bearer secret"
    assert asked["model"] == "small" and asked["stream"] is True
    contents = [message["content"] for message in asked["messages"]]
    assert contents[1:3] == ["Hi", "Hello. (interrupted here)"] and "1.0 seconds" in contents[3]
    for _ in range(30):
        ask(llm)
    assert len(json.loads(service.asked[-1][2])["messages"]) <= 21


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        (["Nice \ud83d", "\ude00 day. So", " on"], ["Nice \U0001f600 day.", "So on"]),
        (["\ud83d", "\ude00"], ["\U0001f600"]),
        (["a\ud83d", "b\ude00c"], ["a\ufffdb\ufffdc"]),
        (["Well \ud83d"], ["Well \ufffd"]),
    ],
)
def test_a_character_split_over_two_pieces_is_whole_again(service: Service, pieces: list[str], said: list[str]) -> None:
    service.answer = with_body(events(*pieces))
    assert ask(OpenAILanguageModel(service.url, "small")) == said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (with_body(b"no", 401), "401"),
        (with_body(b"no", 500), "500"),
        (with_body(b"data: {rubbish\n\n"), "no chat completion"),
        (with_body(b'data: {"choices": [3]}\n\n'), "no chat completion"),
        (with_body(b"data: []\n\n"), "no chat completion"),
        (with_body(b"data: " + b"[" * 60_000 + b"\n\n"), "no chat completion"),
        (with_body(b"<html>Please log in.</html>"), "no chat completion"),
        (with_body(b'{"error": {"message": "no such model"}}'), "no chat completion"),
        (with_body(b": nothing but comments\n\n"), "no chat completion"),
        (with_body(b""), "no chat completion"),
        (with_body(b"", length=9000), "broke off"),
        (with_body(events("Hello").split(b"data: [DONE]")[0] + b'data: {"cho', length=9000), "broke off"),
        (with_body(b": stay awake\n" * 100_000), "more than"),
        (lambda handler, body: handler.connection.close(), "cannot be reached"),
    ],
)
def test_rubbish_and_refusals_are_one_error_that_never_tells_the_key(
    service: Service, answer: Answer, words: str
) -> None:
    service.answer = answer
    with pytest.raises(ConversationError, match=words) as caught:
        ask(OpenAILanguageModel(service.url, "small", "secret"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("indent", [None, 2])
def test_an_answer_that_is_not_streamed_is_taken_too(service: Service, indent: int | None) -> None:
    completion = {"choices": [{"message": {"role": "assistant", "content": "Hello. How are you?"}}]}
    service.answer = with_body(json.dumps(completion, indent=indent).encode())
    assert ask(OpenAILanguageModel(service.url, "small")) == ["Hello.", "How are you?"]


def test_an_empty_answer_is_no_rubbish(service: Service) -> None:
    service.answer = with_body(events())
    assert ask(OpenAILanguageModel(service.url, "small")) == []


def test_silence_has_an_end(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_http, "PATIENCE_S", 0.2)
    done = threading.Event()
    service.answer = lambda handler, body: (done.wait(20), None)[1]
    with pytest.raises(ConversationError, match="too long"):
        ask(OpenAILanguageModel(service.url, "small"))
    done.set()


@pytest.mark.slow
@pytest.mark.parametrize("begins", [b"HTTP/1.1 200 OK\r\nX-Rest: ", b"HTTP/1.1 200 OK\r\n\r\ndata: "])
@pytest.mark.parametrize("asked", [ask_brain, ask_ears])
def test_an_answer_that_comes_byte_by_byte_has_an_end(
    service: Service, monkeypatch: pytest.MonkeyPatch, begins: bytes, asked: Callable[[str], object]
) -> None:
    monkeypatch.setattr(openai_http, "WHOLE_S", 0.4)
    gone = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        try:
            handler.wfile.write(begins)
            for _ in range(200):
                handler.wfile.write(b"x")
                time.sleep(0.02)
        except OSError:
            gone.set()

    service.answer = trickle
    with pytest.raises(ConversationError, match="longer than"):
        asked(service.url)
    assert gone.wait(10)


def test_nobody_there_is_told() -> None:
    with pytest.raises(ConversationError, match="cannot be reached"):
        ask(OpenAILanguageModel("http://127.0.0.1:9/v1", "small"))


def test_an_answer_that_is_given_up_ends_its_request(service: Service) -> None:
    gone = threading.Event()

    def endless(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            handler.wfile.write(events("One. Two").split(b"data: [DONE]")[0])
            while not gone.wait(0.02):
                handler.wfile.write(b": still here\n\n")
        except OSError:
            gone.set()

    async def take_one() -> str:
        answer = OpenAILanguageModel(service.url, "small").reply(UserTurn(1.0, "Hi"))
        first = await anext(answer)
        await answer.aclose()
        return first

    service.answer = endless
    assert asyncio.run(take_one()) == "One."
    assert gone.wait(10)


def threads_of_brains() -> int:
    return sum(thread.name.startswith("avatar-llm") for thread in threading.enumerate())


@pytest.mark.slow
def test_an_answer_that_is_spoken_for_longer_than_it_may_take_arrives_whole(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_http, "WHOLE_S", 0.5)
    sent = threading.Event()
    messages = [f"This is sentence {number} of it." for number in range(160)]

    def stream(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        with_body(events(*(f"{sentence} " for sentence in messages)))(handler, body)
        sent.set()

    async def listen() -> list[str]:
        taken: list[str] = []
        async for sentence in OpenAILanguageModel(service.url, "small").reply(UserTurn(1.0, "Hi")):
            taken.append(sentence)
            if len(taken) == 1:
                await asyncio.sleep(1.0)
                assert sent.is_set()
        return taken

    service.answer = stream
    assert asyncio.run(listen()) == messages


def test_an_answer_without_an_end_is_read_up_to_a_bound(service: Service) -> None:
    service.answer = with_body(events(*["All work and no play. "] * 3_000))
    assert len(" ".join(ask(OpenAILanguageModel(service.url, "small")))) == pytest.approx(LONGEST_ANSWER, abs=25)


def test_an_error_comes_after_the_sentences_before_it(service: Service) -> None:
    service.answer = with_body(events("One. Two. Thr").split(b"data: [DONE]")[0] + b"data: {rubbish\n\n")

    async def listen() -> list[str]:
        taken: list[str] = []
        with pytest.raises(ConversationError, match="no chat completion"):
            async for sentence in OpenAILanguageModel(service.url, "small").reply(UserTurn(1.0, "Hi")):
                await asyncio.sleep(0.1)  # the error is known by now
                taken.append(sentence)
        return taken

    assert asyncio.run(listen()) == ["One.", "Two."]


def test_only_what_was_handed_out_is_remembered(service: Service) -> None:
    service.answer = with_body(events("One. Two. Three. "))
    llm = OpenAILanguageModel(service.url, "small")

    async def take_one() -> None:
        async with contextlib.aclosing(llm.reply(UserTurn(1.0, "Hi"))) as answer:
            await anext(answer)
            await asyncio.sleep(0.2)  # all of it has been read by now

    asyncio.run(take_one())
    ask(llm)
    assert [message["content"] for message in json.loads(service.asked[-1][2])["messages"]][1:] == ["Hi", "One.", "Hi"]


@pytest.mark.slow
@pytest.mark.parametrize("begins", [b"", b"HTTP/1.1 200 OK\r\n\r\n: stay awake\n"])
def test_a_user_who_cuts_in_ends_a_request_that_has_said_nothing(
    service: Service, begins: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    gone = threading.Event()

    def silent(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.wfile.write(begins)
        handler.connection.settimeout(10)
        if not handler.connection.recv(1):
            gone.set()

    async def cut_in() -> None:
        llm = OpenAILanguageModel(service.url, "small")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), contextlib.aclosing(llm.reply(UserTurn(1.0, "Hi"))) as answer:
                await anext(answer)

    service.answer = silent
    before = threads_of_brains()
    asyncio.run(cut_in())
    assert gone.wait(5)
    gc.collect()
    until_s = time.monotonic() + 5
    while threads_of_brains() > before and time.monotonic() < until_s:
        time.sleep(0.02)
    assert threads_of_brains() <= before and not caplog.records


@pytest.mark.slow
def test_an_error_that_nobody_waits_for_is_no_noise(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    service.answer = with_body(events("One. Two. Thr").split(b"data: [DONE]")[0] + b"data: {rubbish\n\n")

    async def take_one() -> str:
        async with contextlib.aclosing(OpenAILanguageModel(service.url, "small").reply(UserTurn(1.0, "Hi"))) as answer:
            first = await anext(answer)
            await asyncio.sleep(0.2)  # the error is known by now
        gc.collect()
        return first

    assert asyncio.run(take_one()) == "One." and not caplog.records


def test_ears_send_a_recording_and_return_its_words(service: Service) -> None:
    service.answer = with_body(b'{"text": " hello there "}')
    stt = OpenAISpeechToText(service.url, "whisper", "secret")
    text = asyncio.run(stt.transcribe(np.full(1600, 0.5, np.float32)))
    path, headers, body = service.asked[-1]
    assert text.strip() == "hello there" and path == "/v1/audio/transcriptions"
    assert headers["Authorization"] == "Bearer secret" and b"whisper" in body
    with wave.open(io.BytesIO(body[body.index(b"RIFF") :])) as sound:
        assert (sound.getframerate(), sound.getnframes(), sound.getnchannels()) == (16_000, 1600, 1)


@pytest.mark.slow
@pytest.mark.parametrize("body", [b"", b"[]", b'{"text": 3}', b"\xff", b"[" * 60_000])
def test_rubbish_is_no_transcription(service: Service, body: bytes) -> None:
    service.answer = with_body(body)
    with pytest.raises(ConversationError, match="no transcription"):
        ask_ears(service.url)


@pytest.mark.parametrize("url", ["", "localhost", "ftp://host/v1", "http://", "http://user:key@host/", "http://h:x/"])
def test_what_is_no_base_url_is_refused_before_anything_is_sent(url: Any) -> None:
    with pytest.raises(ConversationError, match="base URL"):
        check_url(url)
