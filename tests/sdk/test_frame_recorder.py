from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from avatar.errors import ClosedError, MediaError, SettingsError
from avatar.sdk.frame_recorder import FrameRecorder
from avatar.sdk.frames import AudioFrame, VideoFrame

RATE = 24_000


def test_frames_become_a_file_that_plays_in_step(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    with FrameRecorder(path, fps=10) as recorder:
        for index in range(12):
            loud = index >= 8
            recorder.write(VideoFrame(5 + index / 10, np.full((64, 96, 3), 220 if loud else 20, np.uint8)))
            samples = np.full(RATE // 10, 8_000 if loud else 0, np.int16)
            samples[::2] *= -1
            recorder.write(AudioFrame(5 + index / 10, samples, RATE, 0))
    with av.open(str(path)) as movie:
        bright = [float(f.time) for f in movie.decode(video=0) if f.to_ndarray(format="gray").mean() > 120]
        assert (movie.streams.video[0].width, movie.streams.video[0].height) == (96, 64)
    with av.open(str(path)) as movie:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in movie.decode(audio=0)])
    assert bright[0] == pytest.approx(0.8, abs=0.03)  # both begin one block of AAC later, 21 ms
    assert np.argmax(np.abs(heard) > 0.05) / 48_000 == pytest.approx(bright[0], abs=0.05)


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="it exists"):
        FrameRecorder(tmp_path)


def test_a_folder_that_is_not_there_is_told_with_the_first_picture(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="Cannot write"), FrameRecorder(tmp_path / "gone" / "talk.mp4") as recorder:
        recorder.write(VideoFrame(0.0, np.zeros((64, 64, 3), np.uint8)))
    assert recorder.close() is None


def test_a_frame_for_a_file_that_was_closed_is_not_lost_in_silence(tmp_path: Path) -> None:
    picture = VideoFrame(0.0, np.zeros((64, 64, 3), np.uint8))
    with FrameRecorder(tmp_path / "talk.mp4") as recorder:
        recorder.write(picture)
    with pytest.raises(ClosedError, match=r"talk\.mp4 was closed"):
        recorder.write(picture)


@pytest.mark.parametrize("fps", [0, -1, 61, 29.97, "30", None])
def test_a_rate_that_cannot_be_is_refused_at_once(tmp_path: Path, fps: Any) -> None:
    with pytest.raises(SettingsError, match="fps cannot be"):
        FrameRecorder(tmp_path / "talk.mp4", fps=fps)
