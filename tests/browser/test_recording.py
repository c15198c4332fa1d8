"""What the page records on this computer plays, with its sound; and that it records is seen."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType
from typing import Any

import av

RECORD_S = 3.0


def test_the_avatar_is_recorded_into_a_file_that_plays(
    chromium: ModuleType, server: Any, face_camera: Any, tmp_path: Path
) -> None:
    with chromium.Chromium(face_camera) as browser:
        downloads = {"behavior": "allow", "downloadPath": str(tmp_path)}
        browser.driver.execute_cdp_cmd("Browser.setDownloadBehavior", downloads)
        browser.open(server.address)
        browser.join()
        browser.click("control-settings")
        assert not browser.by_id("recording").is_displayed()
        browser.click("record")
        browser.until(lambda: browser.text("recording") == "Recording", "the sign")
        time.sleep(RECORD_S)
        browser.click("record")
        browser.until(lambda: not browser.by_id("recording").is_displayed(), "the sign to go")
        files = browser.until(
            lambda: [file for file in tmp_path.iterdir() if file.suffix in (".mp4", ".webm")], "a file"
        )
        browser.click("control-leave")
        browser.until(lambda: server.sessions() == 0, "the call to be gone")
        assert browser.complaints() == []
    with av.open(str(files[0])) as movie:
        shown = [(float(frame.time), frame.width) for frame in movie.decode(video=0)]
    with av.open(str(files[0])) as movie:
        heard_s = sum(frame.samples / frame.sample_rate for frame in movie.decode(audio=0))
    assert shown[-1][0] - shown[0][0] > RECORD_S / 2 and heard_s > RECORD_S / 2
    assert {width for _, width in shown} == {512}
