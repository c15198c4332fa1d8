"""An avatar drawn by a server: what happens where there is none, it is full, refuses, goes away, or is not ours.

How such an avatar speaks is in `test_avatar.py`: the same tests as for one in this process.
"""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from avatar.config import PictureSettings
from avatar.errors import AvatarError, ServerFullError, ServerGoneError, TokenError, UnknownAvatarError
from avatar.sdk import bot_call, remote_renderer, server_liveness
from avatar.sdk.avatar import Avatar
from avatar.sdk.frames import AudioFrame, VideoFrame
from avatar.sdk.speech_intake import PIECE_S
from benchmarks.rough_network import Roughness, rough_network

pytestmark = pytest.mark.anyio

RATE = 48_000
VOICE = np.full(60 * RATE, 12_000, np.int16)
SMALL = PictureSettings(128, 128, 30)


@pytest.fixture(scope="module")
def server(bot_server: Any) -> Iterator[Any]:
    """A server with two places."""
    with bot_server.bot_server() as running:
        yield running


async def empty(server: Any) -> None:
    """Wait until nobody is connected."""
    await server.wait_for(lambda: server.calls.snapshot().active == 0)


async def take(face: Avatar, sounds: int, taken: list[Any] | None = None) -> list[Any]:
    """Return frames, added to those `taken` before, until so many of sound have come."""
    taken = [] if taken is None else taken
    while sum(isinstance(frame, AudioFrame) for frame in taken) < sounds:
        taken.append(await anext(face))
    return taken


async def test_the_pictures_are_of_the_size_and_the_place_is_free_again(server: Any, fake_parts: Any) -> None:
    async with server.connect(fake_parts.plain_parts(size=(128, 128)), liveliness=0.5, seed=3) as face:
        taken = await take(face, 10)
        assert face.size == (128, 128) and face.fps == 30
        assert server.calls.snapshot().active == 1
    pictures = [frame for frame in taken if isinstance(frame, VideoFrame)]
    assert len(pictures) >= 5 and all(picture.rgb.shape == (128, 128, 3) for picture in pictures)
    await empty(server)


async def test_a_label_is_drawn_into_what_a_server_has_drawn(server: Any, fake_parts: Any) -> None:
    pictures = []
    for label in (None, "AI avatar"):
        asked = replace(SMALL, label=label)
        async with server.connect(fake_parts.plain_parts(size=(128, 128)), picture=asked) as face:
            taken = await take(face, 10)
        pictures.append([frame.rgb for frame in taken if isinstance(frame, VideoFrame)][-1].astype(int))
        await empty(server)
    changed = np.abs(pictures[1] - pictures[0]).max(axis=(1, 2)) > 60
    assert changed[100:124].any() and not changed[:90].any()


async def test_one_that_is_never_watched_keeps_its_place_and_leaves_it(server: Any, fake_parts: Any) -> None:
    async with server.connect(fake_parts.plain_parts(size=(128, 128))) as face:
        await face.push_audio(VOICE[:RATE], RATE)
        face.nod()
        face.interrupt()
        assert face.waiting_s == 0
    await empty(server)


@pytest.mark.slow
async def test_a_face_that_nods_without_end_is_no_flood(server: Any, fake_parts: Any) -> None:
    async with server.connect(fake_parts.plain_parts(size=(128, 128))) as face:
        for _ in range(5000):
            face.nod()
        await take(face, 30)


async def test_a_full_server_says_when_to_come_back(server: Any, fake_parts: Any) -> None:
    async with (
        server.connect(fake_parts.plain_parts(size=(128, 128))),
        server.connect(fake_parts.plain_parts(size=(128, 128))),
    ):
        with pytest.raises(ServerFullError, match="places") as refused:
            await Avatar.connect(server.url, "plain", token="the server's token", picture=SMALL).start()  # noqa: S106
        assert refused.value.retry_after_s > 0
    await empty(server)


@pytest.mark.parametrize("token", [None, "another"])
async def test_a_token_that_is_refused_is_not_repeated(server: Any, token: str | None) -> None:
    with pytest.raises(TokenError) as refused:
        await Avatar.connect(server.url, "plain", token=token).start()
    assert "another" not in str(refused.value)


async def test_a_face_the_server_does_not_know(server: Any, bot_server: Any) -> None:
    with pytest.raises(UnknownAvatarError):
        await Avatar.connect(server.url, "nobody", token=bot_server.TOKEN, picture=SMALL).start()
    assert server.calls.snapshot().active == 0


@pytest.mark.parametrize("picture", [PictureSettings(127, 128, 30), PictureSettings(128, 128, 60)])
async def test_a_picture_the_server_cannot_send(server: Any, bot_server: Any, picture: PictureSettings) -> None:
    with pytest.raises(AvatarError, match="cannot be sent"):
        await Avatar.connect(server.url, "plain", token=bot_server.TOKEN, picture=picture).start()


