"""How long sound was on its way, by looking for what came back in what was sent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.call_media import SOUND_RATE, looped

MOMENT = 25
"""Blocks that are looked for together in what was sent."""


def sound_latencies(
    said: np.ndarray, begin_s: float, blocks: Sequence[tuple[float, np.ndarray]]
) -> list[tuple[float, float]]:
    """Return (arrival time, seconds from recording to arrival) of each half second that was heard.

    Args:
        said: (n,) 16-bit samples that a microphone says over and over.
        begin_s: when the first of them was recorded.
        blocks: arrival time and samples of what was heard, as `Received.sound` has them.
    """
    found = []
    for first in range(0, len(blocks) - MOMENT + 1, MOMENT):
        part = blocks[first : first + MOMENT]
        heard = np.concatenate([block for _, block in part]).astype(np.float32)
        arrival = part[0][0]
        # Search the last second and a half before this block came.
        end = round((arrival - begin_s) * SOUND_RATE) + len(heard)
        begin = max(0, end - len(heard) - 3 * SOUND_RATE // 2)
        known = looped(said, begin, end).astype(np.float32)
        if len(known) < len(heard) or not heard.any():
            continue
        score = correlate(known, heard)
        best = int(score.argmax())
        if score[best] > 0.3:
            found.append((arrival, arrival - (begin_s + (begin + best) / SOUND_RATE)))
    return found


def correlate(known: np.ndarray, heard: np.ndarray) -> np.ndarray:
    """Return the normalised correlation of `heard` at each place within `known`."""
    size = 1 << (len(known) + len(heard)).bit_length()
    product = np.fft.irfft(np.fft.rfft(known, size) * np.conj(np.fft.rfft(heard, size)), size)
    places = len(known) - len(heard) + 1
    energy = np.concatenate([[0.0], np.cumsum(known.astype(np.float64) ** 2)])
    local = np.sqrt(energy[len(heard) :] - energy[: -len(heard)])[:places]
    return np.asarray(product[:places] / np.maximum(local * np.linalg.norm(heard), 1e-6))
