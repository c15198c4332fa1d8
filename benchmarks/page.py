"""What the page costs its own machine: processor time and pictures a second of a headless Chromium in a call.

The browser draws without a graphics processor. Four things in turn, round after round, in one browser and one call:
the call with the page's effects, without them, as the page chooses by itself, and with the avatar's picture not shown,
which is what the call costs without drawing it. The lobby is measured once, before. Costs are of all the browser's
processes (page, drawing, camera, network), the server's not among them; a picture's cost is that over the pictures that
have come. `fps` and `camera_to_screen_ms_median` are those of the page as it chooses by itself. To have server and
browser share one core, as a stand-in for a slow machine, run all of it with `taskset -c 0`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from selenium import webdriver

from benchmarks import report
from benchmarks.clients.camera import make_camera, write_raw
from benchmarks.clients.chromium import missing, start
from benchmarks.server_process import ServerProcess

CAMERA_S: Final = 2.0
"""The camera shows a portrait that sways, over and over."""
CLIP_S: Final = 6.0
"""So much of a clip, over and over."""
SETTLE_S: Final = 1.5
"""After each change, before it counts."""
CONNECT_S: Final = 60.0
WINDOW: Final = (900, 800)
"""Pixels. So narrow that the figures' glass lies over the picture, as it does in a wide window beside an open panel."""
SETTINGS: Final = {
    "full": ("on", True),
    "plain": ("off", True),
    "auto": ("auto", True),
    "unseen": ("off", False),
}
"""Name of each setting: the choice in the page's settings, and whether the avatar's picture is shown."""
BARS: Final = {
    "fps": ">= 24",
    "camera_to_screen_ms_median": "<= 150",
    "effects_auto": "0 (off)",
    "drawing_ms_plain_to_full": "<= 0.85",
    "picture_ms_plain_to_full": "<= 1",
}

CHOOSE: Final = """
const [choice, shown] = arguments;
const select = document.getElementById("effects");
select.value = choice;
select.dispatchEvent(new Event("change"));
document.getElementById("avatar-video").style.display = shown ? "" : "none";
"""
WATCH: Final = """
const [seconds, done] = arguments;
const video = document.getElementById("avatar-video");
const gaps = [];
const count = () => {
  const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality();
  return { arrived: totalVideoFrames, shown: totalVideoFrames - droppedVideoFrames };
};
const latencies = [];
// What the page tells its user, who may have a server that tells nothing.
const look = () => latencies.push(parseFloat(document.getElementById("readout-latency").textContent));
const gap = () => requestAnimationFrame((first) => requestAnimationFrame((second) => gaps.push(second - first)));
const before = count();
const beginMs = performance.now();
const timer = setInterval(gap, 200);
const looks = setInterval(look, 500);
setTimeout(() => {
  clearInterval(timer);
  clearInterval(looks);
  const after = count();
  const lastedS = (performance.now() - beginMs) / 1000;
  const effects = document.documentElement.dataset.effects === "full";
  done({
    seconds: lastedS, arrived: after.arrived - before.arrived, shown: after.shown - before.shown, gaps, effects,
    latencies: latencies.filter(Number.isFinite),
  });
}, 1000 * seconds);
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """One stretch of one setting."""

    seconds: float
    arrived: int
    """Pictures decoded."""
    shown: int
    gaps_ms: tuple[float, ...]
    """Between two refreshes of the screen."""
    effects: bool
    """Whether the page showed its effects at the end."""
    cpu_s: float
    """Processor time of all the browser's processes."""
    drawing_s: float
    """Of these, of the one that puts the page together."""
    latencies_ms: tuple[float, ...]
    """From camera to screen, as the page tells it, twice a second; none in the lobby."""


def figures(samples: dict[str, list[Sample]], lobby: Sample) -> dict[str, float]:
    """Return the figures of all settings; each is the median over the rounds."""
    found = {"cores_lobby": lobby.cpu_s / lobby.seconds}
    for name, stretches in samples.items():
        found[f"cores_{name}"] = report.median(s.cpu_s / s.seconds for s in stretches)
        found[f"picture_ms_{name}"] = report.median(1e3 * s.cpu_s / max(1, s.arrived) for s in stretches)
        found[f"drawing_ms_{name}"] = report.median(1e3 * s.drawing_s / max(1, s.arrived) for s in stretches)
        if name == "unseen":
            continue
        found[f"fps_{name}"] = report.median(s.shown / s.seconds for s in stretches)
        found[f"screen_gap_ms_{name}"] = report.median(gap for s in stretches for gap in s.gaps_ms)
    found["fps"] = found["fps_auto"]
    latencies_ms = [latency for s in samples["auto"] for latency in s.latencies_ms]
    found["camera_to_screen_ms_median"] = report.median(latencies_ms) if latencies_ms else float("nan")
    found["effects_auto"] = report.mean(float(s.effects) for s in samples["auto"])
    found["drawing_ms_plain_to_full"] = found["drawing_ms_plain"] / found["drawing_ms_full"]
    found["picture_ms_plain_to_full"] = found["picture_ms_plain"] / found["picture_ms_full"]
    return found


