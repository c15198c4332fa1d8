"""Talking with the avatar in a call: joined, answered, cut short, left again, and refused where no voice can speak."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import replace
from fractions import Fraction
from types import ModuleType
from typing import Any

import av
import numpy as np
import pytest
from aiortc import MediaStreamTrack

from avatar.call.registry import Calls
from avatar.conversation.llm import UserTurn
from avatar.conversation.services import ConversationServices
from avatar.errors import VoiceError
from avatar.types import F32

pytestmark = pytest.mark.anyio


class SpeakingTrack(MediaStreamTrack):
    """A microphone: silence, and a tone while `loud` is set."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.loud = False
        self.index = 0
        self.begin_s = time.monotonic()

    async def recv(self) -> av.AudioFrame:
        await asyncio.sleep(max(self.begin_s + self.index * 0.02 - time.monotonic(), 0.0))
        level = 9_000 if self.loud else 0
        wave = (level * np.sin((np.arange(960) + 960 * self.index) * 0.04)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 960 * self.index, Fraction(1, 48_000)
        self.index += 1
        return frame


class EverythingIsVoice:
    """Takes a tone for a voice."""

    def push(self, _samples: np.ndarray) -> bool:
        return True


class LongVoice:
    """Three seconds of tone, whatever the text."""

    sample_rate = 24_000

    def speak(self, text: str) -> Iterator[F32]:
        yield (0.4 * np.sin(np.arange(72_000) * 0.1)).astype(np.float32)


class PlainLanguageModel:
    """Has one answer."""

    async def reply(self, heard: UserTurn) -> AsyncGenerator[str, None]:
        yield "An answer."

    def interrupted(self, said: str) -> None:
        """Does not mind."""


class Place:
    """Calls over fake sessions, and a client in one of them."""

    def __init__(self, loopback: ModuleType, service_factory: Any, echo_cancel: bool = False) -> None:
        self.loopback, self.sessions, self.clients = loopback, [], []
        self.microphone = SpeakingTrack()

        def make(identity: Any, picture: Any, *, drive: Any, on_picture: Any, on_event: Any) -> Any:
            session = loopback.FakeSession(on_picture, on_event, (picture.width, picture.height), identity, drive)
            self.sessions.append(session)
            return session

        async def get_avatar(avatar_id: str) -> Any:
            return avatar_id

        transport = replace(loopback.SETTINGS.transport, echo_cancel=echo_cancel)
        settings = replace(loopback.SETTINGS, transport=transport)
        self.calls = Calls(settings, get_avatar, sessions={"avatar": make}, service_factory=service_factory)

    async def join(self, drive: str) -> Any:
        client = self.loopback.Client(audio=self.microphone)
        self.clients.append(client)
        call = await self.calls.create(await client.offer(), "ada", drive=drive)
        await client.accept(call.answer_sdp)
        await self.loopback.wait_for(lambda: len(client.sounds) >= 5)
        return client

    async def say(self, seconds: float) -> None:
        self.microphone.loud = True
        await asyncio.sleep(seconds)
        self.microphone.loud = False


def services() -> ConversationServices:
    return ConversationServices(LongVoice(), PlainLanguageModel(), detector=EverythingIsVoice())


def no_services() -> ConversationServices:
    raise VoiceError("No voice can speak here. Install one.")


@pytest.fixture
async def places(loopback: ModuleType) -> AsyncIterator[Any]:
    made: list[Place] = []

    def make(service_factory: Any, **options: Any) -> Place:
        made.append(Place(loopback, service_factory, **options))
        return made[-1]

    yield make
    for place in made:
        await place.calls.close()
        for client in place.clients:
            await client.close()


def loud(client: Any, last: int) -> bool:
    return any(np.abs(frame.to_ndarray()).max() > 2000 for frame in client.sounds[-last:])


@pytest.mark.slow
async def test_the_user_hears_the_answer_instead_of_themselves_and_can_cut_it_short(
    places: Any, loopback: ModuleType
) -> None:
    place = places(services)
    client = await place.join("voice")
    client.send(type="set_drive", drive="conversation", id="t")
    await loopback.wait_for(lambda: bool(client.received("drive")))
    assert client.received("drive") == [{"v": 1, "type": "drive", "drive": "conversation", "reply_to": "t"}]
    (session,) = place.sessions
    assert session.drive == "conversation"
    await loopback.wait_for(lambda: not loud(client, 5))
    await place.say(0.6)
    assert not loud(client, 10), "nobody hears themselves"
    await loopback.wait_for(lambda: bool(client.received("answered")))
    await loopback.wait_for(lambda: loud(client, 3))
    captions = client.received("caption")
    assert [(one["speaker"], one["text"], one["turn"]) for one in captions] == [
        ("you", "", 1),
        ("avatar", "An answer.", 1),
    ]
    assert captions[0]["seconds"] > 0.4
    assert {"decided", "text", "sound", "sent"} == set(client.received("answered")[0]["stage_ms"])
    assert np.abs(session.sounds[-1].to_ndarray()).max() > 2000, "its own sound moves its mouth"

    await place.say(0.5)
    await loopback.wait_for(lambda: bool(client.received("interrupted")))
    assert 0 < client.received("interrupted")[0]["heard_ms"] < 3000
    assert session.presences[:4] == ["listening", "listening", "thinking", "speaking"]

    client.send(type="set_drive", drive="voice")
    await loopback.wait_for(lambda: len(client.received("drive")) == 2)
    await loopback.wait_for(lambda: not loud(client, 10))
    await place.say(0.5)
    await loopback.wait_for(lambda: session.drive == "voice" and bool(client.sounds))


@pytest.mark.slow
async def test_a_call_can_begin_with_the_conversation(places: Any, loopback: ModuleType) -> None:
    place = places(services)
    client = await place.join("conversation")
    assert client.received("hello")[0]["drive"] == "conversation"
    await loopback.wait_for(lambda: bool(client.received("drive")))
    await place.say(0.6)
    await loopback.wait_for(lambda: loud(client, 3))
    client.send(type="set_drive", drive="conversation", id="again")
    await loopback.wait_for(lambda: client.received("drive")[-1].get("reply_to") == "again")


@pytest.mark.slow
async def test_with_echo_cancellation_the_avatar_does_not_interrupt_itself(
    places: Any, loopback: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Perfect:
        """Hears nothing while something is played."""

        def __init__(self, rate: int) -> None:
            assert rate == 48_000

        def process(self, near: Any, far: Any) -> Any:
            return near * (np.abs(far).max() < 1_000)

    module = ModuleType("pywebrtc_audio")
    module.EchoCanceller = Perfect  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", module)
    place = places(services, echo_cancel=True)
    client = await place.join("conversation")
    await loopback.wait_for(lambda: bool(client.received("drive")))
    await place.say(0.6)
    await loopback.wait_for(lambda: loud(client, 3))
    await asyncio.sleep(0.2)
    await place.say(1.0)
    assert not client.received("interrupted")
    assert len(client.received("answered")) == 1


async def test_a_page_that_cannot_decide_has_one_conversation_made(places: Any, loopback: ModuleType) -> None:
    making, asked = threading.Event(), []

    def service_factory() -> ConversationServices:
        asked.append("services")
        making.wait(20)
        return ConversationServices(LongVoice(), PlainLanguageModel(), detector=EverythingIsVoice())

    place = places(service_factory)
    client = await place.join("camera")
    for number in range(10):
        client.send(type="set_drive", drive="conversation", id=f"to {number}")
        client.send(type="set_drive", drive="voice", id=f"from {number}")
    client.send(type="set_drive", drive="conversation", id="last")
    await loopback.wait_for(lambda: sum(told["drive"] == "voice" for told in client.received("drive")) == 10)
    await loopback.wait_for(lambda: bool(asked))  # the thread that asks may be late
    assert asked == ["services"]
    making.set()
    await loopback.wait_for(lambda: client.received("drive")[-1].get("reply_to") == "last")
    assert asked == ["services"]


@pytest.mark.parametrize("drive", ["camera", "conversation"])
async def test_without_a_voice_the_page_is_told_how_to_get_one(places: Any, loopback: ModuleType, drive: str) -> None:
    place = places(no_services)
    client = await place.join(drive)
    if drive == "camera":
        client.send(type="set_drive", drive="conversation", id="t")
    await loopback.wait_for(lambda: bool(client.received("error")))
    (error,) = client.received("error")
    assert (error["code"], error["detail"]) == ("no_voice", "No voice can speak here. Install one.")
    assert error.get("reply_to") == ("t" if drive == "camera" else None)
    expected = "camera" if drive == "camera" else "voice"
    await loopback.wait_for(lambda: place.sessions[0].drive == expected)
