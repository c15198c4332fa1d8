"""What is behind the avatar is chosen in the call's settings, changes without a gap, and is there again next time."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from PIL import Image

CORNER = """
const video = document.getElementById("avatar-video");
const canvas = new OffscreenCanvas(16, 16), context = canvas.getContext("2d");
context.drawImage(video, 4, 4, 16, 16, 0, 0, 16, 16);
return [...context.getImageData(8, 8, 1, 1).data].slice(0, 3);
"""
WATCH = """
const video = document.getElementById("avatar-video");
window.darkest = 255;
const context = new OffscreenCanvas(8, 8).getContext("2d", {willReadFrequently: true});
const look = () => {
  context.drawImage(video, 0, 0, 8, 8);
  const data = context.getImageData(0, 0, 8, 8).data;
  window.darkest = Math.min(window.darkest, Math.max(...data.filter((_, at) => at % 4 < 3)));
  video.requestVideoFrameCallback(look);
};
video.requestVideoFrameCallback(look);
"""
SET_COLOUR = """
const colour = document.querySelector(".background-colour");
colour.value = "#00c83c";
colour.dispatchEvent(new Event("change"));
"""


def shows(browser: Any, rgb: tuple[int, int, int]) -> bool:
    return max(abs(seen - wanted) for seen, wanted in zip(browser.run(CORNER), rgb, strict=True)) < 16


def join(browser: Any, address: str) -> None:
    browser.open(f"{address}?width=256&height=256")
    browser.click("join-without")
    browser.until(lambda: browser.run("return document.querySelector('#frame.playing') !== null"), "the first picture")


def choose(browser: Any, kind: str) -> None:
    browser.run(f"document.getElementById('background-{kind}').click()")


def test_a_background_is_chosen_in_mid_call_and_remembered(chromium: ModuleType, server: Any, tmp_path: Path) -> None:
    meadow = tmp_path / "meadow.png"
    Image.new("RGB", (800, 600), (30, 60, 200)).save(meadow)
    with chromium.Chromium(None, allow=False) as browser:
        join(browser, server.address)
        browser.click("control-settings")
        browser.run(WATCH)
        browser.until(lambda: browser.run("return document.getElementById('background-keep').checked"), "what is there")
        choose(browser, "colour")
        browser.run(SET_COLOUR)
        browser.until(lambda: shows(browser, (0, 200, 60)), "the colour behind the avatar")
        browser.by_id("background-file").send_keys(str(meadow))
        browser.until(lambda: shows(browser, (30, 60, 200)), "the picture behind the avatar")
        assert browser.run("return window.darkest") > 60, "no picture in between was black"
        browser.click("control-leave")
        join(browser, server.address)
        browser.until(lambda: shows(browser, (30, 60, 200)), "the picture again")
        browser.click("control-settings")
        choose(browser, "blur")
        browser.until(lambda: not shows(browser, (30, 60, 200)), "the photo's own, blurred")
        assert browser.complaints() == []
