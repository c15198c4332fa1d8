"""The page is served whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from avatar.errors import InstallationError
from avatar.resources import resource_folder
from avatar.server.page_files import page_folder


def test_the_page_of_this_checkout_is_whole() -> None:
    assert page_folder() == resource_folder("client")


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        (["index.html"], "index.html"),
        (["styles/base.css", "icon.svg"], "icon.svg, styles/base.css"),
        (["protocol/whip.js"], "protocol/whip.js"),
    ],
)
def test_what_the_page_or_a_script_of_it_loads_is_named_when_it_is_missing(
    tmp_path: Path, lost: list[str], named: str
) -> None:
    folder = tmp_path / "client"
    shutil.copytree(resource_folder("client"), folder)
    for name in lost:
        (folder / name).unlink()
    with pytest.raises(InstallationError, match=f"lacks files of its page: {named} .*pip install"):
        page_folder(folder)


def test_of_many_missing_files_a_few_are_named(tmp_path: Path) -> None:
    shutil.copy(resource_folder("client") / "index.html", tmp_path)
    with pytest.raises(InstallationError, match=r"icon.svg, main.js, .* and \d+ more"):
        page_folder(tmp_path)
