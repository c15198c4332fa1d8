"""The channel between a server and a worker: answers find their questions, and nothing odd is taken."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from avatar.call.room import RoomFullError
from avatar.call.workers.from_worker import FROM_WORKER, Found, FromWorker, GetAvatar
from avatar.call.workers.link import Link, LinkClosedError, refusal
from avatar.call.workers.to_worker import TO_WORKER, AvatarFile, HasWatcher, ToWorker
from avatar.errors import AvatarError, NoCommonCodecError, ServerFullError, TrickleError

pytestmark = pytest.mark.anyio


@dataclass
class Ends:
    """Both ends of a link, and what each was told."""

    server: Link[ToWorker, FromWorker]
    worker: Link[FromWorker, ToWorker]
    worker_writer: asyncio.StreamWriter
    to_server: list[Any] = field(default_factory=list)
    to_worker: list[Any] = field(default_factory=list)


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    one, other = socket.socketpair()
    server_streams = await asyncio.open_connection(sock=one)
    worker_streams = await asyncio.open_connection(sock=other)
    to_server: list[Any] = []
    to_worker: list[Any] = []
    server = Link[ToWorker, FromWorker](
        *server_streams,
        sends=TO_WORKER,
        receives=FROM_WORKER,
        on_message=lambda message, file: to_server.append((message, file)),
    )
    worker = Link[FromWorker, ToWorker](
        *worker_streams,
        sends=FROM_WORKER,
        receives=TO_WORKER,
        on_message=lambda message, file: to_worker.append((message, file)),
    )
    running = [asyncio.create_task(link.run()) for link in (server, worker)]
    yield Ends(server, worker, worker_streams[1], to_server, to_worker)
    server.close()
    worker.close()
    await asyncio.gather(*running)


async def soon(condition: Callable[[], bool]) -> None:
    """Wait until something has come; fails only if it never does."""
    end_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end_s
        await asyncio.sleep(0.005)


async def test_each_answer_finds_its_question_whatever_their_order(ends: Ends) -> None:
    asking = [
        asyncio.create_task(ends.server.ask(lambda n, who=who: HasWatcher(n, "token", who), Found, timeout_s=20))
        for who in ("ada", "grace")
    ]
    await soon(lambda: len(ends.to_worker) == 2)
    for (request, _), found in zip(reversed(ends.to_worker), (True, False), strict=True):
        ends.worker.send(Found(request.number, found))
    (ada, _), (grace, _) = await asyncio.gather(*asking)
    assert (ada.found, grace.found) == (False, True)


async def test_a_file_comes_beside_its_message(ends: Ends) -> None:
    asking = asyncio.create_task(ends.worker.ask(lambda n: GetAvatar(n, "mira", False), AvatarFile, timeout_s=20))
    await soon(lambda: bool(ends.to_server))
    file = bytes(range(256)) * 20_000
    ends.server.send(AvatarFile(ends.to_server[0][0].number), file)
    assert (await asking)[1] == file


@pytest.mark.parametrize(
    "error",
    [
        TrickleError("The call has another ETag than If-Match says.", code="stale_tag"),
        NoCommonCodecError("No format in common."),
        ServerFullError("All places are taken.", retry_after_s=7),
        RoomFullError("All 4 places in this room are taken.", retry_after_s=5),
        AvatarError("Another call has this watch link.", code="watch_taken"),
    ],
)
async def test_an_error_arrives_as_it_was_raised(ends: Ends, error: AvatarError) -> None:
    asking = asyncio.create_task(ends.server.ask(lambda n: HasWatcher(n, "token", "ada"), Found, timeout_s=20))
    await soon(lambda: bool(ends.to_worker))
    ends.worker.send(refusal(ends.to_worker[0][0].number, error))
    with pytest.raises(AvatarError) as raised:
        await asking
    assert (raised.value.code, str(raised.value)) == (error.code, str(error))
    assert getattr(raised.value, "retry_after_s", None) == getattr(error, "retry_after_s", None)
    assert isinstance(raised.value, ServerFullError if isinstance(error, ServerFullError) else type(error))


async def test_who_waits_for_a_process_that_is_gone_is_told(ends: Ends) -> None:
    asking = asyncio.create_task(ends.server.ask(lambda n: HasWatcher(n, "token", "ada"), Found, timeout_s=20))
    await soon(lambda: bool(ends.to_worker))
    ends.worker.close()
    with pytest.raises(LinkClosedError):
        await asking
    with pytest.raises(LinkClosedError):
        await ends.server.ask(lambda n: HasWatcher(n, "token", "ada"), Found, timeout_s=20)


async def test_a_process_that_does_not_answer_is_not_waited_for_without_end(ends: Ends) -> None:
    given_up: list[int] = []
    with pytest.raises(LinkClosedError, match="not answered"):
        await ends.server.ask(lambda n: HasWatcher(n, "token", "ada"), Found, timeout_s=0.05, on_cancel=given_up.append)
    assert given_up == [1]
    ends.worker.send(Found(1, found=True))  # too late: nobody is confused by it
    ends.worker.send(GetAvatar(1, "mira", known=False))
    await soon(lambda: bool(ends.to_server))


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack(">II", 2, 0) + b"{}",
        struct.pack(">II", 4, 0) + b"\xff\xfe\xfd\xfc",
        struct.pack(">II", 2**31, 0),
        struct.pack(">II", 2, 2**31) + b"{}",
        struct.pack(">II", 39, 0) + b'{"v":1,"type":"found","reply_to":"one"}',
    ],
    ids=["no message", "no text", "too long", "a file too long", "a field of another type"],
)
async def test_what_is_no_message_ends_the_link(ends: Ends, sent: bytes) -> None:
    ends.worker_writer.write(sent)
    await soon(lambda: ends.server.busy)
    with pytest.raises(LinkClosedError):
        await ends.server.ask(lambda n: HasWatcher(n, "token", "ada"), Found, timeout_s=20)
