"""What a call costs on this machine, tried out when the server starts: a second of a call's own work, and no network.

A picture of the avatar stands for the camera's: it is encoded, decoded, followed, and the avatar drawn and encoded, as
in a call. What a call takes besides (sound, packets, the way from thread to thread) is a known share.
"""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

import av
import cv2
import numpy as np

from avatar.config import PictureSettings
from avatar.face.expression_basis import load_basis
from avatar.generator.identity import Identity
from avatar.generator.tiers import open_generator, open_listener
from avatar.media.colour import to_i420
from avatar.media.frame_pixels import camera_pixels
from avatar.models.store import get_model
from avatar.motion.retarget import Retargeter
from avatar.perception.tracker import FaceTracker
from avatar.stream.codecs.encoders import open_video_encoder
from avatar.stream.codecs.h264 import X264Encoder
from avatar.timing.quality_ladder import LADDER
from avatar.timing.rtp_clock import VIDEO_RATE
from avatar.types import U8, HeardVoice, rest_motion

TRIAL_S: Final = 0.5
"""Processor time that is spent on it, once the models are loaded."""
LONGEST_S: Final = 3.0
"""A picture that takes longer by the clock is the last one: a tier that is for GPUs takes many seconds on a CPU."""
WARM_UP: Final = 3
"""Pictures that are not counted."""
BESIDES: Final = 1.9
"""A call's processor time over that of the stages tried here (`benchmarks.ladder` and this, on one machine)."""


def try_call(identity: Identity, picture: PictureSettings) -> float:
    """Return the processor cores that a call with this picture takes, driven by a camera. Blocks for about two seconds.

    Raises:
        ModelError, PerceptionError: something a call needs cannot be opened.
    """
    generator = open_generator(identity, (picture.width, picture.height), picture.tier, picture.engine)
    motion, heard = rest_motion(0.0), _heard(picture)
    camera = _camera_of(generator.render(motion))
    encoder = open_video_encoder("h264", max_bitrate_bps=3_000_000, fps=picture.fps)
    codec: Any = av.CodecContext.create("h264", "r")
    retargeter = Retargeter(load_basis())
    with FaceTracker(get_model("face_landmarker"), engine=picture.tracker) as tracker:
        taken_s: list[float] = []
        while len(taken_s) < 2 * WARM_UP or sum(taken_s) < TRIAL_S:
            number = len(taken_s)
            came_s, began_s = time.monotonic(), time.thread_time()
            packet = av.Packet(camera[number % len(camera)])
            packet.pts, packet.time_base = number, Fraction(1, picture.fps)
            for frame in codec.decode(packet):
                face = tracker.track(camera_pixels(frame), number / picture.fps)
                motion = motion if face is None else retargeter.motion(face)
            rgb = generator.render(replace(motion, heard=heard))
            encoder.encode(to_i420(rgb), number * VIDEO_RATE // picture.fps, bitrate_bps=1_500_000, key=not number)
            taken_s.append(time.thread_time() - began_s)
            if time.monotonic() - came_s > LONGEST_S:
                break
    return BESIDES * picture.fps * float(np.median(taken_s[WARM_UP:] or taken_s))


def _heard(picture: PictureSettings) -> HeardVoice | None:
    """Return a voice for a tier that draws the mouth from one; None: the tier needs none."""
    listener = open_listener(picture.tier, picture.engine)
    states = None if listener is None else listener.listen(np.zeros(listener.samples, np.float32))
    return None if states is None else HeardVoice(states, 1.0)


def _camera_of(rgb: U8) -> list[bytes]:
    """Return encoded camera frames in which an avatar sways a little: the first can be begun with, and they loop."""
    asked = LADDER[0].camera
    side = min(asked.width, asked.height)
    small = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA)
    left = (asked.width - side) // 2
    frame = cv2.copyMakeBorder(small, 0, 0, left, asked.width - side - left, cv2.BORDER_REPLICATE)
    encoder = X264Encoder(max_bitrate_bps=asked.max_bitrate_bps, fps=asked.fps)
    shifts = (6 * np.sin(np.linspace(0, 2 * np.pi, asked.fps, endpoint=False))).round().astype(int).tolist()
    frames = [np.asarray(np.roll(frame, shift, axis=1), np.uint8) for shift in shifts]
    return [
        encoder.encode(
            to_i420(swayed), number * VIDEO_RATE // asked.fps, bitrate_bps=asked.max_bitrate_bps, key=not number
        ).data
        for number, swayed in enumerate(frames)
    ]
