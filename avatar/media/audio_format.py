"""Decoded audio of any format, layout and rate converted to float samples of one rate and one or two channels.

FFmpeg's resampler is good for the one form it was begun with, makes one channel 3 dB quieter in two, and two alike 3 dB
louder in one (swresample's matrix of 1/sqrt(2), not normalised for float samples): here each change of form begins
another resampler, and channels are spread and averaged as they are.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import av
import numpy as np

from avatar.types import F32

RATES: Final = (4_000, 384_000)
"""Samples a second that are believed."""
LONGEST_FRAME_S: Final = 120.0
"""A frame that claims to be longer is not believed."""


class AudioFormatter:
    """Converts one stream of decoded frames; their format may change at any frame. Not for several threads at once."""

    def __init__(self, rate: int, channels: Literal[1, 2]) -> None:
        """Return samples at `rate` a second, of so many channels."""
        self._rate, self._channels = rate, channels
        self._resampler: av.AudioResampler | None = None
        self._form: tuple[str, str, int] | None = None

    def take(self, frame: av.AudioFrame) -> F32:
        """Return the (channels, n) samples, -1..1, that a frame adds; about a millisecond is held back.

        Samples that are no numbers become silence, those beyond full scale are clipped.

        Raises:
            ValueError: a frame that cannot be made sense of; the next one begins anew.
        """
        if frame.samples == 0:
            return self._nothing()
        if not (RATES[0] <= frame.sample_rate <= RATES[1] and frame.samples <= LONGEST_FRAME_S * frame.sample_rate):
            raise ValueError(f"{frame.samples} samples at {frame.sample_rate} a second are no sound")
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        before = self.finish() if form != self._form else self._nothing()
        try:
            if self._resampler is None:
                # More than two channels are mixed down as ITU-R BS.775 says: the middle and the back 3 dB quieter.
                layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
                self._resampler, self._form = av.AudioResampler("fltp", layout, self._rate), form
            return np.concatenate([before, self._resampled(_finite(frame))], axis=1)
        except (av.FFmpegError, ValueError, IndexError) as error:
            self._resampler = None
            raise ValueError(f"a frame of sound cannot be used: {error}") from error

    def finish(self) -> F32:
        """Return the (channels, n) samples held back; what comes next begins anew."""
        if self._resampler is None:
            return self._nothing()
        rest = self._resampled(None)
        self._resampler = None
        return rest

    def _resampled(self, frame: av.AudioFrame | None) -> F32:
        assert self._resampler is not None  # noqa: S101 - for the type checker
        blocks = [block.to_ndarray() for block in self._resampler.resample(frame) if block is not None]
        if not blocks:
            return self._nothing()
        return with_channels(np.asarray(_within(np.concatenate(blocks, axis=1)), np.float32), self._channels)

    def _nothing(self) -> F32:
        return np.zeros((self._channels, 0), np.float32)


def with_channels(samples: F32, channels: Literal[1, 2]) -> F32:
    """Return (1 or 2, n) samples as (channels, n), as loud as they were: one is spread over two, two are averaged."""
    if samples.shape[0] == channels:
        mixed = samples
    elif channels == 1:
        mixed = samples.mean(axis=0, keepdims=True)
    else:
        mixed = np.repeat(samples, channels, axis=0)
    return np.asarray(mixed, np.float32)


def _finite(frame: av.AudioFrame) -> av.AudioFrame:
    """Return a frame of one or two channels without a time of its own, its float samples numbers within full scale."""
    if frame.layout.nb_channels > 2:
        return frame  # made two channels first: what is no number in them is silenced then
    samples: Any = frame.to_ndarray()
    if samples.dtype.kind == "f":
        samples = _within(samples)
    cleaned = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples), format=frame.format.name, layout=frame.layout.name
    )
    cleaned.sample_rate = frame.sample_rate
    return cleaned


def _within(samples: Any) -> Any:
    """Return float samples with silence for what is no number, within full scale."""
    return np.clip(np.nan_to_num(samples, posinf=1.0, neginf=-1.0), -1, 1).astype(samples.dtype)
