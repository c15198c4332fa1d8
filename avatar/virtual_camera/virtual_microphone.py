"""A virtual microphone on Linux, by PulseAudio or PipeWire: made when it is needed, removed at the end.

    avatar's sound --> pacat --> null sink "Avatar voice" --> its monitor --> source "Avatar microphone" --> Zoom, OBS

The source stands before the sink's monitor because many programs do not show monitors among their microphones. Both
servers understand the same two tools: `pactl` and `pacat`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from typing import Final

from avatar.errors import DeviceError
from avatar.media.pcm import I16
from avatar.virtual_camera.advice import virtual_sound_advice
from avatar.virtual_camera.sound_output import RATE

SINK: Final = "avatar_voice"
SOURCE: Final = "avatar_microphone"
OWNER: Final = "avatar.pid"
"""The property by which the program that made a sink is known."""
TIMEOUT_S: Final = 5.0
LATENCY_MS: Final = 20
_MODULE: Final = re.compile(r"^(\d+)\s+(\S+)\s+(.*)$")


class VirtualMicrophone:
    """A `SoundSink` that other programs choose as the microphone "Avatar microphone"."""

    def __init__(self) -> None:
        """Make it.

        Raises:
            DeviceError: the tools are missing, no sound server runs, or another `avatar camera` has made it already.
        """
        if missing := missing_tools():
            raise DeviceError(
                f"--virtual-mic needs {' and '.join(missing)}, not installed here. {virtual_sound_advice(sys.platform)}"
            )
        remove_leftovers()
        self._modules: list[str] = []
        self._player: subprocess.Popen[bytes] | None = None
        try:
            self._load(
                "module-null-sink",
                f"sink_name={SINK}",
                f"rate={RATE}",
                "channels=1",
                f"sink_properties='device.description=\"Avatar voice\" {OWNER}={os.getpid()}'",
            )
            self._load(
                "module-remap-source",
                f"master={SINK}.monitor",
                f"source_name={SOURCE}",
                "source_properties='device.description=\"Avatar microphone\"'",
            )
            form = ["--raw", "--format=s16le", f"--rate={RATE}", "--channels=1", f"--latency-msec={LATENCY_MS}"]
            self._player = subprocess.Popen(  # noqa: S603 - our own words alone
                [_path("pacat"), "--playback", f"--device={SINK}", "--client-name=Avatar", *form],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for this program, which then closes it
            )
        except BaseException:
            self.close()
            raise

    def write(self, samples: I16) -> None:
        """Play (n,) samples. Raises DeviceError where the sound server has gone."""
        player = self._player
        if player is None or player.stdin is None:
            raise DeviceError("The virtual microphone was closed.")
        try:
            player.stdin.write(samples.astype("<i2").tobytes())
            player.stdin.flush()
        except (OSError, ValueError) as error:
            raise DeviceError("The sound server takes no more sound: was it stopped?") from error

    def close(self) -> None:
        """Remove it. May be called again."""
        player, self._player = self._player, None
        if player is not None:
            player.kill()
            if player.stdin is not None:
                with contextlib.suppress(OSError):
                    player.stdin.close()
            player.wait(TIMEOUT_S)
        while self._modules:
            with contextlib.suppress(DeviceError):  # the server has gone, and the module with it
                pactl("unload-module", self._modules.pop())

    def _load(self, *module: str) -> None:
        self._modules.append(pactl("load-module", *module).strip())


def missing_tools() -> list[str]:
    """Return the tools that are needed and not installed."""
    return [tool for tool in ("pactl", "pacat") if shutil.which(tool) is None]


def remove_leftovers() -> None:
    """Remove what a program that was killed has left. Raises DeviceError: one that runs has made it."""
    ours: list[str] = []
    for line in pactl("list", "short", "modules").splitlines():
        found = _MODULE.match(line)
        if found is None or not (f"sink_name={SINK}" in found[3] or f"source_name={SOURCE}" in found[3]):
            continue
        owner = re.search(rf"{re.escape(OWNER)}=(\d+)", found[3])
        if owner is not None and int(owner[1]) != os.getpid() and _runs(int(owner[1])):
            raise DeviceError(
                f"Another program (process {owner[1]}) has made the virtual microphone. Stop it first, or leave "
                "--virtual-mic out here."
            )
        ours.append(found[1])
    for number in reversed(ours):
        pactl("unload-module", number)


def pactl(*arguments: str) -> str:
    """Ask the sound server something; return what it says. Raises DeviceError where none answers or it refuses."""
    try:
        done = subprocess.run(  # noqa: S603 - our own words alone
            [_path("pactl"), *arguments],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(f"The sound server does not answer ({error}).") from error
    if done.returncode:
        raise DeviceError(
            f"No virtual microphone can be made: {' '.join(done.stderr.split())[:300] or 'pactl failed'}. It takes "
            "PulseAudio or PipeWire (pipewire-pulse), running for your user: check with `pactl info`."
        )
    return done.stdout


def _path(tool: str) -> str:
    return shutil.which(tool) or tool


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
