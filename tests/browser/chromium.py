"""A real Chromium without a screen, driven by selenium, with a camera and a microphone played from files."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from benchmarks.clients.chromium import start

_Result = TypeVar("_Result")


class Camera(Protocol):
    """The files a fake camera and microphone play."""

    @property
    def video(self) -> Path:
        """What the camera shows: Y4M, played again and again."""
        ...

    @property
    def sound(self) -> Path:
        """What the microphone records: WAV."""
        ...


class Chromium:
    """One browser with an empty profile."""

    def __init__(self, camera: Camera | None, *, allow: bool = True, flags: tuple[str, ...] = ()) -> None:
        """Play `camera` (None: the machine's own devices, so none here); `allow` answers the permission question."""
        self._profile = tempfile.TemporaryDirectory(prefix="avatar-browser-test-", ignore_cleanup_errors=True)
        wanted = [*flags, "--use-fake-ui-for-media-stream" if allow else "--deny-permission-prompts"]
        if camera is not None:
            wanted.append("--use-fake-device-for-media-stream")
            wanted.append(f"--use-file-for-fake-video-capture={camera.video}")
            wanted.append(f"--use-file-for-fake-audio-capture={camera.sound}")
        self.driver = start(self._profile.name, wanted)

    def open(self, address: str) -> None:
        """Open the page and wait until one can join."""
        self.driver.get(address)
        self.until(lambda: self.by_id("join").is_enabled(), "the page to offer Join")

    def run(self, script: str, *arguments: object) -> Any:
        """Return what the script returns."""
        return self.driver.execute_script(script, *arguments)

    def by_id(self, name: str) -> WebElement:
        """Return the element with this id."""
        return self.driver.find_element(By.ID, name)

    def click(self, name: str) -> None:
        """Click the element with this id."""
        self.by_id(name).click()

    def press(self, key: str) -> None:
        """Press a key wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(key)

    def text(self, name: str) -> str:
        """Return the visible text of the element with this id."""
        return self.by_id(name).text

    def state(self) -> str:
        """Return the state of the call, from the page's hook for tests."""
        return str(self.run("return avatarCall.state"))

    def until(self, condition: Callable[[], _Result], what: str, timeout_s: float = 90.0) -> _Result:
        """Wait until `condition` returns something true, and return that; fails only if it never does."""
        deadline = time.monotonic() + timeout_s
        while not (result := condition()):
            assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s for {what}; the page says: {self._says()}"
            time.sleep(0.1)
        return result

    def join(self) -> None:
        """Join the call and wait for moving pictures."""
        self.click("join")
        self.until(lambda: self.state() == "live", "the call to be live")
        self.until(lambda: self.run("return document.querySelector('#frame.playing') !== null"), "the first picture")

    def complaints(self) -> list[str]:
        """Return what the browser has complained of: script errors, the content security policy."""
        severe = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        return [message for message in severe if "Failed to load resource" not in message]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(WebDriverException):  # it is gone already
            for window in self.driver.window_handles:
                # Pages say goodbye: a call whose caller just vanishes keeps its place on the shared server for seconds.
                self.driver.switch_to.window(window)
                self.driver.get("about:blank")
        self.driver.quit()
        self._profile.cleanup()

    def _says(self) -> str:
        return " | ".join(str(self.run("return document.body.innerText")).split("\n"))[:600]
