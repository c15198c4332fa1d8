"""Asking a server to put something else behind the avatar of a running call, and waiting for its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from avatar.config import Background
from avatar.errors import AvatarError, ServerGoneError
from avatar.sdk.bot_protocol import SetBackground
from avatar.sdk.whip_client import WhipClient

ANSWER_TIMEOUT_S: Final = 15.0
"""A picture is made ready in a tenth of a second; a server that is short of time may need more."""


class BackgroundRequest:
    """One request at a time, of an avatar's event loop; the server's answers come in another thread."""

    def __init__(self, client: WhipClient, send: Callable[[SetBackground], None]) -> None:
        """Ask the server of `client`; `send` sends a message of the running call from any thread."""
        self._client, self._send = client, send
        self._asking = asyncio.Lock()
        self._answer: Future[None] | None = None

    async def ask(self, background: Background) -> None:
        """Return when the avatar is before `background`.

        Raises:
            ImageError, AvatarError: it cannot be, as the server says.
            ServerGoneError: the server does not answer, or goes away meanwhile.
        """
        async with self._asking:
            name = await asyncio.to_thread(self._client.name_background, background)
            answer: Future[None] = Future()
            self._answer = answer
            self._send(SetBackground(name))
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    await asyncio.wrap_future(answer)
            except TimeoutError as error:
                raise ServerGoneError("The server does not say whether the background is there.") from error
            finally:
                self._answer = None

    def done(self) -> None:
        """Take the server's word that it is there."""
        answer = self._answer
        if answer is not None and not answer.done():
            answer.set_result(None)

    def refused(self, error: AvatarError) -> None:
        """Take the server's refusal, or that it has gone."""
        answer = self._answer
        if answer is not None and not answer.done():
            answer.set_exception(error)
