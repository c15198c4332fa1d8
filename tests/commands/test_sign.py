"""`avatar sign`: files that were made here are signed later on; those of others are not."""

from __future__ import annotations

import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from avatar.commands.main import main
from avatar.media.colour import to_i420
from avatar.trust.content_credentials import ContentCredentials
from avatar.trust.marks import Verdict
from avatar.trust.watermark import Mark, Marker
from avatar.trust.watermark_numbers import MarkNumbers
from avatar.types import U8

pytest.importorskip("c2pa", reason="pip install 'avatar[trust]'")


def picture(path: Path, rgb: U8) -> Path:
    """Save a picture that was written a minute ago."""
    Image.fromarray(rgb).save(path)
    os.utime(path, (time.time() - 60, time.time() - 60))
    return path


def test_what_was_made_here_is_signed_once(
    photo: U8, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = np.ascontiguousarray(photo[:512, :512])
    marked = Marker(Mark(MarkNumbers.unpack(12345))).mark_i420(to_i420(whole))
    marked = np.asarray(cv2.cvtColor(marked, cv2.COLOR_YUV2RGB_I420), np.uint8)
    own, other = picture(tmp_path / "own.png", marked), picture(tmp_path / "other.png", whole)
    before, keys = other.read_bytes(), ["--key-folder", str(tmp_path / "keys")]
    with monkeypatch.context() as now:
        now.setattr("avatar.commands.sign.QUIET_S", 1e9)
        assert main(["sign", str(own), *keys]) == 1
    assert "may be a recording that goes on" in capsys.readouterr().err
    assert main(["sign", str(own), str(other), *keys]) == 1
    said = capsys.readouterr()
    assert f"{own}: signed" in said.out and "nothing shows that it was made here" in said.err
    assert ContentCredentials().read(own).verdict is Verdict.FOUND and other.read_bytes() == before
    os.utime(own, (time.time() - 60, time.time() - 60))
    assert main(["sign", str(own), *keys]) == 0 and "signed already" in capsys.readouterr().out
    assert main(["sign", str(other), "--force", *keys]) == 0
    assert ContentCredentials().read(other).verdict is Verdict.FOUND
