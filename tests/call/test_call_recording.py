"""A call is recorded where the operator lets it, who takes part is told, and the file plays."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np
import pytest

from avatar.call.call_recording import CallRecording
from avatar.call.registry import Calls
from avatar.config import LimitSettings
from avatar.errors import MediaError, RecordingError
from avatar.media.fragmented_movie import FragmentedMovie
from avatar.media.recording import PICTURES_WAITING, Recording
from avatar.stream.page_reports import RecordingMessage
from avatar.stream.video_track import SentPicture
from avatar.types import Picture

pytestmark = pytest.mark.anyio


async def in_pool(work: Any) -> Any:
    return await asyncio.to_thread(work)


def recording_into(
    folder: Path | None, told: list[RecordingMessage], limits: LimitSettings | None = None
) -> CallRecording:
    return CallRecording(folder, (64, 64), 30, limits or LimitSettings(), tell=told.append, in_pool=in_pool)


@pytest.mark.slow
async def test_a_recorded_call_plays_with_its_sound(loopback: ModuleType, tmp_path: Path) -> None:
    def make(identity: Any, picture: Any, *, drive: Any, on_picture: Any, on_event: Any) -> Any:
        return loopback.FakeSession(on_picture, on_event, (picture.width, picture.height), identity, drive)

    async def get_avatar(avatar_id: str) -> Any:
        return avatar_id

    calls = Calls(replace(loopback.SETTINGS, recordings=tmp_path), get_avatar, sessions={"avatar": make})
    client = loopback.Client(audio=loopback.ToneTrack())
    try:
        call = await calls.create(await client.offer(), "ada", width=256, height=256)
        await client.accept(call.answer_sdp)
        await loopback.wait_for(lambda: len(client.sounds) >= 5)
        recording = call.recording
        await recording.start()
        begun = len(client.sounds), len(client.pictures)
        await loopback.wait_for(lambda: len(client.sounds) > begun[0] + 75 and len(client.pictures) > begun[1] + 15, 60)
        await calls.end(call.id)  # the end of the call ends the recording
    finally:
        await calls.close()
        await client.close()
    assert recording.state is not None and recording.state.ended and recording.state.failure is None
    assert [message["state"] for message in client.received("recording")] == ["on", "off"]
    file = recording.state.path
    assert file.parent == tmp_path
    with av.open(str(file)) as movie:
        shown = [float(frame.time) for frame in movie.decode(video=0)]
    with av.open(str(file)) as movie:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in movie.decode(audio=0)])
    assert shown[-1] > 1.0 and len(shown) > 10
    assert len(heard) / 48_000 == pytest.approx(shown[-1], abs=0.4)
    pieces = np.abs(heard[: len(heard) // 4800 * 4800]).reshape(-1, 4800).mean(axis=1)
    assert np.median(pieces) > 0.01, "the tone"


async def test_a_server_records_nothing_unless_its_operator_says_so() -> None:
    with pytest.raises(RecordingError, match="avatar serve --recordings") as refusal:
        await recording_into(None, []).start()
    assert refusal.value.code == "recording_off"


async def test_one_recording_at_a_time_and_another_after_it(tmp_path: Path) -> None:
    told: list[RecordingMessage] = []
    recording = recording_into(tmp_path, told)
    assert recording.state is None and await recording.stop() is None
    first = await recording.start()
    with pytest.raises(RecordingError, match="already") as refusal:
        await recording.start()
    assert refusal.value.code == "recording_runs"
    await recording.stop()
    await recording.stop()
    assert (await recording.start()).path != first.path
    await recording.stop()
    assert [message.state for message in told] == ["on", "off", "on", "off"]


def noise(number: int = 0) -> np.ndarray:
    """A picture that takes room, each another one."""
    return np.random.default_rng(number).integers(0, 255, (96, 64), np.uint8)


def show(recording: CallRecording, i420: np.ndarray, later_s: float = 0.0) -> None:
    """Let a picture leave the call that is being recorded, now or a while later."""
    sent_s = time.monotonic() + later_s
    recording.picture_sent(SentPicture(Picture(sent_s, i420), None, 0.0, 0, False, sent_s))


async def test_one_that_is_ended_before_there_was_anything_leaves_no_file(tmp_path: Path) -> None:
    recording = recording_into(tmp_path, [])
    await recording.start()
    state = await recording.stop()
    assert state is not None and not state.kept and state.failure is None
    assert files_in(tmp_path) == 0


async def test_a_call_is_recorded_as_often_as_it_may_be_and_no_oftener(tmp_path: Path) -> None:
    recording = recording_into(tmp_path, [], LimitSettings(recordings_per_call=2))
    for _ in range(2):
        await recording.start()
        show(recording, noise())
        await recording.stop()
    with pytest.raises(RecordingError, match="recorded 2 times") as refusal:
        await recording.start()
    assert refusal.value.code == "recording_failed" and files_in(tmp_path) == 2


async def test_a_folder_that_holds_as_many_recordings_as_it_may_takes_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        (tmp_path / f"{number}.mp4").touch()
    (tmp_path / "notes.txt").touch()
    recording = recording_into(tmp_path, [], LimitSettings(recorded_files=4))
    await recording.start()
    with pytest.raises(RecordingError, match="There are 4 recordings"):
        await recording_into(tmp_path, [], LimitSettings(recorded_files=4)).start()
    await recording.stop()
    assert log_of(caplog) == [("WARNING", "a recording was refused: There are 4 rec")]


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (LimitSettings(recorded_mb_per_call=1), "This call's recordings take 1 MB"),
        (LimitSettings(recorded_mb=3), "All recordings take 3 MB"),
    ],
)
async def test_a_recording_that_grows_beyond_what_it_may_ends_and_says_so(
    loopback: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    limits: LimitSettings,
    why: str,
) -> None:
    monkeypatch.setattr("avatar.media.recording.ROOM_EVERY_S", 0.0)
    (tmp_path / "another-call.mp4").write_bytes(bytes(2_000_000))
    told: list[RecordingMessage] = []
    recording = recording_into(tmp_path, told, limits)
    await recording.start()

    numbers = itertools.count()

    def is_over() -> bool:
        for number in itertools.islice(numbers, PICTURES_WAITING):
            show(recording, noise(number), number / 30)
        return len(told) == 2

    await loopback.wait_for(is_over)
    assert why in told[1].detail
    assert log_of(caplog) == [("WARNING", f"a recording ended: {why}"[:40])], "no failure: the operator wanted it so"
    state = recording.state
    assert state is not None and state.ended and state.failure == told[1].detail
    with av.open(str(state.path)) as movie:
        assert len(list(movie.decode(video=0))) > 10, "what was recorded plays"
    assert state.path.stat().st_size < 3_000_000


def log_of(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return each line's level and the beginning of what it says."""
    return [
        (one.levelname, one.getMessage()[:40]) for one in caplog.records if one.name == "avatar.call.call_recording"
    ]


