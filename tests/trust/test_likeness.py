"""Face recognition: it knows a person again, works in a process of its own, and says what is missing."""

from __future__ import annotations

import importlib.util
import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avatar.errors import TrustError
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.identities.open import open_identity
from avatar.trust import likeness_process
from avatar.trust.likeness import Likeness, why_not_installed
from avatar.trust.likeness_process import LikenessProcess, serve
from avatar.trust.live_check import LIKENESS
from avatar.types import F32, U8, Motion

ECHO = """
import struct, sys
while len(head := sys.stdin.buffer.read(24)) == 24:
    rows, columns, *box = struct.unpack("<II4f", head)
    pixels = sys.stdin.buffer.read(rows * columns * 3)
    if pixels[0] == 99:
        sys.exit(1)
    sys.stdout.buffer.write(struct.pack("<128f", rows, columns, *box, *[0] * 122))
    sys.stdout.buffer.flush()
"""
FACE = np.array([[100, 80, 0], [200, 180, 0]], np.float32)


@pytest.fixture
def recognition() -> Likeness:
    if (reason := why_not_installed()) is not None:
        pytest.skip(reason)
    return Likeness()


def test_a_person_who_moves_is_nearer_to_themself_than_to_another(
    recognition: Likeness, astronaut: Identity, move: Callable[..., Motion]
) -> None:
    photo = recognition.embed(astronaut.rest.rgb, astronaut.rest.landmarks_px)
    generator = GeometryGenerator(astronaut, (512, 512))
    motion = move(yaw=10, jawOpen=0.4)
    landmarks = generator.rig.landmarks(motion, generator.rig.pose(motion))
    moved = recognition.embed(generator.render(motion), landmarks)
    other = open_identity("kofi").rest
    stranger = recognition.embed(other.rgb, other.landmarks_px)
    assert photo @ photo == pytest.approx(1)
    assert photo @ moved > LIKENESS
    assert photo @ stranger < 0.9
    process = LikenessProcess()
    try:
        assert photo @ process.embed(astronaut.rest.rgb, astronaut.rest.landmarks_px) == pytest.approx(1, abs=1e-4)
    finally:
        process.close()


def test_the_process_is_sent_the_face_and_what_is_around_it() -> None:
    picture = np.zeros((300, 400, 3), np.uint8)
    process = LikenessProcess([sys.executable, "-c", ECHO])
    try:
        rows, columns, left, top, right, bottom = process.embed(picture, FACE)[:6].tolist()
        assert (rows, columns) == (220, 220)  # six tenths of the face on each side, less where the picture ends
        assert (left, top, right, bottom) == (60, 60, 160, 160)
        picture[:] = 99
        with pytest.raises(TrustError, match="ended unexpectedly"):
            process.embed(picture, FACE)
        picture[:] = 0
        assert process.embed(picture, FACE)[0] == 220  # another one was started
    finally:
        process.close()
        process.close()
    with pytest.raises(TrustError, match="closed"):
        process.embed(picture, FACE)


def test_a_process_that_cannot_start_is_said(tmp_path: Path) -> None:
    process = LikenessProcess([str(tmp_path / "nothing")])
    with pytest.raises(TrustError, match="cannot start: No such file"):
        process.embed(np.zeros((300, 400, 3), np.uint8), FACE)
    process.close()


def test_questions_are_answered_until_there_are_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sides:
        def embed_in(self, rgb: U8, left: float, top: float, right: float, bottom: float) -> F32:
            return np.full(128, rgb.shape[0] + right, np.float32)

    monkeypatch.setattr(likeness_process, "Likeness", Sides)
    answers = io.BytesIO()
    question = likeness_process._question(np.zeros((300, 400, 3), np.uint8), FACE)
    serve(io.BytesIO(question + question + question[:100]), answers)
    assert np.frombuffer(answers.getvalue(), "<f4").tolist() == [380.0] * 256


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(TrustError, match=r"dlib is missing\): pip install 'avatar\[live\]'"):
        Likeness()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TrustError, match=r"pip install 'avatar\[live\]'"):
        LikenessProcess()
