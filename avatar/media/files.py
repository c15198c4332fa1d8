"""Media files decoded by FFmpeg: damaged packets are left out, and times stay continuous where the file's own leap.

    file -> packets -> [clock without leaps] -> decoder -> pieces of a stream: a frame, or a gap where one was damaged

A damaged packet costs what it holds, no more; where the file's own structure is damaged, what follows is lost.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import av

from avatar.errors import MediaError
from avatar.media.clock import FileClock, Placed

CONTAINERS: Final = (
    *("mov", "matroska", "webm", "avi", "mpegts", "mpeg", "flv", "asf", "gif", "ogg"),
    *("wav", "w64", "aiff", "caf", "flac", "mp3", "aac", "amr"),
)
"""Kinds of files that are read, as FFmpeg names them. It knows others that draw text files or fetch what a playlist
names."""
STATES_LENGTH: Final = frozenset(("mov", "matroska", "avi", "asf", "wav", "w64", "aiff", "caf", "flac"))
"""Kinds that state their length; of others FFmpeg guesses it."""
WITHOUT_PAUSES: Final = frozenset(("ogg", "flac", "mp3", "aac", "amr", "wav", "w64", "aiff", "caf"))
"""Kinds whose sound has no gaps of its own: where there is one, a piece of the file is missing."""
MISSED_S: Final = 0.5
"""A file that ends this much before the length it states is broken off."""


@dataclass(slots=True)
class Damage:
    """What of a file could not be read; filled in while it is read to its end, put into words by `warnings`."""

    sound_s: float = 0.0
    """Sound that silence was put in place of."""
    pictures_s: float = 0.0
    """Pictures that the one before stands in place of."""
    ends_s: float | None = None
    """Where the file breaks off, None where it does not."""
    states_s: float = 0.0
    """How long it says that it is."""

    def warnings(self, path: Path) -> list[str]:
        """Return a sentence for each kind of damage; none for a sound file."""
        sentences = []
        if self.pictures_s:
            sentences.append(f"{self.pictures_s:.2f} s of the pictures of {path} are damaged: the one before stands.")
        if self.sound_s:
            sentences.append(
                f"{self.sound_s:.2f} s of the sound of {path} are damaged or missing: silence is in their place."
            )
        if self.ends_s is not None:
            sentences.append(f"{path} breaks off after {self.ends_s:.1f} of the {self.states_s:.1f} s that it states.")
        return sentences


@dataclass(frozen=True, slots=True)
class Piece:
    """A decoded frame, or a packet that could not be decoded."""

    frame: Any
    """av.VideoFrame or av.AudioFrame; None for a packet that is damaged."""
    time_s: float | None
    """On the file's clock, without its leaps; None where the file does not say."""
    lasts_s: float
    """How long a damaged packet would have lasted."""


