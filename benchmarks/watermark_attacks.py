"""What happens to a clip on its way: H.264 at few bits, resized, cropped, filmed off a screen, other colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import av
import cv2
import numpy as np

from avatar.stream.codecs.h264 import X264Encoder
from avatar.timing.rtp_clock import VIDEO_RATE
from avatar.types import U8

Clip: TypeAlias = list[U8]
"""Pictures as planar YUV 4:2:0, (height * 3 / 2, width)."""
Attack: TypeAlias = Callable[[Clip], Clip]

LOW_BPS: Final = 500_000
SCREEN_BPS: Final = 1_500_000
SCREEN: Final = (1280, 720)
FPS: Final = 30


def h264(clip: Sequence[U8], bitrate_bps: int = LOW_BPS) -> Clip:
    """Return a clip as a receiver sees what the project's own encoder sends, from its first picture on."""
    encoder = X264Encoder(max_bitrate_bps=max(3_000_000, bitrate_bps), fps=FPS)
    decoder = av.CodecContext.create("h264", "r")
    shown: Clip = []
    for index, picture in enumerate(clip):
        sent = encoder.encode(picture, index * VIDEO_RATE // FPS, bitrate_bps=bitrate_bps, key=index == 0)
        shown += [np.asarray(frame.to_ndarray(), np.uint8) for frame in decoder.decode(av.Packet(sent.data))]
    return shown + [np.asarray(frame.to_ndarray(), np.uint8) for frame in decoder.decode(None)]


def resized(clip: Sequence[U8], share: float = 0.6) -> Clip:
    """Return a clip made smaller or larger."""
    how = cv2.INTER_AREA if share < 1 else cv2.INTER_CUBIC

    def scaled(rgb: U8) -> U8:
        return np.asarray(cv2.resize(rgb, None, fx=share, fy=share, interpolation=how), np.uint8)

    return [_i420(scaled(_rgb(picture))) for picture in clip]


def cropped(clip: Sequence[U8], share: float = 0.8) -> Clip:
    """Return a clip's part of so much of its width and height, off its middle."""

    def part(rgb: U8) -> U8:
        height, width = (round(side * share) for side in rgb.shape[:2])
        y, x = round((rgb.shape[0] - height) * 0.37), round((rgb.shape[1] - width) * 0.61)
        return rgb[y : y + height, x : x + width]

    return [_i420(part(_rgb(picture))) for picture in clip]


def off_screen(clip: Sequence[U8]) -> Clip:
    """Return a clip as a screen recorder takes it: a window of another size among others, tones changed, encoded anew.

    The desktop around it has a gradient, lines of text and a taskbar.
    """
    width, height = SCREEN
    desktop = np.empty((height, width, 3), np.uint8)
    desktop[:] = np.linspace(40, 110, width, dtype=np.uint8)[None, :, None]
    for row in range(30, height - 40, 18):
        cv2.putText(desktop, "The quick brown fox jumps over the lazy dog", (850, row), 0, 0.45, (225, 225, 225), 1)
    desktop[-32:] = (28, 28, 34)
    shown = []
    for picture in clip:
        rgb = _rgb(picture)
        scale = min(0.87 * height / rgb.shape[0], 800 / rgb.shape[1])
        window = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        screen = desktop.copy()
        screen[37 : 37 + window.shape[0], 21 : 21 + window.shape[1]] = window
        shown.append(_i420(np.asarray(255 * (screen / 255.0) ** 1.08, np.uint8)))
    return h264(shown, SCREEN_BPS)


def recoloured(clip: Sequence[U8]) -> Clip:
    """Return a clip with less contrast, brighter, warmer and more saturated."""

    def changed(rgb: U8) -> U8:
        hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV).astype(np.float32)
        hsv[..., 1] *= 1.15
        warm = cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB).astype(np.float32)
        warm = (warm - 128) * 0.9 + 136 + np.array([5, 0, -5], np.float32)
        return np.clip(np.rint(warm), 0, 255).astype(np.uint8)

    return [_i420(changed(_rgb(picture))) for picture in clip]


def mirrored(clip: Sequence[U8]) -> Clip:
    """Return a clip as in a mirror."""
    return [_i420(np.ascontiguousarray(_rgb(picture)[:, ::-1])) for picture in clip]


ATTACKS: Final[dict[str, Attack]] = {
    "as it left": list,
    "H.264, 500 kbit/s": h264,
    "resized to 60 %": resized,
    "cropped to 80 %": cropped,
    "filmed off a screen": off_screen,
    "other colours": recoloured,
    "mirrored": mirrored,
    "H.264, then resized": lambda clip: resized(h264(clip)),
    "H.264, then cropped": lambda clip: cropped(h264(clip)),
    "H.264, colours, cropped, resized, H.264": lambda clip: h264(resized(cropped(recoloured(h264(clip))))),
    "H.264, filmed off a screen": lambda clip: off_screen(h264(clip)),
}
"""By name, in the order in which they are told."""


def _rgb(i420: U8) -> U8:
    return np.asarray(cv2.cvtColor(i420, cv2.COLOR_YUV2RGB_I420), np.uint8)


def _i420(rgb: U8) -> U8:
    height, width = rgb.shape[0] & ~1, rgb.shape[1] & ~1
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(rgb[:height, :width]), cv2.COLOR_RGB2YUV_I420), np.uint8)
