"""Clips and sound files of every kind that is read, made by PyAV, and damage done to them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

SIZE = (96, 64)
FPS = 25
SOUND_RATE = 48_000
HZ = 440.0

CLIPS = {
    "clip.mp4": ("libx264", "aac"),
    "clip.mov": ("libx264", "aac"),
    "clip.mkv": ("libx264", "libmp3lame"),
    "clip.webm": ("libvpx", "libopus"),
    "clip.avi": ("mpeg4", "libmp3lame"),
    "clip.ts": ("libx264", "aac"),
}
"""Name: codecs of pictures and sound."""
SOUNDS = {
    "sound.mp3": "libmp3lame",
    "sound.wav": "pcm_s16le",
    "sound.flac": "flac",
    "sound.ogg": "libopus",
    "sound.m4a": "aac",
}
"""Name: codec."""


def write_media(
    path: Path,
    *,
    video: str | None = None,
    audio: str | None = None,
    seconds: float = 2.0,
    size: tuple[int, int] = SIZE,
    layout: str = "stereo",
    rate: int = SOUND_RATE,
    begin_s: float = 0.0,
    amplitude: float = 0.25,
    kind: str | None = None,
) -> Path:
    """Write a clip whose grey rises by 4 from picture to picture, and a tone, from `begin_s` of the file's clock on."""
    with av.open(f"file:{path}", "w", format=kind) as container:
        pictures: Any = container.add_stream(video, rate=FPS) if video else None
        if pictures is not None:
            pictures.width, pictures.height, pictures.pix_fmt = *size, "yuv420p"
            pictures.codec_context.gop_size = FPS // 2
            pictures.codec_context.thread_count = 1
            pictures.bit_rate = 1_000_000
            if video == "libx264":
                pictures.options = {"preset": "ultrafast", "tune": "zerolatency"}
        sound: Any = container.add_stream(audio, rate=rate) if audio else None
        if sound is not None:
            sound.layout = layout
        for index in range(round(seconds * FPS)):
            if pictures is not None:
                grey = np.full((size[1], size[0], 3), 40 + 4 * index, np.uint8)
                frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
                frame.pts, frame.time_base = round((begin_s + index / FPS) * 90_000), Fraction(1, 90_000)
                pictures.codec_context.time_base = Fraction(1, 90_000 if video != "mpeg4" else FPS)
                if video == "mpeg4":
                    frame.pts, frame.time_base = index, Fraction(1, FPS)
                container.mux(pictures.encode(frame))
            if sound is not None:
                times = np.arange(index * rate // FPS, (index + 1) * rate // FPS)
                tone = (amplitude * np.sin(2 * np.pi * HZ * times / rate)).astype(np.float32)
                block = av.AudioFrame.from_ndarray(
                    np.tile(tone, (av.AudioLayout(layout).nb_channels, 1)), format="fltp", layout=layout
                )
                block.sample_rate, block.time_base = rate, Fraction(1, rate)
                block.pts = int(times[0]) + round(begin_s * rate)
                container.mux(sound.encode(block))
        for stream in filter(None, (pictures, sound)):
            container.mux(stream.encode(None))
    return path


def packet_places(path: Path, kind: str) -> list[tuple[int, int]]:
    """Return (first byte, size) of the packets of a stream whose places the file tells."""
    with av.open(f"file:{path}") as container:
        stream = getattr(container.streams, kind)[0]
        return [(packet.pos, packet.size) for packet in container.demux(stream) if packet.size and packet.pos]


def hurt(path: Path, out: Path, kind: str, numbers: list[int]) -> Path:
    """Copy a file, with some packets of a stream overwritten; not the heads that Matroska puts before them."""
    data, places = bytearray(path.read_bytes()), packet_places(path, kind)
    head = 12 if path.suffix in (".mkv", ".webm") else 0
    for number in numbers:
        at, size = places[number][0] + head, places[number][1] - head
        data[at : at + size] = b"\xff" * size
    out.write_bytes(data)
    return out
