"""What the page says and does when something is in the way."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

DRIVE = "return document.getElementById('drive').dataset.drive"
"""What the server has said moves the avatar."""
NAMES = """return [...document.querySelectorAll(".control span")].map((label) =>
    label.getClientRects().length ? label.textContent.trim() : "")"""
"""Of the call's controls, as far as they are there for who cannot see."""
OUTLINED = """
const e = document.activeElement;
const drawn = e.matches("input[type=radio]") ? e.nextElementSibling : e;
return getComputedStyle(drawn).outlineStyle !== "none";
"""
IN_SIGHT = """
const seen = ({ top, bottom, left, right }) => top >= 0 && bottom <= innerHeight && left >= 0 && right <= innerWidth;
const shown = (element) => {
  const box = element.getBoundingClientRect();
  const middle = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
  return seen(box) && element.contains(middle);
};
return [...document.querySelectorAll("#face-consent label:not([hidden]), #make-face")].every(shown);
"""
PRESS_AND_WAIT = """
const done = arguments[0];
const { call } = avatarCall;
const errors = [];
call.addEventListener("message", ({ detail }) => { if (detail.type === "error") errors.push(detail.code); });
document.activeElement.click();
call.request({ type: "ping", t: 1 }).then(() => done(errors), (error) => done([error.code]));
"""
"""Presses the button with the focus, and gathers the errors until a later message is answered."""


def test_no_permission_is_explained_and_one_can_join_without_a_camera(chromium: ModuleType, server: Any) -> None:
    with chromium.Chromium(None, allow=False) as browser:
        browser.open(server.address)
        browser.click("join")
        browser.until(lambda: browser.text("lobby-notice"), "an explanation")
        assert browser.state() == "idle"
        browser.click("join-without")
        browser.until(
            lambda: browser.run("return avatarCall.server?.fps > 10 && avatarCall.figures?.fps > 10"), "a face"
        )
        assert browser.run("return avatarCall.server.camera_fps") == 0
        assert browser.run("return avatarCall.figures.latencyMs") is None
        browser.click("control-leave")
        browser.until(lambda: server.sessions() == 0, "the call to be gone")
        assert browser.complaints() == []


def test_another_host_without_https_is_told_what_to_do(chromium: ModuleType, server: Any) -> None:
    with chromium.Chromium(None, flags=("--host-resolver-rules=MAP avatar.test 127.0.0.1",)) as browser:
        browser.open(f"http://avatar.test:{server.port}/")
        browser.until(lambda: "--tls-cert" in browser.text("lobby-notice"), "the advice")


def test_a_name_the_server_does_not_go_by_is_told_what_to_do(chromium: ModuleType, server: Any) -> None:
    with chromium.Chromium(None, flags=("--host-resolver-rules=MAP other.test 127.0.0.1",)) as browser:
        browser.driver.get(f"http://other.test:{server.port}/")
        browser.until(lambda: "--allow-host" in browser.text("lobby-notice"), "the advice")
        assert not browser.by_id("join").is_enabled(), "a page under a stranger's name gets nothing"


def test_a_token_is_shown_only_to_who_asks_for_it(chromium: ModuleType, server: Any) -> None:
    with chromium.Chromium(None, allow=False) as browser:
        browser.open(f"{server.address}#token=secret")
        browser.run("document.getElementById('token-field').hidden = false")  # as where a server asks for one
        field = browser.by_id("token")
        assert field.get_property("value") == "secret" and "secret" not in browser.run("return location.href")
        assert field.get_property("type") == "password"
        browser.click("show-token")
        assert field.get_property("type") == "text"
        browser.click("show-token")
        assert field.get_property("type") == "password"


