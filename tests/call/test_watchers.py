"""Who watches a call: real peers on the loopback interface, sent what is encoded once for all of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from avatar.errors import AvatarError, NoCommonCodecError, OfferError, ServerFullError
from avatar.stream import broadcast
from avatar.stream.codecs import encoders
from tests.call.test_registry import Stage, make_stage

pytestmark = pytest.mark.anyio


class Encodings:
    """Counts the pictures that are encoded, by their encoder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.by_encoder: dict[int, int] = {}
        encode = encoders.PreferredEncoder.encode

        def counted(encoder: Any, *arguments: Any, **named: Any) -> Any:
            self.by_encoder[id(encoder)] = self.by_encoder.get(id(encoder), 0) + 1
            return encode(encoder, *arguments, **named)

        monkeypatch.setattr(encoders.PreferredEncoder, "encode", counted)


@pytest.fixture
async def stage(loopback: ModuleType) -> AsyncIterator[Stage]:
    settings = replace(loopback.SETTINGS, limits=replace(loopback.SETTINGS.limits, watchers=3))
    made = make_stage(loopback, settings)
    yield made
    await made.leave()


async def watch(stage: Stage, call: Any, *, matte: bool = False, **how: Any) -> tuple[Any, Any]:
    """Let one more watch; return the client and the watcher."""
    client = stage.loopback.Client(**{"video": "recvonly", "channel": False} | how)
    client.connection.addTransceiver("audio", direction="recvonly")
    stage.clients.append(client)
    watchers = await stage.calls.watchers(call.watch_token)
    assert watchers is not None
    watcher = await watchers.add(await client.offer(), matte=matte)
    await client.accept(watcher.answer_sdp)
    return client, watcher


def sees(*clients: Any, pictures: int = 5, sounds: int = 5) -> bool:
    return all(len(client.pictures) >= pictures and len(client.sounds) >= sounds for client in clients)


