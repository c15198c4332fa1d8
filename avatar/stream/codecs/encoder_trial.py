"""Does an encoder work here? Two pictures tell: that FFmpeg lists one does not mean that the machine has it.

`python -m avatar.stream.codecs.encoder_trial MODULE:CLASS` tries one in a process of its own, and prints why it does
not work.
"""

from __future__ import annotations

import subprocess
import sys
from pkgutil import resolve_name
from typing import Final

import av
import numpy as np

from avatar.errors import FrameError
from avatar.stream.codecs.video_encoder import VideoEncoder
from avatar.timing.rtp_clock import VIDEO_RATE

SIDE: Final = 512
"""Pixels: the usual picture, and more than the least that NVENC takes."""
FPS: Final = 30
BITRATE_BPS: Final = 1_000_000
LONGEST_TRIAL_S: Final = 20.0
"""What a driver may take to wake the card up; it takes a second or two."""
LONGEST_REASON: Final = 300


def why_it_fails(encoder: VideoEncoder) -> str | None:
    """Encode two pictures, each of which must come at once, the first as a key frame. None where it works."""
    try:
        for number, shade in enumerate((96, 160)):
            picture = np.full((SIDE * 3 // 2, SIDE), shade, np.uint8)
            encoded = encoder.encode(picture, number * VIDEO_RATE // FPS, bitrate_bps=BITRATE_BPS, key=not number)
            if not encoded.data:
                return "holds pictures back"
            if encoded.key != (not number):
                return "makes key frames where none is wanted, or none where one is"
    except (av.FFmpegError, FrameError, ValueError, OSError) as error:  # ValueError: FFmpeg has no such encoder
        said = getattr(error, "log", None)
        reason = said[2] if said else getattr(error, "strerror", None) or str(error)
        return " ".join(str(reason).split())[:LONGEST_REASON] or type(error).__name__
    return None


def why_it_fails_apart(encoder: str, *, longest_s: float = LONGEST_TRIAL_S) -> str | None:
    """Try the encoder of the class `MODULE:CLASS` in a process of its own; None where it works. Blocks.

    For encoders that a driver of the machine is behind: opening one holds Python's lock for as long as the driver
    takes, and one that hangs or crashes takes only that process with it.
    """
    try:
        done = subprocess.run(  # noqa: S603 - this program itself
            [sys.executable, "-m", __name__, encoder],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=longest_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"did not answer within {longest_s:.0f} s"
    except OSError as error:
        return f"could not be tried: {error}"
    if done.returncode == 0:
        return None
    said = done.stdout.decode(errors="replace").strip()[:LONGEST_REASON]
    return said or f"ended the process that tried it ({done.returncode})"


def main(encoder: str) -> int:
    """Try the encoder of the class `MODULE:CLASS` here, print why it fails; 0 where it works."""
    av.logging.set_level(av.logging.ERROR)  # FFmpeg's own words, which the error then carries
    reason = why_it_fails(resolve_name(encoder)(max_bitrate_bps=BITRATE_BPS, fps=FPS))
    if reason is not None:
        print(reason)
    return 0 if reason is None else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
