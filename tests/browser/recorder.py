"""Records in the page what the camera shows and what comes back, and compares the two.

The camera's frames carry a number (see face_camera.py), which is read off the small picture of oneself: so the driver's
movement is known exactly, and only the avatar has to be looked at.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avatar.face.pose import fit_pose, rotation_vector
from avatar.perception.landmarker import FaceLandmarker
from avatar.types import BLENDSHAPE_INDEX, U8

SIGNALS = ("pitch", "yaw", "roll", "jaw", "lips")
"""Head in radians; MediaPipe's jawOpen, 0..1; the gap between the lips as a share of the distance between the eyes."""
STILL = (0.015, 0.015, 0.015, 0.02, 0.01)
"""Standard deviations below which a driver does not move enough to be correlated with."""
LONGEST_LAG_MS = 600

WATCH_SENT_FRAMES = """
if (RTCRtpSender.prototype.createEncodedStreams) {
  const Native = RTCPeerConnection;
  window.sentFrames = [];
  const pass = (end, look) => {
    const { readable, writable } = end.createEncodedStreams();
    const through = new TransformStream({ transform(frame, out) { look?.(frame); out.enqueue(frame); } });
    readable.pipeThrough(through).pipeTo(writable).catch(() => undefined);
  };
  window.RTCPeerConnection = class extends Native {
    constructor(config) {
      super({ ...config, encodedInsertableStreams: true });
      this.addEventListener("track", (event) => pass(event.receiver));
    }
    setConfiguration(config) {
      super.setConfiguration({ ...config, encodedInsertableStreams: true });
    }
    addTransceiver(what, init) {
      const added = super.addTransceiver(what, init);
      const video = what === "video" || what.kind === "video";
      pass(added.sender, video && ((frame) => {
        const { rtpTimestamp, captureTime } = frame.getMetadata();
        sentFrames.push([rtpTimestamp ?? frame.timestamp, captureTime ?? performance.now()]);
        if (sentFrames.length > 4000) sentFrames.shift();
      }));
      return added;
    }
  };
}
"""
"""To run before the page's own scripts: notes the RTP timestamp and the capture time of each camera frame sent."""

_RECORD = """
const [seconds, bits, block, done] = arguments;
const call = avatarCall.call;
const own = document.getElementById("self-video");
const avatar = document.getElementById("avatar-video");
const record = { camera: [], shown: [], pictures: [], pairs: [] };
const strip = new OffscreenCanvas(2 * bits * block, 1).getContext("2d", { willReadFrequently: true });
const canvas = document.createElement("canvas");
let running = true;
const readCamera = (now, meta) => {
  strip.drawImage(own, 0, block / 2, 2 * bits * block, 1, 0, 0, 2 * bits * block, 1);
  const row = strip.getImageData(0, 0, 2 * bits * block, 1).data;
  const white = (n) => row[4 * Math.round((n + 0.5) * block) + 1] > 127;
  let number = 0, sound = true;
  for (let bit = 0; bit < bits; bit += 1) {
    if (white(bit)) number |= 1 << bit;
    if (white(bit) === white(bits + bit)) sound = false;
  }
  if (sound) record.camera.push([number, meta.captureTime ?? now]);
  if (running) own.requestVideoFrameCallback(readCamera);
};
const readAvatar = (now, meta) => {
  record.shown.push([meta.rtpTimestamp ?? 0, meta.expectedDisplayTime]);
  if (record.shown.length % 2) {
    canvas.width = avatar.videoWidth;
    canvas.height = avatar.videoHeight;
    canvas.getContext("2d").drawImage(avatar, 0, 0);
    record.pictures.push([meta.expectedDisplayTime, canvas.toDataURL("image/jpeg", 0.9).split(",")[1]]);
  }
  if (running) avatar.requestVideoFrameCallback(readAvatar);
};
const onMessage = (event) => { if (event.detail.type === "trace") record.pairs.push(...event.detail.frames); };
call.addEventListener("message", onMessage);
call.request({ type: "trace", enabled: true }).catch(() => undefined);
own.requestVideoFrameCallback(readCamera);
avatar.requestVideoFrameCallback(readAvatar);
setTimeout(() => {
  running = false;
  call.removeEventListener("message", onMessage);
  call.request({ type: "trace", enabled: false }).catch(() => undefined);
  done({ ...record, sent: window.sentFrames ?? [] });
}, seconds * 1000);
"""


