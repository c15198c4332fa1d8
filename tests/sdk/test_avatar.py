"""A program gives an avatar a voice: in step, interruptible at once, bounded, and clear about what it cannot do."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import avatar as package
from avatar.config import PictureSettings
from avatar.errors import AvatarError, ClosedError, CueError, ModelError, SettingsError, SoundError
from avatar.motion.voice_network import VoiceNetwork, shipped_network
from avatar.perception.speech.features import LogMelFeatures
from avatar.resources import weights_path
from avatar.sdk.avatar import Avatar
from avatar.sdk.frames import AudioFrame, FellBehind, Frame, VideoFrame
from avatar.sdk.renderer import LocalRenderer
from avatar.sdk.speech_intake import BUFFER_S
from avatar.timing.speech_events import SpeechFinished, SpeechInterrupted, SpeechStarted
from avatar.types import BLENDSHAPE_INDEX

pytestmark = pytest.mark.anyio

RATE = 48_000
LOUD = round(0.5 * 32767)


def bursts(seconds: float, *, every_s: float = 0.4, rate: int = RATE) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Return sound that is loud for the first half of each stretch and silent for the second."""
    at = np.arange(round(seconds * rate)) / rate
    return np.where(at % every_s < every_s / 2, LOUD, 0).astype(np.int16)


@pytest.fixture(scope="module")
def server(bot_server: Any) -> Iterator[Any]:
    """A server that draws for the avatars of this page."""
    with bot_server.bot_server() as running:
        yield running


