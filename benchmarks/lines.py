"""Calls over lossy, slow and narrow lines: what the picture does meanwhile, and how soon all is well again.

Each call goes through a relay (`line_relay`), both ways: 10 s clean, 10 s disturbed, 10 s clean. Latency is measured
as in `benchmarks.call`, from the client's camera to the picture's last packet; the client's camera follows its line as
a browser's does (`live_camera`). A picture that refers to one that was lost does not count as shown until the next key
frame: Chromium shows nothing of it.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from avatar.stream.codecs.video_encoder import CodecName
from avatar.stream.tuning.aiortc_tuning import private_name
from benchmarks import line_figures, report
from benchmarks.call_media import BLOCK, SOUND_RATE, camera_pictures, microphone_samples
from benchmarks.caller import Caller
from benchmarks.line_relay import Line, LineRelay
from benchmarks.live_camera import LiveCamera
from benchmarks.media import test_clips
from benchmarks.server_process import ServerProcess

SETTLE_S: Final = 4.0
"""The start of a call is left out."""
SOUND_BPS: Final = 32_000
"""As browsers encode a voice."""
CLIP_S: Final = 3.0
LINES: Final = {
    "none": Line(),
    "loss": Line(loss=0.05),
    "delay": Line(delay_s=0.1),
    "narrow": Line(rate_bps=300_000),
    "all": Line(loss=0.05, delay_s=0.1, rate_bps=300_000),
}
BARS: Final = {
    "freeze_ms": "<= 500",
    "latency_back_s": "<= 3",
}
KEY_NAL: Final = 5
"""An IDR slice of H.264 (table 7-1)."""


@dataclass
class Shown:
    """What the client could show, from encoded pictures and the gaps between them."""

    pictures_s: list[float] = field(default_factory=list)
    sizes: list[tuple[float, int]] = field(default_factory=list)
    """(time, bytes) of every picture that came."""
    sounds_s: list[float] = field(default_factory=list)
    keys_s: list[float] = field(default_factory=list)
    torn: int = 0
    """Pictures that referred to one that was given up."""
    _buffer: Any = None

    def watch(self, caller: Caller) -> None:
        """Ask the receiver of the picture which ones refer to packets that were given up."""
        receiver = next(one.receiver for one in caller.connection.getTransceivers() if one.kind == "video")
        self._buffer = getattr(receiver, private_name(receiver, "jitter_buffer"))

    def take(self, mime_type: str, data: bytes) -> None:
        """Note an encoded picture or sound."""
        now_s = time.monotonic()
        if mime_type.startswith("audio/"):
            self.sounds_s.append(now_s)
            return
        self.sizes.append((now_s, len(data)))
        if is_key(mime_type, data):
            self.keys_s.append(now_s)
        if self._buffer is not None and self._buffer.key_frame_missing:
            self.torn += 1
        else:
            self.pictures_s.append(now_s)


def is_key(mime_type: str, data: bytes) -> bool:
    """Return whether a frame of VP8, or an access unit of H.264 (Annex B), is a key frame."""
    if mime_type.lower() == "video/vp8":
        return not data[0] & 1
    return any(part and part[0] & 0x1F == KEY_NAL for part in data.split(b"\0\0\1")[1:])


@dataclass(frozen=True)
class Profile:
    """How long each part of a call is, seconds, and how the line is disturbed."""

    before: float
    disturbed: float
    after: float
    ways: str
    queue: float
    codec: CodecName = "h264"


async def disturbed_call(
    server: ServerProcess, name: str, pictures: list[Any], samples: Any, query: str, profile: Profile
) -> dict[str, float]:
    """Hold one call with the line of a name; return its figures."""
    camera, shown = LiveCamera(pictures, profile.codec), Shown()
    with LineRelay() as relay:
        caller = Caller(
            server.url,
            camera,
            samples,
            moment_every_s=2.0,
            route=relay,
            on_encoded=shown.take,
            sound_bps=SOUND_BPS,
            codec=profile.codec,
        )
        camera.follow(caller.connection)
        await caller.join(query)
        shown.watch(caller)
        reports = asyncio.create_task(camera.read_reports(caller.connection))
        orders = asyncio.create_task(obey_camera_messages(camera, caller))
        await asyncio.sleep(SETTLE_S)
        start_s = time.monotonic()
        await asyncio.sleep(profile.before)
        begin_s = time.monotonic()
        bad = replace(LINES[name], queue_s=profile.queue)
        relay.change(up=bad if profile.ways != "down" else Line(), down=bad if profile.ways != "up" else Line())
        await asyncio.sleep(profile.disturbed)
        end_s = time.monotonic()
        relay.change()
        await asyncio.sleep(profile.after)
        counts = relay.counts()
        for task in (reports, orders):
            task.cancel()
        await caller.leave()
    print(f"\n{name}: packets {counts}")
    return figures(caller, camera, shown, start_s, begin_s, end_s)


async def obey_camera_messages(camera: LiveCamera, caller: Caller) -> None:
    """Have the camera do what the server's messages ask for."""
    done = 0
    while True:
        await asyncio.sleep(0.1)
        messages = caller.received.messages
        for message in messages[done:]:
            if message["type"] == "camera":
                camera.obey(message)
        done = len(messages)


