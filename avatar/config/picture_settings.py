"""Settings of the picture and of what moves its mouth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avatar.config.checks import check_declared, is_whole
from avatar.config.declaration import setting
from avatar.config.kinds import BACKGROUND, LABEL, SIZE, Background
from avatar.errors import SettingsError

TIERS: Final = ("auto", "geometry", "lite", "standard", "musetalk", "portrait")
ENGINES: Final = (
    "auto",
    "openvino",
    "onnxruntime",
    "onnxruntime-cuda",
    "onnxruntime-tensorrt",
    "torch",
    "torch-cuda",
    "torch-cuda-compiled",
)
QUALITIES: Final = ("auto", "fixed")
TRACKERS: Final = ("auto", "openvino", "mediapipe")
LABEL_PLACES: Final = ("top-left", "top", "top-right", "bottom-left", "bottom", "bottom-right")
SWITCH: Final = ("on", "off")
DRAWN_SIDES: Final = (16, 4096)
"""Pixels of a side that can be drawn; a call's are fewer (`can_be_sent`)."""


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """The outgoing picture."""

    width: int = setting(
        512, "size of the picture; a call may ask for another", name="size", kind=SIZE, fills=("width", "height")
    )
    """Pixels; `can_be_sent` says which."""
    height: int = 512
    fps: int = setting(
        30, "pictures a second: the most a camera may drive, and what idle life runs at", at_least=1, at_most=60
    )
    tier: str = setting(
        "auto",
        "what draws the avatar: geometry (the photo, warped), lite (with a small network), standard (a larger one, for "
        "GPUs; train it yourself), musetalk (MuseTalk draws the mouth from the voice, for GPUs; docs/musetalk.md), "
        "portrait (LivePortrait, for GPUs; docs/portrait.md) or auto, the best that runs here (in calls: that keeps "
        "up)",
        choices=TIERS,
        metavar="TIER",
    )
    engine: str = setting(
        "auto",
        f"what runs the network: {', '.join(ENGINES[1:])} or auto, the fastest that works here",
        choices=ENGINES,
        metavar="ENGINE",
    )
    quality: str = setting(
        "auto",
        "auto: in a call that the machine or the line is too slow for, the picture gets smaller and simpler until it "
        "is in time (docs/how-it-works.md); fixed: never",
        choices=QUALITIES,
        metavar="MODE",
    )
    tracker: str = setting(
        "auto",
        "what follows the driver's face: openvino, mediapipe or auto, which is openvino wherever it works",
        choices=TRACKERS,
        metavar="TRACKER",
    )
    background: Background = setting(
        Background(),
        "what is seen behind the avatar: keep (its photo's own), blur, a colour as #RRGGBB, a picture's file, or "
        "transparent (for programs and for OBS: docs/sdk.md, docs/obs.md)",
        kind=BACKGROUND,
    )
    label: str | None = setting(
        None, 'a label in every picture, such as "AI avatar" (docs/trust.md; default: none)', kind=LABEL
    )
    label_place: str = setting(
        "bottom", "where it is; the page lays nothing over it at the bottom", choices=LABEL_PLACES, metavar="PLACE"
    )
    label_font: Path | None = setting(
        None, "a font (TrueType, OpenType) for its letters (default: one for Latin letters)", metavar="FILE"
    )
    watermark: str = setting(
        "on",
        "on: an invisible mark in every picture that says that it is generated (docs/trust.md); off: none",
        choices=SWITCH,
        metavar="on|off",
    )
    watermark_server: int = setting(0, "which of your servers the mark names", at_least=0, at_most=127)
    watermark_key: str | None = setting(
        None,
        "a key of your own that the mark is made and found by (default: a public one, so that anybody can find it)",
        secret=True,
    )

    def __post_init__(self) -> None:
        """Raise SettingsError for a picture that cannot be."""
        check_declared(self)
        low, high = DRAWN_SIDES
        if not (is_whole(self.width, low, high) and is_whole(self.height, low, high)):
            sides = f"{self.width!r} x {self.height!r}"
            raise SettingsError(f"A picture cannot be {sides}: width and height are pixels, {low} to {high}.")
        if not isinstance(self.background, Background):
            raise SettingsError(
                f"background cannot be {self.background!r}: it is a Background, such as Background('blur')."
            )


@dataclass(frozen=True, slots=True)
class LipSyncSettings:
    """Which network moves the mouth to a voice."""

    voice_network: Path | None = setting(
        None,
        "weights of your own that move the mouth (docs/speech.md; default: those that come with avatar)",
        metavar="FILE",
    )
    voice_encoder: str | None = setting(
        None,
        "where the speech encoder lies that they were trained with, in place of what the file says; a folder, or a "
        "name on the hub (pip install 'avatar[encoder]')",
        metavar="DIR",
    )
