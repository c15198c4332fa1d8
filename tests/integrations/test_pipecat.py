"""Pipecat's own test harness around the video service: speech in step, ends held, interruptions, failures."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pipecat", reason="pipecat-ai is not installed: make test-integrations")

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InterruptionFrame,
    OutputImageRawFrame,
    TextFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSUpdateSettingsFrame,
)
from pipecat.pipeline.worker import PipelineParams
from pipecat.processors.filters.identity_filter import IdentityFilter
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.tests.utils import SleepFrame, run_test

from avatar.errors import ClosedError
from avatar.integrations.pipecat import AvatarVideoService
from avatar.sdk.avatar import Avatar

pytestmark = pytest.mark.anyio

RATE = 24_000
PARAMS = PipelineParams(audio_out_sample_rate=RATE)


def spoken(frames: list[Frame]) -> np.ndarray[Any, Any]:
    return np.frombuffer(b"".join(frame.audio for frame in frames if isinstance(frame, TTSAudioRawFrame)), np.int16)


async def run(service: FrameProcessor, frames: list[Frame]) -> tuple[list[Frame], list[Frame]]:
    down, up = await run_test(service, frames_to_send=frames, pipeline_params=PARAMS, start_timeout=10)
    return list(down), list(up)


async def test_speech_comes_back_with_pictures_and_then_its_end(open_plain: Any, speech: Callable[..., bytes]) -> None:
    service = AvatarVideoService(open_avatar=open_plain())
    say = [TTSAudioRawFrame(speech(0.1), RATE, 1, context_id="a") for _ in range(8)]
    down, up = await run(
        service, [TTSStartedFrame(context_id="a"), *say, TTSStoppedFrame(context_id="a"), TextFrame("after")]
    )
    assert len(spoken(down)) == 0.8 * RATE and (spoken(down) == 12_000).all()
    kinds = [type(frame) for frame in down]
    last_sound = len(kinds) - 1 - kinds[::-1].index(TTSAudioRawFrame)
    assert kinds.index(TTSStartedFrame) < kinds.index(TTSAudioRawFrame) < last_sound < kinds.index(TTSStoppedFrame)
    pictures = [frame for frame in down if isinstance(frame, OutputImageRawFrame)]
    assert len(pictures) >= 20
    assert all(frame.sync_with_audio and frame.size == (32, 32) and frame.format == "RGB" for frame in pictures)
    assert all(frame.context_id == "a" for frame in down if isinstance(frame, TTSAudioRawFrame))
    assert not [frame for frame in up if isinstance(frame, ErrorFrame)]


async def test_an_interruption_silences_it_and_late_speech_stays_unsaid(
    open_plain: Any, speech: Callable[..., bytes]
) -> None:
    service = AvatarVideoService(open_avatar=open_plain())
    down, _ = await run(
        service,
        [
            TTSStartedFrame(context_id="a"),
            TTSAudioRawFrame(speech(5.0), RATE, 1, context_id="a"),
            SleepFrame(0.5),
            InterruptionFrame(),
            SleepFrame(0.1),
            TTSAudioRawFrame(speech(1.0), RATE, 1, context_id="a"),
            TTSStoppedFrame(context_id="a"),
            SleepFrame(0.3),
        ],
    )
    kinds = [type(frame) for frame in down]
    cut = kinds.index(InterruptionFrame)
    assert 0.1 * RATE < len(spoken(down[:cut])) < 0.8 * RATE
    assert len(spoken(down[cut:])) == 0
    assert OutputImageRawFrame in kinds[cut:]


async def test_an_utterance_without_sound_does_not_hang_the_turn(open_plain: Any) -> None:
    service = AvatarVideoService(open_avatar=open_plain())
    down, _ = await run(service, [TTSStartedFrame(), SleepFrame(0.1), TTSStoppedFrame(), SleepFrame(0.3)])
    assert TTSStoppedFrame in [type(frame) for frame in down]


async def test_speech_passes_through_when_no_avatar_can_be_opened(speech: Callable[..., bytes]) -> None:
    service = AvatarVideoService("nobody-at-all")
    down, up = await run(
        service, [TTSStartedFrame(), TTSAudioRawFrame(speech(0.5), RATE, 1), TTSStoppedFrame(), SleepFrame(0.1)]
    )
    assert len(spoken(down)) == 0.5 * RATE
    assert TTSStoppedFrame in [type(frame) for frame in down]
    (error,) = [frame for frame in up if isinstance(frame, ErrorFrame)]
    assert "nobody-at-all" in error.error


async def test_speech_goes_on_when_the_avatar_fails(open_plain: Any, speech: Callable[..., bytes]) -> None:
    service = AvatarVideoService(open_avatar=open_plain(fails_after=10))
    down, up = await run(
        service,
        [
            TTSAudioRawFrame(speech(1.0), RATE, 1, context_id="a"),
            TTSStoppedFrame(context_id="a"),
            SleepFrame(1.0),
            TTSAudioRawFrame(speech(0.5), RATE, 1, context_id="b"),
            TTSStoppedFrame(context_id="b"),
            SleepFrame(0.2),
        ],
    )
    assert 1.5 * RATE - 3 * RATE / 30 <= len(spoken(down)) <= 1.5 * RATE
    assert len([frame for frame in down if isinstance(frame, TTSStoppedFrame)]) == 2
    assert [frame for frame in up if isinstance(frame, ErrorFrame)]


async def test_what_an_avatar_left_unsaid_does_not_wait_for_it_to_close(
    open_plain: Any, speech: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is gone takes seconds to be left; speech that is interrupted meanwhile must not come after."""
    closes = Avatar.aclose

    async def close_slowly(avatar: Avatar) -> None:
        await asyncio.sleep(1.0)
        await closes(avatar)

    monkeypatch.setattr(Avatar, "aclose", close_slowly)
    down, _ = await run(
        AvatarVideoService(open_avatar=open_plain(fails_after=10)),
        [
            TTSAudioRawFrame(speech(3.0), RATE, 1, context_id="a"),
            SleepFrame(0.8),
            InterruptionFrame(),
            TTSAudioRawFrame(speech(0.5), RATE, 1, context_id="b"),
            SleepFrame(1.5),
        ],
    )
    cut = [type(frame) for frame in down].index(InterruptionFrame)
    assert len(spoken(down[cut:])) == 0.5 * RATE
    assert len(spoken(down[:cut])) > 2.5 * RATE


