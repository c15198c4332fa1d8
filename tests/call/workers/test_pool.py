"""Calls that a worker holds: all goes as in the server's own process, and its end takes nothing else along.

The worker is none of its own here: the other end of its link runs beside the server. `test_process` starts real ones.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from avatar.call.ice_session import Trickled
from avatar.call.local_calls import LocalCalls
from avatar.call.registry import Calls
from avatar.call.rooms import RoomWish
from avatar.call.workers import pool as pool_module
from avatar.call.workers.pool import WorkerPool
from avatar.call.workers.serving import ServedCalls, Surrounded
from avatar.config import Background, ServerSettings
from avatar.errors import AvatarError, OfferError, ServerFullError, TrickleError, UnknownAvatarError
from avatar.generator.identity import Identity
from avatar.generator.identity_file import identity_to_bytes

pytestmark = pytest.mark.anyio


class WorkerBeside:
    """A `WorkerProcess` whose other end runs on the same event loop."""

    pid = 0

    def __init__(self, house: House) -> None:
        self._house = house
        self.ended: int | None = None
        self._gone = asyncio.Event()

    async def start(self) -> WorkerBeside:
        one, other = socket.socketpair()
        self.reader, self.writer = await asyncio.open_connection(sock=one)
        reader, writer = await asyncio.open_connection(sock=other)
        self.served = ServedCalls(reader, writer, self._open_calls)
        self._running = asyncio.create_task(self.served.run())
        self._running.add_done_callback(lambda _: self._end(0))
        return self

    async def wait(self, timeout_s: float = 5.0) -> None:
        await self._gone.wait()

    def kill(self) -> None:
        """As kill -9: nothing is said any more."""
        self.served.link.close()
        self._end(-9)

    async def clean_up(self) -> None:
        await asyncio.gather(self._running, return_exceptions=True)

    def _end(self, code: int) -> None:
        self.ended = code if self.ended is None else self.ended
        self._gone.set()

    def _open_calls(self, settings: ServerSettings, surrounded: Surrounded) -> LocalCalls:
        return LocalCalls(
            settings,
            surrounded.get_avatar,
            get_background=surrounded.get_background,
            load=surrounded.load,
            count_calls=surrounded.count_calls,
            shared_level=surrounded.shared_level,
            sessions={"avatar": self._house.make_session},
            on_end=surrounded.on_end,
        )


@dataclass
class House:
    """A server, its workers, and who has come."""

    loopback: ModuleType
    settings: ServerSettings
    identity: Identity
    most: int = 1
    workers: list[WorkerBeside] = field(default_factory=list)
    sessions: list[Any] = field(default_factory=list)
    clients: list[Any] = field(default_factory=list)
    files: int = 0
    no_more: bool = False
    background: Background = field(
        default_factory=lambda: Background("picture", data=b"a JPEG that a visitor has sent")
    )

    def __post_init__(self) -> None:
        self.pool = WorkerPool(self.settings, self, self._start, self.most, get_background=self.get_background)
        self.calls = Calls(self.settings, self.get_avatar, sessions={"avatar": self.make_session}, workers=self.pool)

    async def _start(self) -> WorkerBeside:
        if self.no_more:
            raise OSError("no process can be started")
        self.workers.append(WorkerBeside(self))
        return await self.workers[-1].start()

    def make_session(self, identity: Any, picture: Any, *, drive: Any, on_picture: Any, on_event: Any) -> Any:
        session = self.loopback.FakeSession(on_picture, on_event, (picture.width, picture.height), identity, drive)
        self.sessions.append(session)
        return session

    # What the server's libraries do

    async def get_background(self, background_id: str) -> Background:
        assert background_id == "a" * 22
        return self.background

    async def get_avatar(self, avatar_id: str) -> Any:
        self.info(avatar_id)
        return self.identity

    async def fetch(self, avatar_id: str) -> None:
        pass

    def info(self, avatar_id: str) -> object:
        if avatar_id == "nobody":
            raise UnknownAvatarError("The server does not know this avatar.")
        return avatar_id

    async def file(self, avatar_id: str) -> bytes:
        self.files += 1
        return identity_to_bytes(self.identity)

    async def join(self, avatar: str = "ada", **wanted: Any) -> tuple[Any, Any]:
        client = self.loopback.Client(audio=self.loopback.ToneTrack())
        self.clients.append(client)
        call = await self.calls.create(await client.offer(), avatar, **wanted)
        await client.accept(call.answer_sdp)
        return client, call

    async def leave(self) -> None:
        await self.calls.close()
        for client in self.clients:
            await client.close()
        for worker in self.workers:
            await worker.clean_up()


@pytest.fixture
async def house(loopback: ModuleType, astronaut: Identity, tmp_path: Path) -> AsyncIterator[House]:
    limits = replace(loopback.SETTINGS.limits, sessions=4, overbook=True)  # however slow this machine is
    made = House(loopback, replace(loopback.SETTINGS, limits=limits, recordings=tmp_path), astronaut)
    yield made
    await made.leave()


@pytest.mark.slow
async def test_a_second_call_is_held_by_a_worker_and_goes_as_the_first(house: House, loopback: ModuleType) -> None:
    await house.join()
    assert not house.workers, "a call that is alone needs no other process"
    client, call = await house.join(watch="a-watch-link-of-ours")
    (worker,) = house.workers
    assert house.pool.get(call.id) is call is house.calls.get(call.id) and call.id in house.calls
    await loopback.wait_for(lambda: len(client.pictures) >= 5 and len(client.sounds) >= 5)
    await loopback.wait_for(lambda: bool(client.received("stats")))
    (hello,) = client.received("hello")
    assert (hello["session"], hello["watch"]) == (call.id, call.watch_token)

    client.send(type="set_avatar", avatar="grace")
    client.send(type="set_avatar", avatar="nobody", id="n")
    await loopback.wait_for(lambda: bool(client.received("avatar")) and bool(client.received("error")))
    assert client.received("avatar")[0]["avatar"] == "grace"
    assert house.sessions[1].identity.name == house.identity.name
    client.send(type="set_avatar", avatar="nobody", id="n")
    await loopback.wait_for(lambda: any(error["code"] == "unknown_avatar" for error in client.received("error")))

    client.send(type="set_background", background="a" * 22, id="b")
    await loopback.wait_for(lambda: bool(client.received("background")))
    assert house.sessions[1].background == house.background

    with pytest.raises(TrickleError, match="ETag"):
        await house.calls.trickle(call.id, "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n", ["another"])
    with pytest.raises(TrickleError):
        await house.calls.trickle(call.id, "nothing of the kind", None)
    assert await house.calls.trickle("nobody", "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n") is None
    trickled = await house.calls.trickle(call.id, "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n", [call.ice_tag])
    assert trickled == Trickled(call.ice_tag)
    restarted = await house.calls.trickle(call.id, "a=ice-ufrag:else\r\na=ice-pwd:0123456789abcdef012345\r\n", ["*"])
    assert restarted is not None and restarted.restart is not None and restarted.ice_tag != call.ice_tag

    snapshot = house.calls.snapshot()
    assert (snapshot.active, snapshot.started, snapshot.workers) == (2, 2, 1)
    await loopback.wait_for(lambda: len(house.calls.snapshot().latest) == 2)
    assert worker.served._surroundings.calls == 2, "each sees the other's calls"

    assert await house.calls.end(call.id) is True
    assert await house.calls.end(call.id) is False and house.calls.get(call.id) is None
    await loopback.wait_for(lambda: bool(client.received("bye")))
    assert client.received("bye")[0]["reason"] == "left"
    assert house.calls.snapshot().ended == {"left": 1} and house.calls.snapshot().active == 1
    assert house.sessions[1].stopped


@pytest.mark.slow
async def test_a_workers_call_is_watched_and_recorded(house: House, loopback: ModuleType, tmp_path: Path) -> None:
    await house.join()
    client, call = await house.join()
    await loopback.wait_for(lambda: bool(client.pictures) and len(client.sounds) >= 5)
    watching = loopback.Client(video="recvonly", channel=False)
    house.clients.append(watching)
    watchers = await house.calls.watchers(call.watch_token)
    assert watchers is not None and await house.calls.watchers("a-link-of-nobody") is None
    with pytest.raises(OfferError):
        await watchers.add("no offer")
    watcher = await watchers.add(await watching.offer())
    await watching.accept(watcher.answer_sdp)
    await loopback.wait_for(lambda: len(watching.pictures) >= 3)
    assert await watchers.count() == await call.watchers.count() == 1
    assert await watchers.has(watcher.id) and not await watchers.has("another")
    with pytest.raises(AvatarError, match="Another call has this watch link"):
        await house.join(watch=call.watch_token)

    assert await call.recording.read() is None
    state = await call.recording.start()
    assert state.path.parent == tmp_path and not state.ended
    with pytest.raises(AvatarError, match="being recorded already"):
        await call.recording.start()
    await loopback.wait_for(lambda: client.received("recording") != [])
    ended = await call.recording.stop()
    assert ended is not None and ended.ended and ended.path == state.path
    assert (await call.recording.read()).ended

    assert await watchers.remove(watcher.id) is True and await watchers.remove(watcher.id) is False
    assert await watchers.count() == 0


async def test_what_a_worker_refuses_is_refused_in_its_words(house: House) -> None:
    await house.join()
    with pytest.raises(AvatarError) as refused:
        await house.join("nobody")
    assert refused.value.code == "unknown_avatar"
    assert house.calls.snapshot().active == 1, "nothing is left of it"
    await house.join()
    await house.join()
    assert house.files == 1, "an avatar that a worker has is not sent again"


async def test_who_goes_away_while_a_worker_makes_the_call_leaves_nothing(house: House, loopback: ModuleType) -> None:
    await house.join()
    await house.join()
    joining = asyncio.create_task(house.join("grace"))
    other = asyncio.create_task(house.join("grace"))
    await loopback.wait_for(lambda: house.calls.snapshot().active == 4)
    joining.cancel()
    other.cancel()
    await asyncio.gather(joining, other, return_exceptions=True)
    await loopback.wait_for(lambda: house.calls.snapshot().active == 2)
    (worker,) = house.workers
    await loopback.wait_for(lambda: worker.served._calls.active == 1)


@pytest.mark.slow
async def test_those_in_a_room_are_held_together(house: House, loopback: ModuleType) -> None:
    await house.join()
    house.calls._local._opening.append(5.0)  # the next would go to the worker anyway, the one after it not
    room = RoomWish("a-room-of-our-own-1", "Ada")
    ada, ada_call = await house.join(room=room)
    house.calls._local._opening.clear()
    _grace, grace_call = await house.join(room=RoomWish(room.room, "Grace"))
    assert house.pool.holding(ada_call.id) is house.pool.holding(grace_call.id) is not None
    await loopback.wait_for(lambda: any(len(room["members"]) == 2 for room in ada.received("room")))
    assert await house.calls.room_names(room.room) == ["Ada", "Grace"]
    assert house.calls.snapshot().rooms == 1
    view = next(
        member["whep"] for member in ada.received("room")[-1]["members"] if member["name"] == "Grace"
    ).removeprefix("/whep/")
    assert await house.calls.watchers(view) is not None
    with pytest.raises(ServerFullError, match="places in this room"):
        for name in ("Joan", "Katherine", "Mary"):
            house.calls._places._most = 9
            await house.join(room=RoomWish(room.room, name))


@pytest.mark.slow
async def test_a_worker_that_dies_takes_only_its_own_calls_along(
    house: House, loopback: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client, call = await house.join()
    _, lost = await house.join()
    house.workers[0].kill()
    await loopback.wait_for(lambda: lost.id not in house.calls)
    assert "ended (signal 9); 1 of its calls are lost" in caplog.text
    assert await house.calls.end(lost.id) is False and await house.calls.watchers(lost.watch_token) is None
    assert await lost.recording.read() is None and await lost.watchers.count() == 0
    seen = len(client.pictures)
    await loopback.wait_for(lambda: len(client.pictures) > seen + 3)
    assert call.id in house.calls
    snapshot = house.calls.snapshot()
    assert (snapshot.active, snapshot.started, snapshot.ended) == (1, 2, {"connection_lost": 1})
    await loopback.wait_for(lambda: len(house.pool) == 1)  # who calls again finds one ready
    _, again = await house.join()
    assert house.pool.get(again.id) is again


async def test_where_no_process_can_be_started_the_server_holds_the_calls(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.no_more = True
    await house.join()
    _, call = await house.join()
    assert "no process can be started" in caplog.text
    assert house.calls._local.get(call.id) is call
    await house.join()
    assert caplog.text.count("could not be started") == 1, "it is not tried for every call"


async def test_a_worker_is_started_once_for_a_call_that_is_expected(house: House, loopback: ModuleType) -> None:
    """Somebody opens the page, or several do, while a call runs."""
    house.calls.expect_another()
    await house.join()
    assert not house.workers, "before the first call the server's own process is free"
    house.calls.expect_another()
    house.calls.expect_another()
    await loopback.wait_for(lambda: len(house.pool) == 1)
    house.calls.expect_another()
    assert len(house.workers) == 1, "it is free"
    _, call = await house.join()
    assert house.pool.get(call.id) is call and len(house.workers) == 1


async def test_a_worker_that_nobody_needs_any_more_ends(
    house: House, loopback: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "RESTING_S", 0.1)
    monkeypatch.setattr(pool_module, "LOOK_EVERY_S", 0.05)
    await house.join()
    _, call = await house.join()
    await asyncio.sleep(0.3)
    assert len(house.pool) == 1, "it has a call"
    await house.calls.end(call.id)
    await loopback.wait_for(lambda: len(house.pool) == 0 and house.workers[0].ended == 0)
    assert house.calls.snapshot().ended == {"left": 1}, "what its calls did is still counted"


async def test_stopping_says_goodbye_in_every_process(house: House, loopback: ModuleType) -> None:
    first, _ = await house.join()
    second, _ = await house.join()
    await loopback.wait_for(lambda: bool(first.received("hello")) and bool(second.received("hello")))
    await house.calls.close()
    await loopback.wait_for(lambda: bool(first.received("bye")) and bool(second.received("bye")))
    assert [client.received("bye")[0]["reason"] for client in (first, second)] == ["server_stopping"] * 2
    assert house.workers[0].ended == 0
    with pytest.raises(ServerFullError, match="stopping"):
        await house.join()
