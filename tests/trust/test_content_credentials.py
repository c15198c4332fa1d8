"""What `avatar verify` says of files that carry content credentials, and of those that do not."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from avatar.commands.main import main
from avatar.commands.verify import BROKEN, NOT_GENERATED, NOTHING_FOUND, UNREADABLE
from avatar.errors import TrustError
from avatar.trust.certificates import SigningKey, make_test_key
from avatar.trust.content_credentials import SOURCE_TYPES, ContentCredentials
from avatar.trust.marks import Verdict

c2pa = pytest.importorskip("c2pa", reason="pip install 'avatar[trust]'")


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return make_test_key(datetime.datetime.now(datetime.UTC))


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain.jpg"
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(path)
    return path


def signed(plain: Path, key: SigningKey, source: str) -> Path:
    action = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES + source}
    manifest: Mapping[str, Any] = {
        "claim_generator_info": [{"name": "Another\x1b[2Jprogram", "version": "3"}],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
    }
    info = c2pa.C2paSignerInfo(key.algorithm, key.chain_pem, key.key_pem, None)
    out = plain.with_name("signed.jpg")
    with c2pa.Signer.from_info(info) as signer, c2pa.Builder(manifest) as builder:
        builder.sign_file(plain, out, signer)
    return out


def test_a_signed_picture_says_that_it_is_generated(plain: Path, key: SigningKey) -> None:
    finding = ContentCredentials().read(signed(plain, key, "trainedAlgorithmicMedia"))
    assert (finding.verdict, finding.generated) == (Verdict.FOUND, True)
    assert finding.values["source_type"].endswith("trainedAlgorithmicMedia") and not finding.values["trusted"]
    said = " ".join(finding.sentences)
    assert "a trained network" in said and "nobody here vouches" in said
    assert "\x1b" not in said  # a terminal obeys that


def test_who_signed_is_held_against_certificates_of_ones_own(plain: Path, key: SigningKey, tmp_path: Path) -> None:
    anchor = tmp_path / "anchor.pem"
    anchor.write_bytes(key.chain_pem)
    finding = ContentCredentials.with_anchor(anchor).read(signed(plain, key, "trainedAlgorithmicMedia"))
    assert finding.values["trusted"] and "vouch for" in finding.sentences[-1]
    for wrong in (tmp_path / "nowhere.pem", plain):
        with pytest.raises(TrustError):
            ContentCredentials.with_anchor(wrong)


def test_the_command_says_it_in_words_and_exit_codes(
    plain: Path, key: SigningKey, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["verify", str(plain)]) == NOTHING_FOUND
    assert "does not say that the file is real" in capsys.readouterr().out
    path = signed(plain, key, "trainedAlgorithmicMedia")
    assert main(["verify", str(path)]) == 0
    assert "content credentials (C2PA): found" in capsys.readouterr().out
    assert main(["verify", "--json", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["findings"][0]["verdict"] == "found"
    altered = path.read_bytes()
    path.write_bytes(altered[:-40] + bytes(20) + altered[-20:])
    assert main(["verify", str(path)]) == BROKEN
    assert "altered" in capsys.readouterr().out
    assert main(["verify", str(signed(plain, key, "digitalCapture"))]) == NOT_GENERATED
    assert "does not say that this was generated" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "nothing.jpg")]) == 1


def test_a_file_in_which_nothing_can_be_looked_for_is_not_said_to_have_no_mark(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "odd\x1b[31m\nname.mp4"
    path.touch()
    assert main(["verify", str(path)]) == UNREADABLE
    said = capsys.readouterr().out
    assert "No mark could be looked for" in said
    assert "\x1b" not in said and r"odd\x1b[31m\nname.mp4" in said  # a terminal obeys what a stranger named a file
    assert main(["verify", "--json", str(path)]) == UNREADABLE
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert {finding["generated"] for finding in findings} == {None}, "what was not found says nothing"
    assert main(["verify", str(tmp_path)]) == 1
    assert "is no file" in capsys.readouterr().err


@pytest.mark.parametrize("junk", [b"", b"\x00", b"no picture at all\n" * 20, b"\xff\xd8\xff\xe0" + bytes(400)])
def test_junk_is_no_error(junk: bytes, tmp_path: Path) -> None:
    path = tmp_path / "junk.jpg"
    path.write_bytes(junk)
    assert ContentCredentials().read(path).verdict in (Verdict.UNREADABLE, Verdict.ABSENT)