async def test_all_see_and_hear_a_call_whose_picture_is_encoded_once_for_them(
    stage: Stage, loopback: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    encodings = Encodings(monkeypatch)
    caller, call = await stage.join(audio=loopback.ToneTrack(), drive="both")
    watching = [(await watch(stage, call))[0] for _ in range(3)]
    await loopback.wait_for(lambda: sees(*watching, pictures=10))
    size = {(client.pictures[-1].width, client.pictures[-1].height) for client in watching}
    assert size == {(256, 256)}
    assert len(encodings.by_encoder) == 2, "one for the caller, one for all who watch"
    assert stage.calls.snapshot().watchers == 3 and caller.received("hello")[0]["watch"] == call.watch_token
    with pytest.raises(ServerFullError, match="All 3 places"):
        await watch(stage, call)


async def test_one_who_joins_or_asks_has_a_key_picture_soon_but_not_at_everybodys_cost(
    stage: Stage, loopback: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "KEY_EVERY_S", 0.3)
    _, call = await stage.join(audio=loopback.ToneTrack())
    first, _ = await watch(stage, call)
    await loopback.wait_for(lambda: sees(first))
    (stream,) = call._broadcast._pictures.values()
    keys: list[bool] = []
    hand_on = stream.hand_on

    def noting(packet: Any) -> None:
        keys.append(stream.sent is not None and stream.sent.key)
        hand_on(packet)

    stream.hand_on = noting
    second, _ = await watch(stage, call)
    await loopback.wait_for(lambda: sees(second))
    assert sum(keys) == 1
    keys.clear()
    receiver = second.connection.getReceivers()[0]
    ssrc = receiver._RTCRtpReceiver__remote_streams and next(iter(receiver._RTCRtpReceiver__remote_streams))
    for _ in range(10):
        await receiver._send_rtcp_pli(ssrc)
        await asyncio.sleep(0.03)
    await loopback.wait_for(lambda: sum(keys) >= 1)
    assert sum(keys) <= 2, "ten requests in 0.3 s"


async def test_a_caller_who_only_sends_is_watched_and_pictures_are_drawn_for_the_watcher_alone(
    stage: Stage, loopback: ModuleType
) -> None:
    client = loopback.Client(audio=loopback.ToneTrack())
    for transceiver in client.connection.getTransceivers():
        transceiver.direction = "sendonly"
    stage.clients.append(client)
    call = await stage.calls.create(await client.offer(), "ada", watch="a-name-of-our-own")
    await client.accept(call.answer_sdp)
    (session,) = stage.sessions
    assert not session.watched
    watching, watcher = await watch(stage, call)
    assert session.watched and await stage.calls.watchers("a-name-of-our-own") is call.watchers
    await loopback.wait_for(lambda: sees(watching))
    await loopback.wait_for(lambda: call.statistics.pictures_sent > 0)
    assert await call.watchers.remove(watcher.id) and not await call.watchers.remove(watcher.id)
    assert not session.watched and len(call.watchers) == 0
    with pytest.raises(AvatarError, match="has this watch link"):
        await stage.calls.create(await client.offer(), "ada", watch="a-name-of-our-own")


async def test_a_peer_without_h264_watches_in_vp8(stage: Stage, loopback: ModuleType) -> None:
    _, call = await stage.join(audio=loopback.ToneTrack())
    watching, _ = await watch(stage, call, codecs=("vp8", "rtx"))
    await loopback.wait_for(lambda: sees(watching))


async def test_one_whose_line_is_slow_gets_the_lower_rate_and_the_others_do_not(
    stage: Stage, loopback: ModuleType
) -> None:
    _, call = await stage.join(audio=loopback.ToneTrack())
    slow, watcher = await watch(stage, call)
    quick, _ = await watch(stage, call)
    await loopback.wait_for(lambda: sees(slow, quick))
    watcher.peer._follow(estimate_bps=500_000)
    await loopback.wait_for(lambda: set(call._broadcast._pictures) == {("h264", "high", False), ("h264", "low", False)})
    low = call._broadcast._pictures["h264", "low", False]
    await loopback.wait_for(lambda: bool(low.tracks))
    assert len(call._broadcast._pictures["h264", "high", False].tracks) == 1
    before = len(slow.pictures)
    await loopback.wait_for(lambda: len(slow.pictures) >= before + 10)
    timestamps = [picture.pts for picture in slow.pictures]
    assert timestamps == sorted(timestamps), "one clock, whatever it is sent"


async def test_who_asks_for_the_matte_is_always_sent_it_and_nobody_else_ever(
    stage: Stage, loopback: ModuleType
) -> None:
    caller, call = await stage.join(audio=loopback.ToneTrack())
    (plain, _), (keyed, _) = await watch(stage, call), await watch(stage, call, matte=True)
    await loopback.wait_for(lambda: sees(plain, keyed))
    assert keyed.pictures[-1].width == 512, "a call with a background has a matte too: all of it is person"
    caller.send(type="set_background", background="transparent")
    await loopback.wait_for(lambda: caller.received("background")[-1:] != [] and caller.pictures[-1].width == 512)
    seen = [len(client.pictures) for client in (plain, keyed)]
    await loopback.wait_for(lambda: len(plain.pictures) > seen[0] + 3 and len(keyed.pictures) > seen[1] + 3)
    assert (plain.pictures[-1].width, keyed.pictures[-1].width) == (256, 512)
    assert {picture.width for picture in plain.pictures} == {256}
    caller.send(type="set_background", background="plaid", id="q1")
    await loopback.wait_for(lambda: caller.received("error") != [])
    assert caller.received("error")[0]["code"] == "bad_background" and caller.received("error")[0]["reply_to"] == "q1"


async def test_nothing_is_encoded_where_nobody_watches_and_nothing_is_left_after_the_call(
    stage: Stage, loopback: ModuleType
) -> None:
    threads = threading.active_count()
    _, call = await stage.join(audio=loopback.ToneTrack())
    watching, watcher = await watch(stage, call)
    await loopback.wait_for(lambda: sees(watching))
    (stream,) = call._broadcast._pictures.values()
    await watching.close()
    await loopback.wait_for(lambda: watcher.id not in call.watchers)
    await loopback.wait_for(lambda: not call._broadcast._pictures and not call._broadcast._sounds)
    stream.source._on_sent(stream.sent)  # a picture that was being encoded as the last one left
    assert not call._broadcast._pictures
    again, _ = await watch(stage, call)
    await loopback.wait_for(lambda: sees(again))
    await stage.calls.end(call.id)
    assert await stage.calls.watchers(call.watch_token) is None, "the link has ended with the call"
    await loopback.wait_for(lambda: again.connection.connectionState == "closed")
    await loopback.wait_for(lambda: threading.active_count() <= threads + 6)


@pytest.mark.parametrize("change", ["sendonly", "AV1"])
async def test_an_offer_that_cannot_be_watched_with_is_refused_and_nothing_stays(
    stage: Stage, loopback: ModuleType, change: str
) -> None:
    _, call = await stage.join()
    client = loopback.Client(video="recvonly", channel=False, codecs=("h264",))
    stage.clients.append(client)
    offer = await client.offer()
    offer = offer.replace("a=recvonly", "a=sendonly") if change == "sendonly" else offer.replace("H264/", "AV1/")
    with pytest.raises(NoCommonCodecError if change == "AV1" else OfferError):
        await call.watchers.add(offer)
    assert len(call.watchers) == 0 and not call._broadcast._pictures


async def test_one_who_never_connects_is_given_up(stage: Stage, loopback: ModuleType) -> None:
    _, call = await stage.join()
    client = loopback.Client(video="recvonly", channel=False)
    stage.clients.append(client)
    watcher = await call.watchers.add(await client.offer())
    watcher.times.created_s -= 60
    await call.watchers.on_second()
    assert len(call.watchers) == 0
