"""Would AV1 look better than H.264 where a line carries 300 kbit/s, at the same processor time?

The pictures that a call sends, an avatar that turns, speaks, smiles and blinks, go through libx264 as calls have it and
at slower presets, and through SVT-AV1 in its mode for real-time calls (low delay, constant bit rate, one thread), each
at the same rate. Against the pictures before encoding: the peak signal-to-noise ratio and the structural similarity of
luma, without the first second. `delay` is how many pictures an encoder holds back; a call cannot have any.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, Final, cast

import av
import numpy as np

from avatar.config import PictureSettings
from avatar.generator.tiers import open_generator
from avatar.identities.open import open_identity
from avatar.media.colour import to_i420
from avatar.session.animation import animate
from avatar.stream.codecs.h264 import X264Encoder
from avatar.timing.rtp_clock import VIDEO_RATE, VIDEO_TIME_BASE
from avatar.types import U8
from benchmarks import report
from benchmarks.fixed_media import acted
from benchmarks.picture_measures import psnr_db, ssim

FPS: Final = 30
SETTLE_S: Final = 1.0
"""What comes before is not measured: the key frame, and what is made up for it."""
X264_PRESETS: Final = ("superfast", "veryfast", "faster", "fast", "medium")
SVT_PRESETS: Final = (13, 12, 11, 10)


@dataclass(frozen=True, slots=True)
class Encoded:
    """What one encoder makes of the pictures."""

    cpu_ms: float
    """Of processor time a picture, all threads."""
    kbit_s: float
    psnr: float
    ssim: float
    delay: int
    """Most pictures that had gone in before one came out, less that one."""


def pictures(face: str, driver: Path | None, seconds: float) -> Iterator[U8]:
    """Yield the avatar's pictures, (512, 512, 3) RGB, driven by a clip or by what `fixed_media` has it do."""
    identity, settings = open_identity(face), PictureSettings(watermark="off")
    if driver is not None:
        yield from (
            picture.rgb for picture in islice(animate(identity, driver, settings, fps=FPS), round(seconds * FPS))
        )
        return
    generator = open_generator(identity, (settings.width, settings.height), "lite", "auto")
    for index in range(round(seconds * FPS)):
        yield generator.render(acted(index / FPS))


class Plain:
    """An FFmpeg encoder with options, opened once."""

    def __init__(self, name: str, size: tuple[int, int], bitrate_bps: int, options: Mapping[str, str]) -> None:
        context = self._context = cast(Any, av.CodecContext.create(name, "w"))
        context.width, context.height = size
        context.pix_fmt, context.bit_rate, context.thread_count = "yuv420p", bitrate_bps, 1
        context.time_base, context.framerate = VIDEO_TIME_BASE, Fraction(FPS, 1)
        context.options = dict(options)

    def encode(self, i420: U8 | None, number: int) -> list[bytes]:
        """Encode a picture, or what is held back."""
        frame = None
        if i420 is not None:
            frame = av.VideoFrame.from_ndarray(i420, format="yuv420p")
            frame.pts, frame.time_base = number * VIDEO_RATE // FPS, VIDEO_TIME_BASE
        return [bytes(packet) for packet in self._context.encode(frame)]


class AsInCalls:
    """Our own encoder."""

    def __init__(self, bitrate_bps: int) -> None:
        self._encoder = X264Encoder(max_bitrate_bps=3_000_000, fps=FPS)
        self._bitrate_bps = bitrate_bps

    def encode(self, i420: U8 | None, number: int) -> list[bytes]:
        """Encode a picture."""
        if i420 is None:
            return []
        pts = number * VIDEO_RATE // FPS
        return [self._encoder.encode(i420, pts, bitrate_bps=self._bitrate_bps, key=not number).data]


