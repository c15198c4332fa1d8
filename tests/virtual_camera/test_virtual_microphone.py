"""A virtual microphone is made and removed, and what is played is heard in it: by a real sound server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from avatar.errors import DeviceError
from avatar.virtual_camera import virtual_microphone
from avatar.virtual_camera.virtual_microphone import OWNER, SINK, SOURCE, VirtualMicrophone, pactl

TOOLS = ("pulseaudio", "pactl", "pacat", "parec")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
needs_server = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="PulseAudio is of Linux"),
    pytest.mark.skipif(bool(MISSING), reason=f"sudo apt-get install -y pulseaudio pulseaudio-utils ({MISSING})"),
]


@pytest.fixture
def sound_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A PulseAudio of our own, with no device and no module but its socket."""
    address = tmp_path / "socket"
    home = {"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path), "PULSE_SERVER": f"unix:{address}"}
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    options = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
    with subprocess.Popen(
        ["pulseaudio", *options, "-L", f"module-native-protocol-unix socket={address}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name != "PULSE_SERVER"},
    ) as process:
        end_s = time.monotonic() + 20
        while not address.exists() and process.poll() is None and time.monotonic() < end_s:
            time.sleep(0.05)
        try:
            if not address.exists():
                pytest.skip("PulseAudio does not start here")
            yield
        finally:
            process.terminate()


def modules() -> str:
    return pactl("list", "short", "modules")


class TestWithServer:
    pytestmark = needs_server

    @pytest.mark.usefixtures("sound_server")
    def test_what_is_played_is_heard_in_the_microphone_and_nothing_stays(self, tmp_path: Path) -> None:
        before = modules()
        microphone = VirtualMicrophone()
        try:
            assert SOURCE in pactl("list", "short", "sources") and SINK in pactl("list", "short", "sinks")
            tone = (12_000 * np.sin(2 * np.pi * 440 * np.arange(960) / 48_000)).astype(np.int16)
            playing = threading.Event()

            def play() -> None:
                while not playing.wait(0.02):
                    microphone.write(tone)

            thread = threading.Thread(target=play)
            thread.start()
            form = ["--raw", "--format=s16le", "--rate=48000", "--channels=1", "--latency-msec=20"]
            heard = np.zeros(0, np.int16)
            with subprocess.Popen(["parec", f"--device={SOURCE}", *form], stdout=subprocess.PIPE) as recorder:
                assert recorder.stdout is not None
                end_s = time.monotonic() + 20
                while np.abs(heard).max(initial=0) < 11_000 and time.monotonic() < end_s:
                    heard = np.frombuffer(recorder.stdout.read(9600), np.int16)
                recorder.terminate()
            playing.set()
            thread.join()
            spectrum = np.abs(np.fft.rfft(heard.astype(float)))
            assert np.abs(heard).max() > 11_000
            assert abs(int(spectrum.argmax()) * 48_000 / len(heard) - 440) < 20
        finally:
            microphone.close()
        assert modules() == before
        microphone.close()  # again
        with pytest.raises(DeviceError, match="was closed"):
            microphone.write(tone)

    @pytest.mark.usefixtures("sound_server")
    def test_what_a_killed_program_has_left_is_removed_and_what_another_uses_is_not(self) -> None:
        before = modules()
        with subprocess.Popen([sys.executable, "-c", "pass"]) as ended:
            ended.wait()
        pactl("load-module", "module-null-sink", f"sink_name={SINK}", f"sink_properties='{OWNER}={ended.pid}'")
        VirtualMicrophone().close()
        assert modules() == before
        pactl("load-module", "module-null-sink", f"sink_name={SINK}", f"sink_properties='{OWNER}={os.getppid()}'")
        with pytest.raises(DeviceError, match=f"Another program \\(process {os.getppid()}\\) has made"):
            VirtualMicrophone()


def test_without_the_tools_the_command_that_installs_them_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_microphone.shutil, "which", lambda _: None)
    with pytest.raises(DeviceError, match=r"needs pactl and pacat, not installed here\. .*pulseaudio-utils"):
        VirtualMicrophone()


@pytest.mark.skipif(shutil.which("pactl") is None, reason="sudo apt-get install -y pulseaudio-utils")
def test_without_a_sound_server_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path / 'nothing'}")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(DeviceError, match="takes PulseAudio or PipeWire"):
        VirtualMicrophone()
