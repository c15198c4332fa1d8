"""A call is watched in another tab by its link, as the page copies it, until it ends."""

from __future__ import annotations

from types import ModuleType
from typing import Any

CLIPBOARD = """
Object.defineProperty(navigator, "clipboard", {value: {writeText: (text) => (window.link = text)}});
"""
WIDTH = "return document.getElementById('picture').videoWidth"
PLAYING = "return document.getElementById('picture').currentTime > 0.3"


def test_a_call_is_seen_by_its_link_until_it_ends(chromium: ModuleType, server: Any) -> None:
    with chromium.Chromium(None, allow=False) as browser:
        browser.open(f"{server.address}?width=256&height=256")
        browser.click("join-without")
        browser.until(lambda: browser.state() == "live", "the call to be live")
        browser.click("control-settings")
        browser.until(lambda: browser.by_id("copy-watch-link").is_enabled(), "the link")
        browser.run(
            "Object.defineProperty(navigator, 'clipboard', {value: {writeText: (text) => (window.link = text)}})"
        )
        browser.click("copy-watch-link")
        link = browser.until(lambda: browser.run("return window.link"), "the copied link")
        browser.driver.switch_to.new_window("tab")
        browser.driver.get(link)
        browser.until(lambda: browser.run(PLAYING) and browser.run(WIDTH) == 256, "the avatar in the other tab")
        assert browser.text("status") == "" and browser.by_id("sound").is_displayed()
        browser.driver.switch_to.window(browser.driver.window_handles[0])
        browser.click("control-leave")
        browser.driver.switch_to.window(browser.driver.window_handles[1])
        browser.until(lambda: browser.text("status") == "This call has ended.", "the word that it is over")
        assert browser.complaints() == []
