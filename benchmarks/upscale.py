"""Is a larger picture sharper than an enlarged one? Beside a Lanczos resize of a picture of 512 x 512.

Faces are compared at the resolution at which they were filmed, where they are larger than in a picture of 512 x 512
(there a face is `USUAL_FACE_PX` high). Clips reenact themselves, as in `quality`; photos are shown at rest. Of each
moment two pictures are drawn: one as large as the real one, and one whose face is as high as usual, enlarged to it.

psnr_db, ssim      inside the face, to the real picture
sharpness          Laplacian energy over the real picture's (geometric mean): 1 is as sharp as filmed. In the face, in
                   open mouths, and around the eyes with lids and lashes
error              absolute error in open mouths and around the eyes over the enlarged picture's
time_*             processor time of a picture over that of one of 512 x 512, on one core
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from avatar.errors import AvatarError, EnrolError
from avatar.face.pose import fit_pose
from avatar.generator.enrol import enrol
from avatar.generator.framing import frame_window
from avatar.generator.identity import Identity
from avatar.generator.network_input import region_masks
from avatar.generator.protocol import TargetFace
from avatar.generator.tiers import open_generator
from avatar.identities.open import open_identity
from avatar.types import F32, U8, HeadPose
from benchmarks import report
from benchmarks.clip_track import track_clip
from benchmarks.generator import motions_of, tie_to_one_core, time_in_turn
from benchmarks.media import test_clips, test_photos
from benchmarks.picture_measures import Mask, absolute_error, detail, open_mouth, open_part, psnr_db, ratio, ssim
from benchmarks.reenactment import reenactment

USUAL_FACE_PX: Final = 205
"""Height of the face in a picture of 512 x 512 (`framing.FACE_SHARE`)."""
LEAST_LARGER: Final = 1.2
"""A face has to be so much larger than usual to be compared."""
AROUND_EYES: Final = 0.02
"""Lids and lashes, as a share of the picture's side around the eyes."""
SIZES: Final = ((1024, 1024), (1280, 720))
TIMED: Final = 60
BARS: Final = {
    "face_sharpness": "0.7 to 1.3",
    "time_1024x1024": "<= 2",
    "time_1280x720": "<= 2",
}
PARTS: Final = ("face", "mouth", "eyes")


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment of a face as it was filmed, and what a generator is to show."""

    real: U8
    """(side, side, 3), RGB."""
    shown: TargetFace
    masks: dict[str, Mask]
    """Of `PARTS`, (side, side)."""


@dataclass(frozen=True, slots=True)
class LargeFace:
    """A person whose face is larger than in a usual picture, and moments of theirs."""

    name: str
    identity: Identity
    moments: tuple[Moment, ...]
    larger: float
    """By how much."""


def large_clip(path: Path, seconds: float, targets: int) -> LargeFace | None:
    """Return a clip's face, None where it is no larger than usual.

    Raises:
        AvatarError: no face is seen in it, or none that makes an avatar.
    """
    track = track_clip(path, until_s=seconds)
    heights = np.ptp(track.landmarks_px[:, :, 1], axis=1)
    if float(np.median(heights)) < LEAST_LARGER * USUAL_FACE_PX:
        return None
    scene = reenactment(track, targets, native=True)
    moments = tuple(_moment(frame.real, frame.shown, frame.regions) for frame in scene.targets)
    return LargeFace(path.stem, scene.one, moments, _height(scene.photo.shown.landmarks) / USUAL_FACE_PX)


def large_photo(path: Path) -> LargeFace | None:
    """Return a photo's face at rest, None where it is no larger than usual.

    Raises:
        AvatarError: the photo makes no avatar.
    """
    bgr = cv2.imread(str(path))
    if bgr is None:
        raise EnrolError(f"{path.name} cannot be read.", code="not_an_image")
    identity = enrol([np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)])
    photo = identity.rest
    if _height(photo.landmarks_px) < LEAST_LARGER * USUAL_FACE_PX:
        return None
    height, width = photo.rgb.shape[:2]
    side = 2 * round(512 / frame_window(photo.landmarks_px, (width, height), (512, 512)).scale / 2)
    window = frame_window(photo.landmarks_px, (width, height), (side, side))
    landmarks = window.to_picture(photo.landmarks_px)
    real = cv2.warpAffine(photo.rgb, window.photo_to_picture, (side, side), borderMode=cv2.BORDER_REPLICATE)
    shown = TargetFace(landmarks, fit_pose(landmarks), photo.blendshapes)
    regions = np.moveaxis(region_masks(landmarks, side), 0, -1)
    moment = _moment(np.asarray(real, np.uint8), shown, np.asarray(regions, np.uint8))
    return LargeFace(path.stem, identity, (moment,), _height(landmarks) / USUAL_FACE_PX)


def _height(landmarks: F32) -> float:
    return float(np.ptp(landmarks[:, 1]))


def _moment(real: U8, shown: TargetFace, regions: U8) -> Moment:
    """Return a moment with its masks, from `regions` (side, side, 5) as `network_input.REGIONS`."""
    mouth, eyes, _, face, _ = (np.asarray(regions[..., index], np.uint8) for index in range(5))
    reach = max(3, round(AROUND_EYES * len(real))) | 1
    around = np.asarray(cv2.dilate(eyes, np.ones((reach, reach), np.uint8)), np.uint8)
    return Moment(real, shown, {"face": face > 127, "mouth": open_mouth(mouth, face), "eyes": open_part(around)})


def as_drawn(face: LargeFace, tier: str) -> Iterator[tuple[U8, U8]]:
    """Yield of each moment what a tier draws at the real picture's size, and at the usual one, enlarged to it."""
    side = len(face.moments[0].real)
    usual = 2 * round(side / face.larger / 2)
    scale = usual / side
    large = open_generator(face.identity, (side, side), tier)
    small = open_generator(face.identity, (usual, usual), tier)
    to_large = np.array([[1 / scale, 0, 0], [0, 1 / scale, 0]])
    for moment in face.moments:
        drawn = small.draw(_scaled(moment.shown, scale))
        enlarged = cv2.warpAffine(
            drawn, to_large, (side, side), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE
        )
        yield large.draw(moment.shown), np.asarray(enlarged, np.uint8)


