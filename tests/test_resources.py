"""The files that travel with the package."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from avatar.errors import ModelError
from avatar.perception.distilled_blendshapes import WEIGHTS
from avatar.resources import load_weights, resource_folder


def test_the_page_and_the_faces_are_found_in_a_checkout() -> None:
    assert (resource_folder("client") / "index.html").is_file()
    assert (resource_folder("assets") / "faces.json").is_file()


def test_the_wheel_carries_them_where_the_package_looks() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["sources"] == {"client": "avatar/_client", "assets": "avatar/_assets", "models": "avatar/_models"}
    assert set(wheel["only-include"]) == {"avatar", "client", "assets", "models"}


def test_weights_that_are_missing_or_damaged_are_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = (resource_folder("models") / WEIGHTS).read_bytes()
    assert load_weights(WEIGHTS)["answer.bias"].shape == (51,)
    monkeypatch.setattr("avatar.resources.resource_folder", lambda _: tmp_path)
    with pytest.raises(ModelError, match=f"{WEIGHTS} is missing"):
        load_weights(WEIGHTS)
    for content in (b"", whole[:1000], whole[:-1000]):
        (tmp_path / WEIGHTS).write_bytes(content)
        with pytest.raises(ModelError, match=r"is damaged .*: install avatar again"):
            load_weights(WEIGHTS)
