"""What are further photos worth that were taken on other days?

Clips reenact themselves, as in `quality`, from one photo and from four of the same clip; then each further photo is
given another contrast, brightness, colour, light from a side and sharpness by chance (`--seed`) and matched to the
first as enrolment does it.

mouth_l1_ratio, eye_l1_ratio   absolute error in open mouths and around the eyes over the plain warp's
face_psnr_gain_db              on the face, over the plain warp

of `_one` photo, of several of the `_same` light, and of those of `_other` days.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from avatar.errors import AvatarError, ModelError
from avatar.generator.identity import Identity
from avatar.generator.skin_match import match_skin
from avatar.generator.tiers import choose_engine, open_generator
from avatar.types import U8
from benchmarks import report
from benchmarks.clip_track import track_clip
from benchmarks.quality import PlainWarp, chosen_clips, clip_choices, compare
from benchmarks.reenactment import SIZE, Reenactment, draw_all, reenactment

CONTRAST, BRIGHTNESS, SIDE = 0.18, 0.2, 0.35
"""Standard deviations of logarithms: of the exponent, of the light, and of the light at the picture's edges."""
COLOUR: Final = (0.12, 0.05, 0.15)
"""The same of red, green and blue."""
SOFTEST: Final = 0.4
"""Share of its width and height that a photo has at least before it is enlarged again."""
MEASURED: Final = ("mouth_l1_ratio", "eye_l1_ratio", "face_psnr_gain_db")
BARS: Final = {"eye_l1_ratio_other": "< one photo's", "face_psnr_gain_db_other": "> one photo's"}


def another_day(rgb: U8, rng: np.random.Generator) -> U8:
    """Return a photo (height, width, 3) as another camera takes it in other light."""
    height, width = rgb.shape[:2]
    light = (rgb / np.float32(255)) ** np.float32(np.exp(rng.normal(0, CONTRAST)))
    side = np.linspace(-1, 1, width)[None, :, None] * rng.normal(0, SIDE)
    light *= np.exp(side + rng.normal(0, COLOUR) + rng.normal(0, BRIGHTNESS)).astype(np.float32)
    share = rng.uniform(SOFTEST, 1)
    small = cv2.resize(light, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    soft = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray((255 * soft).clip(0, 255).round(), np.uint8)


def of_other_days(several: Identity, seed: int) -> Identity:
    """Return an avatar whose further photos were taken on other days, matched to its first."""
    rng = np.random.default_rng(seed)
    taken = (replace(photo, rgb=another_day(photo.rgb, rng)) for photo in several.portraits[1:])
    return replace(several, portraits=(several.rest, *(match_skin(photo, several.rest) for photo in taken)))


def measure(scene: Reenactment, tier: str, engine: str, seed: int) -> dict[str, float]:
    """Return the figures of one clip."""
    by_warp = list(draw_all(PlainWarp(scene.one, (SIZE, SIZE)), scene.targets))
    figures: dict[str, float] = {}
    other = of_other_days(scene.several, seed)
    for name, identity in (("one", scene.one), ("same", scene.several), ("other", other)):
        drawn = list(draw_all(open_generator(identity, (SIZE, SIZE), tier, engine), scene.targets))
        found = compare(scene.targets, by_warp, drawn)
        figures |= {f"{figure}_{name}": found[figure] for figure in MEASURED}
    return figures


def main() -> None:
    """Run the benchmark."""
    arguments = clip_choices(report.parser(__doc__ or ""), seconds=12.0)
    arguments.add_argument("--seed", type=int, default=0, help="what the other days are drawn by (default 0)")
    chosen = arguments.parse_args()
    try:
        choose_engine(chosen.tier, chosen.engine)
    except ModelError as error:
        raise SystemExit(str(error)) from error
    cv2.setNumThreads(1)
    rows = {}
    for path in chosen_clips(chosen):
        try:
            scene = reenactment(track_clip(path, until_s=chosen.seconds), chosen.targets)
        except AvatarError as error:
            print(f"left out: {path.name}: {error}", flush=True)
            continue
        rows[path.stem] = measure(scene, chosen.tier, chosen.engine, chosen.seed)
        print(path.stem, *(f"{name} {value:.3f}" for name, value in rows[path.stem].items()), flush=True)
    if not rows:
        raise SystemExit("No clip could be measured.")
    means = {
        name: report.mean(value for row in rows.values() if np.isfinite(value := row[name]))
        for name in next(iter(rows.values()))
    }
    report.finish(means, BARS, chosen.json)


if __name__ == "__main__":
    main()