def _scaled(shown: TargetFace, scale: float) -> TargetFace:
    pose = shown.pose
    smaller = HeadPose(pose.rotation, pose.translation_px * np.float32(scale), pose.scale * scale)
    return TargetFace(shown.landmarks * np.float32(scale), smaller, shown.expression)


def compare(moments: Sequence[Moment], drawn: Sequence[U8], enlarged: Sequence[U8]) -> dict[str, float]:
    """Return the figures of one face."""
    figures: dict[str, float] = {}
    for name, pictures in (("", drawn), ("_enlarged", enlarged)):
        pairs = [(made, at.real, at.masks["face"]) for made, at in zip(pictures, moments, strict=True)]
        figures[f"face_psnr_db{name}"] = float(np.mean([psnr_db(*pair) for pair in pairs]))
        figures[f"face_ssim{name}"] = float(np.mean([ssim(*pair) for pair in pairs]))
        for part in PARTS:
            figures[f"{part}_sharpness{name}"] = _sharpness(moments, pictures, part)
    for part in ("mouth", "eyes"):
        errors = [
            [absolute_error(made, at.real, at.masks[part]) for made, at in zip(pictures, moments, strict=True)]
            for pictures in (drawn, enlarged)
        ]
        figures[f"{part}_error"] = ratio(*errors)
    figures["face_psnr_gain_db"] = figures["face_psnr_db"] - figures["face_psnr_db_enlarged"]
    figures["face_ssim_gain"] = figures["face_ssim"] - figures["face_ssim_enlarged"]
    return figures


def _sharpness(moments: Sequence[Moment], pictures: Sequence[U8], part: str) -> float:
    own, real = (
        sum(detail(picture, at.masks[part])[0] for picture, at in zip(shown, moments, strict=True))
        for shown in (pictures, [at.real for at in moments])
    )
    return own / real if real > 0 else float("nan")


