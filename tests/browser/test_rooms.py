"""Two people in a room, in two windows: one starts it and sends the link, the other comes in; each sees the other."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

CLIPBOARD = """
Object.defineProperty(navigator, "clipboard", {value: {writeText: (text) => (window.link = text)}});
"""
OTHERS = "#tiles > :not(:first-child)"
TILES = f"""
return [...document.querySelectorAll("{OTHERS}")].map((tile) => ({{
  name: tile.querySelector(".tile-name").textContent,
  playing: tile.querySelector(".frame").classList.contains("playing"),
  muted: !tile.querySelector(".tile-sign").hidden,
  sounds: !tile.querySelector("video").muted && tile.querySelector("video").srcObject?.getAudioTracks().length === 1,
}}));
"""
PICTURE = f"""
const context = new OffscreenCanvas(32, 32).getContext("2d");
context.drawImage(document.querySelector("{OTHERS} video"), 0, 0, 32, 32);
return [...context.getImageData(0, 0, 32, 32).data];
"""


def tiles(browser: Any) -> list[dict[str, Any]]:
    """Who is shown beside one's own picture."""
    return list(browser.run(TILES))


def picture(browser: Any) -> np.ndarray:
    """What the other's tile shows, 32 x 32 RGB."""
    return np.asarray(browser.run(PICTURE), np.float32).reshape(32, 32, 4)[..., :3]


def test_two_people_meet_in_a_room_and_see_each_other_until_one_leaves(
    chromium: ModuleType, server: Any, face_camera: Any
) -> None:
    with chromium.Chromium(face_camera) as browser:
        first = browser.driver.current_window_handle

        def look(window: str) -> None:
            browser.driver.switch_to.window(window)

        def enter(name: str) -> None:
            browser.by_id("room-name").clear()
            browser.by_id("room-name").send_keys(name)
            browser.click("join")
            browser.until(lambda: browser.state() == "live", "the call to be live")

        browser.open(f"{server.address}?width=256&height=256")
        browser.until(lambda: browser.by_id("start-room").is_displayed(), "the offer of a room")
        browser.click("start-room")
        browser.until(lambda: browser.text("room-who") == "Nobody is in the room yet.", "who is there")
        browser.run(CLIPBOARD)
        browser.click("copy-lobby-room-link")
        link = browser.until(lambda: browser.run("return window.link"), "the copied link")
        enter("Ada")
        browser.until(lambda: "Nobody else is here yet" in browser.text("call-notice"), "the word that one is alone")

        browser.driver.switch_to.new_window("window")
        second = browser.driver.current_window_handle
        browser.open(link)
        browser.until(lambda: browser.text("room-who") == "Ada is in the room.", "who is there")
        face = browser.driver.find_element("css selector", "#lobby-faces [data-id='kofi'] label")
        browser.run("arguments[0].scrollIntoView({block: 'center'})", face)
        face.click()
        enter("<b>Bo</b>")
        browser.until(lambda: [(one["name"], one["playing"]) for one in tiles(browser)] == [("Ada", True)], "Ada")
        before = picture(browser)
        browser.until(lambda: np.abs(picture(browser) - before).max() > 10, "her face to move")

        look(first)
        expected = {"name": "<b>Bo</b>", "playing": True, "muted": False, "sounds": True}
        browser.until(lambda: tiles(browser) == [expected], "Bo, by the name that he wrote")
        browser.click("control-mic")
        look(second)
        browser.until(lambda: tiles(browser)[0]["muted"], "the sign that Ada is muted")
        browser.click("control-leave")
        browser.until(lambda: "You left the call" in browser.text("lobby-notice"), "the lobby")
        assert browser.driver.current_url == link, "one can come in again"
        look(first)
        browser.until(lambda: tiles(browser) == [], "his tile to go")
        browser.click("control-leave")
        browser.until(lambda: server.sessions() == 0, "the calls to be gone")
        browser.until(lambda: server.metric("avatar_rooms") == 0, "the room to be gone")
        assert browser.complaints() == []
