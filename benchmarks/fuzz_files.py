"""Damaged pictures, sounds, clips and `.avatar` files, read by a process that may crash and is then started again."""

from __future__ import annotations

import io
import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import av
import numpy as np
import psutil
from hypothesis import strategies as st
from PIL import Image

from benchmarks.damaged_files import changes, damaged

LONGEST_S: Final = 60.0
"""A file that takes longer to read hangs."""
SOUNDS: Final = {"a.wav": "pcm_s16le", "b.mp3": "libmp3lame", "c.ogg": "libopus", "d.flac": "flac", "e.m4a": "aac"}
PICTURES: Final = {"a.jpg": "JPEG", "b.png": "PNG", "c.webp": "WEBP", "d.gif": "GIF", "e.bmp": "BMP"}
RATE: Final = 48_000


class FileReader:
    """The process that reads; another one where it has gone."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str] = queue.Queue()
        self.crashes = 0

    def read(self, path: Path) -> tuple[str, str]:
        """Return what came of a file (`read`, `refused`, `failed`, `crashed` or `hung`), and what was said of it."""
        process = self._started()
        assert process.stdin is not None
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        try:
            answer = self._answers.get(timeout=LONGEST_S)
        except queue.Empty:
            self._end()
            return "hung", f"not read within {LONGEST_S:.0f} s"
        if not answer:
            code = process.wait()
            self._end()
            return "crashed", f"the process ended with {code}"
        told = json.loads(answer)
        return told["outcome"], told["said"]

    def rss_mb(self) -> float:
        """Return the resident memory of the process that reads now, in MB."""
        return float(psutil.Process(self._started().pid).memory_info().rss) / 1e6

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            program = [sys.executable, "-m", "benchmarks.fuzz_reader"]
            how: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            self._process = subprocess.Popen(program, text=True, **how)
            self._answers = queue.Queue()
            threading.Thread(target=_listen, args=(self._process, self._answers), daemon=True).start()
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _listen(process: subprocess.Popen[str], answers: queue.Queue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        answers.put(line)
    answers.put("")


def whole_files(face: np.ndarray, avatar_file: bytes) -> dict[str, dict[str, bytes]]:
    """Return files that are read, by their kind and name.

    Args:
        face: (height, width, 3) RGB, a portrait.
        avatar_file: an `.avatar` file.
    """
    pictures = {}
    for name, kind in PICTURES.items():
        out = io.BytesIO()
        Image.fromarray(face).resize((256, 256)).save(out, kind)
        pictures[name] = out.getvalue()
    sounds = {name: _sound(name, codec) for name, codec in SOUNDS.items()}
    return {"images": pictures, "audio": sounds, "avatar files": {"a.avatar": avatar_file}}


@st.composite
def damaged_one(draw: st.DrawFn, files: dict[str, bytes]) -> tuple[str, bytes]:
    """One of the files, damaged: its name and its bytes."""
    name = draw(st.sampled_from(sorted(files)))
    return name, damaged(files[name], draw(changes))


def _sound(name: str, codec: str) -> bytes:
    out = io.BytesIO()
    out.name = name
    with av.open(out, "w", format=None) as container:
        stream: Any = container.add_stream(codec, rate=RATE)
        stream.layout = "mono"
        tone = (8_000 * np.sin(2 * np.pi * 220 * np.arange(RATE // 2) / RATE)).astype(np.int16)
        for at in range(0, len(tone), 960):
            frame = av.AudioFrame.from_ndarray(tone[None, at : at + 960], format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()
