"""Sound leaves in blocks of 20 ms, whole and in order, however it was cut before."""

from __future__ import annotations

import av
import numpy as np
import pytest

from avatar.stream.codecs.audio_framing import BLOCK, AudioFramer
from avatar.timing.rtp_clock import AUDIO_RATE as RATE
from avatar.timing.rtp_clock import AUDIO_TIME_BASE as TIME_BASE


def stereo_frame(samples: int, pts: int) -> av.AudioFrame:
    """Return a frame whose samples count up with its time."""
    mono = ((pts + np.arange(samples)) % 30_000).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(np.repeat(mono, 2)[None], format="s16", layout="stereo")
    frame.sample_rate, frame.time_base, frame.pts = RATE, TIME_BASE, pts
    return frame


@pytest.mark.parametrize("lengths", [[480], [1440], [1920], [4800], [96_000], [2880, 100, 960, 7, 1919]])
def test_every_sample_leaves_once_and_in_order(lengths: list[int]) -> None:
    blocks, pushed, out, begins_s = AudioFramer(), 0, [], []
    while pushed < 20 * BLOCK:
        frame = stereo_frame(lengths[len(out) % len(lengths)], 1000 + pushed)
        for block, after_s in blocks.cut(frame):
            assert (block.samples, block.sample_rate, block.time_base) == (BLOCK, RATE, TIME_BASE)
            begins_s.append((1000 + pushed) / RATE + after_s)
            out.append(block)
        pushed += frame.samples
    assert [block.pts for block in out] == [1000 + BLOCK * number for number in range(len(out))]
    assert begins_s == pytest.approx([block.pts / RATE for block in out if block.pts is not None])
    heard = np.concatenate([block.to_ndarray()[0, ::2] for block in out])
    assert (heard == (1000 + np.arange(len(heard))) % 30_000).all(), "each sample says its own time"


def test_a_block_passes_untouched() -> None:
    frame = stereo_frame(BLOCK, 0)
    assert AudioFramer().cut(frame) == [(frame, 0.0)]


def test_what_is_held_back_is_not_joined_to_what_comes_after_a_pause() -> None:
    blocks = AudioFramer()
    assert not blocks.cut(stereo_frame(400, 0))
    later = blocks.cut(stereo_frame(BLOCK, 5 * RATE))
    assert [block.pts for block, _ in later] == [5 * RATE]