@pytest.fixture(params=["in this process", "on a server"])
def opened(fake_parts: Any, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Open an avatar whose pictures are as light as the sound of their moment is loud; yield it and who draws it."""
    remote = request.getfixturevalue("server") if request.param == "on a server" else None

    @asynccontextmanager
    async def make(**how: Any) -> AsyncIterator[Avatar]:
        kept = {name: how.pop(name) for name in ("slow_s", "fails_after") if name in how}
        parts = fake_parts.plain_parts(**kept, size=(128, 128))
        made: Any = remote.connect(parts, **how) if remote else Avatar(LocalRenderer(lambda: parts), **how)
        async with made as face:
            face.parts = parts
            yield face

    return make


async def watch(face: Avatar, seconds: float) -> list[tuple[float, Frame]]:
    """Take frames for a while; return them with the moments they came at."""
    taken, begin = [], time.monotonic()
    async for frame in face:
        taken.append((time.monotonic(), frame))
        if time.monotonic() - begin >= seconds:
            break
    return taken


def events_of(taken: list[tuple[float, Frame]]) -> list[Any]:
    return [event for _, frame in taken if isinstance(frame, AudioFrame) for event in frame.events]


def lightness(frame: VideoFrame) -> float:
    return float(frame.rgb.mean())


@pytest.mark.slow
async def test_pictures_and_sound_come_in_step_at_the_speed_of_life(
    opened: Callable[..., Any], fake_parts: Any
) -> None:
    async with opened() as face:
        await face.push_audio(bursts(1.2), RATE)
        await face.end_of_speech()
        taken = await watch(face, 1.5)
    sound = [frame for _, frame in taken if isinstance(frame, AudioFrame)]
    pictures = [frame for _, frame in taken if isinstance(frame, VideoFrame)]
    assert 30 <= len(pictures) <= 47
    line = np.concatenate([frame.samples for frame in sound])
    assert sound[-1].time_s == pytest.approx((len(line) - len(sound[-1].samples)) / RATE)
    for picture in pictures[:-1]:
        first, last = (round((picture.time_s + after_s) * RATE) for after_s in fake_parts.LOOKED_AT_S)
        assert lightness(picture) == pytest.approx(255 * float(np.abs(line[first:last]).max()) / 32768, abs=3)
    told = [type(event) for event in events_of(taken) if not isinstance(event, FellBehind)]
    assert told == [SpeechStarted, SpeechFinished]
    spoken = line[: round(1.2 * RATE) + 3 * RATE // 30]
    assert np.count_nonzero(spoken) == pytest.approx(0.6 * RATE, rel=0.01)


@pytest.mark.slow
async def test_the_first_speaking_frame_comes_soon_after_the_first_push(opened: Callable[..., Any]) -> None:
    async with opened() as face:
        await watch(face, 0.3)
        await face.push_audio(bursts(0.5), RATE)
        taken = [frame for _, frame in await watch(face, 0.4)]
    # By the avatar's own clock, which a busy machine does not hurry.
    pushed_s = next(frame.time_s for frame in taken if isinstance(frame, AudioFrame))
    light_s = next(frame.time_s for frame in taken if isinstance(frame, VideoFrame) and lightness(frame) > 100)
    heard_s = next(frame.time_s for frame in taken if isinstance(frame, AudioFrame) and frame.spoken)
    assert light_s - pushed_s < 0.2 and heard_s - pushed_s < 0.2


@pytest.mark.slow
async def test_an_interruption_silences_at_once_and_says_what_was_heard(opened: Callable[..., Any]) -> None:
    told: list[Any] = []
    async with opened(on_event=told.append) as face:
        await face.push_audio(np.full(10 * RATE, LOUD, np.int16), RATE)
        before = await watch(face, 0.8)
        delivered_ms = 1e3 * sum(frame.spoken for _, frame in before if isinstance(frame, AudioFrame)) / RATE
        heard_ms = face.interrupt()
        after = await watch(face, 0.5)
        assert face.interrupt() == 0
    assert heard_ms == pytest.approx(delivered_ms, abs=40)
    assert all(not frame.samples.any() for _, frame in after if isinstance(frame, AudioFrame))
    cut_s = next(frame.time_s for _, frame in after if isinstance(frame, AudioFrame))
    open_s = [frame.time_s - cut_s for _, frame in after if isinstance(frame, VideoFrame) and lightness(frame) > 5]
    assert max(open_s, default=0.0) < 0.15
    cuts = [event for event in told if isinstance(event, SpeechInterrupted)]
    assert len(cuts) == 1 and cuts[0].heard_ms == heard_ms
    assert [event for event in events_of(after) if isinstance(event, SpeechInterrupted)] == cuts


@pytest.mark.slow
async def test_late_sound_after_an_interruption_is_not_spoken_and_the_next_answer_is(
    opened: Callable[..., Any],
) -> None:
    async with opened() as face:
        await face.push_audio(bursts(2.0), RATE, utterance="first")
        await watch(face, 0.3)
        face.interrupt()
        await face.push_audio(bursts(2.0), RATE, utterance="first")
        assert face.waiting_s == 0
        await face.push_audio(bursts(0.3), RATE, utterance="second")
        await face.end_of_speech(utterance="second")
        taken = await watch(face, 0.8)
    finished = [event for event in events_of(taken) if isinstance(event, SpeechFinished)]
    assert [(event.label, round(event.heard_ms)) for event in finished] == [("second", 300)]


async def test_interrupting_before_any_speech_is_nothing(opened: Callable[..., Any]) -> None:
    async with opened() as face:
        assert face.interrupt() == 0
        taken = await watch(face, 0.2)
    assert all(isinstance(event, FellBehind) for event in events_of(taken))


@pytest.mark.slow
async def test_an_hour_long_utterance_waits_at_the_door(opened: Callable[..., Any]) -> None:
    async with opened() as face:
        hour = np.zeros(8_000 * 3600, np.int16)
        pushing = asyncio.create_task(face.push_audio(hour, 8_000))
        await asyncio.sleep(0.5)
        assert not pushing.done()
        assert BUFFER_S <= face.waiting_s < BUFFER_S + 1
        face.interrupt()
        await asyncio.wait_for(pushing, 1)
        assert face.waiting_s == 0


@pytest.mark.parametrize(("shape", "kind"), [((-1,), np.float32), ((2, -1), np.int16), ((2, -1), np.float32)])
async def test_an_hour_at_once_needs_no_more_room_than_what_waits(fake_parts: Any, shape: Any, kind: Any) -> None:
    hour = np.zeros(8_000 * 3600 * len(shape), kind).reshape(shape)
    async with Avatar(LocalRenderer(fake_parts.plain_parts)) as face:
        tracemalloc.start()
        pushing = asyncio.create_task(face.push_audio(hour, 8_000))
        await asyncio.sleep(0.2)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert not pushing.done() and face.waiting_s >= BUFFER_S
        face.interrupt()
        await pushing
    assert peak_bytes < 2 * 2 * BUFFER_S * RATE, "half of it is the 16-bit samples that wait"


@pytest.mark.parametrize("seed", [-1, 2**63])
async def test_a_seed_that_cannot_be_is_refused_when_the_avatar_opens(opened: Callable[..., Any], seed: int) -> None:
    with pytest.raises(AvatarError, match="seed"):
        async with opened(seed=seed):
            pass


@pytest.mark.slow
async def test_sound_may_come_in_small_pieces_of_any_rate(opened: Callable[..., Any]) -> None:
    async with opened(sample_rate=24_000) as face:
        voice = bursts(1.0, rate=16_000)
        for start in range(0, len(voice), 320):
            await face.push_audio(voice[start : start + 320].tobytes(), 16_000)
        await face.end_of_speech()
        taken = await watch(face, 1.4)
    (finished,) = [event for event in events_of(taken) if isinstance(event, SpeechFinished)]
    assert finished.heard_ms == pytest.approx(1000, abs=2)
    assert {frame.sample_rate for _, frame in taken if isinstance(frame, AudioFrame)} == {24_000}


async def test_a_buffer_may_be_filled_anew_after_each_push(opened: Callable[..., Any]) -> None:
    async with opened() as face:
        buffer = np.empty(RATE // 2, np.int16)
        for level in (1000, 2000, 3000):
            buffer[:] = level
            await face.push_audio(buffer, RATE)
        buffer[:] = 0
    assert face.unspoken().tolist() == np.repeat([1000, 2000, 3000], RATE // 2).tolist()


@pytest.mark.slow
async def test_a_slow_renderer_leaves_pictures_out_but_never_sound(opened: Callable[..., Any]) -> None:
    async with opened(slow_s=0.06) as face:
        await face.push_audio(bursts(1.5), RATE)
        await face.end_of_speech()
        taken = await watch(face, 1.9)
    pictures = [frame for _, frame in taken if isinstance(frame, VideoFrame)]
    assert 15 <= len(pictures) <= 40
    assert any(isinstance(event, FellBehind) for event in events_of(taken))
    (finished,) = [event for event in events_of(taken) if isinstance(event, SpeechFinished)]
    assert finished.heard_ms == pytest.approx(1500, abs=1)
    sound = [(at, frame) for at, frame in taken if isinstance(frame, AudioFrame)]
    drift_s = (sound[-1][0] - sound[0][0]) - (sound[-1][1].time_s - sound[0][1].time_s)
    assert abs(drift_s) < 0.12


@pytest.mark.slow
async def test_a_taker_who_pauses_misses_no_sound(opened: Callable[..., Any]) -> None:
    async with opened() as face:
        await face.push_audio(bursts(1.0), RATE)
        await face.end_of_speech()
        before = await watch(face, 0.3)
        await asyncio.sleep(1.0)
        after = await watch(face, 1.2)
    assert any(isinstance(event, FellBehind) and event.late_ms > 500 for event in events_of(after))
    spoken = sum(frame.spoken for _, frame in before + after if isinstance(frame, AudioFrame))
    assert spoken == RATE
    times = [frame.time_s for _, frame in before + after if isinstance(frame, AudioFrame)]
    assert np.diff(times) == pytest.approx(1 / 30, abs=1e-4)


@pytest.mark.slow
async def test_emotions_looks_gestures_and_cues_move_the_face(opened: Callable[..., Any]) -> None:
    async with opened() as face:
        face.set_emotion("happy", 0.8)
        face.look_at(0.5, -0.2)
        face.nod()
        face.direct("raise brows")
        face.set_presence("listening")
        await watch(face, 0.8)
    motions = face.parts.generator.motions
    smile = BLENDSHAPE_INDEX["mouthSmileLeft"]
    assert motions[0].blendshapes[smile] < 0.1 and motions[-1].blendshapes[smile] > 0.3
    assert np.degrees(motions[-1].rotation[1]) < -4, "the nose goes to the picture's right"


@pytest.mark.parametrize(
    "ask",
    [
        lambda face: face.set_emotion("gleeful"),
        lambda face: face.direct("fly to the moon"),
        lambda face: face.gesture("bow"),
        lambda face: face.look_at(3, 0),
        lambda face: face.look_at(float("nan"), 0),
        lambda face: face.set_presence("dancing"),
        lambda face: face.set_presence(["listening"]),
        lambda face: face.set_emotion("happy", "strong"),
        lambda face: face.set_emotion(["happy"]),
        lambda face: face.nod(None),
        lambda face: face.look_at("left", 0),
        lambda face: face.direct(None),
    ],
)
async def test_what_it_was_never_taught_is_answered_clearly(opened: Callable[..., Any], ask: Any) -> None:
    async with opened() as face:
        with pytest.raises(CueError):
            ask(face)


async def test_bad_sound_is_refused_and_the_avatar_lives_on(opened: Callable[..., Any]) -> None:
    async with opened() as face:
        with pytest.raises(SoundError):
            await face.push_audio(np.zeros(10), 16_000)
        assert len(await watch(face, 0.2)) > 3


async def test_a_closed_avatar_says_so_and_closes_twice(opened: Callable[..., Any]) -> None:
    async with opened() as face:
        await watch(face, 0.1)
        pushing = asyncio.create_task(face.push_audio(np.zeros(100 * RATE, np.int16), RATE))
        await asyncio.sleep(0.1)
        await face.aclose()
        await face.aclose()
        with pytest.raises(ClosedError):
            await pushing
        with pytest.raises(ClosedError):
            await face.push_audio(bursts(0.1), RATE)
        assert [frame async for frame in face] == []
    with pytest.raises(ClosedError):
        await face.start()


async def test_opening_twice_at_once_opens_once(fake_parts: Any) -> None:
    made = []

    def make_parts() -> Any:
        made.append(fake_parts.plain_parts())
        time.sleep(0.1)
        return made[-1]

    face = Avatar(LocalRenderer(make_parts))
    await asyncio.gather(face.start(), face.start())
    assert len(made) == 1 and len(await watch(face, 0.2)) > 3
    await face.aclose()


async def test_a_callback_that_raises_loses_no_sound(fake_parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[Any] = []
    monkeypatch.setattr(asyncio.get_running_loop(), "call_exception_handler", logged.append)

    def stumble(event: Any) -> None:
        raise RuntimeError("the program's own mistake")

    async with Avatar(LocalRenderer(fake_parts.plain_parts), on_event=stumble) as face:
        await face.push_audio(bursts(0.3), RATE)
        await face.end_of_speech()
        taken = await watch(face, 0.7)
    assert sum(frame.spoken for _, frame in taken if isinstance(frame, AudioFrame)) == round(0.3 * RATE)
    assert {SpeechStarted, SpeechFinished} <= {type(event) for event in events_of(taken)}
    assert {str(context["exception"]) for context in logged} == {"the program's own mistake"}


async def test_who_takes_frames_can_be_cancelled_just_as_one_comes(
    opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """LiveKit and Pipecat end what takes frames so, and wait until it has ended."""
    async with opened() as face:
        monkeypatch.setattr(face._queue, "take", lambda now_s: 30.0)  # never due
        taking = asyncio.create_task(anext(face))
        await asyncio.sleep(0.05)
        face._frames._news.set()
        await asyncio.sleep(0)
        taking.cancel()
        await asyncio.wait([taking], timeout=1)
        assert taking.cancelled()


async def test_an_avatar_that_is_not_open_says_how_to_open_it(fake_parts: Any) -> None:
    face = Avatar(LocalRenderer(fake_parts.plain_parts))
    with pytest.raises(ClosedError, match="async with"):
        face.interrupt()
    with pytest.raises(ClosedError, match="async with"):
        await anext(face)
    with pytest.raises(ClosedError, match="async with"):
        face.direct("words that nobody understands")


async def test_drawing_that_fails_ends_the_frames_with_its_reason(opened: Callable[..., Any]) -> None:
    async with opened(fails_after=5) as face:
        with pytest.raises(AvatarError, match="the canvas is torn"):
            await watch(face, 3.0)
        with pytest.raises(AvatarError, match="the canvas is torn"):
            await face.push_audio(bursts(0.1), RATE)


async def test_a_function_to_be_awaited_is_no_listener_to_events(fake_parts: Any) -> None:
    async def on_event(event: object) -> None:
        raise AssertionError

    for listener in (on_event, "print"):
        with pytest.raises(SettingsError, match="plain function"):
            Avatar(LocalRenderer(fake_parts.plain_parts), on_event=listener)


@pytest.mark.parametrize("liveliness", [-0.1, 2.1, float("nan"), "lively"])
async def test_a_liveliness_that_cannot_be_is_refused(astronaut: Any, liveliness: Any) -> None:
    picture = PictureSettings(128, 128, tier="geometry")
    with pytest.raises(SettingsError, match="from 0 "):
        await Avatar.open(astronaut, picture=picture, liveliness=liveliness).start()
    with pytest.raises(SettingsError, match="from 0 "):
        Avatar.connect("http://localhost:1", liveliness=liveliness)


def test_what_is_no_picture_seed_or_rate_is_named() -> None:
    odd: Any = "geometry"
    for make in (Avatar.open, partial(Avatar.connect, "http://localhost:1")):
        with pytest.raises(SettingsError, match="picture cannot be 'geometry'"):
            make("mira", picture=odd)
        for seed in (odd, -1, 2**63, 1.5, True):
            with pytest.raises(SettingsError, match="seed cannot be"):
                make("mira", seed=seed)
        with pytest.raises(ValueError, match="samples a second"):
            make("mira", sample_rate=odd)


@pytest.mark.parametrize("what", [None, Path("room.jpg"), "room.txt"])
async def test_what_is_no_background_is_told(astronaut: Any, what: Any) -> None:
    async with Avatar.open(astronaut, picture=PictureSettings(128, 128, tier="geometry")) as face:
        with pytest.raises(AvatarError, match="is no background: keep, blur") as refused:
            await face.set_background(what)
    assert refused.value.code == "bad_background"


async def test_another_event_loop_is_refused_rather_than_waited_for_ever(opened: Callable[..., Any]) -> None:
    async with opened() as face:
        for asked in (lambda: anext(face), lambda: face.push_audio(bursts(0.1), RATE), face.end_of_speech):
            with pytest.raises(AvatarError, match="another event loop"):
                await asyncio.to_thread(asyncio.run, asked())


@pytest.mark.slow
async def test_a_program_that_does_not_close_its_avatar_ends_well() -> None:
    program = """
import asyncio
from avatar import Avatar
from avatar.config import PictureSettings

async def main():
    avatar = Avatar.open("mira", picture=PictureSettings(128, 128))
    await avatar.start()
    print((await anext(avatar)).time_s)

asyncio.run(main())
"""
    how = {"capture_output": True, "text": True, "check": False, "timeout": 60}
    ended = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], **how)
    assert (ended.returncode, ended.stdout) == (0, "0.0\n"), ended.stderr


async def test_a_face_nobody_knows_is_told_on_opening() -> None:
    with pytest.raises(AvatarError, match="nobody-at-all"):
        async with Avatar.open("nobody-at-all"):
            pass


async def test_weights_that_cannot_move_a_mouth_are_told_on_opening(astronaut: Any, tmp_path: Path) -> None:
    picture = PictureSettings(128, 128, tier="geometry")
    with pytest.raises(ModelError, match="no weights file"):
        async with Avatar.open(astronaut, picture=picture, voice_network=tmp_path / "mine.safetensors"):
            pass


async def test_weights_of_ones_own_move_the_mouth(astronaut: Any) -> None:
    asked = []

    def make() -> LogMelFeatures:
        asked.append("features")
        return LogMelFeatures()

    mine = VoiceNetwork(shipped_network().weights, make)
    picture = PictureSettings(128, 128, tier="geometry")
    for network in (mine, weights_path("speech_mouth.safetensors")):
        async with Avatar.open(astronaut, picture=picture, voice_network=network) as face:
            await watch(face, 0.2)
    assert len(asked) == 2, "once to see that it keeps up, once to speak with"


async def test_frames_become_pyav_frames_with_their_times(opened: Callable[..., Any]) -> None:
    async with opened() as face:
        taken = await watch(face, 0.3)
    for _, frame in taken:
        made = frame.to_av()
        assert made.time == pytest.approx(frame.time_s, abs=1e-4)


@pytest.mark.slow
async def test_a_real_face_speaks(astronaut: Any) -> None:
    """The whole way once: an enrolled photo, the shipped speech network, pictures that differ while it speaks."""
    rate, at = 16_000, np.arange(16_000) / 16_000
    buzz = sum(np.sin(2 * np.pi * 120 * k * at) / (1 + ((120 * k - 750) / 300) ** 2) for k in range(1, 30))
    voice = (0.2 * buzz * (np.sin(2 * np.pi * 3 * at) > 0)).astype(np.float32)
    picture = PictureSettings(256, 256, 15, tier="geometry")
    async with Avatar.open(astronaut, picture=picture) as face:
        assert face.size == (256, 256)
        await face.push_audio(voice, rate)
        await face.end_of_speech()
        taken = await watch(face, 1.6)
    assert any(isinstance(event, SpeechFinished) for event in events_of(taken))
    assert all(frame.rgb.shape == (256, 256, 3) for _, frame in taken if isinstance(frame, VideoFrame))


def test_importing_the_package_stays_light() -> None:
    code = "import sys, avatar; print([name for name in ('numpy', 'av', 'cv2', 'asyncio') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert package.Avatar is Avatar
    with pytest.raises(AttributeError):
        package.Nothing  # noqa: B018
