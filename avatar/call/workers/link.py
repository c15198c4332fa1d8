"""One end of the channel between a server and a worker: messages and files both ways, questions and their answers.

    length of the message (4 bytes), length of the file (4 bytes), message (JSON text), file

Lengths are big-endian. Nothing is waited for: what a peer does not take is bounded by `MOST_WAITING_BYTES`.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, cast

from avatar import errors
from avatar.call.workers.messages import Refused, Reply
from avatar.errors import AvatarError, ControlError, ServerFullError
from avatar.stream.data_channel import Vocabulary

logger = logging.getLogger(__name__)

MOST_MESSAGE_BYTES: Final = 8_000_000
"""An offer of the longest that `config` allows, each of its letters escaped, has less."""
MOST_FILE_BYTES: Final = 64_000_000
"""As large as an `.avatar` file may be."""
MOST_WAITING_BYTES: Final = 256_000_000
"""More than this waits only for a peer that has stopped reading."""
BUSY_BYTES: Final = 1_000_000
"""While this much waits, what can be done without is not sent."""
_LENGTHS: Final = struct.Struct(">II")

SentT = TypeVar("SentT")
ReceivedT = TypeVar("ReceivedT")
ReplyT = TypeVar("ReplyT", bound=Reply)


class LinkClosedError(AvatarError):
    """The process at the other end is gone."""

    code = "failed"


class Link(Generic[SentT, ReceivedT]):
    """Sends and receives the messages of one end. Used on the event loop only."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        sends: Vocabulary[SentT],
        receives: Vocabulary[ReceivedT],
        on_message: Callable[[ReceivedT, bytes], None],
    ) -> None:
        """Prepare; nothing is read before `run`. `on_message` is told what comes that is no reply, and its file."""
        self._reader, self._writer = reader, writer
        self._sends, self._receives, self._on_message = sends, receives, on_message
        self._waiting: dict[int, asyncio.Future[tuple[Reply, bytes]]] = {}
        self._number = 0
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether much waits to be sent."""
        return self._closed or self._writer.transport.get_write_buffer_size() > BUSY_BYTES

    def send(self, message: SentT, file: bytes = b"") -> None:
        """Send a message; nothing where the link is closed."""
        if self._closed:
            return
        if self._writer.transport.get_write_buffer_size() > MOST_WAITING_BYTES:
            logger.error("a process of this server takes no messages any more: it is given up")
            self.close()
            return
        text = self._sends.write(message).encode()
        self._writer.write(_LENGTHS.pack(len(text), len(file)) + text)
        if file:
            self._writer.write(file)

    async def ask(
        self,
        make: Callable[[int], SentT],
        reply: type[ReplyT],
        *,
        timeout_s: float,
        on_cancel: Callable[[int], None] = lambda _: None,
    ) -> tuple[ReplyT, bytes]:
        """Send the request that `make` returns for a number; return its answer, which is a `reply`, and its file.

        `on_cancel` is told the number where whoever asks has gone away.

        Raises:
            AvatarError: what the other side answers in its place.
            LinkClosedError: it is gone, or does not answer in time.
        """
        if self._closed:
            raise LinkClosedError("The process that holds the call has ended.")
        self._number += 1
        number = self._number
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self.send(make(number))
        try:
            found, file = await asyncio.wait_for(answer, timeout_s)
        except TimeoutError as error:
            on_cancel(number)
            raise LinkClosedError(f"The process that holds the call has not answered for {timeout_s:g} s.") from error
        except asyncio.CancelledError:
            on_cancel(number)
            raise
        finally:
            self._waiting.pop(number, None)
        if isinstance(found, Refused):
            raise error_of(found)
        if not isinstance(found, reply):
            raise LinkClosedError(f"The process that holds the call answers with {type(found).__name__}.")
        return found, file

    async def run(self) -> None:
        """Take what comes until the other side is gone or `close` is called."""
        try:
            while not self._closed:
                self._take(*await self._read())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the process is gone
        except ControlError as error:
            logger.error("a process of this server sends what it should not: %s", error)
        finally:
            self.close()

    def close(self) -> None:
        """Take and send nothing any more; who waits for an answer is told. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(LinkClosedError("The process that holds the call has ended."))

    async def _read(self) -> tuple[ReceivedT, bytes]:
        message_bytes, file_bytes = _LENGTHS.unpack(await self._reader.readexactly(_LENGTHS.size))
        if message_bytes > MOST_MESSAGE_BYTES or file_bytes > MOST_FILE_BYTES:
            raise ControlError(f"A message of {message_bytes} and a file of {file_bytes} bytes.")
        try:
            text = (await self._reader.readexactly(message_bytes)).decode()
        except UnicodeDecodeError as error:
            raise ControlError("A message is no text.") from error
        file = await self._reader.readexactly(file_bytes)
        return self._receives.read(text, limit_bytes=MOST_MESSAGE_BYTES), file

    def _take(self, message: ReceivedT, file: bytes) -> None:
        if not isinstance(message, Reply):
            self._on_message(message, file)
        elif (answer := self._waiting.get(message.reply_to)) is not None and not answer.done():
            answer.set_result((message, file))


def refusal(number: int, error: AvatarError) -> Refused:
    """Return the answer to the request of this number that raised an error."""
    retry_after_s = error.retry_after_s if isinstance(error, ServerFullError) else None
    return Refused(number, type(error).__name__, error.code, str(error), retry_after_s)


def error_of(refused: Refused) -> AvatarError:
    """Return the error of a refusal."""
    if refused.retry_after_s is not None:
        full = ServerFullError(refused.message, retry_after_s=refused.retry_after_s)
        full.code = refused.code
        return full
    kind: Any = getattr(errors, refused.kind, AvatarError)
    if not (isinstance(kind, type) and issubclass(kind, AvatarError)) or issubclass(kind, ServerFullError):
        kind = AvatarError
    return cast(AvatarError, kind(refused.message, code=refused.code))
