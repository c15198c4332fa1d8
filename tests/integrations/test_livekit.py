"""LiveKit's real runner around the generator, in a room that is a fake: positions, segment ends, interruptions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("livekit.agents", reason="livekit-agents is not installed: make test-integrations")

from livekit import rtc
from livekit.agents import Plugin
from livekit.agents.voice import Agent, AgentSession
from livekit.agents.voice.avatar import AudioSegmentEnd, AvatarOptions, AvatarRunner, QueueAudioOutput, VideoGenerator
from livekit.agents.voice.avatar import AvatarSession as BaseAvatarSession

from avatar.errors import AvatarError
from avatar.integrations.livekit import AvatarSession, AvatarVideoGenerator
from examples import livekit_agent

pytestmark = pytest.mark.anyio

RATE = 24_000


class FakePublication:
    """A track that somebody subscribes to at once."""

    async def wait_for_subscription(self) -> None:
        """Return at once."""


class FakeParticipant:
    """An agent in the room."""

    identity = "agent"

    def __init__(self) -> None:
        self.tracks: list[Any] = []
        self.track_publications: dict[str, Any] = {}
        self.published = asyncio.Event()
        """Both of an avatar's tracks are."""

    async def publish_track(self, track: Any, options: Any) -> FakePublication:
        self.tracks.append(track)
        if len(self.tracks) == 2:
            self.published.set()
        return FakePublication()


class FakeRoom(rtc.EventEmitter[str]):
    """A room without a server."""

    def __init__(self) -> None:
        super().__init__()
        self.local_participant = FakeParticipant()
        self.remote_participants: dict[str, Any] = {}
        self.name = "room"

    def isconnected(self) -> bool:
        return True


