"""Speech to text behind an HTTP endpoint of the OpenAI transcription protocol."""

from __future__ import annotations

import asyncio
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from avatar.conversation.llm import LONGEST_TEXT
from avatar.conversation.openai_http import HttpPost, check_url
from avatar.errors import ConversationError
from avatar.media.pcm import to_mono_pcm, wav_bytes
from avatar.perception.speech.log_mel import RATE
from avatar.types import F32

THREADS: Final = 4


class OpenAISpeechToText:
    """Asks one model at one endpoint."""

    def __init__(self, base_url: str, model: str, key: str | None = None) -> None:
        """Ask `model` at `base_url`, such as http://localhost:8000/v1. Raises ConversationError for what is no URL."""
        self._base_url, self._model, self._key = check_url(base_url), model, key
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="avatar-stt")

    async def transcribe(self, samples: F32) -> str:
        """Return what is said in (n,) samples at 16 kHz; empty where nothing is understood.

        Raises:
            ConversationError: the endpoint cannot be reached, refuses, takes too long or answers with rubbish.
        """
        body, content_type = _form(wav_bytes(to_mono_pcm(samples, RATE), RATE), self._model)
        request = HttpPost(self._base_url, "/audio/transcriptions", body, content_type, self._key)
        try:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._threads, lambda: b"".join(request.lines()))
        finally:
            request.close()
        try:
            text = json.loads(answer)["text"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConversationError("The speech-to-text endpoint answered with what is no transcription.") from error
        if not isinstance(text, str):
            raise ConversationError("The speech-to-text endpoint answered with what is no transcription.")
        return text[:LONGEST_TEXT]


def _form(wav: bytes, model: str) -> tuple[bytes, str]:
    """Return a multipart form and its content type."""
    edge = secrets.token_hex(16)
    head = (
        f'--{edge}\r\nContent-Disposition: form-data; name="model"\r\n\r\n{model}\r\n'
        f'--{edge}\r\nContent-Disposition: form-data; name="response_format"\r\n\r\njson\r\n'
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="turn.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    )
    return head.encode() + wav + f"\r\n--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"