async def test_a_server_that_stops_in_the_middle_of_a_word(
    bot_server: Any, fake_parts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_renderer, "COME_BACK_S", 0.5)
    with bot_server.bot_server() as server:
        async with server.connect(fake_parts.plain_parts(size=(128, 128))) as face:
            pushing = asyncio.create_task(face.push_audio(VOICE, RATE))
            taken = await take(face, 10)
            server.running.should_exit = True
            with pytest.raises(ServerGoneError, match="server"):
                await take(face, 1000, taken)
            with pytest.raises(ServerGoneError):
                await pushing
            for ask in (face.interrupt, face.nod, lambda: face.waiting_s):
                with pytest.raises(ServerGoneError):
                    ask()
            spoken = sum(frame.spoken for frame in taken if isinstance(frame, AudioFrame))
            left = len(face.unspoken())
            assert spoken >= 10 * RATE / 30 and left > 25 * RATE
            assert (spoken + left) % (PIECE_S * RATE) == 0, "a program can play the rest without a face: all of it"


async def test_a_call_whose_server_process_went_comes_back_and_not_a_word_is_lost(
    bot_server: Any, fake_parts: Any
) -> None:
    with bot_server.bot_server() as server:
        async with server.connect(fake_parts.plain_parts(size=(128, 128))) as face:
            server.parts.append(fake_parts.plain_parts(size=(128, 128)))
            await face.push_audio(VOICE[: 4 * RATE], RATE)
            await face.end_of_speech()
            taken = await take(face, 10)
            (call,) = server.calls._local._calls.values()
            asyncio.run_coroutine_threadsafe(server.calls.end(call.id, "server_stopping"), call._loop)
            begun = len(taken)
            while not face._renderer._call_lost.is_set():
                taken.append(await anext(face))
            with suppress(ServerGoneError):  # what is asked between two calls may be refused, and ends neither
                await face.set_background("#00c83c")
            while server.calls.snapshot().started < 2 or not isinstance(taken[-1], VideoFrame):
                taken.append(await anext(face))
                assert len(taken) < begun + 2000
            while sum(frame.spoken for frame in taken if isinstance(frame, AudioFrame)) < 4 * RATE:
                taken.append(await anext(face))
    sound = [frame for frame in taken if isinstance(frame, AudioFrame)]
    assert sum(frame.spoken for frame in sound) == 4 * RATE


@pytest.mark.slow
async def test_no_word_is_lost_on_a_network_that_loses_packets(bot_server: Any, fake_parts: Any) -> None:
    """Both ends are in this process, so each way is rough twice."""
    with rough_network(Roughness(loss=0.01, delay_s=0.01, jitter_s=0.01)), bot_server.bot_server() as server:
        async with server.connect(fake_parts.plain_parts(size=(128, 128))) as face:
            await face.push_audio(VOICE[: 2 * RATE], RATE)
            await face.end_of_speech()
            taken = await take(face, 120)
    sound = [frame for frame in taken if isinstance(frame, AudioFrame)]
    assert sum(frame.spoken for frame in sound) == 2 * RATE
    pictures = [frame for frame in taken if isinstance(frame, VideoFrame)]
    assert len(pictures) > len(sound) / 4, "a picture that is lost is left out, those after it are not"
    assert any(frame.rgb.mean() > 60 for frame in pictures), "the mouth opens"


def nobody_there(*_: Any) -> Any:
    raise ServerGoneError("The server does not answer.")


@pytest.mark.slow
async def test_a_server_that_is_started_anew_shows_the_face_again_and_no_word_is_lost(
    bot_server: Any, fake_parts: Any
) -> None:
    with ExitStack() as first, ExitStack() as second:
        server = first.enter_context(bot_server.bot_server())
        async with server.connect(fake_parts.plain_parts(size=(128, 128))) as face:
            pushing = asyncio.create_task(face.push_audio(VOICE, RATE))
            taken = await take(face, 10)
            stopping = asyncio.create_task(asyncio.to_thread(first.close))
            while not stopping.done():
                taken.append(await anext(face))
            await stopping
            port = int(server.url.rpartition(":")[2])
            again = second.enter_context(bot_server.bot_server(port=port))
            again.parts.append(fake_parts.plain_parts(size=(128, 128)))
            pictures = sum(isinstance(frame, VideoFrame) for frame in taken)
            while sum(isinstance(frame, VideoFrame) for frame in taken) < pictures + 10:
                taken.append(await anext(face))
            pushing.cancel()
    sound = [frame for frame in taken if isinstance(frame, AudioFrame)]
    times = [frame.time_s for frame in sound]
    assert times == sorted(times) and all(frame.spoken for frame in sound[3:]), "the voice went on"
    assert np.diff(times).max() < 2 / 30 + 1e-6, "all of it"


