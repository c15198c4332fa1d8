"""Damaged media files, by chance: pictures and sound come out, or a sentence; never a traceback, nothing left behind.

The same files each time. `AVATAR_FUZZ=20000 python -m pytest tests/media/test_fuzz.py` reads so many others.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.damaged_files import Change, changes, damaged

LONGEST_S = 60.0
"""A file that takes longer to read hangs; two seconds of clip take a twentieth of one."""
NAMES = (
    *("clip.mp4", "clip.mov", "clip.mkv", "clip.webm", "clip.avi", "clip.ts"),
    *("sound.mp3", "sound.wav", "sound.flac", "sound.ogg", "sound.m4a"),
)
EXPLORE = os.environ.get("AVATAR_FUZZ")


class Reader:
    """A process that reads files; another one where it has gone."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str] = queue.Queue()

    def read(self, path: Path) -> dict[str, Any]:
        """Return what came of a file; `gone` where the process crashed or hung."""
        if self._process is None:
            program = [sys.executable, str(Path(__file__).with_name("read_media.py"))]
            how: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            self._process = subprocess.Popen(program, **how)
            threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        assert self._process.stdin is not None
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        try:
            answer = self._answers.get(timeout=LONGEST_S)
        except queue.Empty:
            self.close()
            return {"gone": f"not read within {LONGEST_S} s"}
        if answer:
            told: dict[str, Any] = json.loads(answer)
            return told
        code = self._process.wait()
        self.close()
        return {"gone": f"the process ended with {code}"}

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._answers.put(line)
        self._answers.put("")


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    made.close()


@pytest.fixture(scope="module")
def folder(media_files: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("fuzz")
    for name, (video, audio) in media_files.CLIPS.items():
        media_files.write_media(made / name, video=video, audio=audio, seconds=1.2)
    for name, audio in media_files.SOUNDS.items():
        media_files.write_media(made / name, audio=audio, seconds=1.2)
    return made


@pytest.mark.slow
@given(name=st.sampled_from(NAMES), done=changes)
@settings(
    max_examples=int(EXPLORE or 300),
    derandomize=EXPLORE is None,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@pytest.mark.timeout(0 if EXPLORE else 180)
def test_a_damaged_file_gives_what_is_left_or_a_sentence(
    name: str, done: list[Change], folder: Path, reader: Reader
) -> None:
    path = folder / f"damaged-{name}"
    path.write_bytes(damaged((folder / name).read_bytes(), done))
    before = sorted(folder.iterdir())
    told = reader.read(path)
    assert "gone" not in told, told["gone"]
    assert "traceback" not in told, told["traceback"]
    assert "left open" not in told, told["left open"]
    assert sorted(folder.iterdir()) == before


def test_whole_files_come_out_whole_there(folder: Path, reader: Reader) -> None:
    for name in NAMES:
        told = reader.read(folder / name)
        assert told["sound"] == pytest.approx(1.2 * 48_000, rel=0.06)
        assert told["pictures"] == 30 if name.startswith("clip") else "has no picture" in told["pictures"]
