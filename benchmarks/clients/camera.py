"""What the clients' cameras show: a portrait in the public domain that sways, in the form each client takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

import av
import cv2
import numpy as np
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtp import RtpPacket
from av.stream import Stream

from avatar.config import LimitSettings
from avatar.identities.builtin import builtin_face
from avatar.media.photo import read_photo
from avatar.media.video import clip_frames
from avatar.types import U8
from benchmarks.clients.rtp_dump import TimedPacket, write_rtp_dump

Codec = Literal["h264", "vp8"]
CODECS: Final[tuple[Codec, ...]] = ("h264", "vp8")

WIDTH: Final = 640
HEIGHT: Final = 480
FPS: Final = 30
KEY_FRAME_EVERY: Final = 30
"""Pictures: no client here makes another key frame when it is asked for one."""
ENCODERS: Final[dict[Codec, tuple[Literal["libx264", "libvpx"], dict[str, str]]]] = {
    "h264": ("libx264", {"preset": "superfast", "tune": "zerolatency", "profile": "baseline"}),
    "vp8": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
}


@dataclass(frozen=True, slots=True)
class Camera:
    """Files that show the same moving face."""

    folder: Path
    seconds: float
    """How long they show it."""

    def movie(self, codec: Codec) -> Path:
        """Return the encoded pictures in Matroska."""
        return self.folder / f"camera-{codec}.mkv"

    def rtp(self, codec: Codec) -> Path:
        """Return the encoded pictures as an RTP dump."""
        return self.folder / f"camera-{codec}.rtp"

    @property
    def raw(self) -> Path:
        """Return the pictures as Chromium's fake camera plays them, over and over."""
        return self.folder / "camera.y4m"


def make_camera(folder: Path, seconds: float) -> Camera:
    """Write the files into `folder`."""
    camera = Camera(folder, seconds)
    pictures = [av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p") for rgb in swaying(seconds)]
    for codec in CODECS:
        packets = _encoded(pictures, codec, camera.movie(codec))
        write_rtp_dump(camera.rtp(codec), _packetised(packets, codec))
    _write_y4m(camera.raw, pictures[: 2 * FPS])
    return camera


def write_raw(path: Path, clip: Path, seconds: float) -> None:
    """Write a clip's first seconds as Chromium's fake camera plays them."""
    pictures = (np.asarray(cv2.resize(rgb, (WIDTH, HEIGHT)), np.uint8) for _, rgb in clip_frames(clip, until_s=seconds))
    _write_y4m(path, (av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p") for rgb in pictures))


def _write_y4m(path: Path, pictures: Iterable[av.VideoFrame]) -> None:
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for picture in pictures:
            file.write(b"FRAME\n" + picture.to_ndarray().tobytes())


def swaying(seconds: float) -> Iterator[U8]:
    """Yield (480, 640, 3) RGB pictures of a face that comes back to its place every two seconds."""
    portrait = read_photo(builtin_face("astronaut").image.read_bytes(), LimitSettings())
    scale = WIDTH / portrait.shape[1]
    for index in range(round(seconds * FPS)):
        turn = 2 * np.pi * index / (2 * FPS)
        matrix = np.array([[scale, 0, 20 * np.sin(turn)], [0, scale, 15 * np.cos(turn) - 20]], np.float32)
        yield np.asarray(cv2.warpAffine(portrait, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT), np.uint8)


def _encoded(pictures: list[av.VideoFrame], codec: Codec, path: Path) -> list[av.Packet[Stream]]:
    """Encode the pictures, write them to `path` and return them; H.264 as a byte stream with its parameter sets."""
    name, options = ENCODERS[codec]
    packets: list[av.Packet[Stream]] = []
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream(name, rate=FPS, options={**options, "g": str(KEY_FRAME_EVERY)})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", 1_000_000
        for index, picture in enumerate([*pictures, None]):
            if picture is not None:
                picture.pts, picture.time_base = index, Fraction(1, FPS)
            for packet in stream.encode(picture):
                # In Matroska the parameter sets are said once, in its header.
                header = (stream.codec_context.extradata or b"") if packet.is_keyframe else b""
                packets.append(av.Packet(header + bytes(packet)))
                packets[-1].pts, packets[-1].time_base = packet.pts, packet.time_base
                container.mux(packet)
    return packets


def _packetised(packets: list[av.Packet[Stream]], codec: Codec) -> Iterator[TimedPacket]:
    packetiser = H264Encoder() if codec == "h264" else Vp8Encoder()
    sequence_number = 0
    for index, packet in enumerate(packets):
        payloads, timestamp = packetiser.pack(packet)
        for number, payload in enumerate(payloads):
            rtp = RtpPacket(
                marker=int(number == len(payloads) - 1), sequence_number=sequence_number, timestamp=timestamp,
                payload=payload,
            )  # fmt: skip
            yield TimedPacket(1000 * index // FPS, rtp.serialize())
            sequence_number += 1
