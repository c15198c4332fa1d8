"""The control page of `avatar camera` in a browser: a picture that is refused is gone, one that is taken stays."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from PIL import Image

from avatar.commands.camera_page import serving_page
from avatar.config import LimitSettings
from tests.server.test_camera_app import Controls

REMEMBERED = "return [localStorage.getItem('avatar.background'), localStorage.getItem('avatar.background_picture')]"


def test_a_picture_that_is_refused_is_not_remembered(chromium: ModuleType, tmp_path: Path) -> None:
    thin, meadow = tmp_path / "thin.png", tmp_path / "meadow.png"
    Image.new("RGB", (4, 300)).save(thin)
    Image.new("RGB", (320, 240), (30, 160, 60)).save(meadow)
    controls = Controls()
    with serving_page(controls, 0, LimitSettings()) as link, chromium.Chromium(None, allow=False) as browser:
        browser.driver.get(link)
        browser.until(lambda: browser.run("return document.querySelectorAll('#faces img').length"), "the faces")
        browser.by_id("background-file").send_keys(str(thin))
        browser.until(lambda: browser.text("notice"), "the word that it is too small")
        assert browser.run(REMEMBERED) == ["", ""] and not controls.asked
        browser.by_id("background-file").send_keys(str(meadow))
        browser.until(lambda: bool(controls.asked), "the picture that is taken")
        kind, picture = browser.run(REMEMBERED)
        assert kind == "picture" and picture.startswith("data:image/jpeg")
