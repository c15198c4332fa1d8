"""Is the picture like the person? A tier of generator beside the plain warp, on faces it was never trained on.

Each clip reenacts itself: its calmest early frame becomes the avatar, its second half is to be shown, and every picture
is compared with the real frame. Ratios and gains are against the plain warp in the same run, the `geometry` tier with
teeth drawn in place of its own mouths, as it was until 29 November 2026; means over clips.

mouth_l1_ratio, eye_l1_ratio   absolute error inside open lips and lids over the warp's; `_4refs`: four photos
face_psnr_gain_db, ssim_gain   inside the face, beyond the warp's; face_psnr_db and ssim are absolute
mouth_sharpness                Laplacian energy inside open lips over the real frames' (geometric mean)
identity                       face-recognition cosine between the picture drawn and the real frame
identity_cross                 the same between the avatar's photo and the avatar as other clips' people drive it
flicker_ratio                  second difference over time within the face over the real clip's, on a still face and on
                               a slow turn: the worse of the two medians over clips
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from avatar.errors import AvatarError, EnrolError, ModelError, TrustError
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.generator.protocol import Generator, TargetFace
from avatar.generator.tiers import choose_engine, open_generator
from avatar.trust.likeness import Likeness
from avatar.types import U8
from benchmarks import report
from benchmarks.clip_track import ClipTrack, track_clip
from benchmarks.media import test_clips
from benchmarks.picture_measures import absolute_error, detail, flicker, psnr_db, ratio, ssim
from benchmarks.quality_identity import CROSS_FRAMES, DRIVERS, identity_figures
from benchmarks.quality_sheet import Exhibit, contact_sheet, scene_exhibits
from benchmarks.reenactment import SIZE, Reenactment, Stretch, TargetFrame, draw_all, reenactment

BARS = {
    "mouth_l1_ratio": "<= 0.7",
    "mouth_l1_ratio_4refs": "<= 0.5",
    "eye_l1_ratio": "<= 0.8",
    "face_psnr_gain_db": ">= 1.5",
    "ssim_gain": ">= 0",
    "identity": ">= 0.90",
    "identity_cross": ">= the warp's",
    "mouth_sharpness": "0.7 to 1.3",
    "flicker_ratio": "<= 1.3",
}
SUFFIXES = {".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v"}
Figures = dict[str, float]
TABLE = (
    *(
        "open_mouths",
        "mouth_l1_ratio",
        "mouth_l1_ratio_4refs",
        "eye_l1_ratio",
        "face_psnr_db",
        "face_psnr_gain_db",
        "ssim",
    ),
    *("ssim_gain", "mouth_sharpness", "identity", "identity_cross", "flicker_still", "flicker_turn"),
)
"""Columns shown by clip."""


class PlainWarp(GeometryGenerator):
    """The photo moved by the mesh, teeth drawn into its mouth: what every tier is compared with."""

    def draw(self, target: TargetFace) -> U8:
        """Return the picture of a face whose landmarks are known, as `Generator` says."""
        moved = self.move(target)
        self.draw_mouth(moved.picture, target)
        return moved.finished()


def measure_clip(
    scene: Reenactment,
    drivers: Sequence[ClipTrack],
    tier: str,
    engine: str,
    likeness: Likeness | None,
) -> tuple[Figures, list[Exhibit]]:
    """Return one clip's figures and what of it is to be looked at."""

    def generator(named: str, identity: Identity) -> Generator:
        return open_generator(identity, (SIZE, SIZE), named, engine if named != "geometry" else "auto")

    warp = PlainWarp(scene.one, (SIZE, SIZE))
    makers: tuple[Generator, ...] = (warp, generator(tier, scene.one), generator(tier, scene.several))
    by_warp, by_tier, by_tier4 = (list(draw_all(maker, scene.targets)) for maker in makers)
    figures = compare(scene.targets, by_warp, by_tier)
    with_four = compare(scene.targets, by_warp, by_tier4)
    for name in ("mouth_l1_ratio", "eye_l1_ratio", "mouth_sharpness", "face_psnr_gain_db"):
        figures[f"{name}_4refs"] = with_four[name]
    if likeness is not None:
        figures |= identity_figures(scene, drivers, makers[:2], (by_warp, by_tier), likeness)
    # Fresh ones: what a generator keeps from frame to frame is to come from these frames only.
    for name, stretch in (("flicker_still", scene.still), ("flicker_turn", scene.turn)):
        figures[name] = _flicker_ratio(generator(tier, scene.one), stretch)
        figures[f"{name}_geometry"] = _flicker_ratio(PlainWarp(scene.one, (SIZE, SIZE)), stretch)
    return figures, list(scene_exhibits(scene, makers, (by_warp, by_tier, by_tier4)))


