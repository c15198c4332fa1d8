"""What the documentation shows works as shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from avatar.media_file import clip_frames, probe_clip, sound_seconds
from avatar.motion.cues import CUES, DEGREES

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = [
    program
    for page in ("sdk.md", "conversation.md")
    for program in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server that asks for a token; yield the variables that lead to it."""
    environment = {**os.environ, "AVATAR_TOKEN": "a token of ours"}
    command = [sys.executable, "-m", "avatar.cli", "serve", "--loopback", "--port", "0", "--tier", "geometry"]
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


def run(*arguments: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment,
    )
    if "model" in done.stderr and "pull" in done.stderr and done.returncode:
        pytest.skip(f"no models and no network to pull them: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_a_program_of_the_pages_runs(number: int, request: pytest.FixtureRequest) -> None:
    remote = "AVATAR_SERVER" in PROGRAMS[number]
    environment = request.getfixturevalue("server") if remote else None
    assert run("-c", PROGRAMS[number], environment=environment).strip()


def record(path: Path, seconds: float) -> Path:
    """Write a voice of a kind: a tone that comes and goes."""
    at = np.arange(round(16_000 * seconds))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(16_000)
        file.writeframes((8000 * np.sin(at / 20) * (at % 4000 < 2000)).astype(np.int16).tobytes())
    return path


def test_the_example_writes_a_movie_of_the_avatar_speaking(tmp_path: Path) -> None:
    voice = record(tmp_path / "voice.wav", 1.0)
    assert "1.0 s of speech" in run("-m", "examples.speak", str(voice), str(tmp_path / "out.mp4"))
    assert probe_clip(tmp_path / "out.mp4").has_sound
    assert sound_seconds(tmp_path / "out.mp4") > 0.9


def test_the_example_writes_a_movie_that_a_server_has_drawn(tmp_path: Path, server: dict[str, str]) -> None:
    voice, movie = record(tmp_path / "voice.wav", 1.0), tmp_path / "out.mp4"
    arguments = ("-m", "examples.remote_bot", server["AVATAR_SERVER"], str(voice), str(movie))
    assert "1.0 s of speech" in run(*arguments, environment=server)
    assert probe_clip(movie).has_sound and next(clip_frames(movie))[1].shape == (512, 512, 3)
    refused = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, env={**server, "AVATAR_TOKEN": "another"},
    )  # fmt: skip
    assert refused.returncode == 1 and "token" in refused.stderr and "Traceback" not in refused.stderr


def test_the_example_writes_a_movie_of_two_avatars_talking(tmp_path: Path) -> None:
    lines = [str(record(tmp_path / f"line{number}.wav", 0.6)) for number in range(2)]
    movie = tmp_path / "out.mp4"
    assert "s of conversation" in run("-m", "examples.two_avatars", str(movie), "--lines", *lines)
    assert next(clip_frames(movie))[1].shape == (512, 1024, 3)
    assert sound_seconds(movie) > 1.5


def test_two_avatars_talk_to_each_other_drawn_by_a_server(tmp_path: Path, server: dict[str, str]) -> None:
    lines = [str(record(tmp_path / f"line{number}.wav", 0.6)) for number in range(2)]
    movie = tmp_path / "out.mp4"
    how = ("--server", server["AVATAR_SERVER"], "--lines", *lines)
    assert "s of conversation" in run("-m", "examples.two_avatars", str(movie), *how, environment=server)
    assert next(clip_frames(movie))[1].shape == (512, 1024, 3)
    assert sound_seconds(movie) > 1.5


def test_the_page_names_every_cue_and_degree() -> None:
    page = (ROOT / "docs/sdk.md").read_text(encoding="utf-8")
    for words in (*CUES, *DEGREES):
        assert all(re.search(rf"\b{word}\b", page) for word in words.split() if word not in ("head", "at")), words