class Page:
    """The product's page in a browser of its own."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        """Measure `driver`, which is open already."""
        self._driver = driver
        service = psutil.Process(driver.service.process.pid)
        self._browser = next(child for child in service.children() if "chrom" in child.name())

    def run_first(self, script: str) -> None:
        """Have a script run in each page that is opened from now on, before the page's own."""
        self._driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})

    def ask(self, script: str) -> Any:
        """Return what a script in the page returns."""
        return self._driver.execute_script(script)

    def ask_later(self, script: str) -> Any:
        """Return what a script in the page gives to the function that it is handed."""
        return self._driver.execute_async_script(script)

    def open(self, address: str) -> None:
        """Open the page and wait until one can join."""
        self._driver.get(address)
        self.until("return !document.getElementById('join').disabled", "the page to offer Join")

    def call(self) -> None:
        """Join a call and wait for pictures."""
        self.join()
        self.await_picture()

    def join(self) -> None:
        """Begin to join a call."""
        self._driver.execute_script("document.getElementById('join').click()")

    def await_picture(self) -> None:
        """Wait for pictures."""
        self.until("return document.querySelector('#frame.playing') !== null", "the first picture")

    def measure(self, seconds: float) -> Sample:
        """Return what happens in so many seconds."""
        before, drawing = self._cpu_s()
        seen: dict[str, Any] = self._driver.execute_async_script(WATCH, seconds)
        after, drawing_after = self._cpu_s()
        gaps = tuple(map(float, seen["gaps"]))
        return Sample(
            seen["seconds"], seen["arrived"], seen["shown"], gaps, seen["effects"], after - before,
            drawing_after - drawing, tuple(map(float, seen["latencies"])),
        )  # fmt: skip

    def choose(self, setting: str) -> None:
        """Change to one of `SETTINGS`."""
        self._driver.execute_script(CHOOSE, *SETTINGS[setting])
        time.sleep(SETTLE_S)

    def until(self, script: str, what: str) -> None:
        """Wait until a script in the page returns something true; `what` is waited for. Raises SystemExit."""
        deadline = time.monotonic() + CONNECT_S
        while not self._driver.execute_script(script):
            if time.monotonic() > deadline:
                raise SystemExit(f"waited {CONNECT_S:.0f} s for {what}")
            time.sleep(0.1)

    def _cpu_s(self) -> tuple[float, float]:
        """Return the seconds that all processes have used, and of these the drawing one."""
        total = drawing = 0.0
        for process in (self._browser, *self._browser.children(recursive=True)):
            try:
                times, command = process.cpu_times(), process.cmdline()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
            if "--type=gpu-process" in command:
                drawing += times.user + times.system
        return total, drawing


@contextmanager
def opened(*options: str, clip: Path | None = None) -> Iterator[tuple[Page, str]]:
    """Start a server with these options and a browser whose camera shows a clip or a portrait that sways.

    Yields the page and the server's address.
    """
    with ServerProcess(*options) as server, browser(clip) as page:
        yield page, server.url.replace("127.0.0.1", "localhost")


@contextmanager
def browser(clip: Path | None = None) -> Iterator[Page]:
    """Start a browser whose camera shows a clip or a portrait that sways; yields its page, which is not open yet."""
    with tempfile.TemporaryDirectory(prefix="avatar-page-") as folder:
        raw = Path(folder) / "clip.y4m"
        if clip is None:
            raw = make_camera(Path(folder), CAMERA_S).raw
        else:
            write_raw(raw, clip, CLIP_S)
        devices = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
        profile = str(Path(folder) / "profile")
        driver = start(profile, [*devices, f"--use-file-for-fake-video-capture={raw}"])
        driver.set_window_size(*WINDOW)
        try:
            yield Page(driver)
        finally:
            driver.quit()


def measure(seconds: float, rounds: int, tier: str, clip: Path | None) -> dict[str, float]:
    """Run the rounds and return the figures."""
    samples: dict[str, list[Sample]] = {name: [] for name in SETTINGS}
    with opened("--tier", tier, "--quality", "fixed", clip=clip) as (page, address):
        page.open(address)
        time.sleep(SETTLE_S)
        lobby = page.measure(seconds)
        page.call()
        for turn in range(rounds):
            # There and back, so that a machine that slows down or speeds up does so for all settings alike.
            for name in SETTINGS if turn % 2 == 0 else reversed(SETTINGS):
                page.choose(name)
                samples[name].append(page.measure(seconds))
    report.table(
        ("setting", "round", "cores", "pictures/s", "ms a picture", "drawing", "screen gap ms", "camera to screen ms"),
        [
            (name, turn, s.cpu_s / s.seconds, s.shown / s.seconds, 1e3 * s.cpu_s / max(1, s.arrived),
             1e3 * s.drawing_s / max(1, s.arrived), report.median(s.gaps_ms),
             report.median(s.latencies_ms) if s.latencies_ms else "")
            for name, stretches in samples.items()
            for turn, s in enumerate(stretches)
        ],
    )  # fmt: skip
    return figures(samples, lobby)


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--seconds", type=float, default=8.0, help="length of each stretch (default 8)")
    arguments.add_argument("--rounds", type=int, default=4, help="stretches of each setting (default 4)")
    arguments.add_argument("--tier", default="geometry", help="what draws it, as avatar serve takes it")
    arguments.add_argument("--driver", type=Path, metavar="CLIP", help="what the camera shows (default: a portrait)")
    chosen = arguments.parse_args()
    if (reason := missing()) is not None:
        raise SystemExit(reason)
    report.finish(measure(chosen.seconds, chosen.rounds, chosen.tier, chosen.driver), BARS, chosen.json)


if __name__ == "__main__":
    main()
