"""`avatar enroll`: what the command asks, and says when its arguments do not fit together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avatar.commands.consent_question import ANSWERS, ask_claim
from avatar.commands.main import main
from avatar.errors import TrustError
from avatar.generator.identity_file import read_identity
from avatar.trust.consent import CLAIMS
from avatar.types import F32, U8


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ([], "at least one photo, or a clip"),
        (["--refine", "nowhere.mp4"], "nowhere.mp4 does not exist"),
        (["me.jpg", "--sheet", "sheet.png"], "give a clip with --refine"),
        (["me.jpg"] * 9, "at most 8"),
    ],
)
def test_arguments_that_do_not_fit_are_explained(
    arguments: list[str], answer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", *arguments, "-o", str(tmp_path / "me.avatar")]) == 1
    assert answer in capsys.readouterr().err


def test_that_tuning_needs_torch_is_said_before_the_clip_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("avatar.commands.enroll.find_spec", lambda name: None)
    clip = str(tmp_path / "none.mp4")
    assert main(["enroll", "--refine", clip, "--tune", "3", "-o", str(tmp_path / "me.avatar")]) == 1
    said = capsys.readouterr().err
    assert "--tune needs torch" in said
    assert "avatar[train]" in said


def test_the_clip_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"precious")
    assert main(["enroll", "--refine", str(clip), "-o", str(tmp_path / "a.avatar"), "--sheet", str(clip)]) == 1
    assert "one of the inputs" in capsys.readouterr().err and clip.read_bytes() == b"precious"
    assert main(["enroll", "--refine", str(clip), "-o", str(tmp_path / "a.avatar")]) == 1
    assert "Cannot open" in capsys.readouterr().err


def test_who_sits_at_a_terminal_is_asked_whose_face_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    typed = iter(["mine", "2"])
    assert ask_claim(lambda _: next(typed)) == "permitted"
    assert "Whose face is it?" in capsys.readouterr().out
    assert ask_claim(lambda _: "Nobody ") == "nobody"
    assert ask_claim(lambda _: "") is None, "who does not answer is not asked for ever"
    assert ANSWERS.keys() <= CLAIMS.keys()


def test_enrolling_asks_at_a_terminal_and_says_how_elsewhere(
    photo: U8, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(photo).save(tmp_path / "me.png")
    command = ["enroll", str(tmp_path / "me.png"), "-o", str(tmp_path / "me.avatar"), "--require-consent"]
    command += ["--key-folder", str(tmp_path / "keys")]
    assert main(command) == 1
    assert "--consent self" in capsys.readouterr().err
    monkeypatch.setattr("avatar.commands.enroll.can_ask", lambda: True)
    monkeypatch.setattr("avatar.commands.enroll.ask_claim", lambda: "self")
    assert main(command) == 0
    consent = read_identity(tmp_path / "me.avatar").consent
    assert consent is not None and consent.claim == "self"


def test_a_file_that_states_whose_face_it_is_is_replaced_on_ones_word_alone(
    photo: U8, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(photo).save(tmp_path / "me.png")
    out = tmp_path / "me.avatar"
    command = ["enroll", str(tmp_path / "me.png"), "-o", str(out)]
    assert main([*command, "--consent", "self", "--key-folder", str(tmp_path / "keys")]) == 0
    stated = out.read_bytes()
    capsys.readouterr()
    assert main(command) == 1
    assert "states whose face it is" in capsys.readouterr().err and out.read_bytes() == stated
    assert main([*command, "--force"]) == 0 and read_identity(out).consent is None
    assert main(command) == 0, "what states nothing is replaced as ever"


def test_face_recognition_that_is_damaged_keeps_nobody_from_enrolling(
    photo: U8, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged() -> None:
        raise TrustError("It is damaged.")

    Image.fromarray(photo).save(tmp_path / "me.png")
    monkeypatch.setattr("avatar.trust.likeness.why_not_installed", lambda: None)
    monkeypatch.setattr("avatar.trust.likeness.Likeness", damaged)
    out = tmp_path / "me.avatar"
    assert main(["enroll", *[str(tmp_path / "me.png")] * 2, "-o", str(out)]) == 0 and out.is_file()
    assert "warning: It is damaged. Photos are compared by the faces' shape." in capsys.readouterr().err


def test_photos_of_two_people_are_warned_of(
    photo: U8, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Recognition:
        """Takes any two photos for two people's."""

        seen = 0

        def embed(self, rgb: U8, landmarks_px: F32) -> F32:
            self.seen += 1
            return np.eye(8, dtype=np.float32)[self.seen]

        def close(self) -> None: ...

    Image.fromarray(photo).save(tmp_path / "me.png")
    command = ["enroll", *[str(tmp_path / "me.png")] * 2, "-o", str(tmp_path / "me.avatar")]
    monkeypatch.setattr("avatar.commands.enroll._recognition", lambda: None)
    assert main(command) == 0 and "another person" not in capsys.readouterr().err
    monkeypatch.setattr("avatar.commands.enroll._recognition", Recognition)
    assert main(command) == 0
    assert "Photo 2: This seems to be another person than in the first" in capsys.readouterr().err
