"""Log-mel features, frame by frame: a stream in pieces of any length gives the same frames as the whole file."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from avatar.types import F32

RATE: Final = 16_000
"""Samples a second of everything that listens to speech here."""
HOP: Final = 160
WINDOW: Final = 400
"""Frame number k covers samples `HOP * k` to `HOP * k + WINDOW`: 25 ms every 10 ms."""
FRAMES_PER_S: Final = RATE // HOP
BANDS: Final = 40
LOWEST_HZ, HIGHEST_HZ = 50.0, 7600.0
FLOOR: Final = 1e-10
"""Power below which sound, or a band of it, is silent: -100 dB."""


def mel_of_hz(hz: F32) -> F32:
    """Return mels by Slaney's scale: linear below 1 kHz, logarithmic above (Slaney, Auditory Toolbox, 1998)."""
    hz = np.asarray(hz, np.float64)
    linear = hz * 3 / 200
    return np.asarray(np.where(hz < 1000, linear, 15 + np.log(np.maximum(hz, 1) / 1000) * 27 / np.log(6.4)))


def hz_of_mel(mel: F32) -> F32:
    """Return the inverse of `mel_of_hz`."""
    mel = np.asarray(mel, np.float64)
    return np.asarray(np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27)))


@cache
def filterbank() -> F32:
    """Return the (201, 40) triangular filters, each of unit area over frequency."""
    ends = mel_of_hz(np.array([LOWEST_HZ, HIGHEST_HZ]))
    edges = hz_of_mel(np.linspace(ends[0], ends[1], BANDS + 2))
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle))
    return np.asarray(np.maximum(triangles, 0) * 2 / (high - low), np.float32)


@cache
def _window() -> F32:
    # Periodic, as for spectra. scipy.signal has it too, but takes 50 MB to load.
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW), np.float32)


def log_mel(samples: F32) -> F32:
    """Return (n, 40) band powers in dB of (m,) samples at 16 kHz: as many whole frames as there are."""
    count = max((len(samples) - WINDOW) // HOP + 1, 0)
    if count == 0:
        return np.zeros((0, BANDS), np.float32)
    framed = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[: count * HOP : HOP]
    spectrum = np.fft.rfft(framed * _window(), axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    return np.asarray(10 * np.log10(np.maximum(power @ filterbank(), FLOOR)), np.float32)


class LogMelStream:
    """Makes the same frames of a stream that comes in pieces of any length; holds less than one window."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)

    def push(self, samples: F32) -> tuple[F32, F32]:
        """Take (m,) samples at 16 kHz; return the frames that are whole now.

        Returns:
            (n, 40) band powers in dB, and (n,) levels in dB below full scale.
        """
        joined = np.concatenate([self._rest, samples]) if len(self._rest) else samples
        mel_db = log_mel(joined)
        count = len(mel_db)
        level_db = frame_levels(joined, count)
        self._rest = joined[count * HOP :].copy()
        return mel_db, level_db


def frame_levels(samples: F32, count: int) -> F32:
    """Return the (count,) levels of the first frames of (m,) samples, dB below full scale, at least -100."""
    if count == 0:
        return np.zeros(0, np.float32)
    framed = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[: count * HOP : HOP]
    power = np.einsum("nw,nw->n", framed, framed) / WINDOW
    return np.asarray(10 * np.log10(np.maximum(power, FLOOR)), np.float32)
