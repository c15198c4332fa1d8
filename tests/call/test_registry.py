"""Calls as a visitor meets them: joined, steered, refused, timed out, ended; and nothing left of them afterwards."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import pytest

from avatar.call import registry, upkeep
from avatar.call.browser_peer import FLOOD, USUAL_BYTES
from avatar.call.limits import MESSAGES_PER_SECOND
from avatar.call.registry import Calls
from avatar.config import ServerSettings
from avatar.errors import AvatarError, NoCommonCodecError, OfferError, ServerFullError, TrickleError
from avatar.motion.cues import NEUTRAL, Feel, Gesture
from avatar.session.protocol import Calibrated, FaceFound, FaceLost, SessionFailed, SessionStats, TierLowered
from avatar.stream.message_channel import CHANNELS_REFUSED
from avatar.stream.sdp.transport import MAX_CANDIDATES
from avatar.stream.tuning.aiortc_tuning import ice_agents
from avatar.timing import quality_control
from avatar.timing.machine_load import LoadMeter, MachineLoad

pytestmark = pytest.mark.anyio


@dataclass
class Stage:
    """A server's calls over fake sessions, and the clients that have come."""

    calls: Calls
    loopback: ModuleType
    sessions: list[Any] = field(default_factory=list)
    clients: list[Any] = field(default_factory=list)

    async def join(self, avatar: str = "ada", *, audio: Any = None, **wanted: Any) -> tuple[Any, Any]:
        client = self.loopback.Client(audio=audio)
        self.clients.append(client)
        call = await self.calls.create(await client.offer(), avatar, **wanted)
        await client.accept(call.answer_sdp)
        return client, call

    async def leave(self) -> None:
        await self.calls.close()
        for client in self.clients:
            await client.close()


async def get_avatar(avatar_id: str) -> str:
    """The identity of a fake session is its name."""
    if avatar_id == "nobody":
        raise AvatarError("The server does not know this avatar.", code="unknown_avatar")
    return f"identity of {avatar_id}"


def make_stage(
    loopback: ModuleType, settings: ServerSettings, prepare: Callable[[Any], None] | None = None, **options: Any
) -> Stage:
    made: list[Any] = []

    def make(identity: Any, picture: Any, *, drive: Any, on_picture: Any, on_event: Any) -> Any:
        session = loopback.FakeSession(on_picture, on_event, (picture.width, picture.height), identity, drive)
        if prepare is not None:
            prepare(session)
        made.append(session)
        return session

    return Stage(Calls(settings, get_avatar, sessions={"avatar": make}, **options), loopback, made)


@pytest.fixture
async def stage(loopback: ModuleType) -> AsyncIterator[Stage]:
    made = make_stage(loopback, loopback.SETTINGS)
    yield made
    await made.leave()


@pytest.mark.slow
async def test_a_visitor_joins_sees_the_avatar_and_is_told_how_the_call_does(
    stage: Stage, loopback: ModuleType
) -> None:
    client, call = await stage.join(audio=loopback.ToneTrack(), width=320, height=256)
    await loopback.wait_for(lambda: len(client.pictures) >= 10 and len(client.sounds) >= 10)
    assert (client.pictures[-1].width, client.pictures[-1].height) == (320, 256)
    await loopback.wait_for(lambda: len(client.received("stats")) >= 2)
    (hello,) = client.received("hello")
    assert hello["session"] == call.id
    assert (hello["avatar"], hello["drive"], hello["width"], hello["height"], hello["fps"]) == (
        "ada",
        "camera",
        320,
        256,
        30,
    )
    stats = client.received("stats")[-1]
    assert stats["fps"] > 0
    assert stats["latency_ms"] > 0
    assert {"perceive", "encode"} <= set(stats["stage_ms"])
    assert stats["bitrate_bps"] > 0
    assert (stats["width"], stats["height"], stats["face"]) == (320, 256, "tracked")
    assert stats["av_offset_ms"] is not None
    assert "quality" not in stats and not client.received("camera"), "its quality is fixed"
    assert stage.sessions[0].sounds, "the session hears the microphone"


