"""What the calling benchmark sends and how it finds its own sound again."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from avatar.media.movie_writer import MovieWriter
from benchmarks import call_media, caller, sound_delay


def test_a_clip_becomes_a_camera_that_loops_there_and_back(tmp_path: Path) -> None:
    levels = [40, 90, 140, 190]
    with MovieWriter(tmp_path / "clip.mp4", (200, 320), 30, sound=False) as movie:
        for index, level in enumerate(levels):
            movie.picture(np.full((320, 200, 3), level, np.uint8), index / 30)
    packets = call_media.camera_packets(tmp_path / "clip.mp4")
    decoder = av.CodecContext.create("h264", "r")
    frames = []
    for index, data in enumerate(packets):
        packet = av.Packet(data)
        packet.pts, packet.time_base = index, Fraction(1, 30)
        frames += decoder.decode(packet)
    frames += decoder.decode(None)
    assert [(frame.width, frame.height) for frame in frames] == [(640, 480)] * 6
    seen = [float(frame.to_ndarray(format="rgb24").mean()) for frame in frames]
    assert seen == pytest.approx([40, 90, 140, 190, 140, 90], abs=6)


@pytest.mark.parametrize("size", [(64, 48), (1920, 1080), (300, 900), (641, 479), (640, 480)])
def test_any_picture_is_fitted_into_the_camera(size: tuple[int, int]) -> None:
    assert call_media.as_camera(np.zeros((size[1], size[0], 3), np.uint8), call_media.CAMERA).shape == (480, 640, 3)


def test_the_microphone_never_clips_and_marks_every_moment() -> None:
    samples = call_media.microphone_samples(None, 2.0)
    assert samples.dtype == np.int16 and len(samples) == 96_000
    assert np.array_equal(samples, call_media.microphone_samples(None, 2.0)), "known to both ends"
    score = sound_delay.correlate(samples.astype(np.float32), samples[48_000:57_600].astype(np.float32))
    assert int(score.argmax()) == 48_000
    assert np.sort(score)[-2] < 0.1, "no other place resembles it"


def test_sound_is_found_again_louder_and_under_noise() -> None:
    samples = call_media.microphone_samples(None, 2.0).astype(np.float32)
    heard = 0.3 * samples[30_000:54_000] + np.random.default_rng(9).normal(0, 200, 24_000).astype(np.float32)
    score = sound_delay.correlate(samples, heard.astype(np.float32))
    assert int(score.argmax()) == 30_000 and 0.3 < score.max() <= 1.001
    foreign = np.random.default_rng(4).normal(0, 600, 24_000).astype(np.float32)
    assert sound_delay.correlate(samples, foreign).max() < 0.3, "what was not sent is not found"


@pytest.mark.parametrize("every_s", [0.5, 2.0])
def test_sound_that_comes_back_is_timed_however_long_the_call(every_s: float) -> None:
    """The microphone repeats itself, and of a long call only a moment now and then is kept."""
    samples = call_media.microphone_samples(None, 4.0)
    calls = caller.Caller.__new__(caller.Caller)
    calls._samples, calls.received, calls.microphone = samples, caller.Received(), call_media.MicrophoneTrack(samples)
    calls._sound_count, calls._moment_every = 0, round(every_s * 50)
    calls.microphone.begin_s = 100.0
    for number in range(600):
        block = call_media.looped(samples, 960 * number, 960 * (number + 1))
        frame = av.AudioFrame.from_ndarray(np.repeat(block, 2)[None], format="s16", layout="stereo")
        calls._keep_sound(frame, 100.0 + number * 0.02 + 0.150)
    found = calls.sound_latencies()
    assert len(found) == 12 / every_s
    assert [latency for _, latency in found] == pytest.approx([0.150] * len(found), abs=1e-4)
    assert len(calls.received.sound) == 25 * len(found)
