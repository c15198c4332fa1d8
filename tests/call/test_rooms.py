"""Rooms as their people meet them: real peers on the loopback interface, each sent the others and never themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import ModuleType
from typing import Any

import av
import numpy as np
import pytest
from aiortc import MediaStreamTrack

from avatar.call.room import LONGEST_NAME, clean_name
from avatar.call.rooms import RoomWish
from avatar.errors import AvatarError, RoomFullError, ServerFullError
from tests.call.test_registry import Stage, make_stage

pytestmark = pytest.mark.anyio

ROOM = "a-room-of-our-own"
FPS = 15


class Camera(MediaStreamTrack):
    """Shows one grey; `brightness` 0 to 255."""

    kind = "video"

    def __init__(self, brightness: int) -> None:
        super().__init__()
        self.brightness, self.index = brightness, 0

    async def recv(self) -> av.VideoFrame:
        await asyncio.sleep(1 / FPS)
        grey = np.full((96, 128, 3), self.brightness, np.uint8)
        frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = self.index * 90_000 // FPS, Fraction(1, 90_000)
        self.index += 1
        return frame


@dataclass
class Person:
    """One in a room, and what they are sent of each of the others, by name."""

    name: str
    client: Any
    call: Any
    views: dict[str, Any] = field(default_factory=dict)

    @property
    def room(self) -> dict[str, Any]:
        """The state of the room that was told last."""
        said: list[dict[str, Any]] = self.client.received("room")
        return said[-1] if said else {"you": "", "members": []}

    @property
    def others(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.room["members"] if one["member"] != self.room["you"]}

    def sees(self, name: str) -> int:
        """How bright the picture of another is."""
        return round(float(self.views[name].pictures[-1].to_ndarray(format="gray").mean()))

    def hears(self, name: str) -> int:
        """Which of the tones another is heard with."""
        sound = np.concatenate([frame.to_ndarray()[0, ::2] for frame in self.views[name].sounds[-20:]])
        return round(float(np.argmax(np.abs(np.fft.rfft(sound)))) * 48_000 / len(sound) / 100) * 100


@dataclass
class House:
    """A server, and who has come into its rooms."""

    stage: Stage

    async def enter(self, name: str, *, brightness: int = 100, tone: Any = None, room: str = ROOM) -> Person:
        client = self.stage.loopback.Client(video=Camera(brightness), audio=tone)
        self.stage.clients.append(client)
        call = await self.stage.calls.create(await client.offer(), "ada", drive="both", room=RoomWish(room, name))
        await client.accept(call.answer_sdp)
        person = Person(name, client, call)
        await self.stage.loopback.wait_for(lambda: bool(person.room["members"]))
        return person

    async def watch(self, token_address: str) -> Any:
        """Be sent what an address shows."""
        client = self.stage.loopback.Client(video="recvonly", channel=False)
        client.connection.addTransceiver("audio", direction="recvonly")
        self.stage.clients.append(client)
        watchers = await self.stage.calls.watchers(token_address.removeprefix("/whep/"))
        assert watchers is not None
        await client.accept((await watchers.add(await client.offer())).answer_sdp)
        return client

    async def look_around(self, *people: Person) -> None:
        """Let each of them be sent all the others."""
        for person in people:
            await self.stage.loopback.wait_for(lambda person=person: len(person.others) == len(people) - 1)
            for name, other in person.others.items():
                person.views[name] = await self.watch(other["whep"])
        views = [view for person in people for view in person.views.values()]
        await self.stage.loopback.wait_for(lambda: all(len(v.pictures) > 5 and len(v.sounds) > 30 for v in views))


@pytest.fixture
async def house(loopback: ModuleType) -> AsyncIterator[House]:
    limits = replace(loopback.SETTINGS.limits, sessions=5, rooms=2, room_members=3)
    transport = replace(loopback.SETTINGS.transport, lost_timeout_s=2.0)
    stage = make_stage(loopback, replace(loopback.SETTINGS, limits=limits, transport=transport))
    yield House(stage)
    await stage.leave()


class Tone:
    """Makes microphones that are told apart."""

    def __init__(self, loopback: ModuleType) -> None:
        self._track = loopback.ToneTrack

    def __call__(self, hertz: int) -> Any:
        track = self._track()

        async def recv() -> av.AudioFrame:
            frame = await type(track).recv(track)
            at = frame.pts + np.arange(frame.samples)
            samples = (np.sin(at * 2 * np.pi * hertz / 48_000) * 8000).astype(np.int16)
            tuned = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
            tuned.pts, tuned.sample_rate, tuned.time_base = frame.pts, frame.sample_rate, frame.time_base
            return tuned

        track.recv = recv
        return track


@pytest.mark.slow
async def test_three_people_see_and_hear_each_other_and_nobody_hears_themselves(
    house: House, loopback: ModuleType
) -> None:
    tone = Tone(loopback)
    ada = await house.enter("Ada", brightness=30, tone=tone(400))
    bo = await house.enter("Bo", brightness=120, tone=tone(800))
    cy = await house.enter("Cy", brightness=210, tone=tone(1200))
    await house.look_around(ada, bo, cy)
    shown, said = {"Ada": 225, "Bo": 135, "Cy": 45}, {"Ada": 400, "Bo": 800, "Cy": 1200}
    for person in (ada, bo, cy):
        assert set(person.views) == set(shown) - {person.name}
        for name in person.views:
            assert person.sees(name) == pytest.approx(shown[name], abs=12), "the session shows a camera's negative"
            assert person.hears(name) == said[name]
    (own,) = (one for one in ada.room["members"] if one["member"] == ada.room["you"])
    assert own["whep"] is None and own["name"] == "Ada"
    assert ada.room["most"] == 3
    bo.client.camera.brightness = 60
    await loopback.wait_for(lambda: abs(ada.sees("Bo") - 195) < 12 and abs(cy.sees("Bo") - 195) < 12)


async def test_a_full_room_says_so_and_has_a_place_again_once_somebody_has_left(house: House) -> None:
    people = [await house.enter(name) for name in ("Ada", "Bo", "Cy")]
    with pytest.raises(RoomFullError, match="All 3 places in this room") as full:
        await house.enter("Dee")
    assert full.value.code == "room_full" and full.value.retry_after_s > 0
    assert house.stage.calls.snapshot().active == 3, "nothing of the refused call is left"
    await house.stage.calls.end(people[0].call.id)
    dee = await house.enter("Dee")
    assert set(dee.others) == {"Bo", "Cy"}
    await house.stage.loopback.wait_for(lambda: set(people[1].others) == {"Cy", "Dee"})


async def test_who_has_left_sees_and_hears_nobody_and_is_seen_by_nobody(house: House, loopback: ModuleType) -> None:
    tone = Tone(loopback)
    ada, bo = await house.enter("Ada", tone=tone(400)), await house.enter("Bo", tone=tone(800))
    await house.look_around(ada, bo)
    old = bo.others["Ada"]["whep"]
    await house.stage.calls.end(bo.call.id)
    await loopback.wait_for(lambda: not ada.others)
    await loopback.wait_for(lambda: bo.views["Ada"].connection.connectionState == "closed")
    await loopback.wait_for(lambda: ada.views["Bo"].connection.connectionState == "closed")
    assert await house.stage.calls.watchers(old.removeprefix("/whep/")) is None
    assert await house.stage.calls.watchers(ada.call.watch_token) is ada.call.watchers, "her own link is still good"
    again = await house.enter("Bo", tone=tone(800))
    assert again.others["Ada"]["whep"] != old
    ada.views.clear()
    await house.look_around(ada, again)


async def test_nobody_is_told_what_would_let_them_end_or_record_another_call(house: House) -> None:
    ada, bo = await house.enter("Ada"), await house.enter("Bo")
    told = str([ada.client.messages, bo.client.messages])
    assert ada.call.id in told, "everybody knows their own"
    assert ada.call.id not in str(bo.client.messages) and ada.call.watch_token not in str(bo.client.messages)
    assert house.stage.calls.get(bo.others["Ada"]["member"]) is None
    assert bo.others["Ada"]["whep"] != ada.others["Bo"]["whep"]


@pytest.mark.slow
async def test_one_who_vanishes_is_dropped_and_a_room_of_nobody_vanishes(house: House, loopback: ModuleType) -> None:
    ada, bo = await house.enter("Ada"), await house.enter("Bo")
    assert await house.stage.calls.room_names(ROOM) == ["Ada", "Bo"]

    async def nothing(packet: bytes) -> None:
        del packet

    bo.client.connection.getSenders()[0].transport.transport._send = nothing
    await loopback.wait_for(lambda: not ada.others)
    assert house.stage.calls.snapshot().rooms == 1
    await house.stage.calls.end(ada.call.id)
    assert house.stage.calls.snapshot().rooms == 0 and await house.stage.calls.room_names(ROOM) == []


async def test_all_are_shown_who_speaks_and_whose_devices_are_off(house: House, loopback: ModuleType) -> None:
    ada = await house.enter("Ada", tone=Tone(loopback)(400))
    bo = await house.enter("Bo")
    await loopback.wait_for(lambda: bo.others["Ada"]["speaking"])
    assert not ada.others["Bo"]["speaking"]
    bo.client.send(type="devices", microphone=False, camera=True)
    await loopback.wait_for(lambda: not ada.others["Bo"]["microphone"])
    assert ada.others["Bo"]["camera"]
    ada.client.connection.getSenders()[1].replaceTrack(None)
    await loopback.wait_for(lambda: not bo.others["Ada"]["speaking"])


async def test_one_who_only_listens_is_no_idle_caller_while_others_are_there(house: House) -> None:
    ada, bo = await house.enter("Ada"), await house.enter("Bo")
    long_ago_s = ada.call._times.last_media_s - 1000
    for person in (ada, bo):
        person.client.camera.stop()
        person.call._times.last_media_s = person.call._times.connected_s = long_ago_s
    await house.stage.loopback.wait_for(lambda: ada.call._times.last_media_s > long_ago_s + 900)
    assert ada.call.reason is None


async def test_rooms_are_limited_and_their_ids_and_calls_checked(house: House, loopback: ModuleType) -> None:
    await house.enter("Ada", room="room-number-one-1")
    await house.enter("Bo", room="room-number-two-2")
    with pytest.raises(ServerFullError, match="2 rooms already"):
        await house.enter("Cy", room="room-number-three")
    for bad in ("short", "a b" * 8, "x" * 65, "../../etc/passwd-16"):
        with pytest.raises(AvatarError, match="16 to 64") as refused:
            await house.enter("Cy", room=bad)
        assert refused.value.code == "bad_room"
    with pytest.raises(AvatarError) as refused:
        client = loopback.Client()
        house.stage.clients.append(client)
        await house.stage.calls.create(await client.offer(), "ada", mode="echo", room=RoomWish(ROOM))
    assert refused.value.code == "bad_mode"
    assert house.stage.calls.snapshot().rooms == 2


async def test_a_server_without_rooms_says_so(loopback: ModuleType) -> None:
    limits = replace(loopback.SETTINGS.limits, rooms=0)
    stage = make_stage(loopback, replace(loopback.SETTINGS, limits=limits))
    try:
        with pytest.raises(AvatarError, match="has no rooms") as refused:
            await stage.join(room=RoomWish(ROOM))
        assert refused.value.code == "rooms_off"
    finally:
        await stage.leave()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("  Ada \n Lovelace ", "Ada Lovelace"),
        ("", ""),
        ("\u202eevil\u0000\ud800", "evil"),
        ("x" * 200, "x" * LONGEST_NAME),
        ("<b>Bo</b>", "<b>Bo</b>"),
        ("李 小龍 🎈", "李 小龍 🎈"),
    ],
)
def test_a_name_is_one_short_line(given: str, shown: str) -> None:
    assert clean_name(given) == shown