async def test_an_avatar_that_fails_at_that_moment_does_not_keep_an_interruption(
    open_plain: Any, speech: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(avatar: Avatar) -> float:
        raise ClosedError("gone")

    monkeypatch.setattr(Avatar, "interrupt", broken)
    down, up = await run(
        AvatarVideoService(open_avatar=open_plain()),
        [TTSAudioRawFrame(speech(0.2), RATE, 1, context_id="a"), InterruptionFrame(), SleepFrame(0.3)],
    )
    assert InterruptionFrame in [type(frame) for frame in down]
    assert not [frame for frame in up if isinstance(frame, ErrorFrame)]


async def test_a_feeling_can_be_set_while_it_runs_and_a_wrong_one_is_told(open_plain: Any) -> None:
    service = AvatarVideoService(open_avatar=open_plain(), settings=AvatarVideoService.Settings(emotion="happy"))
    await service._update_settings(AvatarVideoService.Settings(emotion="sad"))
    assert service.settings.emotion == "sad"
    _, up = await run(
        AvatarVideoService(open_avatar=open_plain(), settings=AvatarVideoService.Settings(emotion="gleeful")),
        [SleepFrame(0.2)],
    )
    assert any("gleeful" in frame.error for frame in up if isinstance(frame, ErrorFrame))


async def test_other_services_settings_pass_by(open_plain: Any) -> None:
    down, _ = await run(AvatarVideoService(open_avatar=open_plain()), [TTSUpdateSettingsFrame(), SleepFrame(0.1)])
    assert TTSUpdateSettingsFrame in [type(frame) for frame in down]


async def test_closing_again_and_again_is_nothing(open_plain: Any) -> None:
    service = AvatarVideoService(open_avatar=open_plain())
    await run(service, [SleepFrame(0.1)])
    await service.cleanup()
    assert service.avatar is None


async def test_the_pages_pipeline_speaks_with_a_face(
    my_avatar: Path, run_snippet: Callable[..., Awaitable[dict[str, Any]]], speech: Callable[..., bytes]
) -> None:
    """What stands around the service passes everything on; the speech comes from before it."""
    others = {name: IdentityFilter() for name in ("stt", "user", "llm", "tts", "assistant")}
    transport = SimpleNamespace(input=IdentityFilter, output=IdentityFilter)
    names = await run_snippet("docs/integrations.md", "AvatarVideoService", transport=transport, **others)
    say = [TTSStartedFrame(context_id="a"), TTSAudioRawFrame(speech(0.3), RATE, 1, context_id="a")]
    down, up = await run(names["pipeline"], [*say, TTSStoppedFrame(context_id="a")])
    assert len(spoken(down)) == 0.3 * RATE and not [frame for frame in up if isinstance(frame, ErrorFrame)]
    assert {frame.size for frame in down if isinstance(frame, OutputImageRawFrame)} == {(512, 512)}


def test_the_example_bot_speaks_with_a_face(tmp_path: Path) -> None:
    voice = tmp_path / "voice.wav"
    with wave.open(str(voice), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((8000 * np.sin(np.arange(16_000) / 20)).astype(np.int16).tobytes())
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "examples.pipecat_bot", str(voice)],
        cwd=root, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if "pull" in done.stderr and "model" in done.stderr:
        pytest.skip("no models and no network to pull them")
    assert "1.0 s of speech with" in done.stdout, done.stderr[-2000:]
