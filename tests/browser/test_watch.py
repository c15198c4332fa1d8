"""A call is watched in another tab by its link, as the page copies it, until it ends."""

from __future__ import annotations

from types import ModuleType
from typing import Any

CLIPBOARD = """
Object.defineProperty(navigator, "clipboard", {value: {writeText: (text) => (window.link = text)}});
"""
REFUSING = """
const refuse = () => Promise.reject(new Error("not allowed"));
Object.defineProperty(navigator, "clipboard", {configurable: true, value: {writeText: refuse}});
"""
FITS = """
const text = document.getElementById('watch-link-text');
return text.scrollWidth <= text.clientWidth && text.getBoundingClientRect().right <= innerWidth;
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
        browser.run(REFUSING)
        browser.click("copy-watch-link")
        browser.until(lambda: "/watch/" in browser.text("watch-link-text"), "the link, to be marked by hand")
        assert browser.run(FITS), "a long link stays inside the settings"
        browser.run(CLIPBOARD)
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
