"""What the documentation shows works as shown."""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
import wave
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image

from avatar import AudioFrame, Avatar, Frame, VideoFrame
from avatar.commands.main import main
from avatar.commands.verify import NOTHING_FOUND
from avatar.config import PictureSettings
from avatar.errors import ModelError
from avatar.generator.identity import Identity
from avatar.generator.identity_file import read_identity, write_identity
from avatar.media.audio import SOUND_RATE, audio_seconds
from avatar.media.movie_writer import MovieWriter
from avatar.media.video import clip_frames, probe_clip
from avatar.motion.cues import CUES, DEGREES
from avatar.timing.speech_events import SpeechFinished
from avatar.types import U8

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "models").glob("*.md")))
}
BLOCKS = {page: re.findall(r"```python\n(.*?)```", text, re.DOTALL) for page, text in PAGES.items()}
WITH_NAMES = {
    "README.md": ["from avatar import Avatar"],
    "docs/virtual-camera.md": ["from avatar.virtual_camera"],
    "docs/integrations.md": ["from avatar.integrations.pipecat", "from avatar.integrations.livekit"],
}
"""Pages whose Python takes names from the reader's program: a test of its own runs each block that begins so."""
PROGRAMS = [program for page, programs in BLOCKS.items() if page not in WITH_NAMES for program in programs]
COMMANDS = [
    command
    for page in ("README.md", "docs/refine.md")
    for command in re.findall(r"^    (?:\.venv/bin/)?avatar (.*?)(?:  +#.*)?$", PAGES[page], re.MULTILINE)
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server that asks for a token; yield the variables that lead to it."""
    environment = {**os.environ, "AVATAR_TOKEN": "a token of ours"}
    how_served = ["--loopback", "--port", "0", "--tier", "geometry", "--overbook"]
    command = [sys.executable, "-m", "avatar.commands.main", "serve", *how_served]
    log = tmp_path_factory.mktemp("server") / "log"
    how = {"cwd": ROOT, "stdout": subprocess.PIPE, "text": True, "env": environment}
    with log.open("w") as errors, subprocess.Popen(command, stderr=errors, **how) as process:
        assert process.stdout is not None
        try:
            found = re.search(r"is ready: (\S+)/", process.stdout.readline())
            if found is None:
                pytest.skip(f"no models and no network to pull them: {log.read_text()[-200:]}")
            yield {**environment, "AVATAR_SERVER": found[1]}
        finally:
            process.terminate()


Run = Callable[..., str]
MOST_HEARD: Final = 3000
"""Pieces of sound, a minute of it."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a program, or a module as `python -m` does: in this process, for a new one spends its first seconds loading.

    Return what it wrote.
    """

    def run_here(program: str, *arguments: str, server: dict[str, str] | None = None) -> str:
        monkeypatch.chdir(ROOT)
        for name, value in (server or {}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", [program, *arguments])
        try:
            if "\n" in program:
                exec(compile(program, "a page", "exec"), {"__name__": "__main__"})  # noqa: S102 - our own page
            elif program.endswith(".py"):
                runpy.run_path(program, run_name="__main__")
            else:
                runpy.run_module(program, run_name="__main__")
        except (ModelError, SystemExit) as error:
            if "model" in str(error) and "pull" in str(error):
                pytest.skip(f"no models and no network to pull them: {error}")
            if not isinstance(error, SystemExit) or error.code:
                raise
        return capsys.readouterr().out

    return run_here


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_a_program_of_the_pages_runs(number: int, run: Run, request: pytest.FixtureRequest) -> None:
    remote = "AVATAR_SERVER" in PROGRAMS[number]
    assert run(PROGRAMS[number], server=request.getfixturevalue("server") if remote else None).strip()


def test_no_python_of_the_pages_is_left_unrun() -> None:
    for page, text in PAGES.items():
        unfenced = re.sub(r"^```python\n.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
        assert not re.search(r"^(```|    )\s*(from|import|async|await|def|class) ", unfenced, re.MULTILINE), page
    for page, about in WITH_NAMES.items():
        assert [word in block for word, block in zip(about, BLOCKS[page], strict=True)] == [True] * len(about)


@pytest.mark.anyio
async def test_the_program_of_the_virtual_camera_shows_a_face(
    run_snippet: Callable[..., Awaitable[dict[str, Any]]], face_model: Path
) -> None:
    pytest.importorskip("pyvirtualcam", reason="the extra is not installed: pip install 'avatar[camera]'")
    from benchmarks import recording_camera  # noqa: PLC0415 - it needs pyvirtualcam

    recording_camera.register()
    opened = recording_camera.RecordingCamera.opened
    opened.clear()
    heard: list[AudioFrame] = []

    def play(frame: AudioFrame) -> None:
        heard.append(frame)
        if any(len(device.arrivals_s) >= 3 for device in opened) or len(heard) == MOST_HEARD:
            raise EOFError  # the program shows frames for ever

    with pytest.raises(EOFError):
        async with Avatar.open("mira", picture=PictureSettings(128, 128, tier="geometry")) as avatar:
            await run_snippet(
                "docs/virtual-camera.md", "VirtualCamera", avatar=avatar, VideoFrame=VideoFrame, play=play
            )
    (device,) = opened
    assert device.closed and len(device.arrivals_s) >= 3


@pytest.mark.anyio
async def test_the_readmes_program_speaks_with_a_face(
    run_snippet: Callable[..., Awaitable[dict[str, Any]]], face_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawn plainly: the network takes its time to load, and draws the other programs."""
    shown: list[Frame] = []

    def show(frame: Frame) -> None:
        shown.append(frame)
        if isinstance(frame, AudioFrame) and any(isinstance(event, SpeechFinished) for event in frame.events):
            raise EOFError  # the program shows frames for ever

    pcm = (8000 * np.sin(np.arange(8_000) / 20)).astype(np.int16).tobytes()
    monkeypatch.setattr(Avatar, "open", partial(Avatar.open, picture=PictureSettings(tier="geometry")))
    with pytest.raises(EOFError):
        await run_snippet("README.md", "Avatar.open", pcm=pcm, sample_rate=16_000, show=show)
    sounds = [frame for frame in shown if isinstance(frame, AudioFrame)]
    assert sum(frame.spoken / frame.sample_rate for frame in sounds) == pytest.approx(0.5)
    assert {frame.rgb.shape for frame in shown if isinstance(frame, VideoFrame)} == {(512, 512, 3)}


def test_the_plugins_page_says_how_a_server_draws() -> None:
    (written,) = re.findall(r"`open_avatar=(lambda [^`]+)`", PAGES["docs/integrations.md"])
    avatar = eval(written, {"Avatar": Avatar, "token": "a token of ours"})(24_000)  # noqa: S307 - our own page
    assert isinstance(avatar, Avatar) and avatar.sample_rate == 24_000


@pytest.fixture(scope="module")
def belongings(tmp_path_factory: pytest.TempPathFactory, photo: U8, astronaut: Identity, driver_clip: Path) -> Path:
    """What a reader of the pages has: a photo, a clip, a recording, cues, and the avatar that the first line makes."""
    folder = tmp_path_factory.mktemp("belongings")
    Image.fromarray(photo).save(folder / "me.jpg")
    with MovieWriter(folder / "clip.mp4", (480, 360), 30, sound=True) as movie:  # the driver at twice its speed
        for index, (_, rgb) in enumerate(islice(clip_frames(driver_clip), 0, None, 2)):
            movie.picture(rgb, index / 30)
        movie.sound(np.zeros((2, SOUND_RATE), np.float32), 0)
    record(folder / "speech.wav", 0.5)
    (folder / "cues.txt").write_text("0.0 smile warmly\n0.3 nod\n")
    write_identity(astronaut, folder / "me.avatar")
    return folder


GO_ON: Final = ("camera", "cluster", "serve")
"""Commands that end when they are told to."""


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.split()[0] not in GO_ON])
def test_a_command_of_the_pages_does_what_it_says(
    command: str, belongings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(command)
    plainly = ["--tier", "geometry"] if words[0] in ("render", "say") else []  # loading the network takes long
    made = [tmp_path / name for option, name in pairwise(words) if option in ("-o", "--sheet")]
    for path in belongings.iterdir():
        if tmp_path / path.name not in made:
            shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AVATAR_TOKEN_SECRET", "a secret of ours, of thirty-two letters")
    monkeypatch.setattr("avatar.virtual_camera.camera_input.list_cameras", list)  # nobody is before one
    code = main([*words, *plainly])
    shown = capsys.readouterr()
    if "live" in words:
        assert code == 1 and ("No camera was found" in shown.err or "avatar[live]" in shown.err)
        return
    if code and words[0] == "say" and "voice" in shown.err:
        pytest.skip(f"no voice on this machine: {shown.err}")
    assert code == (NOTHING_FOUND if words[0] == "verify" else 0) and shown.out.strip(), shown.err
    for path in made:
        if path.suffix == ".avatar":
            assert (len(read_identity(path).portraits) > 1) == ("--refine" in words)
        elif path.suffix == ".mp4":
            assert probe_clip(path).has_sound and audio_seconds(path) > 0.4
        else:
            assert Image.open(path).size > (100, 100)


def test_every_option_that_the_pages_show_is_explained_by_help(capsys: pytest.CaptureFixture[str]) -> None:
    shown = re.findall(r"\bavatar ([a-z]+(?: [^`\n]*)? --?[a-z][^`\n]*)", "\n".join(PAGES.values()))
    for line in {*shown, *COMMANDS}:
        command, *words = shlex.split(line, comments=True)
        with pytest.raises(SystemExit) as stop:
            main([command, "--help"])
        help_ = capsys.readouterr().out
        assert stop.value.code == 0, line
        for option in (word for word in words if word.startswith("-")):
            assert re.search(rf"(?<![\w-]){option}\b", help_), line


def test_every_module_and_extra_that_the_pages_name_is_there() -> None:
    text = "".join(PAGES.values())
    for module in set(re.findall(r"python -m ([a-z]+(?:\.[a-z_0-9]+)+)", text)):
        assert importlib.util.find_spec(module), module
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for names in re.findall(r"pip install (?:-e )?'(?:avatar|\.)\[([a-z,]+)\]'", text):
        assert extras.keys() >= set(names.split(",")), names


def test_every_file_that_the_pages_name_is_there() -> None:
    folders = "avatar|training|client|benchmarks|tests|docs|models|assets|findings|examples"
    for page, text in PAGES.items():
        for name in set(re.findall(rf"`((?:{folders})/[\w/.*-]*)", text)):
            assert any(ROOT.glob(name.rstrip("/"))), f"{page}: {name}"


def test_the_picture_and_the_table_of_the_rooms_are_what_the_code_says(run: Run) -> None:
    run("docs/draw_rooms.py", "--check")
    for path in (ROOT / "avatar").glob("*/__init__.py"):
        assert f"| `avatar/{path.parent.name}/` |" in PAGES["docs/how-it-works.md"]


def record(path: Path, seconds: float) -> Path:
    """Write a voice of a kind: a tone that comes and goes."""
    at = np.arange(round(16_000 * seconds))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(16_000)
        file.writeframes((8000 * np.sin(at / 20) * (at % 4000 < 2000)).astype(np.int16).tobytes())
    return path


def test_the_example_writes_a_movie_of_the_avatar_speaking(tmp_path: Path, run: Run) -> None:
    voice = record(tmp_path / "voice.wav", 1.0)
    assert "1.0 s of speech" in run("examples.speak", str(voice), str(tmp_path / "out.mp4"))
    assert probe_clip(tmp_path / "out.mp4").has_sound
    assert audio_seconds(tmp_path / "out.mp4") > 0.9


def test_the_example_writes_a_movie_that_a_server_has_drawn(tmp_path: Path, run: Run, server: dict[str, str]) -> None:
    voice, movie = record(tmp_path / "voice.wav", 1.0), tmp_path / "out.mp4"
    arguments = ("examples.remote_bot", server["AVATAR_SERVER"], str(voice), str(movie))
    assert "1.0 s of speech" in run(*arguments, server=server)
    assert probe_clip(movie).has_sound and next(clip_frames(movie))[1].shape == (512, 512, 3)
    refused = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, env={**server, "AVATAR_TOKEN": "another"},
    )  # fmt: skip
    assert refused.returncode == 1 and "token" in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.parametrize("drawn_by_a_server", [False, True])
def test_two_avatars_talk_to_each_other_in_a_movie(
    drawn_by_a_server: bool, tmp_path: Path, run: Run, request: pytest.FixtureRequest
) -> None:
    lines = [str(record(tmp_path / f"line{number}.wav", 0.3)) for number in range(2)]
    movie = tmp_path / "out.mp4"
    server = request.getfixturevalue("server") if drawn_by_a_server else None
    how = () if server is None else ("--server", server["AVATAR_SERVER"])
    assert "s of conversation" in run("examples.two_avatars", str(movie), *how, "--lines", *lines, server=server)
    assert next(clip_frames(movie))[1].shape == (512, 1024, 3)
    assert audio_seconds(movie) > 0.95


def test_the_page_names_every_cue_and_degree() -> None:
    page = (ROOT / "docs/sdk.md").read_text(encoding="utf-8")
    for words in (*CUES, *DEGREES):
        assert all(re.search(rf"\b{word}\b", page) for word in words.split() if word not in ("head", "at")), words