def compare(targets: Sequence[TargetFrame], by_warp: Sequence[U8], by_tier: Sequence[U8]) -> Figures:
    """Return the figures of pictures (SIZE, SIZE, 3) RGB beside the warp's and the real frames."""
    figures: Figures = {}
    holes = {"mouth": [frame.hole for frame in targets], "eye": [frame.eyes for frame in targets]}
    for name, inside in holes.items():
        errors = [
            [absolute_error(made, frame.real, mask) for made, frame, mask in zip(by, targets, inside, strict=True)]
            for by in (by_tier, by_warp)
        ]
        figures[f"{name}_l1_ratio"] = ratio(*errors)
        pixels = max(sum(int(mask.sum()) for mask in inside), 1)
        figures[f"{name}_l1"], figures[f"{name}_l1_geometry"] = (sum(error) / pixels for error in errors)
    figures["open_mouths"] = float(sum(bool(hole.any()) for hole in holes["mouth"]))
    faces = [frame.face for frame in targets]
    for name, measure in (("face_psnr", psnr_db), ("ssim", ssim)):
        unit = "_db" if name == "face_psnr" else ""
        own, warp = (
            float(np.mean([measure(made, at.real, face) for made, at, face in zip(by, targets, faces, strict=True)]))
            for by in (by_tier, by_warp)
        )
        figures |= {f"{name}{unit}": own, f"{name}_geometry{unit}": warp, f"{name}_gain{unit}": own - warp}
    figures["mouth_sharpness"] = sharpness(targets, by_tier)
    figures["mouth_sharpness_geometry"] = sharpness(targets, by_warp)
    return figures


def sharpness(targets: Sequence[TargetFrame], made: Sequence[U8]) -> float:
    """Return the Laplacian energy inside open mouths over the real frames', NaN where no mouth opens."""
    inside = [frame.hole for frame in targets]
    own, _ = np.sum([detail(picture, mask) for picture, mask in zip(made, inside, strict=True)], axis=0)
    real, pixels = np.sum([detail(frame.real, mask) for frame, mask in zip(targets, inside, strict=True)], axis=0)
    return float(own / real) if pixels and real > 0 else float("nan")


def _flicker_ratio(generator: Generator, stretch: Stretch) -> float:
    """Return how much a stretch flickers over how much the real one does."""
    pictures = list(draw_all(generator, stretch.frames))[stretch.lead_in :]
    frames = stretch.frames[stretch.lead_in :]
    faces = [frame.face for frame in frames]
    real = flicker([frame.real for frame in frames], faces)
    return flicker(pictures, faces) / real if real > 0 else float("nan")


def measure_clips(
    tracks: Sequence[ClipTrack], chosen: argparse.Namespace, likeness: Likeness | None
) -> tuple[dict[str, Figures], list[Exhibit]]:
    """Return the figures by clip and what is to be looked at; a clip that makes no avatar is named and left out."""
    measured: dict[str, Figures] = {}
    exhibits: list[Exhibit] = []
    for number, track in enumerate(tracks):
        others = [tracks[(number + step) % len(tracks)] for step in range(1, min(DRIVERS, len(tracks) - 1) + 1)]
        drivers = [other for other in others if len(other) >= CROSS_FRAMES]
        try:
            scene = reenactment(track, chosen.targets)
        except EnrolError as error:
            print(f"left out: {track.path.name}: no frame makes an avatar ({error})", flush=True)
            continue
        clip = track.path.stem
        measured[clip], shown = measure_clip(scene, drivers, chosen.tier, chosen.engine, likeness)
        exhibits += shown
        figures = ", ".join(f"{heading(name)} {measured[clip].get(name, np.nan):.3f}" for name in TABLE)
        print(f"{clip}: {figures}", flush=True)
    return measured, exhibits


def heading(name: str) -> str:
    """Return a figure's name, short enough for a table."""
    return name.replace("_l1_ratio", "").replace("_ratio", "").replace("_gain", "+").replace("_db", "")


