"""Which clips a benchmark takes when none are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import media

ROWS = """file,kind,split,seconds,is_speech,yaw_range,jaw_range,identity_group
calm.mp4,video,test,9,no,-2..2,0..0.1,anna
lively.mp4,video,test,9,yes,-30..30,0..0.6,bela
lively2.mp4,video,test,9,yes,-20..20,0..0.6,bela
short.mp4,video,test,2,yes,-40..40,0..0.6,carl
train.mp4,video,train,9,yes,-40..40,0..0.6,dora
still.png,image,test,,no,,,emil
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "MANIFEST.csv").write_text(ROWS)
    monkeypatch.setattr(media, "SHARED", tmp_path)
    return tmp_path


def test_the_liveliest_clip_of_each_person_nothing_was_fitted_on_is_taken(folder: Path) -> None:
    assert media.test_clips(5) == [folder / "lively.mp4", folder / "calm.mp4"]
    assert media.test_clips(1) == [folder / "lively.mp4"]
    assert media.test_clips(5, speech_only=True) == [folder / "lively.mp4"]


def test_without_clips_it_says_how_to_name_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "SHARED", tmp_path)
    with pytest.raises(SystemExit, match="--driver"):
        media.test_clips(1)
