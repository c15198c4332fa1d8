"""PCM speech given by programs: checked, converted to one channel, and queued at one rate."""

from __future__ import annotations

import io
import wave
from collections import deque
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import av
import numpy as np
from numpy.typing import NDArray

from avatar.errors import SoundError
from avatar.types import F32

I16: TypeAlias = NDArray[np.int16]
Pcm: TypeAlias = bytes | bytearray | memoryview | NDArray[np.int16] | NDArray[np.float32]
"""Signed 16-bit samples (bytes: little-endian, one channel) or 32-bit floats within -1..1; (n,) or (channels, n)."""

RATES: Final = (8_000, 192_000)
"""Samples a second that are taken."""
MOST_CHANNELS: Final = 2
LOUDEST: Final = 32.0
"""Floats beyond this are samples of another scale; up to it they are clipped."""


def to_mono_pcm(pcm: Pcm, sample_rate: int) -> I16:
    """Return (n,) samples of one channel, a copy; NaN becomes silence, what is beyond full scale is clipped.

    Raises:
        SoundError: a type, shape or rate that is not taken.
    """
    return _one_channel(_checked(pcm, sample_rate))


def mono_pcm_pieces(pcm: Pcm, sample_rate: int, piece_s: float) -> Iterator[I16]:
    """Return the same samples in pieces of `piece_s` seconds; each takes room and time only when it is asked for.

    Raises:
        SoundError: a type, shape or rate that is not taken; at once, not from the iterator.
    """
    sound, length = _checked(pcm, sample_rate), round(piece_s * sample_rate)
    return (_one_channel(sound[..., at : at + length]) for at in range(0, sound.shape[-1], length))


def _checked(pcm: Pcm, sample_rate: int) -> NDArray[Any]:
    """Return a view of sound of a type, shape and rate that are taken. Raises SoundError."""
    if isinstance(sample_rate, bool) or not isinstance(sample_rate, int | np.integer):
        raise SoundError(f"The sample rate is {sample_rate!r}; give a whole number of samples a second.")
    if not RATES[0] <= sample_rate <= RATES[1]:
        raise SoundError(f"{sample_rate} samples a second are not taken: {RATES[0]} to {RATES[1]} are.")
    if isinstance(pcm, bytes | bytearray | memoryview):
        data = memoryview(pcm)
        if data.nbytes % 2:
            raise SoundError(f"{data.nbytes} bytes are no 16-bit samples: an even number of bytes is.")
        return np.frombuffer(data if data.c_contiguous else bytes(data), "<i2")
    if not isinstance(pcm, np.ndarray):
        raise SoundError(f"Sound is bytes or a numpy array of int16 or float32, not {type(pcm).__name__}.")
    if pcm.dtype not in (np.int16, np.float32):
        raise SoundError(f"Sound of type {pcm.dtype} is not taken: give int16, or float32 within -1..1.")
    if pcm.ndim not in (1, 2) or (pcm.ndim == 2 and not 1 <= pcm.shape[0] <= MOST_CHANNELS):
        raise SoundError(
            f"Sound has shape {pcm.shape}: (n,) or (channels, n) with at most {MOST_CHANNELS} channels is."
        )
    if pcm.dtype == np.float32 and pcm.size and LOUDEST < (peak := max(pcm.max(), -pcm.min())) < np.inf:
        raise SoundError(f"Floats are within -1..1, and these reach {peak:.0f}: divide by 32768, or give int16.")
    return pcm


def _one_channel(sound: NDArray[Any]) -> I16:
    samples = sound
    if sound.dtype == np.float32:
        samples = np.round(np.clip(np.nan_to_num(sound, posinf=1.0, neginf=-1.0), -1, 1) * 32767)
    if sound.ndim == 2:
        samples = np.asarray(samples, np.float32).mean(axis=0).round()
    return np.array(samples, np.int16)  # a copy: a program may fill its buffer anew while these wait


def wav_bytes(samples: I16, sample_rate: int) -> bytes:
    """Return (n,) samples as a WAV file of one channel."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(sample_rate)
        sound.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


class SampleQueue:
    """A queue of samples at one rate, fed with stretches of any rate. Not for several threads at once."""

    def __init__(self, rate: int) -> None:
        """Keep samples at `rate` a second."""
        self._rate = rate
        self._pieces: deque[I16] = deque()
        self._count = 0
        self._resampler: av.AudioResampler | None = None
        self._from_rate = rate

    def __len__(self) -> int:
        return self._count

    def push(self, samples: I16, sample_rate: int) -> int:
        """Queue (n,) samples; return how many that makes at the queue's rate."""
        if sample_rate != self._from_rate:
            added = self.finish()
            self._from_rate = sample_rate
        else:
            added = 0
        if sample_rate == self._rate or not len(samples):
            return added + self._add(samples)
        if self._resampler is None:
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=self._rate)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="s16", layout="mono")
        frame.sample_rate = sample_rate
        return added + sum(self._add(piece.to_ndarray()[0]) for piece in self._resampler.resample(frame))

    def finish(self) -> int:
        """Queue what resampling held back, as the utterance has ended; return how many samples that makes."""
        resampler, self._resampler = self._resampler, None
        if resampler is None:
            return 0
        return sum(self._add(piece.to_ndarray()[0]) for piece in resampler.resample(None))

    def take(self, count: int) -> I16:
        """Remove and return the first `count` samples, fewer when there are no more."""
        taken = self.peek(count)
        left = len(taken)
        self._count -= left
        while left:
            first = self._pieces.popleft()
            if len(first) > left:
                self._pieces.appendleft(first[left:])
            left -= min(len(first), left)
        return taken

    def peek(self, count: int) -> I16:
        """Return the first `count` samples, fewer when there are no more."""
        parts, left = [np.zeros(0, np.int16)], count
        for piece in self._pieces:
            if left <= 0:
                break
            parts.append(piece[:left])
            left -= len(piece)
        return np.concatenate(parts)

    def clear(self) -> None:
        """Forget everything."""
        self._pieces.clear()
        self._count, self._resampler = 0, None

    def _add(self, samples: I16) -> int:
        if len(samples):
            self._pieces.append(samples)
            self._count += len(samples)
        return len(samples)


def as_floats(samples: I16) -> F32:
    """Return samples within -1..1."""
    return samples.astype(np.float32) / np.float32(32768)