def clip_choices(arguments: argparse.ArgumentParser, seconds: float) -> argparse.ArgumentParser:
    """Add what says which clips are measured, and how much of each, and return it."""
    arguments.add_argument("--clips", type=Path, help="a folder of clips of one face each (default: the test people)")
    arguments.add_argument("--tier", default="auto", help="tier of generator (default: the best that runs here)")
    arguments.add_argument("--engine", default="auto", help="what runs its network")
    arguments.add_argument("--people", type=int, default=100, help="test people at most, liveliest first")
    arguments.add_argument(
        "--seconds", type=float, default=seconds, help=f"how much of each clip to use (default {seconds:.0f})"
    )
    arguments.add_argument("--targets", type=int, default=20, help="frames of each clip to compare (default 20)")
    return arguments


def chosen_clips(arguments: argparse.Namespace) -> list[Path]:
    """Return the clips to measure: a folder's, or one of each test person.

    Raises:
        SystemExit: there are none.
    """
    if arguments.clips is None:
        return test_clips(arguments.people)
    found = sorted(path for path in arguments.clips.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise SystemExit(f"There are no clips in {arguments.clips}: give a folder with videos of one face each.")
    return found


def pooled(rows: Sequence[Figures]) -> Figures:
    """Return the figures over clips: means, geometric for sharpness, medians for flicker."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: np.array([row.get(name, np.nan) for row in rows], float) for name in names}
    figures: Figures = {}
    for name, values in columns.items():
        kept = values[np.isfinite(values)]
        if not kept.size:
            figures[name] = float("nan")
        elif name.startswith("mouth_sharpness"):
            figures[name] = float(np.exp(np.log(np.maximum(kept, 1e-6)).mean()))
        else:
            figures[name] = float(np.median(kept) if name.startswith("flicker") else kept.mean())
    for suffix in ("", "_geometry"):
        both = [figures.get(f"flicker_{kind}{suffix}", float("nan")) for kind in ("still", "turn")]
        figures[f"flicker_ratio{suffix}"] = float(np.nanmax(both)) if np.isfinite(both).any() else float("nan")
    return figures


def main() -> None:
    """Run the benchmark."""
    arguments = clip_choices(report.parser(__doc__ or ""), seconds=20.0)
    arguments.add_argument("--no-identity", action="store_true", help="leave face recognition out")
    arguments.add_argument("--sheet", type=Path, default=Path("bench-out/quality.png"), help="contact sheet to write")
    chosen = arguments.parse_args()
    try:
        choose_engine(chosen.tier, chosen.engine)
    except ModelError as error:
        raise SystemExit(str(error)) from error
    cv2.setNumThreads(1)  # dozens of small operations: threads cost more than they bring
    begin = time.perf_counter()

    likeness: Likeness | None = None
    if not chosen.no_identity:
        try:
            likeness = Likeness()
        except TrustError as error:
            print(f"Without identity: {error}")
    tracks = []
    for path in chosen_clips(chosen):
        try:
            tracks.append(track_clip(path, until_s=chosen.seconds))
        except AvatarError as error:
            print(f"left out: {path.name}: {error}", flush=True)
    measured, exhibits = measure_clips(tracks, chosen, likeness)
    if not measured:
        raise SystemExit("No clip could be measured.")

    columns = [[row.get(name, float("nan")) for name in TABLE] for row in measured.values()]
    middle = [report.median(value for value in column if np.isfinite(value)) for column in zip(*columns, strict=True)]
    print()
    rows = [(clip, *row) for clip, row in zip(measured, columns, strict=True)]
    report.table(("clip", *(heading(name) for name in TABLE)), [*rows, ("median", *middle)])
    chosen.sheet.parent.mkdir(parents=True, exist_ok=True)
    sheet = contact_sheet(exhibits, ("real", "plain warp", chosen.tier, f"{chosen.tier}, more photos"))
    cv2.imwrite(str(chosen.sheet), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    print(f"\nContact sheet: {chosen.sheet}")
    figures = {name: float("nan") for name in BARS} | pooled(list(measured.values()))
    bars = BARS | {"identity_cross": f">= {figures.get('identity_cross_geometry', float('nan')):.3f} (the warp's)"}
    figures |= {"clips": float(len(measured)), "seconds": time.perf_counter() - begin}
    report.finish(figures, bars, chosen.json)


if __name__ == "__main__":
    main()
