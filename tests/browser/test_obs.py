"""The page for OBS: nothing but the avatar, whose edges let through what lies below, and back by itself."""

from __future__ import annotations

import base64
from io import BytesIO
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from avatar.types import U8

SWIFTSHADER = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
WINDOW = (480, 480)
LIVE = "return avatarSource.live && avatarSource.pictures > 5"
ELEMENTS = "return [...document.body.children].filter((one) => one.checkVisibility({opacityProperty: true})).length"


def rgba_of(browser: Any) -> U8:
    """Return the window as OBS takes it, (height, width, 4) RGBA: nothing behind the page."""
    driver = browser.driver
    driver.execute_cdp_cmd("Emulation.setDefaultBackgroundColorOverride", {"color": {"r": 0, "g": 0, "b": 0, "a": 0}})
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    return np.asarray(Image.open(BytesIO(base64.b64decode(shot["data"]))).convert("RGBA"), np.uint8)


def open_source(browser: Any, address: str, size: tuple[int, int] = WINDOW) -> None:
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.driver.get(address)
    browser.until(lambda: browser.run(LIVE), "the avatar")


def assert_cut_out(alpha: U8) -> None:
    """Check a picture's alpha (height, width): a face, nothing around it, and hair's edge between the two."""
    height, width = alpha.shape
    assert max(alpha[:20, :20].max(), alpha[:20, -20:].max()) == 0, "the corners are background"
    assert alpha[height // 3 : height * 2 // 3, width * 2 // 5 : width * 3 // 5].min() == 255, "the face is not"
    between = (alpha > 12) & (alpha < 243)
    assert 0.002 < between[: height // 2].mean() < 0.1, "the hair's edge is partly both"


def test_the_avatar_has_nothing_behind_it_with_webgl_and_without(chromium: ModuleType, server: Any) -> None:
    with chromium.Chromium(None, allow=False, flags=SWIFTSHADER) as browser:
        shown = {}
        for renderer in ("webgl", "2d"):
            open_source(browser, f"{server.address}/obs?avatar=mira&renderer={renderer}")
            assert browser.run("return avatarSource.renderer") == renderer
            shown[renderer] = rgba_of(browser)
            assert_cut_out(shown[renderer][..., 3])
            assert browser.run(ELEMENTS) == 1, "nothing else is on the page"
        apart = np.abs(shown["webgl"].astype(int) - shown["2d"]).mean(axis=2)
        assert np.median(apart) < 3, "both draw the same, but for what idle life moves"
        assert browser.complaints() == []


def test_it_follows_the_window_and_comes_back_when_the_server_does(
    chromium: ModuleType, server_process: ModuleType
) -> None:
    with chromium.Chromium(None, allow=False) as browser:
        with server_process.ServerProcess("--quality", "fixed") as server:
            open_source(browser, f"{server.address}/obs")
            port = server.port
            browser.driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": 400, "height": 600, "deviceScaleFactor": 1, "mobile": False},
            )
            canvas = "const {width, height} = document.getElementById('avatar'); return [width, height]"
            browser.until(lambda: browser.run(canvas) == [400, 600], "a picture of the window's new shape")
            assert_cut_out(rgba_of(browser)[..., 3])
            server.kill()
        browser.until(lambda: not browser.run("return avatarSource.live"), "the source to notice")
        with server_process.ServerProcess("--quality", "fixed", port=port):
            browser.until(lambda: browser.run(LIVE), "the avatar again")


def test_a_call_is_shown_by_its_link_from_when_it_begins(chromium: ModuleType, server: Any) -> None:
    link = "watched-by-the-obs-page"
    with chromium.Chromium(None, allow=False) as browser:
        browser.driver.get(f"{server.address}/obs?drive=bot&watch={link}&debug=1")
        browser.until(lambda: "Waiting for it" in browser.text("message"), "the word that nothing is there yet")
        browser.driver.switch_to.new_window("tab")
        browser.driver.get(f"{server.address}/obs")
        call = f"""
        const peer = window.peer = new RTCPeerConnection();
        for (const kind of ["audio", "video"]) peer.addTransceiver(kind, {{direction: "recvonly"}});
        await peer.setLocalDescription();
        while (peer.iceGatheringState !== "complete") await new Promise((done) => setTimeout(done, 50));
        const answer = await fetch("/whip?avatar=kofi&drive=voice&watch={link}&background=%2300c83c", {{
          method: "POST", headers: {{"Content-Type": "application/sdp"}}, body: peer.localDescription.sdp}});
        await peer.setRemoteDescription({{type: "answer", sdp: await answer.text()}});
        const place = answer.headers.get("Location");
        addEventListener("pagehide", () => fetch(place, {{method: "DELETE", keepalive: true}}));
        """
        browser.run(call)
        browser.driver.switch_to.window(browser.driver.window_handles[0])
        browser.until(lambda: browser.run(LIVE), "the call")
        shown = rgba_of(browser)
        assert browser.text("message") == ""
        above = shown[20, shown.shape[1] // 2 - 200]
        assert np.abs(above.astype(int) - (0, 200, 60, 255)).max() < 12, "a call's background is shown"


def test_a_wrong_address_is_explained_to_who_asks(chromium: ModuleType, server: Any) -> None:
    with chromium.Chromium(None, allow=False) as browser:
        browser.driver.get(f"{server.address}/obs?drive=dance")
        browser.until(lambda: browser.run("return document.readyState === 'complete'"), "the page")
        assert browser.text("message") == "", "nothing is on air"
        browser.driver.get(f"{server.address}/obs?drive=dance&debug=1")
        browser.until(lambda: "drive=dance is none of: idle, voice" in browser.text("message"), "what is wrong")