@dataclass(frozen=True)
class Recording:
    """A few seconds of a call. Times are milliseconds on the page's clock."""

    camera: NDArray[np.float64]
    """(n, 2): frame number, time it was captured."""
    pictures: tuple[tuple[float, U8], ...]
    """Every second avatar picture: time it was shown, RGB."""
    fps: float
    round_trips_ms: tuple[float, ...]
    """From a camera frame's capture to the showing of the picture that answers it; empty where it cannot be told."""


def record(browser: Any, seconds: float, *, bits: int, block: int) -> Recording:
    """Record in the page that `browser` has open and in a call."""
    told = browser.driver.execute_async_script(_RECORD, seconds, bits, block)
    pictures = tuple(
        (at, np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))) for at, data in told["pictures"]
    )
    shown = told["shown"]
    fps = 1000 * (len(shown) - 1) / max(1.0, shown[-1][1] - shown[0][1]) if len(shown) > 1 else 0.0
    camera_of = {avatar: camera for camera, avatar in told["pairs"]}
    captured = {rtp % 2**32: at for rtp, at in told["sent"]}
    trips = tuple(at - captured[camera_of[rtp]] for rtp, at in shown if camera_of.get(rtp) in captured)
    return Recording(np.asarray(told["camera"], np.float64).reshape(-1, 2), pictures, fps, trips)


def signals(landmarker: FaceLandmarker, pictures: Sequence[tuple[float, U8]]) -> NDArray[np.float64]:
    """Return (n, 1 + 5): time in ms and `SIGNALS`, for the pictures that show a face."""
    rows = []
    for at, rgb in pictures:
        for face in landmarker.detect(rgb, at / 1000)[:1]:
            points = face.landmarks_px
            turn = rotation_vector(fit_pose(points).rotation)
            jaw = face.blendshapes[BLENDSHAPE_INDEX["jawOpen"]]
            lips = np.linalg.norm(points[13] - points[14]) / np.linalg.norm(points[33] - points[263])
            rows.append((at, *map(float, (*turn, jaw, lips))))
    return np.asarray(rows, np.float64).reshape(-1, 1 + len(SIGNALS))


@dataclass(frozen=True)
class Agreement:
    """How the avatar follows its driver."""

    found: float
    """Share of the avatar's pictures in which a face is found."""
    r: dict[str, float]
    """Correlation of each signal that the driver moves, at the lag that fits best."""
    lag_ms: float
    """That lag: camera frame captured to avatar shown, the tracker's smoothing included."""


def compare(model: Path, frames: Sequence[U8], recording: Recording) -> Agreement:
    """Measure driver and avatar with the same face landmarker."""
    with FaceLandmarker(model, video=True, max_faces=1) as landmarker:
        by_number = signals(landmarker, [(1000.0 * number, frame) for number, frame in enumerate(frames)])
    with FaceLandmarker(model, video=True, max_faces=1) as landmarker:
        avatar = signals(landmarker, recording.pictures)
    lookup = {round(row[0] / 1000): row[1:] for row in by_number}
    driver = np.asarray([(at, *lookup[int(number)]) for number, at in recording.camera if int(number) in lookup])
    moving = [index for index in range(len(SIGNALS)) if driver[:, 1 + index].std() > STILL[index]]

    def correlations(lag_ms: float) -> list[float]:
        then = avatar[:, 0] - lag_ms
        inside = (then >= driver[0, 0]) & (then <= driver[-1, 0])
        return [
            float(np.corrcoef(np.interp(then[inside], driver[:, 0], driver[:, 1 + i]), avatar[inside, 1 + i])[0, 1])
            for i in moving
        ]

    lag_ms = max(range(0, LONGEST_LAG_MS, 5), key=lambda lag: sum(correlations(lag)))
    r = {SIGNALS[index]: value for index, value in zip(moving, correlations(lag_ms), strict=True)}
    return Agreement(len(avatar) / max(1, len(recording.pictures)), r, float(lag_ms))


def summary(recording: Recording, agreement: Agreement) -> str:
    """Return the figures in one line."""
    trips = sorted(recording.round_trips_ms)
    trip = f"{median(trips):.0f} ms (p95 {trips[int(0.95 * len(trips))]:.0f}, n {len(trips)})" if trips else "not told"
    r = ", ".join(f"{name} {value:.2f}" for name, value in agreement.r.items())
    return (
        f"camera to screen: {trip}; by movement {agreement.lag_ms:.0f} ms; {recording.fps:.1f} fps; "
        f"face found in {agreement.found:.0%}; r: {r}"
    )
