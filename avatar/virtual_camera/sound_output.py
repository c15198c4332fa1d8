"""Sound on its way to a virtual microphone: each piece leaves when its picture has, so that lips and words agree."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import av

from avatar.errors import DeviceError
from avatar.media.audio_format import AudioFormatter
from avatar.media.pcm import I16, to_mono_pcm
from avatar.timing import av_sync
from avatar.timing.stage_thread import StageThread
from avatar.types import Picture

RATE: Final = 48_000
MOST_WAITING: Final = 64
"""Pieces that may wait for their picture, 1.3 s of 20 ms each; the oldest goes first."""


class SoundSink(Protocol):
    """Where sound goes: a virtual microphone or a loudspeaker."""

    def write(self, samples: I16) -> None:
        """Play (n,) samples of one channel at `RATE`. May block for a moment; raises DeviceError."""

    def close(self) -> None:
        """End, and remove what was made."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    samples: I16
    due_s: float


class SoundOutput:
    """Holds sound and plays it in a thread. `start` and `stop` once each; every other method from any thread."""

    def __init__(
        self,
        sink: SoundSink,
        on_failure: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Play to `sink`, which `stop` closes; `on_failure` is told, in the thread, why it can no longer be."""
        self._sink, self._clock = sink, clock
        self._formatter = AudioFormatter(RATE, 1)
        self._delay = av_sync.SoundDelay()
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque(maxlen=MOST_WAITING)
        self._stopped = False
        self._thread = StageThread("virtual-microphone", self._play, on_failure)

    def start(self) -> None:
        """Begin to play."""
        self._thread.start()

    def push(self, frame: av.AudioFrame, arrival_s: float) -> None:
        """Play a frame that came at `arrival_s`, together with the picture of its moment; never blocks."""
        with self._changed:
            try:
                samples = to_mono_pcm(self._formatter.take(frame)[0], RATE)
            except ValueError:  # sound of a form that nobody knows
                return
            # A frame comes once its last sample was heard: it is older than a picture that comes with it.
            hold_s = max(self._delay.delay_s - frame.samples / frame.sample_rate, 0.0)
            self._waiting.append(_Waiting(samples, arrival_s + hold_s))
            self._changed.notify()

    def picture_sent(self, picture: Picture, sent_s: float) -> None:
        """Learn from a picture that has left how long sound has to wait."""
        if picture.sound_s is not None:
            with self._changed:
                self._delay = av_sync.observe_picture(self._delay, picture.sound_s, sent_s)

    def stop(self) -> None:
        """End the thread and close the sink."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()
        self._sink.close()

    def _play(self) -> None:
        while (samples := self._next()) is not None:
            self._sink.write(samples)

    def _next(self) -> I16 | None:
        """Wait for the next piece that is due; None once stopped."""
        with self._changed:
            while not self._stopped:
                late = av_sync.blocks_to_drop([one.due_s for one in self._waiting], self._clock())
                for _ in range(late):
                    self._waiting.popleft()
                if not self._waiting:
                    self._changed.wait()
                elif (wait_s := self._waiting[0].due_s - self._clock()) > 0:
                    self._changed.wait(wait_s)
                else:
                    return self._waiting.popleft().samples
            return None


class Loudspeaker:
    """A `SoundSink` of PortAudio: a loudspeaker, or the input of a virtual cable (BlackHole, VB-CABLE)."""

    def __init__(self, name: str) -> None:
        """Open the device of that name or number. Raises DeviceError, which names those there are."""
        from avatar.virtual_camera.microphone_input import load_sounddevice  # noqa: PLC0415 - of the extra `camera`

        self._library = load_sounddevice()
        device = int(name) if name.isdecimal() else name
        try:
            self._stream = self._library.OutputStream(samplerate=RATE, channels=1, dtype="int16", device=device)
            self._stream.start()
        except (self._library.PortAudioError, ValueError) as error:
            devices = self._library.query_devices()
            names = ", ".join(str(one["name"]) for one in devices if one["max_output_channels"] > 0) or "none"
            raise DeviceError(f"No sound can be sent to {name!r}: {error}. There are: {names}.") from error

    def write(self, samples: I16) -> None:
        """Play samples. Raises DeviceError."""
        try:
            self._stream.write(samples[:, None])
        except self._library.PortAudioError as error:
            raise DeviceError(f"No more sound can be sent: {error}.") from error

    def close(self) -> None:
        """Let go of the device."""
        self._stream.close()
