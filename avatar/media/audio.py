"""Reads the audio of files and clips: 48 kHz, two channels, in step with the file's clock even where it is damaged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from avatar.errors import MediaError
from avatar.media.audio_format import AudioFormatter
from avatar.media.clock import MOST_PAUSES_S
from avatar.media.files import WITHOUT_PAUSES, Damage, Piece, decoded, first_stream, kind_of, opened
from avatar.types import F32

SOUND_RATE: Final = 48_000
SHORTEST_PAUSE_S: Final = 0.02
"""A gap between two sound frames above this is a pause, to be filled; below it is jitter of their times."""


def audio_blocks(path: Path, *, begin_s: float | None = None, damage: Damage | None = None) -> Iterator[F32]:
    """Yield a file's sound as (2, n) float samples at 48 kHz, silence in its pauses; nothing when it has none.

    One channel is as loud in each of the two as it was; more than two are mixed down.

    Args:
        path: any file with sound.
        begin_s: the moment of the file's clock that the first sample belongs to, so that sound that starts later than
            the picture, or earlier, stays in step with it; None: wherever the sound starts.
        damage: takes note of how much could not be read, and is silent.

    Raises:
        MediaError: the file cannot be opened, or none of its sound can be read.
    """
    damage = damage or Damage()
    with opened(path) as container:
        audio = first_stream(container, "audio")
        if audio is None:
            return
        whole, begun = kind_of(container) in WITHOUT_PAUSES, False
        for block in _continuous(decoded(container, audio, damage), begin_s, damage, whole=whole):
            begun = begun or block.shape[1] > 0
            yield block
        if not begun and (damage.sound_s or damage.ends_s is not None):
            raise MediaError(f"{path} has no sound that can be read: the file is damaged.")


def audio_seconds(path: Path, *, begin_s: float | None = None, damage: Damage | None = None) -> float:
    """Return how long a file's sound lasts, 0 when it has none. Reads all of it; raises as `audio_blocks` does."""
    samples: int = sum(block.shape[1] for block in audio_blocks(path, begin_s=begin_s, damage=damage))
    return samples / SOUND_RATE


def _continuous(pieces: Iterable[Piece], begin_s: float | None, damage: Damage, *, whole: bool) -> Iterator[F32]:
    """Yield samples, with silence where their times leave a gap, and without what lies before `begin_s`.

    `whole`: a gap within is no pause, but missing.
    """
    formatter = AudioFormatter(SOUND_RATE, 2)
    due_s, early, begun = begin_s, 0, False
    damaged_until_s: float | None = None
    for piece in pieces:
        start_s = piece.time_s if piece.time_s is not None else due_s or 0.0
        due_s = start_s if due_s is None else due_s
        try:
            samples = formatter.take(piece.frame) if piece.frame is not None else None
        except ValueError:
            samples = None
        if samples is None:
            lasts_s = piece.lasts_s if piece.frame is None else piece.frame.samples / max(piece.frame.sample_rate, 1)
            damaged_until_s = start_s + lasts_s
            continue
        gap_s = start_s - due_s
        if not begun or gap_s > SHORTEST_PAUSE_S:
            early = max(round(-gap_s * SOUND_RATE), 0) if not begun else early
            if damaged_until_s is not None or (whole and begun):
                damage.sound_s += max(gap_s, 0.0)
            yield formatter.finish()[:, early:]
            yield from _silence(gap_s)
            due_s = start_s
        begun, damaged_until_s = True, None
        due_s += piece.frame.samples / piece.frame.sample_rate
        yield samples[:, early:]
        early = max(early - samples.shape[1], 0)
    yield formatter.finish()[:, early:]
    if damaged_until_s is not None and due_s is not None:
        damage.sound_s += max(damaged_until_s - due_s, 0.0)
        if begun:
            yield from _silence(damaged_until_s - due_s)


def _silence(seconds: float) -> Iterator[F32]:
    """Yield so much silence, a second at a time."""
    left = round(min(seconds, MOST_PAUSES_S) * SOUND_RATE)
    while left > 0:
        yield np.zeros((2, min(left, SOUND_RATE)), np.float32)
        left -= SOUND_RATE