@dataclass(slots=True)
class _Reading:
    """State of reading: how far the packets of all streams have come."""

    begin_s: float | None = None
    end_s: float = 0.0
    lasts_s: dict[int, float] = field(default_factory=dict)
    """How long the last packet of each stream lasts."""


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file for reading; close it.

    Raises:
        MediaError: it cannot be opened.
    """
    try:
        # Named as a file: with a colon in it FFmpeg would take the name for an address.
        container = av.open(
            f"file:{path}", options={"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "file"}
        )
    except (av.ArgumentError, av.InvalidDataError) as error:
        raise MediaError(
            f"Cannot open {path}: it is no clip or sound of a kind that can be read, or its index is missing, as in a "
            "recording that was broken off."
        ) from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"Cannot open {path}: {getattr(error, 'strerror', None) or error}.") from error
    with container:
        yield container


def first_stream(container: Any, kind: Literal["video", "audio"]) -> Any | None:
    """Return the first stream of a kind, None where there is none that can be decoded."""
    return next((stream for stream in getattr(container.streams, kind) if stream.codec_context is not None), None)


def kind_of(container: Any) -> str:
    """Return the kind of a file, one of `CONTAINERS`."""
    return str(container.format.name).split(",")[0]


def decoded(container: Any, stream: Any, damage: Damage | None = None) -> Iterator[Piece]:
    """Yield the pieces of a stream from its beginning to its end, or to where the file breaks off.

    Args:
        container: the file, opened and not read yet.
        stream: one of its streams.
        damage: is sentences where the file breaks off.
    """
    reading = _Reading()
    for placed in _placed_packets(container, stream, reading):
        yield from _pieces(placed)
    yield from _held_back(stream)
    states_s = container.duration / av.time_base if container.duration else 0.0
    read_s = reading.end_s - (reading.begin_s or 0.0)
    if damage is not None and states_s - read_s > MISSED_S and kind_of(container) in STATES_LENGTH:
        damage.ends_s, damage.states_s = read_s, states_s


def decoded_from_here(container: Any, stream: Any) -> Iterator[Piece]:
    """Yield the pieces of a stream from where the file was sought to, by its own clock."""
    for packet in _packets(container, [stream]):
        yield from _pieces_of(stream, packet, _seconds(packet), 0.0)
    yield from _held_back(stream)


def _placed_packets(container: Any, stream: Any, reading: _Reading) -> Iterator[Placed[Any]]:
    """Yield the packets of a stream with their times; those of the other kind are only looked at."""
    clock: FileClock[Any] = FileClock()
    streams = [one for kind in ("video", "audio") if (one := first_stream(container, kind)) is not None]
    for packet in _packets(container, streams):
        index = packet.stream_index
        if packet.duration:
            reading.lasts_s[index] = float(packet.duration * packet.time_base)
        lasts_s = reading.lasts_s.get(index, 0.0)
        for placed in clock.place(index, packet, _seconds(packet), lasts_s):
            reading.begin_s = placed.time_s if reading.begin_s is None else min(reading.begin_s, placed.time_s)
            reading.end_s = max(reading.end_s, placed.time_s + lasts_s)
            if placed.item.stream_index == stream.index:
                yield placed
    yield from (placed for placed in clock.finish() if placed.item.stream_index == stream.index)


def _packets(container: Any, streams: list[Any]) -> Iterator[Any]:
    """Yield the packets of some streams, to the end of what can be read of the file."""
    try:
        for packet in container.demux(streams):
            if packet.size:  # the last ones are empty: they ask the decoder for what it holds back
                yield packet
    except (av.FFmpegError, OSError) as error:
        if getattr(error, "errno", None) in (errno.ENOMEM, errno.EIO):
            raise MediaError(f"{container.name} cannot be read on: {error}.") from error


def _pieces(placed: Placed[Any]) -> Iterator[Piece]:
    packet, base = placed.item, placed.item.time_base
    moved = round(placed.moved_s / base)
    if moved:
        packet.pts, packet.dts = (None if at is None else at + moved for at in (packet.pts, packet.dts))
    yield from _pieces_of(packet.stream, packet, placed.time_s, float((packet.duration or 0) * base))


def _held_back(stream: Any) -> Iterator[Piece]:
    """Yield what a decoder holds back at the end, which an empty packet asks for."""
    last = av.Packet()
    last.time_base = stream.time_base
    yield from (piece for piece in _pieces_of(stream, last, None, 0.0) if piece.frame is not None)


def _pieces_of(stream: Any, packet: Any, time_s: float | None, lasts_s: float) -> Iterator[Piece]:
    try:
        frames = stream.codec_context.decode(packet)
    except (av.FFmpegError, ValueError):
        yield Piece(None, time_s, lasts_s)
        return
    for frame in frames:
        yield Piece(None if frame.is_corrupt else frame, frame.time, lasts_s)


def _seconds(packet: Any) -> float | None:
    at = packet.dts if packet.dts is not None else packet.pts
    return None if at is None else float(at * packet.time_base)
