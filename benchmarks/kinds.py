"""What becomes of the faces that people bring? A row for each: the photo, and the avatar at rest and in motion.

    python -m benchmarks.kinds --head ict_facekit_light.npz --sheet kinds.jpg
    python -m benchmarks.kinds --faces MY_PHOTOS --sheet mine.jpg --tier lite

Glasses, beards, fringes, dark skin in dark light, heads turned aside and cut off, a mask, and faces drawn and
painted: people who do not exist (the 3D morphable head and the built-in faces), some with an effect laid over their
picture. There are no children among them.
`--faces` shows photos of yours in their place. Without the head only the built-in faces are shown. It prints, for each:

warned           what enrolment says of the photo
glasses          whether it takes the person for a wearer of glasses
rims_bend        how far a rim of glasses leaves the shape it has in the photo, beside any shift, turn, slant and
                 stretch of its plane, per cent of the distance between the eyes: root mean square, the worst rim in
                 the worst picture
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from avatar.config import LimitSettings
from avatar.errors import AvatarError, EnrolError
from avatar.face import mesh
from avatar.generator.enrol import enrol
from avatar.generator.eyewear import wears_glasses
from avatar.generator.face_flow import COARSER
from avatar.generator.framing import frame_window
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.generator.photo_checks import photo_warnings
from avatar.generator.protocol import target_face
from avatar.generator.tiers import TIERS, open_generator
from avatar.identities.builtin import builtin_faces
from avatar.media.photo import read_photo
from avatar.types import BLENDSHAPE_INDEX, BLENDSHAPES, F32, U8, Motion
from benchmarks import report
from benchmarks.drawn_kinds import drawn_kinds
from benchmarks.photo_checks import COLOURS, masked

SIZE: Final = 512
CELL: Final = 128
LABEL: Final = 18
PHOTOS: Final = (".jpg", ".jpeg", ".png", ".webp")
SMILE: Final = {
    f"{name}{side}": value
    for name, value in {"mouthSmile": 0.8, "cheekSquint": 0.6, "eyeSquint": 0.3}.items()
    for side in ("Left", "Right")
}
TURN_DEG: Final = 18.0
MOVES: Final[Mapping[str, tuple[tuple[float, float], Mapping[str, float]]]] = {
    "rest": ((0, 0), {}),
    "turn left": ((0, TURN_DEG), {}),
    "turn right": ((0, -TURN_DEG), {}),
    "nod": ((14, 0), {}),
    "smile": ((0, 0), SMILE),
    "open mouth": ((0, 0), {"jawOpen": 0.55, "mouthLowerDownLeft": 0.2, "mouthLowerDownRight": 0.2}),
    "closed lids": ((0, 0), {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}),
}
"""Pitch and yaw in degrees, and coefficients, by the columns' names."""
RIM: Final = (0.40, 0.33, 0.04)
"""Half width and height of rims that are not known, and how far they lie below the eyes, in distances between these."""
STEPS: Final = 12
CUT_OFF: Final = 14
"""Per cent of a photo above which nothing is left of it: the edge then goes through the hair."""
BARS: Final = {"rims_bend": "<= 1", "warned_good": "<= 0", "masks_warned": ">= 1"}


@dataclass(frozen=True, slots=True)
class Kind:
    """One photo of a kind."""

    name: str
    photo: U8
    """(height, width, 3), RGB."""
    rims: F32 | None = None
    """(2, n, 2), pixels of the photo: the middle lines of the rims, where glasses are known to be."""
    spoilt: bool = False
    """Whether enrolment is to warn of it."""