def pooled(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the figures over faces: means, geometric for sharpness."""
    figures = {}
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        values = values[np.isfinite(values)]
        if not values.size:
            figures[name] = float("nan")
        else:
            figures[name] = float(np.exp(np.log(values).mean()) if "sharpness" in name else values.mean())
    return figures


def times(identity: Identity, tier: str) -> dict[str, float]:
    """Return the processor time of larger pictures over that of one of 512 x 512."""
    tie_to_one_core()
    sizes = ((512, 512), *SIZES)
    drawn_in_turn = time_in_turn([open_generator(identity, size, tier) for size in sizes], motions_of(None, TIMED))
    usual, *larger = (report.median(timing.cpu_ms) for timing in drawn_in_turn)
    figures = {"time_ms_512x512": usual}
    for (width, height), ms in zip(SIZES, larger, strict=True):
        figures |= {f"time_{width}x{height}": ms / usual, f"time_ms_{width}x{height}": ms}
    return figures


def large_faces(chosen: argparse.Namespace) -> Iterator[LargeFace]:
    """Yield the faces of the clips and photos that are large enough; says of the rest why not."""
    clips = test_clips(100) if chosen.clips is None else sorted(chosen.clips)
    photos = test_photos(100) if chosen.photos is None else sorted(chosen.photos)
    for path in (*clips, *photos):
        try:
            face = large_clip(path, chosen.seconds, chosen.targets) if path in clips else large_photo(path)
        except AvatarError as error:
            print(f"left out: {path.name}: {error}", flush=True)
            continue
        if face is not None:
            yield face


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--clips", type=Path, nargs="*", help="clips of one face each (default: the test people)")
    arguments.add_argument("--photos", type=Path, nargs="*", help="photos of one face each (default: the test people)")
    arguments.add_argument("--tier", default="lite", help="tier of generator (default: lite)")
    arguments.add_argument("--seconds", type=float, default=20.0, help="how much of each clip to use (default 20)")
    arguments.add_argument("--targets", type=int, default=12, help="frames of each clip to compare (default 12)")
    arguments.add_argument("--sheet", type=Path, help="folder for pictures: real, drawn large, enlarged")
    arguments.add_argument("--no-times", action="store_true", help="leave the times out")
    chosen = arguments.parse_args()
    cv2.setNumThreads(1)
    rows: dict[str, dict[str, float]] = {}
    for face in large_faces(chosen):
        drawn, enlarged = zip(*as_drawn(face, chosen.tier), strict=True)
        rows[face.name] = {"larger": face.larger} | compare(face.moments, drawn, enlarged)
        if chosen.sheet is not None:
            write_sheet(chosen.sheet / f"{face.name}.png", face.moments, drawn, enlarged)
    figures: dict[str, float] = {}
    if rows:
        columns = ("larger", *(name for name in next(iter(rows.values())) if name != "larger"))
        report.table(("face", *columns), [(name, *(row[it] for it in columns)) for name, row in rows.items()])
        figures = pooled(list(rows.values())) | {"faces": float(len(rows))}
    if not chosen.no_times:
        figures |= times(open_identity("astronaut"), chosen.tier)
    report.finish(figures, {name: bar for name, bar in BARS.items() if name in figures}, chosen.json)


def write_sheet(path: Path, moments: Sequence[Moment], drawn: Sequence[U8], enlarged: Sequence[U8]) -> None:
    """Write eyes and mouth of some moments pixel by pixel: real, drawn large, enlarged, side by side."""
    shown = []
    for at in np.unique(np.linspace(0, len(moments) - 1, 3).round().astype(int)).tolist():
        x, y, width, height = cv2.boundingRect(moments[at].masks["face"].astype(np.uint8))
        shown.append(np.hstack([p[y : y + height, x : x + width] for p in (moments[at].real, drawn[at], enlarged[at])]))
    widest = max(part.shape[1] for part in shown)
    sheet = np.vstack([cv2.copyMakeBorder(p, 0, 6, 0, widest - p.shape[1], cv2.BORDER_CONSTANT) for p in shown])
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