@pytest.mark.slow
async def test_a_call_too_much_for_its_machine_gets_smaller_pictures_and_says_why(
    loopback: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawing takes more than twice the time there is: the receiver gets smaller pictures, none missing in between."""
    for name in ("STEP_S", "FIRST_S"):
        monkeypatch.setattr(quality_control, name, 0.5)

    def slow(session: Any) -> None:
        session.stats = lambda: SessionStats(30.0, {"generate": 80.0}, 0, "tracked")

    picture = replace(loopback.SETTINGS.picture, quality="auto")
    stage = make_stage(loopback, replace(loopback.SETTINGS, picture=picture), slow)
    try:
        client, call = await stage.join(width=320, height=256)
        await loopback.wait_for(lambda: any(picture.width < 320 for picture in client.pictures))
        await loopback.wait_for(lambda: any(stats["quality"]["level"] for stats in client.received("stats")))
        assert (client.pictures[0].width, client.pictures[0].height) == (320, 256)
        assert (client.pictures[-1].width, client.pictures[-1].height) == (160, 128)
        assert min(picture.to_ndarray(format="gray").std() for picture in client.pictures) > 10, "none is black"
        assert client.received("stats")[-1]["quality"]["why"] == "cpu"
        assert client.received("camera")[0].keys() >= {"width", "height", "fps", "max_bitrate_bps"}
        assert stage.sessions[0].look_every > 1
        latest = stage.calls.snapshot().latest
        assert latest[0].quality is not None and latest[0].quality.level > 0
        await loopback.wait_for(lambda: call.exhausted)
        with pytest.raises(ServerFullError, match="no time for another"):
            await stage.join()
        assert stage.calls.snapshot().refused == 1
    finally:
        await stage.leave()


@pytest.mark.slow
async def test_the_page_steers_the_call(stage: Stage, loopback: ModuleType) -> None:
    client, _ = await stage.join()
    await loopback.wait_for(lambda: bool(client.pictures) and bool(client.received("hello")))
    session = stage.sessions[0]
    client.send(type="ping", t=12.5, id="p")
    client.send(type="calibrate")
    client.send(type="set_avatar", avatar="grace")
    client.send(type="trace", enabled=True)
    await loopback.wait_for(lambda: bool(client.received("pong")) and bool(client.received("avatar")))
    assert client.received("pong")[0] == {"v": 1, "type": "pong", "t": 12.5, "reply_to": "p"}
    assert client.received("avatar")[0]["avatar"] == "grace"
    assert session.identity == "identity of grace"
    assert session.calibrations == 1
    await loopback.wait_for(lambda: bool(client.received("trace")))
    assert all(0 <= stamp < 2**32 for pair in client.received("trace")[0]["frames"] for stamp in pair)
    client.send(type="trace", enabled=False)


async def test_a_call_begins_with_the_drive_asked_for_and_changes_it_live(stage: Stage, loopback: ModuleType) -> None:
    client, call = await stage.join(drive="voice")
    await loopback.wait_for(lambda: bool(client.received("hello")))
    session = stage.sessions[0]
    assert client.received("hello")[0]["drive"] == session.drive == call.participant.drive == "voice"
    client.send(type="set_drive", drive="both", id="d")
    await loopback.wait_for(lambda: bool(client.received("drive")))
    assert client.received("drive") == [{"v": 1, "type": "drive", "drive": "both", "reply_to": "d"}]
    assert session.drive == call.participant.drive == "both"
    client.send(type="set_drive", drive="telepathy", id="t")
    await loopback.wait_for(lambda: bool(client.received("error")))
    assert client.received("error")[0]["code"] == "bad_message"
    assert session.drive == call.participant.drive == "both", "what nobody can be driven by changes nothing"


async def test_a_cue_reaches_the_avatar_and_one_that_nobody_knows_is_answered(
    stage: Stage, loopback: ModuleType
) -> None:
    client, _ = await stage.join()
    await loopback.wait_for(lambda: bool(client.received("hello")))
    client.send(type="cue", text="smile warmly and nod")
    client.send(type="cue", text="  ")
    client.send(type="cue", text="smle warmly, nod", id="slip")
    client.send(type="cue", text="nod " * 60, id="long")
    await loopback.wait_for(lambda: len(client.received("error")) == 2)
    slip, long = client.received("error")
    assert (slip["code"], slip["reply_to"]) == ("unknown_cue", "slip") and "'smile warmly'" in slip["detail"]
    assert long["code"] == "bad_message" and "200" in long["detail"]
    assert stage.sessions[0].cues == [Feel("warm"), Gesture("nod"), *NEUTRAL], "nothing of what was refused"


async def test_what_the_session_notices_reaches_the_page(stage: Stage, loopback: ModuleType) -> None:
    client, _ = await stage.join()
    await loopback.wait_for(lambda: bool(client.received("hello")))
    for event in (FaceFound(), Calibrated(), FaceLost()):
        await asyncio.to_thread(stage.sessions[0].on_event, event)
    await loopback.wait_for(lambda: len(client.received("face")) == 2 and bool(client.received("calibrated")))
    assert [message["state"] for message in client.received("face")] == ["tracked", "lost"]


async def test_a_call_that_may_show_one_avatar_only_never_shows_another(stage: Stage, loopback: ModuleType) -> None:
    client, call = await stage.join(avatar_fixed=True)
    await loopback.wait_for(lambda: bool(client.received("hello")))
    client.send(type="set_avatar", avatar="grace", id="swap")
    await loopback.wait_for(lambda: bool(client.received("error")))
    assert client.received("error")[0]["code"] == "insufficient_scope"
    client.send(type="set_avatar", avatar="ada")
    await loopback.wait_for(lambda: bool(client.received("avatar")))
    assert stage.sessions[0].identity == "identity of ada" and call.id in stage.calls


async def test_a_full_gpu_is_said_and_the_call_goes_on(stage: Stage, loopback: ModuleType) -> None:
    client, call = await stage.join()
    await loopback.wait_for(lambda: bool(client.received("hello")))
    lowered = TierLowered("lite", "The GPU's memory is full. The tier lite draws instead of portrait.")
    await asyncio.to_thread(stage.sessions[0].on_event, lowered)
    await loopback.wait_for(lambda: any(message.get("tier") == "lite" for message in client.received("stats")))
    (told,) = client.received("error")
    assert (told["code"], told["detail"]) == ("gpu_memory_full", lowered.why)
    assert call.id in stage.calls


async def test_junk_and_impossible_messages_are_answered_and_the_call_goes_on(
    stage: Stage, loopback: ModuleType
) -> None:
    client, call = await stage.join()
    await loopback.wait_for(lambda: bool(client.received("hello")))
    for junk in ("{", "x" * 5000, b"\x00\x01", '{"v":9,"type":"calibrate"}'):
        client.channel.send(junk)
    client.send(type="set_avatar", avatar="nobody", id="swap")
    await loopback.wait_for(lambda: len(client.received("error")) == 5)
    codes = [message["code"] for message in client.received("error")]
    assert sorted(codes) == ["bad_message", "bad_message", "bad_message", "message_too_large", "unknown_avatar"]
    assert [message.get("reply_to") for message in client.received("error") if message["code"] == "unknown_avatar"] == [
        "swap"
    ]
    before = len(client.pictures)
    await loopback.wait_for(lambda: len(client.pictures) > before)
    assert call.id in stage.calls


@pytest.mark.slow
async def test_a_camera_that_sends_too_large_pictures_is_told_so_and_not_decoded(loopback: ModuleType) -> None:
    small = replace(loopback.SETTINGS, transport=replace(loopback.SETTINGS.transport, largest_camera=256))
    stage = make_stage(loopback, small)
    client, _ = await stage.join()
    await loopback.wait_for(lambda: bool(client.received("error")))
    (error,) = client.received("error")
    assert error["code"] == "camera_too_large"
    assert "320 x 240" in error["detail"]
    assert "256" in error["detail"]
    await loopback.wait_for(lambda: len(client.received("stats")) >= 3)
    assert client.received("stats")[-1]["dropped"] > 0
    assert len(client.received("error")) == 1, "once is enough"
    assert not stage.sessions[0].camera
    await stage.leave()


async def test_a_flood_of_messages_is_not_answered_one_by_one(stage: Stage, loopback: ModuleType) -> None:
    client, call = await stage.join()
    await loopback.wait_for(lambda: bool(client.received("hello")))
    for number in range(300):
        client.send(type="ping", t=number)
    await loopback.wait_for(lambda: any(m["code"] == "too_many_messages" for m in client.received("error")))
    before = len(client.pictures)
    await loopback.wait_for(lambda: len(client.pictures) > before)
    assert call.id in stage.calls


@pytest.mark.parametrize("message", ['{"v":1,"type":"ping","t":1}', "junk", b"junk", "x" * 60_000])
async def test_a_flood_that_goes_on_ends_the_call_with_its_reason(
    message: str | bytes, stage: Stage, loopback: ModuleType
) -> None:
    client, call = await stage.join()
    await loopback.wait_for(lambda: bool(client.received("hello")))
    counts = 1 + len(message) // USUAL_BYTES
    for _ in range(MESSAGES_PER_SECOND + 1):  # as they arrive, all in one second however slow this machine is
        call.on_message(message)
    for _ in range(FLOOD // counts):
        call.on_message(message)
    await loopback.wait_for(lambda: bool(client.received("bye")))
    assert "messages" in client.received("bye")[0]["detail"]
    answers = len(client.received("pong")) + len(client.received("error"))
    assert answers <= MESSAGES_PER_SECOND
    assert sum(told["code"] == "too_many_messages" for told in client.received("error")) == 1
    await loopback.wait_for(lambda: call.id not in stage.calls)


async def test_a_visitor_who_opens_channel_after_channel_loses_the_call(stage: Stage, loopback: ModuleType) -> None:
    client, call = await stage.join()
    await loopback.wait_for(lambda: bool(client.received("hello")))
    for number in range(CHANNELS_REFUSED):
        client.connection.createDataChannel(f"other {number}")
    client.send(type="ping", t=1)
    await loopback.wait_for(lambda: bool(client.received("pong")))
    client.connection.createDataChannel("one more")
    await loopback.wait_for(lambda: call.id not in stage.calls)
    await loopback.wait_for(lambda: bool(client.received("bye")))
    assert "channels" in client.received("bye")[0]["detail"]


async def test_addresses_may_come_after_the_offer(stage: Stage, loopback: ModuleType) -> None:
    client = loopback.Client()
    stage.clients.append(client)
    whole = await client.offer()
    candidates = re.findall(r"^a=candidate:.*$", whole, re.MULTILINE)
    user = re.search(r"^a=ice-ufrag:.*$", whole, re.MULTILINE)
    assert candidates and user is not None
    call = await stage.calls.create(re.sub(r"^a=(candidate:|end-of-).*\r\n", "", whole, flags=re.MULTILINE), "ada")
    piece = "\r\n".join(
        [user[0].strip(), "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:0", *candidates, "a=mid:1", *candidates]
    )
    assert await stage.calls.trickle(call.id, piece)
    assert await stage.calls.trickle(call.id, piece + "\r\na=end-of-candidates", {call.ice_tag})
    transport = call._peer._connection.getTransceivers()[0].receiver.transport.transport
    assert len(transport.getRemoteCandidates()) == len(candidates)
    await client.accept(call.answer_sdp)
    await loopback.wait_for(lambda: len(client.pictures) >= 3)
    old_tag = call.ice_tag
    restarted = await stage.calls.trickle(call.id, "a=ice-ufrag:else\r\na=ice-pwd:0123456789abcdef012345\r\n", ["*"])
    assert restarted is not None and restarted.restart is not None and "a=ice-pwd:" in restarted.restart
    assert restarted.ice_tag == call.ice_tag != old_tag, "another ICE session has another ETag"
    with pytest.raises(TrickleError) as refused:
        await stage.calls.trickle(call.id, piece, {old_tag})
    assert refused.value.code == "stale_tag"
    with pytest.raises(TrickleError) as refused:
        await stage.calls.trickle(call.id, piece, {"another"})
    assert refused.value.code == "stale_tag"
    assert not await stage.calls.trickle("no call", piece)
    assert call.id in stage.calls


async def test_a_call_is_told_of_so_many_addresses_and_no_more(stage: Stage) -> None:
    _, call = await stage.join()
    for number in range(MAX_CANDIDATES):
        address = f"a=candidate:1 1 udp 1 127.0.0.1 {20_000 + number} typ host"
        assert await stage.calls.trickle(call.id, address)
    assert await stage.calls.trickle(call.id, address), "it is known already"
    with pytest.raises(TrickleError, match="addresses"):
        await stage.calls.trickle(call.id, address.replace("127.0.0.1", "127.0.0.2"))
    assert call.id in stage.calls


async def test_one_visitor_too_many_is_told_to_come_back(stage: Stage, loopback: ModuleType) -> None:
    await stage.join()
    _, call = await stage.join()
    with pytest.raises(ServerFullError, match="All 2 places") as refusal:
        await stage.join()
    assert refusal.value.retry_after_s > 0
    assert await stage.calls.end(call.id)
    await stage.join()
    assert stage.calls.snapshot().refused == 1


async def test_a_server_takes_no_more_than_its_machine_was_measured_to_hold(
    loopback: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "try_call", lambda identity, picture: 7.0)
    stage = make_stage(loopback, loopback.SETTINGS)
    try:
        assert stage.calls.snapshot().limit == 2, "as set, before anything is known"
        await stage.calls.try_call("ada")
        await stage.join()
        with pytest.raises(ServerFullError, match="no time for more than 1 call") as refusal:
            await stage.join()
        assert refusal.value.retry_after_s > 0
        assert (stage.calls.snapshot().limit, stage.calls.snapshot().refused) == (1, 1)
        assert stage.calls.snapshot().call_cores == 7.0
    finally:
        await stage.leave()


async def test_nothing_is_tried_while_a_call_needs_the_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "try_call", lambda identity, picture: 7.0)
    await stage.join()
    await stage.calls.try_call("ada")
    assert stage.calls.snapshot().call_cores == 0.0


async def test_what_a_call_costs_is_not_known_where_it_cannot_be_tried(
    loopback: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    stage = make_stage(loopback, loopback.SETTINGS)
    await stage.calls.try_call("nobody")
    assert "does not know this avatar" in caplog.text
    await stage.leave()


@pytest.mark.slow
async def test_calls_get_simpler_to_make_room_for_another(
    loopback: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two calls at full quality are more than the machine has, as simple as possible they fit."""
    monkeypatch.setattr(registry, "try_call", lambda identity, picture: 0.8)
    monkeypatch.setattr("avatar.call.capacity.usable_cores", lambda: {0, 1})
    monkeypatch.setattr(LoadMeter, "read", lambda _: MachineLoad(1.0, 0.5, 0.0))
    monkeypatch.setattr(quality_control, "FIRST_S", 0.2)
    picture = replace(loopback.SETTINGS.picture, quality="auto")
    stage = make_stage(loopback, replace(loopback.SETTINGS, picture=picture))
    try:
        await stage.calls.try_call("ada")
        first, _ = await stage.join()
        await loopback.wait_for(lambda: bool(first.received("stats")))
        await stage.join()
        await loopback.wait_for(lambda: all(session.look_every > 1 for session in stage.sessions))
        await loopback.wait_for(lambda: first.received("stats")[-1]["quality"]["why"] == "calls")
    finally:
        await stage.leave()


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"width": 127, "height": 128}, "bad_size"),
        ({"width": 1280, "height": 1280}, "bad_size"),
        ({"width": 1026, "height": 1024}, "bad_size"),
        ({"width": 321}, "bad_size"),
        ({"background": "room.png"}, "bad_background"),
        ({"background": "A" * 22}, "unknown_background"),
        ({"background": "transparent", "width": 1280, "height": 720}, "bad_size"),
        ({"background": "#12"}, "bad_background"),
        ({"width": -4}, "bad_size"),
        ({"fps": 31}, "bad_rate"),
        ({"fps": 60}, "bad_rate"),
        ({"fps": -1}, "bad_rate"),
        ({"mode": "dance"}, "bad_mode"),
        ({"drive": "telepathy"}, "bad_drive"),
        ({"avatar": "nobody"}, "unknown_avatar"),
    ],
)
async def test_what_cannot_be_had_is_refused_and_takes_no_place(
    stage: Stage, wanted: dict[str, Any], code: str
) -> None:
    for _ in range(3):
        with pytest.raises(AvatarError) as refusal:
            await stage.join(**wanted)
        assert refusal.value.code == code
    assert stage.calls.snapshot().active == 0


