"""What moves the avatar, chosen on the page: camera, voice or both, live."""

from __future__ import annotations

from types import ModuleType
from typing import Any

ARROW_DOWN, ARROW_UP = "\ue015", "\ue013"
HELD = "return document.getElementById('drive').dataset.drive"
"""What the server has said last."""


def until_held(browser: Any, drive: str) -> None:
    """Wait until the server has answered that this moves the avatar."""
    browser.until(lambda: browser.run(HELD) == drive, f"the server to say {drive}")
    assert browser.run("return document.querySelector('#drive input:checked').value") == drive
    assert browser.state() == "live"


def test_the_voice_takes_over_from_the_camera_and_gives_it_back(
    chromium: ModuleType, server: Any, face_camera: Any
) -> None:
    with chromium.Chromium(face_camera) as browser:
        browser.open(server.address)
        browser.join()
        until_held(browser, "camera")
        browser.click("control-settings")
        browser.run("document.getElementById('drive-camera').focus()")
        browser.press(ARROW_DOWN)
        until_held(browser, "voice")
        browser.press(ARROW_DOWN)
        until_held(browser, "both")
        browser.press(ARROW_UP)
        until_held(browser, "voice")
        # The resting face is the camera's: asked for in vain, it says so.
        browser.press("c")
        browser.until(lambda: "Choose Camera or Both" in browser.text("call-notice"), "the reason")
        browser.press(ARROW_UP)
        until_held(browser, "camera")

        # The camera goes off: nothing changes by itself, the voice is offered.
        browser.press("v")
        browser.until(lambda: "Use my voice" in browser.text("call-notice"), "the offer")
        assert browser.run(HELD) == "camera"
        assert "Turn the camera on first" in browser.text("drive-both-description")
        assert not browser.by_id("drive-both").is_enabled()
        browser.driver.find_element("css selector", "#call-notice .button").click()
        until_held(browser, "voice")
        assert not browser.by_id("call-notice").is_displayed()
        browser.press("v")
        browser.until(lambda: "Use my camera" in browser.text("call-notice"), "the way back")
        assert browser.run(HELD) == "voice"
        browser.click("control-leave")
        browser.until(lambda: server.sessions() == 0, "the call to be gone")

        # With a microphone and no camera the call begins with the voice.
        browser.until(lambda: browser.text("lobby-lead") == "It moves as you move.", "the lobby's camera")
        browser.click("join-without")
        browser.until(lambda: browser.state() == "live", "the call")
        until_held(browser, "voice")
        assert "It speaks as you speak" in browser.text("call-notice")
        assert not browser.run("return avatarCall.call.media.cameraOn")
        browser.click("control-leave")
        browser.until(lambda: server.sessions() == 0, "the call to be gone")
        assert browser.complaints() == []
