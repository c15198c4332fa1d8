"""The main job in a real browser: join, be somebody else, and leave without a trace."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from avatar.models.store import get_model
from avatar.motion.neutral import CALIBRATION_S
from avatar.types import U8

RECORD_S = 10.0
FOLLOWS = {"pitch": 0.8, "yaw": 0.8, "roll": 0.8, "jaw": 0.3, "lips": 0.5}
"""Least correlation with the driver, on a machine that runs the browser too. The portrait smiles widely: such a mouth
opens less and reads worse than one at rest. How well mouths follow is measured by benchmarks.follow."""


@pytest.fixture
def browser(chromium: ModuleType, recorder: ModuleType, server: Any, face_camera: Any) -> Iterator[Any]:
    """A browser with the page open."""
    with chromium.Chromium(face_camera) as browser:
        hook = {"source": recorder.WATCH_SENT_FRAMES}
        browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", hook)
        browser.open(server.address)
        yield browser
        assert browser.complaints() == []


@pytest.fixture
def second_face(photo: U8, tmp_path: Path) -> Path:
    """A photo of a face that is not built in: the astronaut's, mirrored and cropped."""
    path = tmp_path / "someone.png"
    Image.fromarray(np.ascontiguousarray(photo[:360, 380:60:-1])).save(path)
    return path


def make_face(browser: Any, photo: Path) -> str:
    """Make a face from a photo in the page's dialog; return its id."""
    browser.driver.find_element("css selector", "#lobby-faces .face.add").click()
    browser.by_id("photo-files").send_keys(str(photo))
    assert not browser.by_id("make-face").is_enabled(), "nobody has said whose face it is"
    browser.driver.find_element("css selector", "#face-consent input[value='permitted']").click()
    browser.click("make-face")
    browser.until(lambda: not browser.by_id("new-face").is_displayed(), "the face to be made", 60)
    return str(json.loads(browser.run("return localStorage.getItem('avatar.faces')"))[0])


def choose(browser: Any, grid: str, avatar_id: str) -> None:
    """Click a face."""
    card = browser.driver.find_element("css selector", f"#{grid} [data-id='{avatar_id}'] label")
    browser.run("arguments[0].scrollIntoView({block: 'center'})", card)
    card.click()


def picture(browser: Any) -> np.ndarray:
    """Return what the avatar's video shows now, 32 x 32 RGB."""
    pixels = browser.run(
        "const c = new OffscreenCanvas(32, 32).getContext('2d');"
        "c.drawImage(document.getElementById('avatar-video'), 0, 0, 32, 32);"
        "return [...c.getImageData(0, 0, 32, 32).data]"
    )
    return np.asarray(pixels, np.float32).reshape(32, 32, 4)[..., :3]


def leave(browser: Any, server: Any) -> None:
    """Leave, and see that the server has let go."""
    browser.click("control-leave")
    browser.until(lambda: "You left the call" in browser.text("lobby-notice"), "the lobby")
    browser.until(lambda: server.sessions() == 0, "the call to be gone")
    assert browser.state() == "idle"


def become(browser: Any, avatar_id: str) -> None:
    """Take another face in the call, and see it appear."""
    before = picture(browser)
    browser.click("control-faces")
    choose(browser, "call-faces", avatar_id)
    browser.until(lambda: browser.run("return avatarCall.call.settings.avatar") == avatar_id, "the other face")
    browser.until(lambda: np.abs(picture(browser) - before).mean() > 20, "the other picture")
    browser.press("\ue00c")  # Escape
    browser.until(lambda: not browser.by_id("panel").is_displayed(), "the panel to close")


def mute_and_hide(browser: Any) -> None:
    """Mute, and turn the camera off and on: the face idles meanwhile."""
    browser.press("m")
    browser.until(lambda: "Unmute" in browser.text("control-mic"), "the microphone to be muted")
    assert not browser.run("return avatarCall.call.media.microphone.enabled")
    browser.press("v")
    browser.until(lambda: browser.run("return avatarCall.server.camera_fps") < 1, "the camera to be off")
    assert browser.run("return avatarCall.server.fps") > 10
    browser.press("v")
    browser.until(lambda: browser.run("return avatarCall.server.camera_fps") > 10, "the camera to be on again")


@pytest.mark.timeout(420)
def test_a_person_joins_is_somebody_else_and_leaves_nothing_behind(
    browser: Any, server: Any, *, recorder: ModuleType, face_camera: Any, second_face: Path, capsys: Any
) -> None:
    other_face = make_face(browser, second_face)
    choose(browser, "lobby-faces", "astronaut")
    # A first short call fills the pools that stay for the next one; what is held after it is the measure.
    browser.join()
    leave(browser, server)
    time.sleep(2)
    before = server.holdings()

    browser.join()
    assert server.sessions() == 1
    size = browser.run("const v = document.getElementById('avatar-video'); return [v.videoWidth, v.videoHeight]")
    assert size == [512, 512]
    assert browser.run("return document.documentElement.dataset.effects") == "plain", "no blurs without a GPU"
    assert browser.run("return avatarCall.call.peer.remoteDescription.sdp.includes('playout-delay')")
    browser.until(lambda: (browser.run("return avatarCall.server") or {}).get("face") == "tracked", "a tracked face")
    time.sleep(CALIBRATION_S + 1.0)  # what the resting face is taken to be until then may be anything

    recording = recorder.record(browser, RECORD_S, bits=12, block=20)
    figures = browser.run("return avatarCall.figures")
    agreement = recorder.compare(get_model("face_landmarker"), face_camera.frames, recording)
    with capsys.disabled():
        print(f"\n{recorder.summary(recording, agreement)}; the page says {figures['latencyMs'] or 0:.0f} ms")
    assert agreement.found > 0.95
    assert agreement.r, "the driver does not move"
    for name, r in agreement.r.items():
        assert r > FOLLOWS[name], f"{name} follows with r = {r:.2f}"

    browser.press("c")
    browser.until(lambda: browser.by_id("countdown").is_displayed(), "the countdown")
    browser.until(lambda: "Resting face set" in browser.text("call-notice"), "the calibration")
    become(browser, other_face)
    mute_and_hide(browser)
    leave(browser, server)

    assert server.metric("avatar_sessions") == 0
    assert server.metric('avatar_calls_ended_total{reason="left"}') >= 2
    deadline = time.monotonic() + 15
    while not (after := server.holdings()).within(before) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert after.within(before), f"before {before}, after {after}"


def test_going_away_without_leaving_ends_the_call_too(browser: Any, server: Any) -> None:
    browser.join()
    assert server.sessions() == 1
    browser.driver.get("about:blank")
    browser.until(lambda: server.sessions() == 0, "the call to end with its page", 5)
