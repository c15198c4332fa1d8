"""The command line as a user meets it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avatar.commands.main import main, no_room
from avatar.generator.identity import Identity
from avatar.generator.identity_file import read_identity, write_identity
from avatar.media.pcm import wav_bytes
from avatar.types import U8


@pytest.fixture
def portrait(photo: U8, tmp_path: Path) -> Path:
    path = tmp_path / "me.jpg"
    Image.fromarray(photo).save(path)
    return path


def test_matrices_are_multiplied_in_the_thread_that_asks() -> None:
    """On a busy machine OpenBLAS' own threads wait for each other: a call with sound would stand still."""
    code = """
import contextlib, os
from avatar.commands.main import main
with contextlib.suppress(SystemExit):
    main(["--version"])
import numpy as np
large = np.ones((512, 512), np.float32)
large @ large
print("threads", len(os.listdir("/proc/self/task")))
"""
    if not Path("/proc/self/task").is_dir():
        pytest.skip("threads are counted where Linux lists them")
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert shown.stdout.splitlines()[-1] == "threads 1"


@pytest.mark.parametrize("command", [[], ["serve"], ["enroll"], ["render"], ["doctor"], ["models"]])
def test_help_teaches_and_needs_nothing_heavy(command: list[str]) -> None:
    code = f"""
import sys
from avatar.commands.main import main
try:
    main({[*command, "--help"]!r})
except SystemExit as stop:
    assert stop.code == 0
heavy = {{"numpy", "cv2", "av", "aiortc", "fastapi", "mediapipe", "PIL"}} & sys.modules.keys()
assert not heavy, heavy
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "usage: avatar" in shown
    if command in ([], ["serve"], ["enroll"], ["render"]):
        assert "example" in shown or "start here" in shown


def test_enrolling_a_photo_writes_a_file_that_renders(
    portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "my face.avatar"
    assert main(["enroll", str(portrait), "-o", str(out), "--name", "Ada"]) == 0
    assert read_identity(out).name == "Ada"
    assert f"avatar render --avatar '{out}'" in capsys.readouterr().out, "ready to be pasted"


def test_enrolling_states_whose_face_it_is_and_the_file_says_so(
    portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, keys = tmp_path / "me.avatar", tmp_path / "keys"
    said = error_of(["enroll", str(portrait), "-o", str(out), "--require-consent"], capsys)
    assert "--consent self" in said and not out.exists()
    assert main(["enroll", str(portrait), "-o", str(out), "--consent", "self", "--key-folder", str(keys)]) == 0
    capsys.readouterr()
    assert main(["info", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "self: whoever made it says that the face is their own" in shown and "by the key" in shown
    assert main(["info", "--json", str(out)]) == 0
    assert json.loads(capsys.readouterr().out)["consent"]["holds"] is True
    assert main(["verify", str(out)]) == 0
    assert "consent: found" in capsys.readouterr().out


def test_a_built_in_face_is_no_file_to_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert "mira is a built-in face" in error_of(["info", "mira"], capsys)
    assert "No such file" in error_of(["info", "nobody.avatar"], capsys)


def error_of(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that fails; return its one message."""
    assert main(argv) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("avatar: ")
    assert "Traceback" not in shown.err
    return shown.err


def test_errors_are_one_friendly_message(portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "x.avatar")
    missing = str(tmp_path / "none.jpg")
    assert f"{missing} cannot be read: No such file" in error_of(["enroll", missing, "-o", out], capsys)
    text = tmp_path / "text.jpg"
    text.write_text("hello")
    assert "text.jpg: This file is not a picture" in error_of(["enroll", str(text), "-o", out], capsys)
    wall = tmp_path / "wall.png"
    Image.fromarray(np.full((300, 300, 3), 200, np.uint8)).save(wall)
    assert "face" in error_of(["enroll", str(wall), "-o", out], capsys)
    assert "is a clip, not a photo: give it with --refine" in error_of(["enroll", "me.mp4", "-o", out], capsys)
    assert "one of the inputs" in error_of(["enroll", str(portrait), "-o", str(portrait)], capsys)
    assert "does not exist" in error_of(["enroll", str(portrait), "-o", str(tmp_path / "no" / "x.avatar")], capsys)
    assert "nobody" in error_of(["render", "--avatar", "nobody", "-o", str(tmp_path / "x.mp4")], capsys)
    mine = tmp_path / "me.avatar"
    mine.write_bytes(b"a face that took long to make")
    for command in (["say", "Hello"], ["render", "--avatar", "mira"]):
        assert "end it in .mp4, as in me.mp4" in error_of([*command, "-o", str(mine)], capsys)
    assert "end it in .avatar" in error_of(["enroll", str(portrait), "-o", str(tmp_path / "me.png")], capsys)
    assert mine.read_bytes() == b"a face that took long to make"
    clip = str(tmp_path / "none.mp4")
    cues = tmp_path / "cues.txt"
    cues.write_text("1 nod\n2 smle\n")
    said = error_of(["render", "--avatar", "mira", "--cues", str(cues), "-o", str(tmp_path / "x.mp4")], capsys)
    assert f"{cues}, line 2" in said and "Did you mean 'smile'" in said
    answer = error_of(["render", "--avatar", str(portrait), "--driver", clip, "-o", str(tmp_path / "x.mp4")], capsys)
    assert f"{clip} does not exist" in answer
    for option in ("--driver", "--audio", "--cues"):
        answer = error_of(["render", "--avatar", "mira", option, str(tmp_path), "-o", str(tmp_path / "x.mp4")], capsys)
        assert f"{tmp_path} is a folder: name a file in it" in answer
    assert "There is no model named 'nose'; there are: face_landmarker" in error_of(["models", "pull", "nose"], capsys)
    assert "liveportrait" in error_of(["models", "verify", "nose"], capsys)


