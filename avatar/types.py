"""The values that travel between stages: one vocabulary that every source, generator and stream shares.

Coordinates: pixels with x right, y down; depth z in the same unit, smaller is nearer to the camera (MediaPipe's
convention, https://ai.google.dev/edge/mediapipe/solutions/vision/face_landmarker). "Head units" are lengths divided by
the distance between the outer eye corners (landmarks 33 and 263) of the head they belong to. Times are seconds on the
session's one media clock. Pictures are RGB, uint8, height x width x 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

F32: TypeAlias = NDArray[np.float32]
U8: TypeAlias = NDArray[np.uint8]

Drive: TypeAlias = Literal["camera", "voice", "both", "conversation"]
"""What moves the avatar: the driver's face, the driver's voice (with idle life around it), the two together, or what it
answers in a conversation."""

LANDMARK_COUNT: Final = 478
"""MediaPipe's face mesh: 468 surface points and 2 x 5 iris points (468-472 subject's right eye, 473-477 left)."""

BLENDSHAPES: Final = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight",
    "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight",
    "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight",
    "eyeWideLeft", "eyeWideRight",
    "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight",
    "tongueOut",
)  # fmt: skip
"""The 52 ARKit coefficients (developer.apple.com/documentation/arkit/arfaceanchor/blendshapelocation) in MediaPipe's
order; MediaPipe measures the first 51, `tongueOut` stays 0 from a camera."""

BLENDSHAPE_INDEX: Final = {name: index for index, name in enumerate(BLENDSHAPES)}


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Where a head is: `pixels = scale * rotation @ head_units + translation_px` (scaled orthography)."""

    rotation: F32
    """(3, 3), head frame -> camera frame."""
    translation_px: F32
    """(3,), pixels: the origin of the head frame in the picture."""
    scale: float
    """Pixels per head unit."""


@dataclass(frozen=True, slots=True)
class FaceState:
    """What the camera saw of one face in one frame."""

    time_s: float
    landmarks_px: F32
    """(478, 3), pixels of the frame."""
    blendshapes: F32
    """(52,), 0..1, in the order of `BLENDSHAPES`."""
    pose: HeadPose
    confidence: float
    """1 while the face is tracked; falls to 0 while a lost face is held."""
    frame_size: tuple[int, int]
    """(width, height) of the frame in pixels."""
    mouth_covered: bool = False
    """Something is before the mouth: its landmarks and coefficients are guessed."""

    @property
    def held(self) -> bool:
        """True when this repeats the last sighting because the face is lost for the moment."""
        return self.confidence < 1.0


@dataclass(frozen=True, slots=True)
class ReadExpression:
    """A driver's expression as LivePortrait's motion extractor reads it from their picture."""

    offsets: F32
    """(21, 3), change of its keypoints' offsets from the driver's rest."""
    share: F32
    """(21,), 0..1: how far the camera moves each keypoint; the rest is the blendshapes'."""
    blendshapes: F32
    """(52,), the driver's blendshapes at that moment, change from rest: what is played on top of them is more."""


@dataclass(frozen=True, slots=True)
class HeardVoice:
    """What Whisper hears of a voice around one moment, and how far that moves the mouth."""

    states: F32
    """(N, D), its hidden states of a fifth of a second: `generator.musetalk.hearing`."""
    share: float
    """0..1: how far the mouth is drawn from them; the rest of it is the blendshapes'."""


@dataclass(frozen=True, slots=True)
class Motion:
    """How the avatar moves, relative to its own rest: the one language of every source and every generator.

    Rest is all zeros (and `scale` 1): the avatar as in its photo.
    """

    time_s: float
    blendshapes: F32
    """(52,), change from rest. `eyeBlink*` is exact: 0 is the avatar's resting opening, 1 is closed lids."""
    rotation: F32
    """(3,), rotation vector in radians in camera axes: x pitch (+ chin down), y yaw (+ nose to the picture's left),
    z roll (+ clockwise as seen)."""
    translation: F32
    """(2,), head units, x right and y down."""
    scale: float = 1.0
    """Size relative to rest: above 1 is nearer."""
    gaze: F32 | None = None
    """(2,), change of eye direction as a share of the eye's width, x to the picture's right and y down; None: derive it
    from the `eyeLook*` coefficients."""
    residual: F32 | None = None
    """(478, 3), head units in the head's own frame: what the linear blendshape basis misses. Cameras fill it."""
    read: ReadExpression | None = None
    """The driver's expression for the tier `portrait`; filled where that tier draws."""
    heard: HeardVoice | None = None
    """The voice for the tier `musetalk`; filled where that tier draws and a voice is heard."""


@dataclass(frozen=True, slots=True)
class CaptureStamp:
    """When a camera frame was captured, as far as its receiver knows."""

    arrival_s: float
    """When it arrived, time.monotonic() seconds."""
    rtp_time: int
    """Its RTP timestamp as on the wire: 90 kHz, 32 bits (`timing.rtp_clock`)."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One finished picture on its way to an encoder."""

    time_s: float
    """Media time of the source (camera frame or clock tick) that this picture shows."""
    i420: U8
    """(height * 3 / 2, width), planar YUV 4:2:0, BT.601 limited range as OpenCV makes it; not to be written into."""
    capture: CaptureStamp | None = None
    """Of the camera frame this picture answers; None when no camera frame drove it."""
    sound_s: float | None = None
    """When the sound that is to be heard with this picture arrives, time.monotonic() seconds; None: there is none."""
    matte: bool = False
    """Its right half is the matte of its left one (`media.matte_beside`): there is nothing behind the avatar."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, with the matte where there is one."""
        rows, width = self.i420.shape
        return width, rows * 2 // 3


def rest_motion(time_s: float) -> Motion:
    """Return the motion that shows the avatar as in its photo."""
    return Motion(
        time_s=time_s,
        blendshapes=np.zeros(len(BLENDSHAPES), np.float32),
        rotation=np.zeros(3, np.float32),
        translation=np.zeros(2, np.float32),
    )
