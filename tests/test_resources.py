"""The files that travel with the package."""

from __future__ import annotations

import tomllib
from pathlib import Path

from avatar.resources import resource_folder


def test_the_page_and_the_faces_are_found_in_a_checkout() -> None:
    assert (resource_folder("client") / "index.html").is_file()
    assert (resource_folder("assets") / "faces.json").is_file()


def test_the_wheel_carries_them_where_the_package_looks() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["sources"] == {"client": "avatar/_client", "assets": "avatar/_assets", "models": "avatar/_models"}
    assert set(wheel["only-include"]) == {"avatar", "client", "assets", "models"}