def audio_frame(pcm: bytes) -> rtc.AudioFrame:
    return rtc.AudioFrame(pcm, RATE, 1, len(pcm) // 2)


async def taken(generator: AvatarVideoGenerator, until: Callable[[list[Any]], bool], most_s: float = 5.0) -> list[Any]:
    frames: list[Any] = []

    async def take() -> None:
        async for frame in generator:
            frames.append(frame)
            if until(frames):
                return

    await asyncio.wait_for(take(), most_s)
    return frames


def sound(frames: list[Any]) -> int:
    return sum(frame.samples_per_channel for frame in frames if isinstance(frame, rtc.AudioFrame))


async def test_the_generator_keeps_the_contract(open_plain: Any, speech: Callable[..., bytes]) -> None:
    async with open_plain()(RATE) as face:
        generator = AvatarVideoGenerator(face)
        assert isinstance(generator, VideoGenerator)
        idle = await taken(generator, lambda frames: len(frames) >= 5)
        assert all(isinstance(frame, rtc.VideoFrame) for frame in idle)  # silence would count as played
        await generator.push_audio(audio_frame(speech(0.5)))
        await generator.push_audio(AudioSegmentEnd())
        frames = await taken(generator, lambda frames: isinstance(frames[-1], AudioSegmentEnd))
        assert sound(frames) == 0.5 * RATE
        assert sum(isinstance(frame, rtc.VideoFrame) for frame in frames) >= 14
        assert (frames[0].width, frames[0].height, frames[0].type) == (32, 32, rtc.VideoBufferType.I420)


async def test_a_segment_that_is_cleared_gives_neither_sound_nor_end(
    open_plain: Any, speech: Callable[..., bytes]
) -> None:
    async with open_plain()(RATE) as face:
        generator = AvatarVideoGenerator(face)
        await generator.push_audio(audio_frame(speech(5.0)))
        await taken(generator, lambda frames: sound(frames) > 0.3 * RATE)
        generator.clear_buffer()
        generator.clear_buffer()
        await generator.push_audio(AudioSegmentEnd())  # it may come after the interruption
        after = await taken(generator, lambda frames: len(frames) >= 20)
        assert all(isinstance(frame, rtc.VideoFrame) for frame in after)


async def test_a_lost_segment_end_does_not_wedge_the_turn(open_plain: Any, speech: Callable[..., bytes]) -> None:
    async with open_plain()(RATE) as face:
        generator = AvatarVideoGenerator(face)
        await generator.push_audio(audio_frame(speech(0.3)))
        frames = await taken(generator, lambda frames: isinstance(frames[-1], AudioSegmentEnd))
        assert sound(frames) == 0.3 * RATE


async def test_speech_goes_on_when_the_avatar_fails(open_plain: Any, speech: Callable[..., bytes]) -> None:
    async with open_plain(fails_after=5)(RATE) as face:
        generator = AvatarVideoGenerator(face)
        await generator.push_audio(audio_frame(speech(1.0)))
        await generator.push_audio(AudioSegmentEnd())
        frames = await taken(generator, lambda frames: isinstance(frames[-1], AudioSegmentEnd))
        assert sound(frames) >= 0.85 * RATE
        await generator.push_audio(audio_frame(speech(0.2)))
        await generator.push_audio(AudioSegmentEnd())
        more = await taken(generator, lambda frames: isinstance(frames[-1], AudioSegmentEnd))
        assert sound(more) == 0.2 * RATE


@pytest.fixture
async def running(open_plain: Any) -> AsyncIterator[tuple[QueueAudioOutput, list[Any], list[Any]]]:
    """LiveKit's runner with our generator; what it tells the agent about playback."""
    started: list[Any] = []
    finished: list[Any] = []
    output = QueueAudioOutput(sample_rate=RATE, wait_playback_start=True)
    output.on("playback_started", started.append)
    output.on("playback_finished", finished.append)
    async with open_plain()(RATE) as face:
        options = AvatarOptions(
            video_width=32, video_height=32, video_fps=face.fps, audio_sample_rate=RATE, audio_channels=1
        )
        runner = AvatarRunner(
            FakeRoom(),
            audio_recv=output,
            video_gen=AvatarVideoGenerator(face),
            options=options,  # type: ignore[arg-type]
        )
        await runner.start()
        yield output, started, finished
        await runner.aclose()


async def test_livekits_runner_reports_what_was_played(running: Any, speech: Callable[..., bytes]) -> None:
    output, started, finished = running
    await output.capture_frame(audio_frame(speech(0.6)))
    output.flush()
    event = await asyncio.wait_for(output.wait_for_playout(), 5)
    assert event.playback_position == pytest.approx(0.6, abs=0.01) and not event.interrupted
    assert len(started) == 1 and len(finished) == 1


async def test_livekits_runner_reports_how_far_an_interrupted_segment_came(
    running: Any, speech: Callable[..., bytes]
) -> None:
    output, _, _ = running
    await output.capture_frame(audio_frame(speech(5.0)))
    await asyncio.sleep(0.9)
    output.clear_buffer()
    output.flush()
    event = await asyncio.wait_for(output.wait_for_playout(), 5)
    assert event.interrupted and 0.5 < event.playback_position < 1.0
    await output.capture_frame(audio_frame(speech(0.3)))
    output.flush()
    event = await asyncio.wait_for(output.wait_for_playout(), 5)
    # The runner counts the frame that it was handing on when it was interrupted with what comes after.
    assert not event.interrupted and event.playback_position == pytest.approx(0.3, abs=0.04)


async def test_a_session_lets_its_agent_speak_with_the_face(open_plain: Any, speech: Callable[..., bytes]) -> None:
    face, session, room = AvatarSession(open_avatar=open_plain()), AgentSession(), FakeRoom()
    assert isinstance(face, BaseAvatarSession) and face.provider == "avatar"
    await face.start(session, room)  # type: ignore[arg-type]
    assert face.avatar_identity == "agent"
    with pytest.raises(AvatarError, match="started before"):
        await face.start(session, room)  # type: ignore[arg-type]
    output = session.output.audio
    assert isinstance(output, QueueAudioOutput)
    await output.capture_frame(audio_frame(speech(0.4)))
    output.flush()
    event = await asyncio.wait_for(output.wait_for_playout(), 5)
    assert event.playback_position == pytest.approx(0.4, abs=0.01)
    assert len(room.local_participant.tracks) == 2
    await face.aclose()
    await face.aclose()
    assert face.avatar is None


class Wordless(AgentSession):
    """A session without models, which need keys, that says what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.happened: list[str] = []

    async def start(self, *, agent: Agent, room: FakeRoom) -> None:  # type: ignore[override]
        assert isinstance(self.output.audio, QueueAudioOutput), "the face comes before the session"
        self.happened.append("started")

    async def generate_reply(self, *, instructions: str) -> None:  # type: ignore[override]
        self.happened.append(instructions)


async def test_the_example_puts_its_face_into_the_room(open_plain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    face, room, session = AvatarSession(open_avatar=open_plain()), FakeRoom(), Wordless()
    monkeypatch.setattr(livekit_agent, "AgentSession", lambda **models: session)
    monkeypatch.setattr(livekit_agent, "AvatarSession", {livekit_agent.FACE: face}.__getitem__)
    await livekit_agent.entrypoint(SimpleNamespace(room=room))  # type: ignore[arg-type]
    assert session.happened == ["started", "Greet the user."] and face.avatar is not None
    await asyncio.wait_for(room.local_participant.published.wait(), 5)
    await face.aclose()


async def test_the_pages_agent_speaks_with_the_face(
    my_avatar: Path, run_snippet: Callable[..., Awaitable[dict[str, Any]]], speech: Callable[..., bytes]
) -> None:
    session, room = Wordless(), FakeRoom()
    names = {"session": session, "agent": Agent(instructions="Be brief."), "ctx": SimpleNamespace(room=room)}
    face = (await run_snippet("docs/integrations.md", "AvatarSession", **names))["face"]
    assert session.happened == ["started"] and face.avatar.size == (512, 512)
    await session.output.audio.capture_frame(audio_frame(speech(0.3)))
    session.output.audio.flush()
    async with asyncio.timeout(10):
        event = await session.output.audio.wait_for_playout()
    assert event.playback_position == pytest.approx(0.3, abs=0.01) and len(room.local_participant.tracks) == 2
    await face.aclose()


def test_the_plugin_is_registered() -> None:
    assert any(plugin.package == "avatar" for plugin in Plugin.registered_plugins)
