"""Chromium without a screen: how it is found and started, and its calls from a page of the server's own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urljoin

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Chromium leaves out 127.0.0.1, the only address the server offers here.
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
    "--window-size=1280,800",
)
SCRIPT: Final = Path(__file__).with_name("programs") / "chromium.js"
SCRIPT_LIMIT_S: Final = 60


def missing() -> str | None:
    """Return why no browser can be driven here; None when one can."""
    if not any(map(shutil.which, BROWSERS)):
        return "needs Chromium (Debian: apt-get install chromium)"
    return None if shutil.which("chromedriver") else "needs chromedriver (Debian: apt-get install chromium-driver)"


def start(profile: str, flags: Iterable[str]) -> webdriver.Chrome:
    """Start a browser with these flags beside those of `FLAGS`; its profile lies in the folder `profile`."""
    options = webdriver.ChromeOptions()
    options.binary_location = next(path for path in map(shutil.which, BROWSERS) if path)
    for flag in (*FLAGS, *flags, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(
        options=options, service=Service(shutil.which("chromedriver"), log_output=subprocess.DEVNULL)
    )
    driver.set_script_timeout(SCRIPT_LIMIT_S)
    return driver


class CallingChromium:
    """One browser that makes call after call with a camera played from a file."""

    def __init__(self, camera: Path) -> None:
        """Start it; `camera` is a Y4M file."""
        self._profile = tempfile.TemporaryDirectory(prefix="avatar-clients-", ignore_cleanup_errors=True)
        devices = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
        self._driver = start(self._profile.name, [*devices, f"--use-file-for-fake-video-capture={camera}"])

    def call(self, orders: dict[str, Any]) -> dict[str, Any]:
        """Make one call; `orders` and the result are those of the programs."""
        page = urljoin(orders["whip"], "/")
        if self._driver.current_url != page:
            self._driver.get(page)
        result: dict[str, Any] = self._driver.execute_async_script(SCRIPT.read_text(encoding="utf-8"), orders)
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._driver.quit()
        self._profile.cleanup()
