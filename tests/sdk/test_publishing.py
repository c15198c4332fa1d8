"""An avatar on its way to a target: its frames in their time, and what happens when the target is gone."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from avatar.errors import PublishError
from avatar.media.publish_target import PublishTarget, read_target
from avatar.media.stream_writer import SOUND_RATE, SRT_BRIDGE, StreamWriter
from avatar.sdk.frames import AudioFrame, VideoFrame
from avatar.sdk.publishing import publish
from avatar.timing.backoff import LONGEST_S, wait_before_retry_s

pytestmark = pytest.mark.anyio

CLIENTS_PAGE = Path(__file__).resolve().parents[2] / "docs" / "clients.md"
FPS = 10
SIZE = (128, 128)


class Speaker:
    """An avatar whose frames need no time."""

    size = SIZE

    def __init__(self) -> None:
        self.tick = -1
        self.half: VideoFrame | None = None

    def __aiter__(self) -> Speaker:
        return self

    async def __anext__(self) -> VideoFrame | AudioFrame:
        if self.half is None:
            self.tick += 1
            self.half = VideoFrame(self.tick / FPS, np.full((*SIZE, 3), 10 * (self.tick % 20), np.uint8))
            return self.half
        self.half = None
        tone = (8000 * np.sin(np.arange(SOUND_RATE // FPS) * 0.05)).astype(np.int16)
        return AudioFrame(self.tick / FPS, tone, SOUND_RATE, len(tone))


class Target:
    """Breaks off after so many pictures of each connection; 0 refuses it."""

    def __init__(self, *lasts: int) -> None:
        self.lasts, self.times_s = list(lasts), []
        self.slept: list[float] = []
        self.said: list[str] = []

    def open(self, target: PublishTarget) -> Any:
        last = self.lasts.pop(0)
        if last == 0:
            raise PublishError(f"{target.shown} does not answer.")
        times_s: list[float] = []
        self.times_s.append(times_s)

        def picture(_: Any, time_s: float) -> None:
            if len(times_s) >= last:
                raise PublishError(f"{target.shown} is gone.")
            times_s.append(time_s)

        writer = SimpleNamespace(picture=picture, sound=lambda *_: None)
        return _Context(writer)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def take(self, seconds: float, **how: Any) -> Any:
        target = read_target("rtmp://live.example/app/KEY")
        return await publish(
            Speaker(),
            target,
            self.open,
            seconds=seconds,
            say=self.said.append,
            sleep=self.sleep,
            **how,
        )


class _Context(SimpleNamespace):
    def __init__(self, inner: Any) -> None:
        super().__init__(**vars(inner))

    def __enter__(self) -> _Context:
        return self

    def __exit__(self, *_: object) -> None:
        return None


async def test_a_target_that_goes_away_is_tried_again_later_each_time_and_told_in_words() -> None:
    target = Target(5, 0, 0, 100)
    done = await target.take(2.0)
    assert target.slept == [1.0, 2.0, 4.0] and done.reconnections == 3
    assert target.times_s[1][0] <= 1.01 / FPS, "each connection's time begins anew"
    assert target.said[0] == "rtmp://live.example is gone. Trying again in 1 s."
    assert target.said[-1] == "rtmp://live.example takes the stream again." and "KEY" not in str(target.said)


async def test_one_that_stays_away_ends_it() -> None:
    target = Target(*[0] * 4)
    with pytest.raises(PublishError, match="does not answer"):
        await target.take(1.0, retries=3)
    assert target.slept == [1.0, 2.0, 4.0]


def test_the_wait_grows_and_is_bounded() -> None:
    waits = [wait_before_retry_s(failures) for failures in range(1, 2000)]
    assert waits == sorted(waits) and waits[0] == 1.0 and waits[-1] == LONGEST_S


@pytest.mark.parametrize("name", ["out.mp4", "out.ts", "out.mkv"])
async def test_a_file_has_picture_and_sound_in_step(name: str, tmp_path: Path) -> None:
    target = read_target(str(tmp_path / name))
    done = await publish(
        Speaker(),
        target,
        lambda to: StreamWriter(to, SIZE, FPS, bitrate_bps=500_000),
        seconds=1.0,
    )
    assert done.pictures == FPS and done.seconds == pytest.approx(1.0)
    with av.open(str(tmp_path / name)) as movie:
        pictures = list(movie.decode(video=0))
    with av.open(str(tmp_path / name)) as movie:
        sound = np.concatenate([frame.to_ndarray().reshape(-1) for frame in movie.decode(audio=0)])
    assert len(pictures) == FPS and (pictures[0].width, pictures[0].height) == SIZE
    assert float(pictures[-1].time) - float(pictures[0].time) == pytest.approx(0.9, abs=0.03), (
        "but for AAC's first block"
    )
    assert np.abs(sound).max() == pytest.approx(8000 / 32768, rel=0.15), "as loud as it was"


async def test_a_server_that_is_not_there_is_named_without_its_key() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    target = read_target(f"rtmp://127.0.0.1:{port}/app/KEY")
    with pytest.raises(PublishError, match="does not take the stream: Connection refused") as refused:
        StreamWriter(target, SIZE, FPS, bitrate_bps=500_000)
    assert "KEY" not in str(refused.value)


async def test_a_protocol_that_pyav_lacks_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    target = PublishTarget("gone://a", "gone://a", "mpegts", "aac")
    muxer = PublishTarget("gone://a", "gone://a", "a muxer that is not there", "aac")
    with pytest.raises(PublishError, match="Install the one that Avatar asks for"):
        StreamWriter(muxer, SIZE, FPS, bitrate_bps=500_000)
    said: list[str] = []
    with pytest.raises(PublishError, match="this PyAV has no gone"):
        await publish(Speaker(), target, lambda to: StreamWriter(to, SIZE, FPS, bitrate_bps=500_000), say=said.append)
    assert said == [], "it is not tried again"


async def test_srt_is_handed_on_by_an_ffmpeg_that_has_it() -> None:
    with pytest.raises(PublishError) as refused:
        StreamWriter(read_target("srt://127.0.0.1:9"), SIZE, FPS, bitrate_bps=500_000)
    if "has no srt" not in str(refused.value):
        pytest.skip("this PyAV has srt")
    assert SRT_BRIDGE in str(refused.value) and SRT_BRIDGE in CLIENTS_PAGE.read_text(encoding="utf-8")