def x264(preset: str, size: tuple[int, int], bitrate_bps: int) -> Plain:
    """Return libx264 as calls have it, but for the preset."""
    options = {
        "preset": preset, "tune": "zerolatency", "profile": "baseline", "maxrate": str(bitrate_bps),
        "bufsize": str(bitrate_bps // 6), "x264-params": "keyint=infinite",
    }  # fmt: skip
    return Plain("libx264", size, bitrate_bps, options)


def svt_av1(preset: int, size: tuple[int, int], bitrate_bps: int) -> Plain:
    """Return SVT-AV1 for calls: each picture from earlier ones, constant bit rate, no look-ahead, one thread."""
    parameters = f"rtc=1:pred-struct=1:rc=2:tbr={bitrate_bps // 1000}:lp=1:keyint=-1:lookahead=0:scd=0"
    return Plain("libsvtav1", size, bitrate_bps, {"preset": str(preset), "svtav1-params": parameters})


def measure(encoder: Plain | AsInCalls, decoder: str, sent: list[U8]) -> Encoded:
    """Encode pictures and compare what a receiver sees of them."""
    context: Any = av.CodecContext.create(decoder, "r")
    context.thread_count = 1
    packets: list[bytes] = []
    delay, cpu_s = 0, time.process_time()
    for number, i420 in enumerate(sent):
        packets += encoder.encode(i420, number)
        delay = max(delay, number + 1 - len(packets))
    packets += encoder.encode(None, len(sent))
    cpu_s = time.process_time() - cpu_s
    seen = [frame for packet in packets for frame in context.decode(av.Packet(packet))]
    seen += context.decode(None)
    begin = round(SETTLE_S * FPS)
    everywhere = np.ones((sent[0].shape[1], sent[0].shape[1]), bool)
    pairs = [
        (frame.to_ndarray()[: frame.height], i420[: frame.height])
        for frame, i420 in list(zip(seen, sent, strict=True))[begin:]
    ]
    return Encoded(
        1000 * cpu_s / len(sent),
        8 * sum(map(len, packets[begin:])) * FPS / (len(sent) - begin) / 1000,
        report.mean(psnr_db(got, wanted, everywhere) for got, wanted in pairs),
        report.mean(ssim(as_rgb(got), as_rgb(wanted), everywhere) for got, wanted in pairs[::5]),
        delay,
    )


def as_rgb(luma: U8) -> U8:
    """Return luma as a grey picture."""
    return np.repeat(luma[..., None], 3, axis=2)


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--driver", type=Path, help="a clip of one face (default: a part that is acted)")
    arguments.add_argument("--face", default="mira", help="an .avatar file, photo or built-in id")
    arguments.add_argument("--seconds", type=float, default=8.0, help="how long (default 8)")
    arguments.add_argument("--kbits", type=int, default=300, help="a second (default 300)")
    chosen = arguments.parse_args()
    sent = [to_i420(rgb) for rgb in pictures(chosen.face, chosen.driver, chosen.seconds)]
    size, bitrate_bps = (sent[0].shape[1], sent[0].shape[0] * 2 // 3), 1000 * chosen.kbits
    found = {"x264 as in calls": measure(AsInCalls(bitrate_bps), "h264", sent)}
    for preset in X264_PRESETS:
        found[f"x264 {preset}"] = measure(x264(preset, size, bitrate_bps), "h264", sent)
    for level in SVT_PRESETS:
        found[f"SVT-AV1 {level}"] = measure(svt_av1(level, size, bitrate_bps), "libdav1d", sent)
    rows = [(name, one.cpu_ms, one.kbit_s, one.psnr, one.ssim, one.delay) for name, one in found.items()]
    report.table(("encoder", "CPU ms a picture", "kbit/s", "PSNR dB", "SSIM", "delay"), rows)
    figures = {
        f"{name} {what}": getattr(one, what) for name, one in found.items() for what in ("cpu_ms", "psnr", "ssim")
    }
    report.finish(figures, {}, chosen.json)


if __name__ == "__main__":
    main()