async def test_junk_offers_are_refused_and_take_no_place(stage: Stage, loopback: ModuleType) -> None:
    client = loopback.Client()
    good = await client.offer()
    for offer in ("junk", good.replace("a=ice-pwd", "a=x"), good.replace("H264", "X").replace("VP8", "Y")):
        with pytest.raises(OfferError):
            await stage.calls.create(offer, "ada")
    await client.close()
    assert stage.calls.snapshot().active == 0
    assert all(session.stopped for session in stage.sessions)


async def test_an_offer_without_a_format_in_common_is_told_to_the_log_too(
    stage: Stage, loopback: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    client = loopback.Client()
    offer = (await client.offer()).replace("H264/90000", "AV1/90000").replace("VP8/90000", "VP9/90000")
    with pytest.raises(NoCommonCodecError, match=r"It takes H\.264 .* or VP8.* Offered: VP9, AV1\."):
        await stage.calls.create(offer, "ada")
    (record,) = caplog.records
    assert "It takes H.264" in record.getMessage()
    await client.close()


@pytest.mark.slow
async def test_a_voice_without_a_picture_is_a_call_where_an_avatar_is_and_nowhere_else(loopback: ModuleType) -> None:
    made = make_stage(loopback, loopback.SETTINGS)
    sessions = dict.fromkeys(("avatar", "bot", "echo"), made.calls._local._factory._sessions["avatar"])
    stage = Stage(Calls(loopback.SETTINGS, get_avatar, sessions=sessions), loopback, made.sessions)
    client = loopback.Client(video=None, audio=loopback.ToneTrack())
    offer = await client.offer()
    for mode in ("bot", "echo"):
        with pytest.raises(OfferError, match=f"mode={mode}"):
            await stage.calls.create(offer, "ada", mode=mode)
    call = await stage.calls.create(offer, "ada", drive="voice")
    await client.accept(call.answer_sdp)
    await loopback.wait_for(lambda: len(client.sounds) >= 10 and len(client.received("stats")) >= 1)
    assert stage.sessions[0].sounds, "the session hears the microphone"
    await client.close()
    await stage.leave()
    await made.leave()


async def test_leaving_says_goodbye_and_stops_the_session(stage: Stage, loopback: ModuleType) -> None:
    client, call = await stage.join()
    await loopback.wait_for(lambda: bool(client.pictures) and bool(client.received("hello")))
    assert await stage.calls.end(call.id)
    assert stage.sessions[0].stopped
    assert not await stage.calls.end(call.id), "it is over"
    await loopback.wait_for(lambda: bool(client.received("bye")))
    assert client.received("bye")[0]["reason"] == "left"
    assert stage.calls.snapshot().ended == {"left": 1}


async def test_a_visitor_who_closes_the_page_frees_the_place(stage: Stage, loopback: ModuleType) -> None:
    client, call = await stage.join()
    await loopback.wait_for(lambda: bool(client.pictures))
    await client.close()
    await loopback.wait_for(lambda: call.id not in stage.calls)
    assert stage.calls.snapshot().ended == {"left": 1}


async def test_a_connection_that_breaks_off_is_lost_and_nobody_has_left(stage: Stage, loopback: ModuleType) -> None:
    """As when consent to send expires, or the socket goes: nobody has said goodbye."""
    client, call = await stage.join()
    await loopback.wait_for(lambda: bool(client.pictures))
    (agent,) = ice_agents(call._peer._connection)
    await agent.close()
    await loopback.wait_for(lambda: call.id not in stage.calls)
    assert stage.calls.snapshot().ended == {"connection_lost": 1}
    await client.close()


@pytest.mark.slow
async def test_a_visitor_whose_network_dies_frees_the_place(loopback: ModuleType) -> None:
    settings = replace(loopback.SETTINGS, transport=replace(loopback.SETTINGS.transport, lost_timeout_s=3.0))
    stage = make_stage(loopback, settings)
    client, call = await stage.join()
    await loopback.wait_for(lambda: bool(client.pictures))

    async def nothing(packet: bytes) -> None:
        del packet

    transport = client.connection.getSenders()[0].transport.transport
    transport._send = nothing
    await loopback.wait_for(lambda: call.id not in stage.calls, timeout_s=30)
    assert stage.calls.snapshot().ended == {"connection_lost": 1}
    await stage.leave()


@pytest.mark.slow
async def test_a_visitor_who_never_connects_frees_the_place(
    loopback: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "avatar")
    settings = replace(loopback.SETTINGS, transport=replace(loopback.SETTINGS.transport, connect_timeout_s=0.5))
    stage = make_stage(loopback, settings)
    client = loopback.Client()
    call = await stage.calls.create(await client.offer(), "ada")
    await loopback.wait_for(lambda: call.id not in stage.calls)
    assert stage.calls.snapshot().ended == {"never_connected": 1}
    assert call.log_name in caplog.text and call.id not in caplog.text, "the log names it, and lets nobody end it"
    await client.close()
    await stage.leave()


@pytest.mark.slow
async def test_who_only_watches_is_not_idle(loopback: ModuleType) -> None:
    settings = replace(loopback.SETTINGS, limits=replace(loopback.SETTINGS.limits, idle_s=0.5))
    stage = make_stage(loopback, settings)
    watcher = loopback.Client(video="recvonly")
    call = await stage.calls.create(await watcher.offer(), "ada", drive="voice")
    await watcher.accept(call.answer_sdp)
    await loopback.wait_for(lambda: len(watcher.received("stats")) >= 4)
    assert call.id in stage.calls
    assert stage.sessions[0].watched
    await stage.calls.end(call.id)
    await watcher.close()
    await stage.leave()


@pytest.mark.slow
@pytest.mark.parametrize("sound_only", [False, True])
async def test_nothing_is_drawn_where_nobody_can_receive(stage: Stage, loopback: ModuleType, sound_only: bool) -> None:
    sender = loopback.Client(video=None if sound_only else "clip", audio=loopback.ToneTrack())
    for section in sender.connection.getTransceivers():
        section.direction = "sendonly"
    call = await stage.calls.create(await sender.offer(), "ada")
    await sender.accept(call.answer_sdp)
    await loopback.wait_for(lambda: len(sender.received("stats")) >= 2)
    (session,) = stage.sessions
    assert not session.watched
    assert bool(session.camera) != sound_only, "the camera is taken all the same"
    assert (await call._peer.stats()).dropped == call.statistics.pictures_sent == 0
    await sender.close()


async def test_a_session_that_fails_ends_the_call_with_its_reason(stage: Stage, loopback: ModuleType) -> None:
    client, call = await stage.join()
    await loopback.wait_for(lambda: bool(client.received("hello")))
    await asyncio.to_thread(stage.sessions[0].on_event, SessionFailed("The tracker is gone."))
    await loopback.wait_for(lambda: call.id not in stage.calls)
    await loopback.wait_for(lambda: bool(client.received("bye")))
    assert client.received("bye")[0]["detail"] == "The tracker is gone."


async def test_a_session_that_cannot_start_ends_the_call(loopback: ModuleType) -> None:
    def refuse() -> None:
        raise AvatarError("No model.", code="model_missing")

    stage = make_stage(loopback, loopback.SETTINGS, lambda session: setattr(session, "start", refuse))
    _, call = await stage.join()
    await loopback.wait_for(lambda: call.id not in stage.calls)
    assert stage.calls.snapshot().ended == {"failed": 1}
    await stage.leave()


async def test_slow_work_of_one_visitor_does_not_hold_up_the_picture_of_another(loopback: ModuleType) -> None:
    slow = threading.Event()

    def prepare(session: Any) -> None:
        session.set_identity = lambda identity: slow.wait(10)

    stage = make_stage(loopback, loopback.SETTINGS, prepare)
    first, _ = await stage.join()
    second, _ = await stage.join()
    await loopback.wait_for(lambda: bool(first.received("hello")) and bool(second.pictures))
    first.send(type="set_avatar", avatar="grace")
    first.send(type="set_avatar", avatar="ada", id="again")
    await loopback.wait_for(lambda: bool(first.received("error")))
    assert first.received("error")[0]["code"] == "busy"
    before = len(second.pictures)
    await loopback.wait_for(lambda: len(second.pictures) >= before + 15)
    assert not first.received("avatar")
    slow.set()
    await loopback.wait_for(lambda: bool(first.received("avatar")))
    await stage.leave()


async def test_a_visitor_who_gives_up_while_joining_leaves_nothing(loopback: ModuleType) -> None:
    entered, let_go = threading.Event(), threading.Event()

    def prepare(session: Any) -> None:
        entered.set()
        let_go.wait(10)

    stage = make_stage(loopback, loopback.SETTINGS, prepare)
    client = loopback.Client()
    joining = asyncio.create_task(stage.calls.create(await client.offer(), "ada"))
    await loopback.wait_for(entered.is_set)
    joining.cancel()
    await asyncio.sleep(0.05)
    let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await joining
    await loopback.wait_for(lambda: stage.calls.snapshot().active == 0)
    assert stage.sessions[0].stopped
    await client.close()
    await stage.leave()


async def test_closing_the_server_ends_every_call_and_leaves_no_task_and_no_thread(loopback: ModuleType) -> None:
    threads_before, tasks_before = set(threading.enumerate()), asyncio.all_tasks()
    stage = make_stage(loopback, loopback.SETTINGS)
    clients = [(await stage.join(audio=loopback.ToneTrack()))[0] for _ in range(2)]
    await loopback.wait_for(lambda: all(client.pictures and client.received("hello") for client in clients))
    await stage.calls.close()
    assert all(session.stopped for session in stage.sessions)
    with pytest.raises(ServerFullError, match="stopping"):
        await stage.join()
    await loopback.wait_for(lambda: all(client.received("bye") for client in clients))
    assert clients[0].received("bye")[0]["reason"] == "server_stopping"
    await stage.leave()
    await loopback.wait_for(lambda: asyncio.all_tasks() <= tasks_before)
    # Threads of asyncio's own executor (sound is encoded there) belong to the loop and go with it.
    await loopback.wait_for(
        lambda: not [t for t in set(threading.enumerate()) - threads_before if not t.name.startswith("asyncio")]
    )


async def test_the_figures_of_ended_calls_are_not_lost(stage: Stage, loopback: ModuleType) -> None:
    client, call = await stage.join()
    await loopback.wait_for(lambda: len(client.pictures) >= 5)
    during = stage.calls.snapshot()
    await stage.calls.end(call.id)
    after = stage.calls.snapshot()
    assert (during.active, during.limit, during.started) == (1, 2, 1)
    assert (after.active, after.started) == (0, 1)
    assert after.pictures_sent >= during.pictures_sent >= 5
    assert after.picture_bytes_sent >= during.picture_bytes_sent > 0
    assert after.camera_frames >= during.camera_frames > 0


async def test_once_calls_have_ended_there_is_time_to_tidy_up_after_them(
    loopback: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "AFTERWARDS_S", 0.05)
    told: list[tuple[bool, str]] = []
    roomy = replace(loopback.SETTINGS, limits=replace(loopback.SETTINGS.limits, sessions=3))
    stage = make_stage(
        loopback, roomy, after_call=lambda others: told.append((others, threading.current_thread().name))
    )
    (_, first), (_, second), (_, third) = [await stage.join() for _ in range(3)]
    await asyncio.gather(stage.calls.end(first.id), stage.calls.end(second.id))
    await loopback.wait_for(lambda: bool(told))
    assert [others for others, _ in told] == [True], "two that ended together, while a third goes on"
    assert "blocking" in told[0][1], "not on the event loop"
    await stage.calls.end(third.id)
    await loopback.wait_for(lambda: len(told) == 2)
    assert not told[1][0]
    await stage.leave()


async def test_once_a_call_has_opened_there_is_time_to_tidy_up(
    loopback: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "OPENED_S", 0.05)
    told: list[str] = []
    stage = make_stage(loopback, loopback.SETTINGS, after_opening=lambda: told.append(threading.current_thread().name))
    await stage.join()
    await loopback.wait_for(lambda: bool(told))
    assert "blocking" in told[0], "not on the event loop"
    await stage.leave()


async def test_the_echo_sends_the_camera_back(loopback: ModuleType) -> None:
    calls = Calls(loopback.SETTINGS, get_avatar)
    client = loopback.Client()
    call = await calls.create(await client.offer(), None, mode="echo")
    await client.accept(call.answer_sdp)
    await loopback.wait_for(lambda: len(client.pictures) >= 5)
    assert (client.pictures[-1].width, client.pictures[-1].height) == (320, 240)
    client.send(type="cue", text="nod")
    await loopback.wait_for(lambda: bool(client.received("error")))
    assert client.received("error")[0]["code"] == "no_avatar", "it has no face that could nod"
    await client.close()
    await calls.close()


async def test_an_avatar_call_needs_an_avatar(loopback: ModuleType) -> None:
    calls = Calls(loopback.SETTINGS, get_avatar)
    client = loopback.Client()
    with pytest.raises(AvatarError, match="Choose an avatar"):
        await calls.create(await client.offer(), None)
    await client.close()
    await calls.close()
