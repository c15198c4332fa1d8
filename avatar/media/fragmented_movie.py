"""An MP4 that plays up to its last half second whatever ends its writing, a cut of the power too."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np

from avatar.errors import MediaError
from avatar.media.audio import SOUND_RATE
from avatar.media.pcm import I16
from avatar.timing.rtp_clock import VIDEO_TIME_BASE, video_ticks
from avatar.timing.sound_timeline import SoundTimeline
from avatar.types import U8

FRAGMENT_S: Final = 0.5
"""Length of a fragment, each of which stands for itself (ISO/IEC 14496-12, 8.8): what is lost at most, and a little."""
LATE_S: Final = 0.3
"""Sound that has not come so long after its picture is taken to be silence."""
_LATE_US: Final = round(1e6 * LATE_S)
_BOX_HEAD: Final = 8
"""Bytes of a box's size and type; no fragment is as long as a longer size would be needed for."""
_LEAST_ROOM: Final = 2048
"""Bytes of a movie's beginning, before any picture."""
_PIECE: Final = SOUND_RATE // 10
"""Samples of silence written at once."""


class FragmentedMovie:
    """Writes pictures (H.264) and sound (AAC, stereo) as they were shown and heard. Not for several threads at once."""

    def __init__(self, path: Path, size: tuple[int, int], fps: int) -> None:
        """Begin a file that is not there yet, of (width, height) pixels, both even, and about `fps` pictures a second.

        Raises:
            MediaError: the file is there already, or the folder cannot be written to.
        """
        self.path = path
        self._size = size
        self._last_pts = -1
        self.empty = True
        """Whether nothing has been added yet."""
        self._broken = False
        """Writing has failed: FFmpeg may be asked to end the file, but not to write into it any more."""
        self._timeline = SoundTimeline(SOUND_RATE)
        with self._plain_errors():
            _make_file(path)
            # Named as a file: with a colon in it FFmpeg would take the name for an address.
            self._container: Any = av.open(
                f"file:{path}",
                "w",
                format="mp4",
                options={
                    "movflags": "frag_keyframe+empty_moov+default_base_moof",
                    "frag_duration": str(round(1e6 * FRAGMENT_S)),
                    "flush_packets": "1",
                    "max_interleave_delta": str(_LATE_US),  # else ten seconds wait for sound that does not come
                },
            )
        self._video: Any = self._container.add_stream("libx264", rate=fps)
        self._video.width, self._video.height = size
        self._video.pix_fmt = "yuv420p"
        self._video.codec_context.time_base = VIDEO_TIME_BASE
        self._video.codec_context.thread_count = 1
        colours = "colorprim=smpte170m:transfer=smpte170m:colormatrix=smpte170m:range=tv"
        self._video.options = {
            "preset": "superfast",
            "crf": "21",
            "tune": "zerolatency",
            "x264-params": f"keyint={fps}:{colours}",
        }
        self._sound: Any = self._container.add_stream("aac", rate=SOUND_RATE)
        self._sound.layout = "stereo"

    def picture(self, i420: U8, at_s: float) -> None:
        """Add a picture, (height * 3 / 2, width) planar YUV 4:2:0 of any size, shown from `at_s` seconds on.

        Raises:
            MediaError: it cannot be written: the disk is full, say.
        """
        self.empty = False
        frame = av.VideoFrame.from_ndarray(i420, format="yuv420p")
        if (frame.width, frame.height) != self._size:
            frame = frame.reformat(width=self._size[0], height=self._size[1])
        frame.pts = self._last_pts = max(video_ticks(at_s), self._last_pts + 1)
        frame.time_base = VIDEO_TIME_BASE
        self._timeline, silence = self._timeline.fill(at_s - LATE_S)
        self._be_silent(self._timeline.written - silence, silence)
        with self._plain_errors():
            self._container.mux(self._video.encode(frame))

    def sound(self, samples: I16, at_s: float) -> None:
        """Add (n, 2) samples at 48 kHz that are heard from `at_s` seconds on.

        Raises:
            MediaError: they cannot be written.
        """
        self.empty = False
        begin = self._timeline.written
        self._timeline, silence, left_out = self._timeline.place(at_s, len(samples))
        self._be_silent(begin, silence)
        self._write(samples[left_out:], begin + silence)

    def close(self) -> None:
        """Write what is held back, and end the file. Raises MediaError; the file plays up to there."""
        try:
            with self._plain_errors():
                if not self._broken:
                    self._container.mux(self._video.encode(None))
                    self._mux_sound(None)
                self._container.close()
                self._check_end()
        except MediaError:
            with suppress(av.FFmpegError, OSError):
                self._container.close()
            with suppress(OSError):
                os.truncate(self.path, whole_boxes_bytes(self.path))
            raise

    def _check_end(self) -> None:
        """Raise OSError where the file is cut off: FFmpeg does not tell that its last writing failed."""
        if whole_boxes_bytes(self.path) < self.path.stat().st_size:
            raise OSError(errno.EIO, "its end is missing, as on a full disk")

    def _be_silent(self, begin: int, count: int) -> None:
        for at in range(begin, begin + count, _PIECE):
            self._write(np.zeros((min(_PIECE, begin + count - at), 2), np.int16), at)

    def _write(self, samples: I16, at_sample: int) -> None:
        if not len(samples):
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, at_sample, Fraction(1, SOUND_RATE)
        with self._plain_errors():
            self._mux_sound(frame)

    def _mux_sound(self, frame: av.AudioFrame | None) -> None:
        # AAC begins with a packet before the first sample, at a negative time. Fragments have no way to say that, and
        # FFmpeg's muxer none to make up for it once a picture has been written.
        self._container.mux([packet for packet in self._sound.encode(frame) if packet.pts >= 0])

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            self._broken = True
            raise MediaError(f"Cannot write {self.path}: {getattr(error, 'strerror', None) or error}.") from error


def _make_file(path: Path) -> None:
    """Make a file that is not there yet. Raises OSError: there is one, or no room for the beginning of a movie."""
    with path.open("xb") as file:
        try:
            file.write(bytes(_LEAST_ROOM))
            file.truncate(0)
        except OSError:
            path.unlink()
            raise


def make_folder(folder: Path) -> None:
    """Have a folder that recordings can be written to. Raises MediaError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise MediaError(f"Recordings cannot be written to {folder}: {error.strerror or error}.") from error


def whole_boxes_bytes(path: Path) -> int:
    """Return how long the beginning of an MP4 is that holds whole fragments only (ISO/IEC 14496-12, 4.2)."""
    length, end, whole = path.stat().st_size, 0, 0
    with path.open("rb") as file:
        while len(head := file.read(_BOX_HEAD)) == _BOX_HEAD:
            size = int.from_bytes(head[:4], "big")
            end += size
            if size < _BOX_HEAD or end > length:
                break
            if head[4:] != b"moof":  # worth nothing without the media data after it
                whole = end
            file.seek(end)
    return whole
