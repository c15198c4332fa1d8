"""A program in a room: two on a real server hear and see each other, come and go, and are told what is wrong."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
import uvicorn

from avatar.call.registry import Calls
from avatar.config import LimitSettings, PictureSettings, ServerSettings, TransportSettings
from avatar.errors import ClosedError, CueError, RoomFullError, ServerGoneError, TokenError, UnknownAvatarError
from avatar.identities.library import AvatarLibrary
from avatar.sdk.paced_voice import WAITING_S, PacedVoice
from avatar.sdk.room import Room
from avatar.sdk.room_events import Heard, MembersChanged, Seen
from avatar.server.app import create_app
from avatar.types import Picture

pytestmark = pytest.mark.anyio

ROOM = "a-room-of-programs"
TOKEN = "the server's token"  # noqa: S105 - it guards nothing
RATE = 24_000
SIZE = (128, 128)


def tone(hertz: float, seconds: float) -> np.ndarray:
    return (8000 * np.sin(np.arange(round(seconds * RATE)) * 2 * np.pi * hertz / RATE)).astype(np.int16)


def speaking_session(loopback: ModuleType, **given: Any) -> Any:
    """A session that shows one colour, a picture for each piece of sound."""
    session = loopback.FakeSession(**given)
    i420 = cv2.cvtColor(np.full((*SIZE, 3), (40, 90, 160), np.uint8), cv2.COLOR_RGB2YUV_I420)
    begin_s = time.monotonic()

    def push_audio(frame: Any, received_s: float) -> None:
        session.sounds.append(frame)
        session.on_picture(Picture(time.monotonic() - begin_s, i420, None, received_s))

    session.push_audio = push_audio
    return session


@pytest.fixture(scope="module")
def server(loopback: ModuleType) -> Iterator[Any]:
    """A server in a thread, whose rooms have places for two."""
    settings = ServerSettings(
        picture=PictureSettings(*SIZE, 30, quality="fixed"),
        transport=TransportSettings(loopback_only=True),
        limits=LimitSettings(room_members=2),
    )

    async def get_avatar(avatar_id: str) -> str:
        if avatar_id != "ada":
            raise UnknownAvatarError("The server does not know this avatar.")
        return avatar_id

    sessions: list[Any] = []

    def make(identity: Any, picture: Any, *, drive: Any, on_picture: Any, on_event: Any) -> Any:
        made = speaking_session(
            loopback, on_picture=on_picture, on_event=on_event, size=SIZE, identity=identity, drive=drive
        )
        sessions.append(made)
        return made

    calls = Calls(settings, get_avatar, sessions={"avatar": make})
    app = create_app(settings, AvatarLibrary((), settings.limits), calls, token=TOKEN)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        while not running.started:
            time.sleep(0.01)
        running.url, running.calls, running.sessions = f"http://127.0.0.1:{listening.getsockname()[1]}", calls, sessions
        yield running
        running.should_exit = True
        thread.join()


def place(server: Any, name: str, face: str = "ada", **how: Any) -> Room:
    return Room.join(server.url, ROOM, face, **{"name": name, "token": TOKEN} | how)


async def until(room: AsyncIterator[Any], wanted: Callable[[Any], bool]) -> Any:
    """Return the first event that is wanted."""
    async with asyncio.timeout(20):
        async for event in room:
            if wanted(event):
                return event
    raise AssertionError("the room has ended")


def pitch(heard: Heard) -> float:
    spectrum = np.abs(np.fft.rfft(heard.samples.astype(np.float64), 4800))
    return float(np.argmax(spectrum)) * heard.sample_rate / 4800


@pytest.mark.slow
async def test_two_programs_hear_and_see_each_other(server: Any) -> None:
    async with place(server, "Ada", pictures=True) as ada, place(server, "Bo") as bo:
        assert [member.name for member in bo.members] == ["Ada"]
        changed = await until(ada, lambda event: isinstance(event, MembersChanged) and bool(event.members))
        (other,) = changed.members
        assert other.name == "Bo" and other.id != bo.members[0].id
        await bo.push_audio(tone(600, 20), RATE)
        loud = await until(ada, lambda e: isinstance(e, Heard) and len(e.samples) > 500 and abs(e.samples).max() > 4000)
        assert loud.member == other.id and pitch(loud) == pytest.approx(600, abs=15)
        seen = await until(ada, lambda event: isinstance(event, Seen))
        assert seen.rgb.shape == (128, 128, 3) and abs(seen.rgb.mean(axis=(0, 1)) - (40, 90, 160)).max() < 12
        await until(ada, lambda _: ada.members[0].speaking)
        assert bo.interrupt() > 10 and bo.waiting_s == 0
        bo.direct("smile warmly and nod")
        await until(bo, lambda _: any(session.cues for session in server.sessions))
        with pytest.raises(CueError):
            bo.direct("become a bat")
    await wait_until_empty(server)


async def wait_until_empty(server: Any) -> None:
    async with asyncio.timeout(20):
        while server.calls.snapshot().active or server.calls.snapshot().rooms:  # noqa: ASYNC110 - another thread's
            await asyncio.sleep(0.02)


async def test_who_leaves_is_gone_for_the_others_and_hears_nothing_more(server: Any) -> None:
    async with place(server, "Ada") as ada:
        bo = await place(server, "Bo").start()
        await until(ada, lambda event: isinstance(event, MembersChanged) and bool(event.members))
        await bo.close()
        await bo.close()
        await until(ada, lambda event: isinstance(event, MembersChanged) and not event.members)
        with pytest.raises(ClosedError):
            await bo.push_audio(tone(600, 0.1), RATE)
        assert not [event async for event in bo if isinstance(event, Seen)], "it has come to its end"
    await wait_until_empty(server)


async def test_a_room_is_entered_once_and_not_again_when_it_was_left(server: Any) -> None:
    ada = place(server, "Ada")
    with pytest.raises(ClosedError, match="not entered yet"):
        await anext(ada)
    await asyncio.gather(ada.start(), ada.start())
    assert server.calls.snapshot().active == 1, "a second start makes no second call"
    await ada.close()
    with pytest.raises(ClosedError, match="join it anew"):
        await ada.start()
    await wait_until_empty(server)


async def test_a_full_room_a_wrong_token_and_an_unknown_face_are_told(server: Any) -> None:
    async with place(server, "Ada"), place(server, "Bo"):
        with pytest.raises(RoomFullError, match="All 2 places in this room") as full:
            await place(server, "Cy").start()
        assert full.value.retry_after_s > 0
    with pytest.raises(TokenError):
        await place(server, "Cy", token="another").start()  # noqa: S106
    with pytest.raises(UnknownAvatarError):
        await place(server, "Cy", "nobody").start()
    await wait_until_empty(server)


async def test_a_call_that_the_server_ends_is_told_to_whoever_waits(server: Any) -> None:
    async with place(server, "Ada") as ada:
        await asyncio.to_thread(ada._client.end, ada._answer)
        with pytest.raises(ServerGoneError, match="ended the call"):
            await until(ada, lambda _: False)
        with pytest.raises(ServerGoneError):
            await ada.push_audio(tone(600, 0.1), RATE)
    await wait_until_empty(server)


async def test_a_voice_leaves_in_blocks_of_20_ms_at_their_times_and_silence_between(loopback: ModuleType) -> None:
    voice, sent = PacedVoice(), []
    voice.push(tone(600, 0.05), RATE)
    task = asyncio.create_task(voice.run(lambda frame, due_s: sent.append((frame, due_s))))
    await loopback.wait_for(lambda: len(sent) >= 8)
    task.cancel()
    assert {(frame.samples, frame.sample_rate) for frame, _ in sent} == {(960, 48_000)}
    assert [frame.pts for frame, _ in sent] == [960 * index for index in range(len(sent))]
    loud = [bool(abs(frame.to_ndarray()).max() > 1000) for frame, _ in sent]
    assert loud[:2] == [True, True] and not any(loud[3:])
    assert all(later - earlier > 0.015 for (_, earlier), (_, later) in pairwise(sent))


async def test_more_speech_than_half_a_minute_waits() -> None:
    voice = PacedVoice()
    voice.push(tone(600, WAITING_S + 1), RATE)
    waiting = asyncio.create_task(voice.wait_for_room())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    assert voice.interrupt() > WAITING_S
    async with asyncio.timeout(5):
        await waiting