def test_photos_that_will_not_do_are_refused_in_plain_words(
    chromium: ModuleType, server: Any, face_camera: Any, tmp_path: Path
) -> None:
    nobody, text = tmp_path / "nobody.jpg", tmp_path / "text.jpg"
    Image.fromarray(np.linspace(0, 255, 300 * 300 * 3).astype(np.uint8).reshape(300, 300, 3)).save(nobody)
    text.write_text("This is no picture.")
    with chromium.Chromium(face_camera) as browser:
        browser.open(server.address)
        browser.driver.find_element("css selector", "#lobby-faces .face.add").click()
        browser.driver.find_element("css selector", "#face-consent input[value='nobody']").click()
        for photo, words in ((nobody, "No face found"), (text, "cannot be read as a photo")):
            browser.by_id("photo-files").send_keys(str(photo))
            browser.click("make-face")
            browser.until(lambda words=words: words in browser.text("new-face-notice"), words)
            browser.driver.find_element("css selector", "#thumbs button").click()
        # With one that will do, everything is well again; and it is still there after the page is loaded anew.
        browser.click("take-photo")
        browser.until(lambda: browser.by_id("booth-shoot").is_enabled(), "the camera")
        browser.click("booth-shoot")
        browser.until(lambda: not browser.by_id("photo-booth").is_displayed(), "the photo")
        browser.by_id("face-name").send_keys("Somebody")
        for width, height in ((390, 844), (1280, 657)):
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            assert browser.run(IN_SIGHT), f"whose face it is cannot be said without scrolling in {width} x {height}"
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.click("make-face")
        browser.until(lambda: not browser.by_id("new-face").is_displayed(), "the face to be made", 60)
        assert browser.text("hero-name") == "Somebody"
        browser.open(server.address)
        assert browser.text("hero-name") == "Somebody"
        remove = browser.driver.find_element("css selector", "#lobby-faces .face-remove")
        browser.run("arguments[0].focus()", remove)
        browser.press(" ")
        assert remove.text == "Delete"
        browser.press(" ")
        browser.until(lambda: browser.text("hero-name") != "Somebody", "the face to be deleted")
        assert browser.run("return localStorage.getItem('avatar.faces')") == "[]"


@pytest.mark.timeout(300)
def test_a_full_server_is_waited_for_and_a_lost_one_is_found_again(
    chromium: ModuleType, server_process: ModuleType, face_camera: Any
) -> None:
    with server_process.ServerProcess("--sessions", "1") as server, chromium.Chromium(face_camera) as first:
        first.open(server.address)
        first.join()
        with chromium.Chromium(None, allow=False) as second:
            second.open(server.address)
            second.click("join-without")
            second.until(lambda: second.state() == "waiting", "the second to wait")
            assert "All places are taken" in second.text("overlay")
            assert "Next try in" in second.text("overlay")
            first.click("control-leave")
            second.until(lambda: second.state() == "live", "the second's turn")
            second.click("control-leave")
            second.until(lambda: server.sessions() == 0, "the place to be free")
        first.join()
        first.click("control-settings")
        first.driver.find_element("css selector", ".segment:has(#drive-both)").click()
        first.until(lambda: first.run(DRIVE) == "both", "face and voice to move the avatar")
        server.kill()
        first.until(lambda: first.state() == "reconnecting", "the loss to be noticed")
        assert "Connection lost" in first.text("overlay")
        with server_process.ServerProcess("--sessions", "1", port=server.port):
            first.until(lambda: first.state() == "live", "the page to come back by itself")
            first.until(lambda: not first.by_id("overlay").is_displayed(), "the picture")
            first.until(lambda: first.run(DRIVE) == "both", "what was chosen to outlive the line")
            first.click("control-leave")


def test_a_call_can_be_had_with_the_keyboard_alone(chromium: ModuleType, server: Any, face_camera: Any) -> None:
    focused = "const e = document.activeElement; return e.id || e.value || e.className || e.tagName"
    with chromium.Chromium(face_camera) as browser:
        browser.open(server.address)
        seen = []
        while browser.run(focused) != "join":
            browser.press("\ue004")  # Tab
            seen.append(browser.run(focused))
            assert len(seen) < 30, f"Tab does not reach Join: {seen}"
            assert browser.run(OUTLINED), f"the focus cannot be seen on {seen[-1]}"
        assert "mira" in seen
        browser.press(" ")
        browser.until(lambda: browser.state() == "live", "the call")
        browser.press("e")
        assert browser.run(focused) == "smile warmly"
        browser.press("\ue014")  # the right arrow
        assert browser.run(focused) == "look amused" and browser.run(OUTLINED)
        assert browser.driver.execute_async_script(PRESS_AND_WAIT) == [], "the server understands it"
        browser.press("\ue00c")  # Escape
        assert browser.run(focused) == "control-feelings"
        assert not browser.by_id("feelings").is_displayed()
        browser.press("v")
        browser.until(lambda: not browser.run("return avatarCall.call.media.cameraOn"), "the camera to be off")
        browser.driver.set_window_size(740, 460)  # a phone on its side
        browser.until(lambda: browser.run("return matchMedia('(height <= 30rem)').matches"), "the small window")
        assert "" not in browser.run(NAMES), "a screen reader says what each button does"
        while browser.run(focused) != "control-leave":
            browser.press("\ue004")
        browser.press(" ")
        browser.until(lambda: browser.state() == "idle" and browser.run(focused) == "join", "the lobby, at Join")
