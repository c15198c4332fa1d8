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


def test_what_was_made_here_is_signed_once(photo: U8, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = np.ascontiguousarray(photo[:512, :512])
    marked = Marker(Mark(MarkNumbers.unpack(12345))).mark_i420(to_i420(whole))
    marked = np.asarray(cv2.cvtColor(marked, cv2.COLOR_YUV2RGB_I420), np.uint8)
    own, other = picture(tmp_path / "own.png", marked), picture(tmp_path / "other.png", whole)
    fresh = picture(tmp_path / "fresh.png", marked)
    fresh.touch()
    before = other.read_bytes(), fresh.read_bytes()
    keys = ["--key-folder", str(tmp_path / "keys")]
    assert main(["sign", str(own), str(other), str(fresh), *keys]) == 1
    said = capsys.readouterr()
    assert f"{own}: signed" in said.out
    assert "nothing shows that it was made here" in said.err and "may be a recording that goes on" in said.err
    assert ContentCredentials().read(own).verdict is Verdict.FOUND
    assert (other.read_bytes(), fresh.read_bytes()) == before
    os.utime(own, (time.time() - 60, time.time() - 60))
    assert main(["sign", str(own), *keys]) == 0 and "signed already" in capsys.readouterr().out
    assert main(["sign", str(other), "--force", *keys]) == 0
    assert ContentCredentials().read(other).verdict is Verdict.FOUND
