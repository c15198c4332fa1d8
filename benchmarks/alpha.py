"""How well is the person cut out for another background? Measured against 3D heads, whose matte is known exactly.

Each head is drawn twice, before black and before grey: how much of the difference is left in a pixel is the
background's share there, and what it shows before black the person's. So the head can be put before any background as
if it had been photographed there. These photos are enrolled, other backgrounds asked for, and the avatar at rest is
compared with the head as it truly looks before them, within 3 pixels (of 512) of its edge and of whatever is half
transparent.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from avatar.config import Background
from avatar.generator.enrol import enrol
from avatar.generator.framing import frame_window
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.types import F32, U8, rest_motion
from benchmarks import report
from benchmarks.media import SHARED
from training.head3d.backdrop import BackdropLook
from training.head3d.model import HeadModel, load_head
from training.head3d.people import PEOPLE
from training.head3d.portrait import draw

SIDE: Final = 512
SAMPLES: Final = 2
GREY: Final = 200
"""Of sRGB: lighter, a lens's glow would spread from the background over the head."""
NEAR_PX: Final = 3
BELOW_EDGE: Final = 8
"""Rows at the picture's lower end that are left out: there is nothing below them."""
COLOURS: Final = ((0, 0, 0), (255, 255, 255), (0, 200, 60), (30, 60, 200))
BARS: Final = {"edge_error": "<= 0.03"}


@dataclass(frozen=True)
class CutHead:
    """A head without a background."""

    alpha: F32
    """(SIDE, SIDE), 0..1."""
    person: F32
    """(SIDE, SIDE, 3), RGB, 0..255, premultiplied."""

    def before(self, background: F32) -> F32:
        """Return the head before a background (SIDE, SIDE, 3)."""
        return np.asarray(self.person + (1 - self.alpha)[..., None] * background, np.float32)


def draw_cut(person_id: str, head: HeadModel) -> CutHead:
    """Draw one of our people; takes about a minute."""
    (person,) = (one for one in PEOPLE if one.id == person_id)
    flat = [
        draw(replace(person, backdrop=BackdropLook("studio", grey, grey)), head, SIDE, SAMPLES).astype(np.float32)
        for grey in ((0, 0, 0), (GREY, GREY, GREY))
    ]
    light = flat[1] - flat[0]
    share = np.clip(1 - light.mean(axis=2) / np.median(light[:40, :40]), 0, 1)
    share = np.where(share < 0.02, 0, np.where(share > 0.98, 1, share))  # the backdrop's grain
    return CutHead(share.astype(np.float32), flat[0])


def rooms() -> Iterator[tuple[str, F32]]:
    """Yield the backgrounds that heads are photographed before: (name, (SIDE, SIDE, 3))."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    yield "room", np.stack([110 + 70 * x, 100 + 50 * y, 90 + 60 * (1 - x)], axis=-1)
    spots = np.random.default_rng(3).uniform(30, 220, (20, 20, 3)).astype(np.float32)
    yield "spots", np.clip(cv2.resize(spots, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), 0, 255)
    yield "bright", np.full((SIDE, SIDE, 3), 225, np.float32)
    yield "dark", np.full((SIDE, SIDE, 3), (30, 34, 40), np.float32)


def photograph(cut: CutHead, room: F32) -> U8:
    """Return a photo of a head before a room, with a camera's noise."""
    noise = np.random.default_rng(4).normal(0, 1.5, (SIDE, SIDE, 1))
    return np.clip(cut.before(room) + noise, 0, 255).astype(np.uint8)


