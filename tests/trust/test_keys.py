"""Keys of this installation: made once, for its user alone, and never shown."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from avatar.errors import TrustError
from avatar.trust.keys import CONSENT_KEY, consent_key


def test_a_key_is_made_once_and_for_its_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "keys"
    first = consent_key(folder)
    assert consent_key(folder).public_key() == first.public_key()
    assert [path.name for path in folder.iterdir()] == [CONSENT_KEY]
    if os.name == "posix":
        assert stat.S_IMODE((folder / CONSENT_KEY).stat().st_mode) == 0o600


def test_programs_that_start_together_share_the_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: consent_key(tmp_path).public_key().public_bytes_raw(), range(16)))
    assert len(set(keys)) == 1


@pytest.mark.skipif(os.name != "posix", reason="other systems have other rules")
def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    consent_key(tmp_path)
    (tmp_path / CONSENT_KEY).chmod(0o644)
    with pytest.raises(TrustError, match="chmod 600"):
        consent_key(tmp_path)


def test_what_is_no_key_is_refused_without_being_shown(tmp_path: Path) -> None:
    path = tmp_path / CONSENT_KEY
    path.write_text("precious words of somebody")
    path.chmod(0o600)
    with pytest.raises(TrustError, match="no key of ours") as refused:
        consent_key(tmp_path)
    assert "precious" not in str(refused.value)
    with pytest.raises(TrustError, match="--key-folder DIR"):
        consent_key(path)  # a file where a folder has to be