def figures(
    caller: Caller, camera: LiveCamera, shown: Shown, start_s: float, begin_s: float, end_s: float
) -> dict[str, float]:
    """Return the figures of a call whose line was disturbed from `begin_s` to `end_s`, and print how it went."""
    latencies = [pair for pair in caller.latencies() if pair[0] >= start_s]
    last_s = shown.sizes[-1][0]
    rates = line_figures.rates_bps(shown.sizes, start_s, last_s)
    stats = [message for message in caller.received.messages if message["type"] == "stats"]
    levels = "".join(str((message.get("quality") or {"level": 0})["level"]) for message in stats)
    print("bit rate that came, kbit/s:", *(round(rate / 1e3) for _, rate in rates))
    print("of the camera, allowed:   ", *(round(rate / 1e3) for at_s, rate in camera.bitrates if at_s >= start_s))
    print(
        "levels of quality:", levels, "  key frames at", [round(at - start_s, 1) for at in shown.keys_s if at > start_s]
    )
    print("pictures that could not be shown:", shown.torn)
    by_second = [
        1e3 * report.median(latency for at, latency in latencies if 0 <= at - start_s - second < 1)
        for second in range(int(last_s - start_s))
    ]
    print("bit rate aimed at:      ", *(round(message["bitrate_bps"] / 1e3) for message in stats))
    print("latency, ms:", *(f"{value:.0f}" for value in by_second))
    during = [latency for at, latency in latencies if begin_s <= at <= end_s]
    before = [latency for at, latency in latencies if at < begin_s]
    used_s = sorted({round(at - latency, 4) for at, latency in latencies})
    return {
        "freeze_ms": 1e3 * line_figures.longest_gap_s(shown.pictures_s, begin_s, end_s),
        "freeze_after_ms": 1e3 * line_figures.longest_gap_s(shown.pictures_s, end_s, last_s),
        "camera_freeze_ms": 1e3 * line_figures.longest_gap_s(used_s, begin_s, end_s),
        "fps": sum(begin_s <= at <= end_s for at in shown.pictures_s) / (end_s - begin_s),
        "latency_before_ms": 1e3 * report.median(before),
        "latency_ms_median": 1e3 * report.median(during),
        "latency_ms_p95": 1e3 * report.p95(during),
        "latency_back_s": line_figures.latency_back_s(latencies, begin_s, end_s),
        "kbps_before": report.median(rate for at, rate in rates if at <= begin_s) / 1e3,
        "kbps": report.mean(rate for at, rate in rates if begin_s + 1 < at <= end_s) / 1e3,
        "bitrate_back_s": line_figures.bitrate_back_s(rates, begin_s, end_s),
        "sound_gap_ms": 1e3 * line_figures.longest_gap_s(shown.sounds_s, begin_s, end_s),
        "sound_missing": line_figures.share_missing(shown.sounds_s, begin_s, end_s, BLOCK / SOUND_RATE),
    }


def measure(clip: Path, names: list[str], options: list[str], query: str, profile: Profile) -> dict[str, float]:
    """Hold a call over each line; return all figures, named after the lines."""
    pictures, samples = camera_pictures(clip, CLIP_S), microphone_samples(clip)
    found: dict[str, dict[str, float]] = {}
    for name in names:
        with ServerProcess(*options) as server:
            found[name] = asyncio.run(disturbed_call(server, name, pictures, samples, query, profile))
    print()
    keys = list(next(iter(found.values())))
    report.table(("", *found), [(key, *(values[key] for values in found.values())) for key in keys])
    return {f"{name}_{key}": value for name, values in found.items() for key, value in values.items()}


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--lines", default="loss,delay,narrow,all", help=f"of {', '.join(LINES)} (default all bars)")
    arguments.add_argument("--seconds", type=float, default=10.0, help="length of each part of a call (default 10)")
    arguments.add_argument("--after", type=float, help="length of the last part, clean again (default: as the others)")
    arguments.add_argument("--driver", type=Path, help="the clip the camera plays; its sound is the microphone's")
    arguments.add_argument("--avatar", default="mira", help="built-in face to show (default mira)")
    arguments.add_argument("--tier", default="geometry", help="what draws it, as avatar serve takes it")
    arguments.add_argument("--queue", type=float, default=0.1, help="seconds that the narrow line holds (default 0.1)")
    arguments.add_argument("--ways", default="both", choices=("both", "up", "down"), help="up: the camera's alone")
    arguments.add_argument("--codec", default="h264", choices=("h264", "vp8"), help="what the client offers, alone")
    arguments.add_argument("--quality", default="auto", choices=("auto", "fixed"))
    chosen = arguments.parse_args()
    names = chosen.lines.split(",")
    if unknown := set(names) - set(LINES):
        raise SystemExit(f"There is no line named {', '.join(unknown)}: choose of {', '.join(LINES)}.")
    clip = chosen.driver or test_clips(1, speech_only=True)[0]
    query = f"avatar={chosen.avatar}&width=512&height=512&drive=camera"
    after_s = chosen.seconds if chosen.after is None else chosen.after
    profile = Profile(chosen.seconds, chosen.seconds, after_s, chosen.ways, chosen.queue, chosen.codec)
    figures = measure(clip, names, ["--tier", chosen.tier, "--quality", chosen.quality], query, profile)
    bars = {f"{name}_{key}": bar for name in names for key, bar in BARS.items()}
    report.finish(figures, bars, chosen.json)


if __name__ == "__main__":
    main()