def edge_of(alpha: F32) -> U8:
    """Return 1 near the edge of a matte (height, width)."""
    mixed = ((alpha > 0.02) & (alpha < 0.98)).astype(np.uint8)
    edge = cv2.morphologyEx((alpha > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    near = cv2.dilate(cv2.bitwise_or(edge, mixed), np.ones((2 * NEAR_PX + 1,) * 2, np.uint8))
    near[-BELOW_EDGE:] = 0
    return np.asarray(near, np.uint8)


def errors(cut: CutHead, identity: Identity) -> tuple[float, float, float]:
    """Return the mean errors near the edge, 0..1: of alpha, of the composed picture, and where the photo is not cut.

    The last one lays the photo by the matte as it was enrolled, its old background clinging to it.
    """
    size = (SIDE, SIDE)
    cut = _as_shown(cut, identity)
    near = edge_of(cut.alpha) > 0
    rgba = GeometryGenerator(identity, size, Background("transparent")).render(rest_motion(0.0))
    alpha_error = float(np.abs(rgba[..., 3] / 255 - cut.alpha)[near].mean())
    matte = _warp(np.asarray(identity.matte / np.float32(255), np.float32), identity)
    plain = CutHead(matte, matte[..., None] * _warp(identity.rest.rgb.astype(np.float32), identity))
    composed, uncut = [], []
    for colour in COLOURS:
        shown = GeometryGenerator(identity, size, Background("colour", rgb=colour)).render(rest_motion(0.0))
        truth = cut.before(np.array(colour, np.float32))
        composed.append(np.abs(shown - truth).mean(axis=2)[near].mean() / 255)
        uncut.append(np.abs(plain.before(np.array(colour, np.float32)) - truth).mean(axis=2)[near].mean() / 255)
    return alpha_error, report.mean(composed), report.mean(uncut)


def _as_shown(cut: CutHead, identity: Identity) -> CutHead:
    """Return a head as the avatar's picture shows its photo."""
    return CutHead(np.clip(_warp(cut.alpha, identity), 0, 1), _warp(cut.person, identity))


def _warp(layer: F32, identity: Identity) -> F32:
    photo = identity.rest.rgb
    window = frame_window(identity.rest.landmarks_px, (photo.shape[1], photo.shape[0]), (SIDE, SIDE))
    flags = cv2.INTER_AREA if window.scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.warpAffine(layer, window.photo_to_picture, (SIDE, SIDE), flags=flags), np.float32)


def sheet_row(identity: Identity) -> U8:
    """Return the avatar before several backgrounds, side by side, to be looked at."""
    behind = [Background("blur"), *(Background("colour", rgb=colour) for colour in COLOURS)]
    shown = [GeometryGenerator(identity, (SIDE, SIDE), one).render(rest_motion(0.0)) for one in behind]
    rgba = GeometryGenerator(identity, (SIDE, SIDE), Background("transparent")).render(rest_motion(0.0))
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] // 16
    squares = np.where((rows + columns) % 2, 210.0, 110.0)[..., None]
    over = rgba[..., :3] + (1 - rgba[..., 3:] / 255) * squares
    return np.hstack([identity.preview(SIDE), *shown, np.clip(over, 0, 255).astype(np.uint8)])


def _cut_head(person_id: str, head_file: Path, kept: Path | None) -> CutHead:
    path = None if kept is None else kept / f"{person_id}.npz"
    if path is not None and path.exists():
        with np.load(path) as file:
            return CutHead(file["alpha"], file["person"])
    cut = draw_cut(person_id, load_head(head_file))
    if path is not None:
        np.savez_compressed(path, alpha=cut.alpha, person=cut.person)
    return cut


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    known = Path(os.environ.get("HEAD3D_FILE", SHARED / "ict_facekit_light.npz"))
    arguments.add_argument("--head", type=Path, default=known, help="ict_facekit_light.npz (default: HEAD3D_FILE)")
    people = [person.id for person in PEOPLE]
    arguments.add_argument("--people", nargs="*", default=people, choices=people, help="whom (default: all)")
    arguments.add_argument("--keep", type=Path, metavar="DIR", help="keep drawn heads there, a minute of work each")
    arguments.add_argument("--sheet", type=Path, metavar="FILE", help="write a picture of all of them there")
    chosen = arguments.parse_args()
    if not chosen.head.is_file():
        raise SystemExit(f"There is no 3D head at {chosen.head}: name ict_facekit_light.npz with --head.")
    rows, shown = [], []
    for person_id in chosen.people:
        cut = _cut_head(person_id, chosen.head, chosen.keep)
        for name, room in rooms():
            identity = enrol([photograph(cut, room)])
            rows.append((person_id, name, *errors(cut, identity)))
            if chosen.sheet is not None:
                shown.append(sheet_row(identity))
    report.table(("person", "before", "alpha", "edge", "edge uncut"), rows)
    if shown:
        cv2.imwrite(str(chosen.sheet), cv2.cvtColor(np.vstack(shown), cv2.COLOR_RGB2BGR))
    figures = {
        "edge_error": report.mean(row[3] for row in rows),
        "edge_error_worst": max(row[3] for row in rows),
        "alpha_error": report.mean(row[2] for row in rows),
        "edge_error_uncut": report.mean(row[4] for row in rows),
    }
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    main()