@pytest.mark.slow
async def test_a_server_that_falls_silent(bot_server: Any, fake_parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_liveness, "LOST_S", 1.5)
    with bot_server.bot_server() as server:
        async with server.connect(fake_parts.plain_parts(size=(128, 128))) as face:
            await take(face, 5)
            (call,) = server.calls._local._calls.values()
            monkeypatch.setattr(call._peer, "send", lambda _: False)
            monkeypatch.setattr(remote_renderer, "COME_BACK_S", 0.0)
            monkeypatch.setattr(face._renderer._client, "offer", nobody_there)
            with pytest.raises(ServerGoneError, match="gone"):
                await take(face, 1000)


async def test_a_program_that_talks_rubbish_loses_its_call(server: Any, fake_parts: Any) -> None:
    async with server.connect(fake_parts.plain_parts(size=(128, 128))) as face:
        await take(face, 3)
        renderer = face._renderer
        renderer._loop.call_soon_threadsafe(renderer._call._caller.send, b"rubbish")
        with pytest.raises(AvatarError, match="tick"):
            await take(face, 1000)
    await empty(server)


async def test_a_program_that_floods_loses_its_call(server: Any, fake_parts: Any) -> None:
    async with server.connect(fake_parts.plain_parts(size=(128, 128))) as face:
        await take(face, 3)
        renderer = face._renderer

        def flood() -> None:
            """Send until the call is lost: how many come within one second depends on the machine."""
            channel = renderer._call._caller._channel
            if channel.readyState == "open":
                if channel.bufferedAmount < 16_384:
                    for _ in range(500):
                        channel.send('{"v":1,"type":"ping"}')
                renderer._loop.call_later(0.01, flood)

        renderer._loop.call_soon_threadsafe(flood)
        with pytest.raises(AvatarError, match="Too many"):
            while True:
                await anext(face)
    await empty(server)


class Stranger(http.server.BaseHTTPRequestHandler):
    """Answers an offer as no server of ours does."""

    status, body = 200, b"<html>"
    headers_sent: ClassVar[dict[str, str]] = {}

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        for name, value in self.headers_sent.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.body)

    def do_DELETE(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {}, b"<html>"),
        (201, {}, b"v=0"),
        (201, {"Location": "/whip/x"}, b"v=0"),
        (201, {"Location": "/whip/x"}, b"\xff" * 1000),
        (201, {"Location": "/whip/x"}, b"a" * 100_000),
        (302, {"Location": "http://127.0.0.1:9/"}, b""),
        (500, {}, b"{}"),
    ],
)
async def test_a_stranger_at_the_address(status: int, headers: dict[str, str], body: bytes) -> None:
    handler = type("Handler", (Stranger,), {"status": status, "headers_sent": headers, "body": body})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as stranger:
        thread = threading.Thread(target=stranger.serve_forever, args=(0.01,))
        thread.start()
        try:
            with pytest.raises(ServerGoneError):
                await Avatar.connect(f"http://127.0.0.1:{stranger.server_port}").start()
        finally:
            stranger.shutdown()
            thread.join()


@pytest.mark.slow
async def test_a_server_that_answers_but_sends_no_picture(
    server: Any, fake_parts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot_call, "OPEN_TIMEOUT_S", 1.0)
    monkeypatch.setattr(bot_call.BotCall, "on_picture", lambda *_: None)
    face = server.connect(fake_parts.plain_parts(size=(128, 128)))
    with pytest.raises(ServerGoneError, match="no picture"):
        await face.start()
    await empty(server)


async def test_an_ice_server_that_is_none(server: Any, fake_parts: Any) -> None:
    with pytest.raises(AvatarError):
        await server.connect(fake_parts.plain_parts(), ice_servers=["nonsense"]).start()


async def test_a_temperament_the_server_refuses(server: Any, fake_parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avatar.sdk.avatar.HIGHEST_SEED", 2**80)
    with pytest.raises(AvatarError, match="seed: Input should be less than or equal to"):
        await server.connect(fake_parts.plain_parts(size=(128, 128)), seed=2**70).start()
    await empty(server)


async def test_closing_while_it_opens(server: Any, fake_parts: Any) -> None:
    face = server.connect(fake_parts.plain_parts(size=(128, 128)))
    opening = asyncio.create_task(face.start())
    await asyncio.sleep(0.05)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await empty(server)


@pytest.mark.parametrize("url", ["", "ftp://host", "http://avatars.example"])
def test_an_address_that_will_not_do_is_told_at_once(url: str) -> None:
    with pytest.raises(AvatarError):
        Avatar.connect(url, token="secret")  # noqa: S106
