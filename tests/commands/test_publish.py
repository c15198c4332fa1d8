"""`avatar publish`: what an avatar that is sent out says, and who draws it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from avatar.commands import publish as module
from avatar.commands.main import main
from avatar.errors import VoiceError
from avatar.virtual_camera import microphone_input
from avatar.virtual_camera.microphone_input import BLOCK, RATE, sound_frame
from benchmarks.fixed_media import write_clip

SMALL = ("--tier", "geometry", "--size", "128x128")


def heard(path: Path) -> tuple[int, float]:
    """How many pictures a file has, and how loud it is at its loudest, of 1."""
    with av.open(str(path)) as movie:
        count = sum(1 for _ in movie.decode(video=0))
    with av.open(str(path)) as movie:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in movie.decode(audio=0)])
    return count, float(np.abs(sound).max())


def test_a_text_is_spoken_to_its_end(tmp_path: Path) -> None:
    from avatar.conversation.tts import open_voice  # noqa: PLC0415

    try:
        open_voice("auto")
    except VoiceError as error:
        pytest.skip(f"needs a voice: {error}")
    out = tmp_path / "out.mp4"
    assert main(["publish", "--text", "Hello.", "--to", str(out), *SMALL]) == 0
    count, loudest = heard(out)
    assert count > 15 and loudest > 0.05


class Microphone:
    """Hums."""

    def __init__(self, name: str | None, push: Any, on_state: Any) -> None:
        assert name == "hum"
        self._push, self._on_state, self._over = push, on_state, threading.Event()
        self._thread = threading.Thread(target=self._read)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _read(self) -> None:
        self._on_state("working", "")
        hum = (12_000 * np.sin(np.arange(BLOCK) * 2 * np.pi * 5 / BLOCK)).astype(np.int16)
        while not self._over.wait(BLOCK / RATE):
            self._push(sound_frame(hum, RATE), time.monotonic())


def test_it_speaks_as_the_microphone_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone_input, "MicrophoneReader", Microphone)
    monkeypatch.setattr(microphone_input, "check_microphone", lambda name: None)
    out = tmp_path / "out.mp4"
    assert main(["publish", "--mic", "hum", "--seconds", "1.5", "--to", str(out), *SMALL]) == 0
    count, loudest = heard(out)
    assert count > 30 and loudest > 0.2


def test_a_microphone_that_is_not_there_ends_it_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(microphone_input, "load_sounddevice", NoDevices)
    out = tmp_path / "out.mp4"
    assert main(["publish", "--mic", "lapel", "--seconds", "1", "--to", str(out), *SMALL]) == 1
    said = capsys.readouterr().err
    assert "No microphone was found on this machine (no input device matching 'lapel'). Plug one in" in said
    assert not out.exists()


@pytest.mark.skipif(not hasattr(signal, "alarm"), reason="of POSIX systems")
def test_one_that_runs_in_the_background_ends_at_sigterm_though_it_ignores_ctrl_c(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    publishing = subprocess.Popen(
        ["sh", "-c", 'trap "" INT; exec "$0" "$@"', sys.executable, "-m", "avatar.commands.main", "publish", "--to",
         str(out), *SMALL], stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        end_s = time.monotonic() + 60
        while not (out.exists() and out.stat().st_size) and time.monotonic() < end_s:
            time.sleep(0.05)
        publishing.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert publishing.poll() is None, "Ctrl-C is for what runs in the foreground"
        publishing.send_signal(signal.SIGTERM)
        said = publishing.communicate(timeout=60)[1]
    finally:
        publishing.kill()
    assert publishing.returncode == 130 and "Traceback" not in said


@pytest.mark.skipif(not hasattr(signal, "alarm"), reason="of POSIX systems")
def test_a_target_that_does_not_take_the_end_of_the_stream_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    armed: list[int] = []
    monkeypatch.setattr(signal, "alarm", armed.append)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGALRM)
    with pytest.raises(KeyboardInterrupt), module._leaving():
        signal.raise_signal(signal.SIGTERM)
    assert armed == [module.LEAVE_S, 0]
    assert signal.getsignal(signal.SIGTERM) == before[0]
    signal.signal(signal.SIGALRM, before[1])


class NoDevices:
    """sounddevice on a machine without any."""

    PortAudioError = OSError

    def check_input_settings(self, device: int | str | None, **_: object) -> None:
        raise ValueError(f"no input device matching {device!r}")

    def query_devices(self) -> list[object]:
        return []


def test_a_sound_that_cannot_be_read_ends_it_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sound.wav").write_bytes(b"no sound")
    command = ["publish", "--audio", str(tmp_path / "sound.wav"), "--loop", "--to", str(tmp_path / "out.mp4"), *SMALL]
    assert main(command) == 1
    assert "sound.wav" in capsys.readouterr().err


@pytest.mark.parametrize("how", [[], ["--loop"]])
def test_a_sound_of_no_length_ends_it_in_words(
    tmp_path: Path, how: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with wave.open(str(tmp_path / "empty.wav"), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(16_000)
    command = ["publish", "--audio", str(tmp_path / "empty.wav"), *how, "--to", str(tmp_path / "out.mp4"), *SMALL]
    assert main(command) == 1
    assert "empty.wav has no sound" in capsys.readouterr().err


def test_it_does_what_the_face_of_a_clip_does_and_is_heard_as_the_clip(face_model: Path, tmp_path: Path) -> None:
    clip, out = tmp_path / "clip.mp4", tmp_path / "out.mp4"
    write_clip(clip, 2.0, sound=True)
    assert main(["publish", "--clip", str(clip), "--to", str(out), "--fps", "15", *SMALL]) == 0
    count, loudest = heard(out)
    assert count == pytest.approx(30, abs=2) and loudest > 0.1
    with av.open(str(out)) as movie:
        shown = [frame.to_ndarray(format="gray").astype(int) for frame in movie.decode(video=0)]
    assert max(np.abs(picture - shown[0]).mean() for picture in shown) > 4, "it turns, as the clip's face does"


def test_a_server_draws_it(bot_server: Any, fake_parts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_TOKEN", bot_server.TOKEN)
    out = tmp_path / "out.mp4"
    with bot_server.bot_server() as server:
        server.parts.append(fake_parts.plain_parts(size=(128, 128)))
        command = ["publish", "--server", server.url, "--avatar", "plain", "--seconds", "1", "--to", str(out), *SMALL]
        assert main(command) == 0
    with av.open(str(out)) as movie:
        assert (movie.streams.video[0].width, movie.streams.video[0].height) == (128, 128)
        assert sum(1 for _ in movie.decode(video=0)) > 20


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--audio", "none.wav"], "none.wav does not exist"),
        (["--plain-http"], "--server"),
        (["--clip", "none.mp4"], "none.mp4 does not exist"),
        (["--text", "   "], "text"),
        (["--to", "ftp://somewhere/"], "Nothing can be published to ftp://"),
    ],
)
def test_what_cannot_be_is_said_at_once(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish", "--to", "out.mp4", *arguments]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--audio", "--clip", "--avatar"])
def test_what_it_is_made_of_is_never_overwritten(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    precious = tmp_path / "speech.mp4"
    precious.write_bytes(b"precious")
    assert main(["publish", option, str(precious), "--to", "./speech.mp4", *SMALL]) == 1
    assert "one of the inputs" in capsys.readouterr().err and precious.read_bytes() == b"precious"
