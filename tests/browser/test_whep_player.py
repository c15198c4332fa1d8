"""Somebody else's WHEP player, on a page of another site, shows an avatar by its watch link."""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks.clients.client import metric

PLAYER = Path(__file__).parents[2] / "node_modules" / "whip-whep" / "whep.js"
PAGE = """<!doctype html><title>A player</title><video id="picture" autoplay muted playsinline></video>
<script type="module">
  import { WHEPClient } from "./whep.js";
  window.play = async (address) => {
    const peer = new RTCPeerConnection(), player = new WHEPClient();
    for (const kind of ["video", "audio"]) peer.addTransceiver(kind, { direction: "recvonly" });
    peer.ontrack = ({ streams }) => { document.querySelector("video").srcObject = streams[0]; };
    await player.view(peer, address);
    window.player = player;
  };
</script>"""
ALL_ON_THIS_MACHINE = "--disable-features=LocalNetworkAccessChecks"
"""Else Chromium may take the page for one of the internet, and ask whether it may reach this machine."""
COPY = """
const clipboard = {writeText: (text) => (window.link = text)};
Object.defineProperty(navigator, "clipboard", {configurable: true, value: clipboard});
const button = document.getElementById("copy-watch-link");
button.click();
return !button.disabled && window.link;
"""
TRY = "return play(arguments[0]).then(() => true, (error) => error instanceof TypeError ? false : error.message)"
"""A request that Chromium could not send is tried again, as people would; what the server refuses is not."""
PLAYING = """
const picture = document.getElementById("picture");
return picture.currentTime > 0.3 && picture.srcObject.getTracks().length === 2 ? picture.videoWidth : 0;
"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of a site with the player, another one than the server's."""
    if not PLAYER.exists():
        pytest.skip("needs whip-whep (npm ci)")
    shutil.copy(PLAYER, tmp_path / "whep.js")
    (tmp_path / "index.html").write_text(PAGE)
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(tmp_path))) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}/"
        http.shutdown()
        thread.join()


def test_a_public_whep_player_on_another_site_shows_the_avatar_until_it_stops(
    chromium: ModuleType, server: Any, site: str
) -> None:
    with chromium.Chromium(None, allow=False, flags=(ALL_ON_THIS_MACHINE,)) as browser:
        browser.open(f"{server.address}?width=256&height=256")
        browser.click("join-without")
        browser.until(lambda: browser.state() == "live", "the call to be live")
        link = browser.until(lambda: browser.run(COPY), "the watch link")
        browser.driver.switch_to.new_window("tab")
        browser.driver.get(site)
        address = link.replace("/watch/", "/whep/")
        assert browser.until(lambda: browser.run(TRY, address), "the player to play") is True
        assert browser.until(lambda: browser.run(PLAYING), "the avatar in the player") == 256
        browser.run("return player.stop()")
        browser.until(lambda: metric(f"{server.address}/", "avatar_watchers") == 0, "the player to be gone")
