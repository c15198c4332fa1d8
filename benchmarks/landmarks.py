"""Does the landmarker on OpenVINO say what MediaPipe's own says, and at which price?

Both follow the face of each clip, MediaPipe first, in pictures scaled so that their longer side is 640 pixels. Compared
is what both find in a frame: how far each of 478 landmarks is from where MediaPipe has it, how far their depths and the
52 blendshapes are apart, and in how many frames only one of them has a face. Their processor time is taken in turns of
30 frames. Clips: those named with `--clip`; else the built-in one, and clips of people where there are any.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from avatar.media.video import clip_frames
from avatar.models.store import get_model
from avatar.perception.landmarker import FaceDetection, FaceLandmarker
from avatar.perception.landmarker_choice import Landmarker
from avatar.perception.openvino_landmarker import OpenVinoLandmarker
from avatar.types import F32, U8
from benchmarks import report
from benchmarks.fixed_media import write_clip
from benchmarks.media import SHARED, test_clips

WIDTH: Final = 640
SECONDS: Final = 8.0
TURN: Final = 30
"""Frames that one of them looks at before it is the other's turn."""
PEOPLE: Final = 6
"""Clips of people at most."""
BARS: Final = {
    "landmark_px_median": "<= 0.3",
    "landmark_px_p95": "",
    "blendshape_p95": "<= 0.02",
    "only_one_share": "<= 0.005",
    "cost_ratio": "< 1",
}


@dataclass(slots=True)
class Compared:
    """How far two landmarkers are apart on a clip."""

    landmark_px: list[F32] = field(default_factory=list)
    """(478,) of each frame in which both have the face."""
    depth_px: list[F32] = field(default_factory=list)
    blendshape: list[F32] = field(default_factory=list)
    frames: int = 0
    only_one: int = 0
    """Frames in which one of them has no face."""
    ratios: list[float] = field(default_factory=list)
    """Of each turn: processor time over MediaPipe's."""

    def add(self, theirs: FaceDetection | None, ours: FaceDetection | None) -> None:
        """Count a frame."""
        self.frames += 1
        self.only_one += (theirs is None) != (ours is None)
        if theirs is None or ours is None:
            return
        apart = ours.landmarks_px - theirs.landmarks_px
        self.landmark_px.append(np.linalg.norm(apart[:, :2], axis=1))
        self.depth_px.append(np.abs(apart[:, 2]))
        self.blendshape.append(np.abs(ours.blendshapes - theirs.blendshapes))


def follow(landmarker: Landmarker, frames: Sequence[U8], first: int) -> tuple[list[FaceDetection | None], float]:
    """Return the face in each frame, and the processor's seconds."""
    begun_s = time.process_time()
    found = [landmarker.detect(rgb, 1.0 + (first + index) / 30) for index, rgb in enumerate(frames)]
    took_s = time.process_time() - begun_s
    return [faces[0] if faces else None for faces in found], took_s


def compare(frames: Sequence[U8]) -> Compared:
    """Follow a clip's face with both."""
    model, compared = get_model("face_landmarker"), Compared()
    with (
        FaceLandmarker(model, video=True, max_faces=1) as theirs,
        OpenVinoLandmarker(model, video=True, max_faces=1) as ours,
    ):
        for first in range(0, len(frames), TURN):
            turn = frames[first : first + TURN]
            (seen, took_s), (own, own_s) = follow(theirs, turn, first), follow(ours, turn, first)
            for pair in zip(seen, own, strict=True):
                compared.add(*pair)
            if first:  # the first turn warms both up
                compared.ratios.append(own_s / took_s)
    return compared


def pictures(clip: Path) -> list[U8]:
    """Return the frames of a clip's beginning, (height, width, 3) RGB, the longer side `WIDTH` pixels."""
    frames: list[U8] = []
    for _, rgb in clip_frames(clip, until_s=SECONDS):
        scale = WIDTH / max(rgb.shape[:2])
        size = (round(rgb.shape[1] * scale), round(rgb.shape[0] * scale))
        frames.append(np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR), np.uint8))
    return frames


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--clip", type=Path, action="append", metavar="CLIP", help="a video of one face (repeat)")
    options = arguments.parse_args()
    clips = {clip.stem: pictures(clip) for clip in options.clip or ()}
    if not clips:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "clip.mp4"
            write_clip(made, SECONDS)
            clips["built-in"] = pictures(made)
        if SHARED.exists():
            clips |= {clip.stem: pictures(clip) for clip in test_clips(PEOPLE)}
    found = {name: compare(frames) for name, frames in clips.items()}
    report.table(
        ("clip", "frames", "px median", "px p95", "depth p95", "blendshape p95", "only one", "cost ratio"),
        [
            (
                name,
                one.frames,
                report.median(np.ravel(one.landmark_px)),
                report.p95(np.ravel(one.landmark_px)),
                report.p95(np.ravel(one.depth_px)),
                report.p95(np.ravel(one.blendshape)),
                one.only_one,
                report.median(one.ratios),
            )
            for name, one in found.items()
        ],
    )
    every = list(found.values())
    landmark_px = np.concatenate([np.ravel(one.landmark_px) for one in every])
    report.finish(
        {
            "landmark_px_median": report.median(landmark_px),
            "landmark_px_p95": report.p95(landmark_px),
            "blendshape_p95": report.p95(np.concatenate([np.ravel(one.blendshape) for one in every])),
            "only_one_share": sum(one.only_one for one in every) / max(sum(one.frames for one in every), 1),
            "cost_ratio": report.median(ratio for one in every for ratio in one.ratios),
        },
        BARS,
        options.json,
    )


if __name__ == "__main__":
    main()
