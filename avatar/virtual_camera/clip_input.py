"""A clip in place of a camera and a microphone: its pictures and its sound come when they would, over and over."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import av

from avatar.errors import AvatarError, DeviceError
from avatar.media.audio import SOUND_RATE, audio_blocks
from avatar.media.files import first_stream, opened
from avatar.media.pcm import I16, SampleQueue, to_mono_pcm
from avatar.media.video import clip_frames, probe_clip
from avatar.timing.rtp_clock import video_ticks, wrapped
from avatar.types import U8, CaptureStamp
from avatar.virtual_camera.camera_input import PushCamera
from avatar.virtual_camera.device_thread import DeviceState, DeviceThread
from avatar.virtual_camera.microphone_input import BLOCK, PushSound, sound_frame

SHORTEST_LOOP_S: Final = 0.2
"""A clip that is shorter is not begun more often."""
LATE_S: Final = 0.5
"""A clip that is so late, as after the machine has slept, goes on from here and makes nothing up."""


class ClipReader:
    """Plays a clip to whoever takes a camera's pictures and a microphone's sound. `start` and `stop` once each."""

    def __init__(
        self, path: Path, push_camera: PushCamera, push_sound: PushSound, on_state: Callable[[DeviceState, str], None]
    ) -> None:
        """Prepare to play; pictures, sound and states are told in the thread.

        Raises:
            MediaError: the file cannot be opened, or has neither picture nor sound.
        """
        with opened(path) as container:
            self.has_pictures = first_stream(container, "video") is not None
            self.has_sound = first_stream(container, "audio") is not None
        if not (self.has_pictures or self.has_sound):
            raise DeviceError(f"{path} has neither pictures nor sound: give another clip.")
        self._path, self._push_camera, self._push_sound = path, push_camera, push_sound
        self._begin_s = 0.0
        self._thread = DeviceThread("clip", self._play, on_state)

    def start(self) -> None:
        """Begin to play."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._thread.stop()

    def _play(self, thread: DeviceThread) -> None:
        self._begin_s = time.monotonic()
        while not thread.stopping.is_set():
            try:
                lasted_s = self._play_once(thread)
            except AvatarError as error:
                raise DeviceError(str(error)) from error
            self._begin_s += max(lasted_s, SHORTEST_LOOP_S)

    def _play_once(self, thread: DeviceThread) -> float:
        """Play from the beginning to the end; return how long that is, seconds."""
        until_s = step_s = 0.0
        item = None
        for due_s, item in heapq.merge(self._pictures(), self._sounds(), key=lambda timed: timed[0]):
            late_s = time.monotonic() - self._begin_s - due_s
            if late_s > LATE_S:
                self._begin_s += late_s
            if thread.stopping.wait(max(-late_s, 0.0)):
                break
            thread.works()
            step_s, until_s = max(due_s - until_s, 0.0), due_s
            now_s = time.monotonic()
            if isinstance(item, av.VideoFrame):
                self._push_camera(item, CaptureStamp(now_s, wrapped(video_ticks(now_s))))
            else:
                self._push_sound(sound_frame(item, SOUND_RATE), now_s)
        if item is None:
            raise DeviceError(f"{self._path} has no picture and no sound in it: give another clip.")
        return until_s + step_s

    def _pictures(self) -> Iterator[tuple[float, av.VideoFrame | I16]]:
        """Yield (seconds, frame) of each picture."""
        if self.has_pictures:
            for time_s, rgb in clip_frames(self._path):
                yield time_s, _frame_of(rgb)

    def _sounds(self) -> Iterator[tuple[float, av.VideoFrame | I16]]:
        """Yield (seconds, (960,) samples) of each 20 ms of sound, due when the last of them has been heard."""
        if not self.has_sound:
            return
        begin_s = probe_clip(self._path).begin_s if self.has_pictures else None
        queue, given = SampleQueue(SOUND_RATE), 0
        for block in audio_blocks(self._path, begin_s=begin_s):
            queue.push(to_mono_pcm(block, SOUND_RATE), SOUND_RATE)
            while len(queue) >= BLOCK:
                given += BLOCK
                yield given / SOUND_RATE, queue.take(BLOCK)


def _frame_of(rgb: U8) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(rgb, format="rgb24")
