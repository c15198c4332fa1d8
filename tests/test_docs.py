"""What the documentation shows works as shown."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from avatar.media_file import probe_clip, sound_seconds
from avatar.motion.cues import CUES, DEGREES

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = [
    program
    for page in ("sdk.md", "conversation.md")
    for program in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)
]


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    if "model" in done.stderr and "pull" in done.stderr and done.returncode:
        pytest.skip(f"no models and no network to pull them: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_a_program_of_the_pages_runs(number: int) -> None:
    assert run("-c", PROGRAMS[number]).strip()


def test_the_example_writes_a_movie_of_the_avatar_speaking(tmp_path: Path) -> None:
    import wave  # noqa: PLC0415

    with wave.open(str(tmp_path / "voice.wav"), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(16_000)
        tone = 8000 * np.sin(np.arange(16_000) / 20) * (np.arange(16_000) % 4000 < 2000)
        file.writeframes(tone.astype(np.int16).tobytes())
    assert "1.0 s of speech" in run("-m", "examples.speak", str(tmp_path / "voice.wav"), str(tmp_path / "out.mp4"))
    assert probe_clip(tmp_path / "out.mp4").has_sound
    assert sound_seconds(tmp_path / "out.mp4") > 0.9


def test_the_page_names_every_cue_and_degree() -> None:
    page = (ROOT / "docs/sdk.md").read_text(encoding="utf-8")
    for words in (*CUES, *DEGREES):
        assert all(re.search(rf"\b{word}\b", page) for word in words.split() if word not in ("head", "at")), words
