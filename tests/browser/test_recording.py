"""What the page records on this computer plays, with its sound; and that it records is seen."""

from __future__ import annotations

import base64
import itertools
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import av

RECORD_S = 3.0
CHANGING = """
const done = arguments[arguments.length - 1];
(async () => {
  const { recordedType, StreamRecorder } = await import("/client/media/stream-recorder.js");
  const canvas = document.createElement("canvas");
  const drawn = canvas.getContext("2d");
  let count = 0;
  const drawing = setInterval(() => {
    drawn.fillStyle = `hsl(${(count * 7) % 360} 80% 50%)`;
    drawn.fillRect(0, 0, canvas.width, canvas.height);
    count++;
  }, 33);
  canvas.width = canvas.height = 256;
  const recorder = new StreamRecorder(canvas.captureStream(), recordedType());
  for (const side of [256, 128, 256]) {
    canvas.width = canvas.height = side;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  const bytes = new Uint8Array(await (await recorder.stop()).arrayBuffer());
  clearInterval(drawing);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
})().then(done, (error) => done(`!${error}`));
"""
"""Records a picture that gets smaller and larger again, as the quality of a call does, by the page's own recorder."""


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


def test_a_recording_plays_on_where_the_picture_changes_its_size(
    chromium: ModuleType, server: Any, tmp_path: Path
) -> None:
    with chromium.Chromium(None, allow=False) as browser:
        browser.open(server.address)
        recorded = browser.driver.execute_async_script(CHANGING)
        assert not recorded.startswith("!"), recorded
    file = tmp_path / "changing"
    file.write_bytes(base64.b64decode(recorded))
    with av.open(str(file)) as movie:
        widths = [frame.width for frame in movie.decode(video=0)]
    assert [width for width, _ in itertools.groupby(widths)] == [256, 128, 256]