def files_in(folder: Path) -> int:
    return len(list(folder.iterdir()))


class SlowDisk:
    """Begins a recording only once it is let; what is being asked for meanwhile waits."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()

    async def in_pool(self, work: Any) -> Any:
        await self.ready.wait()
        return await asyncio.to_thread(work)


async def test_a_call_that_ends_while_its_recording_begins_leaves_none_running(tmp_path: Path) -> None:
    told: list[RecordingMessage] = []
    disk = SlowDisk()
    recording = CallRecording(tmp_path, (64, 64), 30, LimitSettings(), tell=told.append, in_pool=disk.in_pool)
    beginning = asyncio.create_task(recording.start())
    await asyncio.sleep(0)
    ending = asyncio.create_task(recording.close())
    await asyncio.sleep(0)
    disk.ready.set()
    await asyncio.gather(beginning, ending)
    assert recording.state is not None and recording.state.ended
    assert [message.state for message in told] == ["on", "off"]
    with pytest.raises(RecordingError, match="ended") as refusal:
        await recording.start()
    assert refusal.value.code == "unknown_call"


async def test_a_recording_whose_asker_has_gone_away_is_known_and_ends_with_the_call(
    loopback: ModuleType, tmp_path: Path
) -> None:
    disk = SlowDisk()
    recording = CallRecording(tmp_path, (64, 64), 30, LimitSettings(), tell=lambda _: None, in_pool=disk.in_pool)
    asking = asyncio.create_task(recording.start())
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    with pytest.raises(RecordingError, match="already"):
        await recording.start()
    disk.ready.set()
    await loopback.wait_for(lambda: recording.state is not None)
    show(recording, noise())
    await recording.close()
    assert recording.state is not None and recording.state.ended and files_in(tmp_path) == 1


async def test_a_folder_that_is_gone_is_told_to_who_asks(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told: list[RecordingMessage] = []
    with pytest.raises(RecordingError, match="Cannot write") as refusal:
        await recording_into(tmp_path / "gone", told).start()
    assert refusal.value.code == "recording_failed" and not told
    assert [level for level, _ in log_of(caplog)] == ["ERROR"]
    assert str(tmp_path) not in str(refusal.value), "where the operator keeps recordings is nobody's business"


async def test_a_full_disk_ends_the_recording_and_says_so(
    loopback: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(movie: FragmentedMovie, *_: Any) -> None:
        raise MediaError(f"Cannot write {movie.path}: No space left on device.")

    told: list[RecordingMessage] = []
    recording = recording_into(tmp_path, told)
    await recording.start()
    monkeypatch.setattr("avatar.media.fragmented_movie.FragmentedMovie.picture", fail)
    running = recording._recording
    assert isinstance(running, Recording)
    running.picture(np.zeros((96, 64), np.uint8), 0.0)
    await loopback.wait_for(lambda: len(told) == 2)
    assert "No space left" in told[1].detail and told[1].state == "off"
    state = recording.state
    assert state is not None and state.ended and state.failure == told[1].detail
    assert state.failure == f"Cannot write {state.path.name}: No space left on device."
    await recording.stop()
    assert len(told) == 2
