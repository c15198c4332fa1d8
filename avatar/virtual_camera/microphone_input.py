"""The microphones of this machine, read by PortAudio (sounddevice)."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np

from avatar.errors import DeviceError
from avatar.media.pcm import I16
from avatar.virtual_camera.advice import INSTALL_EXTRA, microphone_advice, sound_library_advice
from avatar.virtual_camera.device_thread import DeviceState, DeviceThread

if TYPE_CHECKING:
    from types import ModuleType

RATE: Final = 48_000
BLOCK: Final = 960
"""Samples read at once: 20 ms, as calls have them."""
STALLED_S: Final = 3.0
"""A microphone that has given nothing for so long is lost: PortAudio does not always say so."""

PushSound = Callable[[av.AudioFrame, float], None]


def load_sounddevice() -> ModuleType:
    """Return sounddevice. Raises DeviceError with the command that installs what is missing."""
    try:
        import sounddevice  # noqa: PLC0415 - of the extra `camera`
    except ImportError as error:
        raise DeviceError(f"A microphone needs the package sounddevice ({error}). Run: {INSTALL_EXTRA}") from error
    except OSError as error:  # the library that it wraps
        raise DeviceError(f"{error}. {sound_library_advice(sys.platform)}") from error
    library: ModuleType = sounddevice
    return library


def list_microphones() -> list[tuple[int, str]]:
    """Return (number, name) of each microphone. Raises DeviceError where they cannot be looked for."""
    devices: Any = load_sounddevice().query_devices()
    return [(number, str(one["name"])) for number, one in enumerate(devices) if one["max_input_channels"] > 0]


def check_microphone(name: str | None) -> None:
    """Find a microphone by its name or number; None: the system's own choice. Raises DeviceError where it is not."""
    library = load_sounddevice()
    try:
        library.check_input_settings(device=_device(name), channels=1, samplerate=RATE, dtype="int16")
    except (library.PortAudioError, ValueError) as error:
        raise _unreadable(library, _device(name), error) from error


def _device(name: str | None) -> int | str | None:
    return int(name) if name is not None and name.isdecimal() else name


def _unreadable(library: ModuleType, name: str | int | None, error: Exception) -> DeviceError:
    """Say what is wrong with a microphone, which there are, and what to do."""
    try:
        there = list_microphones()
    except (library.PortAudioError, ValueError):
        there = []
    if not there:
        return DeviceError(f"No microphone was found on this machine ({error}). {microphone_advice(sys.platform)}")
    names = ", ".join(f"{number}: {each}" for number, each in there)
    if name is not None and not _is_known(name, there):
        return DeviceError(f"There is no microphone {name!r} ({error}): name another one. There are: {names}.")
    return DeviceError(
        f"The microphone cannot be read: {error}. Another program may hold it, or this one may not use it: see the "
        f"system's privacy settings, or name another one. There are: {names}."
    )


def _is_known(name: str | int, there: list[tuple[int, str]]) -> bool:
    if isinstance(name, int):
        return name in dict(there)
    return any(name.lower() in each.lower() for _, each in there)


def sound_frame(samples: I16, rate: int) -> av.AudioFrame:
    """Return (n,) samples of one channel as PyAV's frame."""
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="s16", layout="mono")
    frame.sample_rate = rate
    return frame


class MicrophoneReader:
    """Reads one microphone, and hands each 20 ms on as they come. `start` and `stop` once each."""

    def __init__(self, name: str | None, push: PushSound, on_state: Callable[[DeviceState, str], None]) -> None:
        """Prepare to read.

        Args:
            name: of the microphone, or its number; None: the system's own choice.
            push: takes each piece and when its last sample came (time.monotonic()), in PortAudio's thread.
            on_state: is told when sound comes, and when it comes no longer, with the reason.
        """
        self._device = _device(name)
        self._push, self._library = push, load_sounddevice()
        self._heard = threading.Event()
        self._thread = DeviceThread("microphone", self._read, on_state)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End, and let go of the microphone."""
        self._thread.stop()

    def _read(self, thread: DeviceThread) -> None:
        library = self._library
        try:
            stream = library.InputStream(
                samplerate=RATE, blocksize=BLOCK, device=self._device, channels=1, dtype="int16", callback=self._hear
            )
            with stream:
                while not thread.stopping.is_set():
                    self._heard.clear()
                    if not self._heard.wait(STALLED_S) or not stream.active:
                        raise DeviceError("The microphone gives no more sound: it may be unplugged.")
                    thread.works()
                    thread.stopping.wait(0.1)
        except (library.PortAudioError, ValueError) as error:
            raise _unreadable(library, self._device, error) from error

    def _hear(self, samples: Any, _count: int, _times: Any, _status: Any) -> None:
        self._push(sound_frame(samples[:, 0].copy(), RATE), time.monotonic())
        self._heard.set()