def kinds(head: Path | None, folder: Path | None) -> Iterator[Kind]:
    """Yield the photos: those of a folder, or else the drawn ones, as many as can be drawn without or with the head."""
    if folder is not None:
        for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTOS):
            yield Kind(path.stem, read_photo(path.read_bytes(), LimitSettings()))
        return
    if head is not None:
        for name, photo, rims in drawn_kinds(head):
            yield Kind(name, photo, rims)
    faces = {face.id: read_photo(face.image.read_bytes(), LimitSettings()) for face in builtin_faces()}
    yield Kind("fringe", faces["lin"])
    yield Kind("cut off", np.ascontiguousarray(faces["kofi"][faces["kofi"].shape[0] * CUT_OFF // 100 :]))
    # OpenCV's own effects: real paintings would be better, but no package carries any.
    yield Kind("painted", np.asarray(cv2.xphoto.oilPainting(faces["mira"], 7, 1), np.uint8))
    yield Kind("drawn", np.asarray(cv2.stylization(faces["kofi"], sigma_s=60, sigma_r=0.45), np.uint8))
    pencil, _ = cv2.pencilSketch(faces["lin"], sigma_s=60, sigma_r=0.07, shade_factor=0.05)
    yield Kind("pencil", np.repeat(np.asarray(pencil, np.uint8)[..., None], 3, axis=2))
    worn = masked(enrol([faces["tomas"]]).rest, COLOURS["blue mask"], np.random.default_rng(0))
    yield Kind("mask", worn, spoilt=True)


def motion(column: str) -> Motion:
    """Return the motion of a column."""
    (pitch, yaw), coefficients = MOVES[column]
    blendshapes = np.zeros(len(BLENDSHAPES), np.float32)
    for name, value in coefficients.items():
        blendshapes[BLENDSHAPE_INDEX[name]] = value
    turn = np.radians([pitch, yaw, 0]).astype(np.float32)
    return Motion(time_s=0.0, blendshapes=blendshapes, rotation=turn, translation=np.zeros(2, np.float32), scale=1.0)


def rims_in_photo(kind: Kind, identity: Identity) -> F32:
    """Return the rims of glasses in pixels of the portrait that enrolment has made of a photo, (2, n, 2)."""
    landmarks = identity.rest.landmarks_px
    if kind.rims is not None:
        return kind.rims
    eyes = [landmarks[list(eye), :2].mean(axis=0) for eye in (mesh.RIGHT_EYE_OPENING, mesh.LEFT_EYE_OPENING)]
    across = eyes[1] - eyes[0]
    down = np.array([-across[1], across[0]])
    half_width, half_height, drop = RIM
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)[:, None]
    ellipse = half_width * np.cos(turn) * across + (half_height * np.sin(turn) + drop) * down
    return np.stack([eye + ellipse for eye in eyes]).astype(np.float32)


def moved_points(generator: GeometryGenerator, asked: Motion, points: F32) -> F32:
    """Return where points (n, 2) of the resting picture are in the picture of a motion, by its backward map."""
    moved = generator.move(target_face(generator.rig, generator.identity, asked))
    rest_origin, origin = (np.array(place, np.float32) for place in (moved.rest_origin, moved.origin))
    places = moved.places
    step = COARSER
    found = points.copy()
    for _ in range(STEPS):
        x, y = (((found - origin - (step - 1) / 2) / step).astype(np.float32).T[..., None]).copy()
        came_from = [
            cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).ravel() for plane in places
        ]
        found = np.asarray(found + points - (np.stack(came_from, axis=1) + rest_origin), np.float32)
    return found


def bend(rest: F32, moved: F32) -> float:
    """Return how far points (n, 2) that lie on a plane are from what an affine map makes of them, root mean square."""
    known = np.column_stack([rest, np.ones(len(rest), np.float32)])
    fit, *_ = np.linalg.lstsq(known, moved, rcond=None)
    return float(np.sqrt(((known @ fit - moved) ** 2).sum(axis=1).mean()))


def row_of(identity: Identity, tier: str) -> list[U8]:
    """Return the cells of a row, (CELL, CELL, 3) each: the photo, then what `MOVES` says."""
    generator = open_generator(identity, (SIZE, SIZE), tier)
    pictures = [identity.preview(SIZE), *(generator.render(motion(column)) for column in MOVES)]
    return [
        np.asarray(cv2.resize(picture, (CELL, CELL), interpolation=cv2.INTER_AREA), np.uint8) for picture in pictures
    ]


def worst_bend(kind: Kind, identity: Identity) -> float:
    """Return the largest bend of the rims in any of `MOVES`, per cent of the distance between the eyes."""
    generator = GeometryGenerator(identity, (SIZE, SIZE))
    portrait = identity.rest
    window = frame_window(portrait.landmarks_px, (portrait.rgb.shape[1], portrait.rgb.shape[0]), (SIZE, SIZE))
    rims = [
        window.to_picture(np.column_stack([rim, np.zeros(len(rim), np.float32)]))[:, :2]
        for rim in rims_in_photo(kind, identity)
    ]
    irises = window.to_picture(portrait.landmarks_px)[[mesh.RIGHT_IRIS[0], mesh.LEFT_IRIS[0]], :2]
    apart = float(np.linalg.norm(irises[0] - irises[1]))
    bends = [bend(rim, moved_points(generator, motion(column), rim)) for column in MOVES for rim in rims]
    return 100 * max(bends) / apart


def sheet_of(rows: Sequence[tuple[str, list[U8]]]) -> U8:
    """Return the contact sheet, (height, width, 3) RGB: a row for each kind, under a line of the columns' names."""
    width = CELL * (1 + len(MOVES))
    heading = np.full((LABEL, width, 3), 32, np.uint8)
    for column, name in enumerate(("photo", *MOVES)):
        _write(heading, name, column * CELL + 4)
    bands = [heading]
    for name, cells in rows:
        strip = np.full((LABEL, width, 3), 32, np.uint8)
        _write(strip, name, 4)
        bands += [strip, np.hstack(cells)]
    return np.vstack(bands)


def _write(strip: U8, text: str, left: int) -> None:
    cv2.putText(strip, text, (left, LABEL - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (230, 230, 230), 1, cv2.LINE_AA)


def main() -> None:
    """Draw the sheet, print what there is to say of each kind, and write what was asked for."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--sheet", type=Path, metavar="FILE", help="write the contact sheet here (.jpg, .png)")
    arguments.add_argument(
        "--head", type=Path, metavar="NPZ", help="the 3D head, ict_facekit_light.npz (docs/training.md)"
    )
    arguments.add_argument("--faces", type=Path, metavar="DIR", help="show these photos in place of drawn people")
    arguments.add_argument("--tier", choices=TIERS, default="geometry", help="what draws (default geometry)")
    chosen = arguments.parse_args()
    if chosen.faces is not None and not chosen.faces.is_dir():
        raise SystemExit(f"{chosen.faces} is no folder: give one of photos with --faces DIR.")
    rows: list[tuple[str, list[U8]]] = []
    lines: list[tuple[object, ...]] = []
    bends: list[float] = []
    good: list[bool] = []
    spoilt: list[bool] = []
    for kind in kinds(chosen.head, chosen.faces):
        try:
            identity = enrol([kind.photo], name=kind.name)
        except EnrolError as error:
            lines.append((kind.name, f"refused: {error}", "", ""))
            continue
        warnings = photo_warnings(identity.portraits)
        (spoilt if kind.spoilt else good).append(bool(warnings))
        glasses = wears_glasses(identity.rest.rgb, identity.rest.landmarks_px)
        bent = worst_bend(kind, identity)
        if glasses or kind.rims is not None:
            bends.append(bent)
        lines.append((kind.name, " ".join(warnings) or "no", "yes" if glasses else "no", bent))
        rows.append((kind.name, row_of(identity, chosen.tier)))
    report.table(("kind", "warned", "glasses", "rims_bend"), lines)
    if chosen.sheet is not None and rows:
        picture = cv2.cvtColor(sheet_of(rows), cv2.COLOR_RGB2BGR)
        try:
            written = cv2.imwrite(str(chosen.sheet), picture)
        except cv2.error:
            written = False
        if not written:
            raise SystemExit(f"{chosen.sheet} cannot be written: name a .jpg or .png in a folder that there is.")
    figures = {
        "rims_bend": max(bends, default=float("nan")),
        "warned_good": report.mean(good),
        "masks_warned": report.mean(spoilt),
    }
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    try:
        main()
    except AvatarError as error:
        raise SystemExit(str(error)) from error