@pytest.mark.filterwarnings("error")
def test_a_photo_too_large_to_decode_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    large = tmp_path / "large.jpg"
    Image.new("L", (9000, 12000)).save(large)
    said = error_of(["enroll", str(large), "-o", str(tmp_path / "me.avatar")], capsys)
    assert said.startswith(f"avatar: {large}: The photo is too large (9000 x 12000 pixels")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits of a process are POSIX")
@pytest.mark.parametrize(
    ("command", "limit_bytes", "sentence"),
    [
        (["enroll", "me.jpg", "-o", "out.avatar"], 20_000, "out.avatar cannot be written"),
        (
            ["render", "--avatar", "me.avatar", "--audio", "me.wav", "-o", "out.mp4", "--tier", "geometry"],
            5_000,
            "Cannot write out.mp4",
        ),
        (["say", "Hello", "--avatar", "me.avatar", "-o", "out.mp4"], 0, "No folder for temporary files"),
    ],
)
def test_a_full_disk_is_said_and_leaves_no_half_file(
    command: list[str], limit_bytes: int, sentence: str, portrait: Path, astronaut: Identity, tmp_path: Path
) -> None:
    write_identity(astronaut, tmp_path / "me.avatar")
    (tmp_path / "me.wav").write_bytes(wav_bytes(np.full(4_000, 500, np.int16), 16_000))
    before = set(tmp_path.iterdir())
    limited = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, {limit_bytes}))\n"
        f"from avatar.commands.main import main; raise SystemExit(main({command!r}))"
    )
    command_line = [sys.executable, "-c", limited]
    done = subprocess.run(command_line, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("avatar: "), done.stderr
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert set(tmp_path.iterdir()) == before


def test_only_errors_of_a_full_disk_are_called_so() -> None:
    said = no_room(OSError(errno.ENOSPC, "No space left on device", "clip.wav"))
    assert said == (
        "There is no room to write clip.wav (No space left on device). Free some space, or write elsewhere."
    )
    assert no_room(FileNotFoundError(errno.ENOENT, "No such file or directory", "clip.wav")) is None


@pytest.mark.parametrize("option", ["--driver", "--audio", "--voice-network"])
def test_a_path_that_is_too_long_is_one_sentence(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = error_of(["render", "--avatar", "mira", "-o", "x.mp4", "--audio", __file__, option, "x" * 4000], capsys)
    assert "No file can have so long a name: xxxx" in said and len(said) < 200


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["serve", "--prot", "9000"], "serve: error: unrecognized arguments: --prot 9000 (did you mean --port?)"),
        (["say", "Hello", "--avatr=lin", "-o", "x.mp4"], "(did you mean --avatar?)"),
        (["serve", "--xyzzy"], "unrecognized arguments: --xyzzy\n"),
    ],
)
def test_a_flag_that_is_not_known_names_what_may_be_meant(
    words: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert meant in capsys.readouterr().err


def test_debug_shows_where_an_error_comes_from(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="cannot be read"):
        main(["--debug", "enroll", str(tmp_path / "none.jpg"), "-o", str(tmp_path / "x.avatar")])


@pytest.mark.parametrize("size", ["512", "511x512", "100x100", "2000x2000", "axb"])
def test_a_size_that_cannot_be_is_refused(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--size", size]) == 2
    said = capsys.readouterr().err
    assert f"--size cannot be '{size}'" in said and "from 128x128 to 1280x720" in said


def test_models_are_listed_and_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVATAR_MODELS", str(tmp_path))
    assert main(["models", "list"]) == 0
    shown = capsys.readouterr().out
    assert "face_landmarker: missing" in shown
    assert "Apache-2.0" in shown
    assert str(tmp_path) in shown
    assert main(["models", "verify"]) == 1
    assert "avatar models pull" in capsys.readouterr().out
    assert main(["models", "verify", "liveportrait"]) == 1
    assert "liveportrait: not fetched" in capsys.readouterr().out


def test_the_command_starts_at_once() -> None:
    before = os.times()
    subprocess.run([sys.executable, "-m", "avatar.commands.main", "--version"], capture_output=True, check=True)
    after = os.times()
    used_s = after.children_user + after.children_system - before.children_user - before.children_system
    assert used_s < 1.0, "0.1 s of work, however long a busy machine lets it wait"


@pytest.mark.parametrize("command", [["info"], ["verify"], ["enroll", "-o", "me.avatar"], ["render", "--nothing"]])
def test_the_name_of_a_file_does_not_move_the_terminal(
    command: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    strange = tmp_path / "\x1b[2J\u202e\rme.avatar"
    strange.write_bytes(b"junk")
    try:
        main([*command, str(strange)])
    except SystemExit as end:  # of the parser
        assert end.code == 2
    shown = "".join(capsys.readouterr())
    assert shown.isprintable() or all(line.isprintable() for line in shown.split("\n")), shown
