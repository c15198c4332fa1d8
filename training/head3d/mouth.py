"""The inside of the mouth, drawn without the face: upper teeth and gums, lower teeth, gums and tongue.

Two RGBA pictures, orthographic, frontal. The upper one is rigid with the skull and drawn at rest; the lower one is
rigid with the jaw and drawn with the jaw half open, as it is seen when it is seen at all: the tops of the lower teeth
and the tongue show. ``mouth.json`` says where to lay them (format: assets/README.md).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from avatar.face.easing import smooth_step
from avatar.types import F32
from training.head3d.light import ambient_occlusion, sky_rays
from training.head3d.model import HeadModel, Part, tessellate, vertex_normals
from training.head3d.raster import I32, Fragments, rasterise
from training.head3d.shading import (
    develop,
    fractal_noise,
    ggx,
    lattice_noise,
    shrink,
    srgb_to_linear,
    unit,
    wrapped_diffuse,
)

LANDMARKS_CM = {
    "33": (-4.52, 3.48),
    "263": (4.57, 3.42),
    "13": (0.0, -3.39),
    "14": (0.0, -3.42),
    "78": (-2.27, -3.51),
    "308": (2.27, -3.51),
}
"""MediaPipe landmarks of the mean head at rest, found by its detector on a plain render: x, y in head coordinates."""

_PX_PER_CM = 112  # the mouth, landmark 78 to 308, is then 508 px wide
_SAMPLES = 3
_CROWN_CM = 1.05
_JAW_OPEN = 0.5
IVORY = srgb_to_linear((232, 220, 198))
NECK_OF_TOOTH = srgb_to_linear((216, 196, 162))
GUM = srgb_to_linear((186, 104, 102))
TONGUE = srgb_to_linear((192, 104, 104))
_KEY = np.array([-0.25, 0.45, 0.86], np.float32) / np.linalg.norm([0.25, 0.45, 0.86])
_FILL = np.array([0.5, 0.05, 0.86], np.float32) / np.linalg.norm([0.5, 0.05, 0.86])
_EYE: F32 = np.array([0.0, 0.0, 1.0], np.float32)


@dataclass(frozen=True, eq=False)
class Jaw:
    """One rigid half of the mouth: its triangles, and for each of its teeth the vertices and the edge it bites with."""

    triangles: I32
    teeth: tuple[I32, ...]
    tongue: F32
    """(n,) 0..1, how much a vertex belongs to the tongue."""


def render_mouth(head: HeadModel, out: Path) -> None:
    """Write ``upper.png``, ``lower.png`` and ``mouth.json`` into the folder ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    half_open = head.shape({}, {"jawOpen": _JAW_OPEN})
    upper, lower = split_jaws(head)
    boxes = {"upper": (-3.55, 3.55, -3.75, -1.15), "lower": (-3.35, 3.35, -6.75, -3.55)}
    registration: dict[str, object] = {}
    for name, jaw, vertices in (("upper", upper, head.vertices), ("lower", lower, half_open)):
        rgba = _draw(*_rounded(vertices, jaw), boxes[name])
        if not cv2.imwrite(str(out / f"{name}.png"), cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA)):
            raise OSError(f"could not write {out / name}.png")
        registration[name] = _register(head, jaw, vertices, boxes[name], f"{name}.png")
    (out / "mouth.json").write_text(json.dumps(_document(registration), indent=2) + "\n")


def split_jaws(head: HeadModel) -> tuple[Jaw, Jaw]:
    """The skull's half of the mouth and the jaw's."""
    moved = np.linalg.norm(head.expression["jawOpen"], axis=1)
    # In the jaw's half every vertex moves at least a centimetre a full opening, in the skull's none does.
    low = moved > 0.6
    inside = head.select(Part.GUMS_AND_TONGUE, Part.TEETH)
    gums_start, gums_stop = Part.GUMS_AND_TONGUE.value
    gums = np.zeros(len(low), bool)
    gums[gums_start:gums_stop] = True
    jaws = []
    for side in (~low, low):
        mine = inside & side[head.triangles].all(1)
        # The throat wall behind the last molars joins both halves and would hang as a curtain behind the teeth.
        deep = gums[head.triangles].all(1) & (head.vertices[head.triangles][:, :, 2].max(1) < 4.6)
        teeth = tuple(tooth for tooth in head.pieces(Part.TEETH) if side[tooth].mean() > 0.5)
        x, y, z = head.vertices.T
        tongue = np.where(gums & low, smooth_step(1.75 - np.abs(x), 0, 0.25) * (z < 9.2) * (y > -4.6), 0)
        jaws.append(Jaw(head.triangles[mine & ~deep], teeth, tongue.astype(np.float32)))
    return jaws[0], jaws[1]


def _rounded(vertices: F32, jaw: Jaw) -> tuple[F32, Jaw]:
    """The same half with four times the triangles: seen this close, the mesh's own teeth have corners."""
    round_vertices, triangles, ends = tessellate(vertices, jaw.triangles)
    piece = np.full(len(vertices), -1, np.int32)
    for index, tooth in enumerate(jaw.teeth):
        piece[tooth] = index
    piece = np.concatenate([piece, piece[ends[:, 0]]])
    teeth = tuple(np.flatnonzero(piece == index).astype(np.int32) for index in range(len(jaw.teeth)))
    tongue = np.concatenate([jaw.tongue, jaw.tongue[ends].mean(1)]).astype(np.float32)
    return round_vertices, Jaw(triangles, teeth, tongue)


def _draw(vertices: F32, jaw: Jaw, box: tuple[float, float, float, float]) -> cv2.typing.MatLike:
    left, right, bottom, top = box
    scale = _PX_PER_CM * _SAMPLES
    width, height = round((right - left) * _PX_PER_CM) * _SAMPLES, round((top - bottom) * _PX_PER_CM) * _SAMPLES
    screen = np.stack([(vertices[:, 0] - left) * scale, (top - vertices[:, 1]) * scale, vertices[:, 2]], 1)
    fragments = rasterise(screen.astype(np.float32), jaw.triangles, width, height)
    linear = _shade(vertices, jaw, fragments)
    alpha = fragments.covered.astype(np.float32)
    # The far ends of the gums are never seen past the lips; they end softly in case they are.
    rows = np.linspace(top, bottom, height, dtype=np.float32)[:, None]
    columns = np.linspace(left, right, width, dtype=np.float32)[None]
    inner = smooth_step(columns - left, 0.0, 0.35) * smooth_step(right - columns, 0.0, 0.35)
    inner = inner * (smooth_step(top - rows, 0.0, 0.4) if top > -2 else smooth_step(rows - bottom, 0.0, 0.5))
    alpha = alpha * inner
    premultiplied = shrink(np.dstack([develop(linear) * alpha[..., None], alpha]), _SAMPLES)
    return _straight(premultiplied)


def _shade(vertices: F32, jaw: Jaw, fragments: Fragments) -> F32:
    normals = vertex_normals(vertices, jaw.triangles)
    used = np.unique(jaw.triangles)
    open_sky = np.ones(len(vertices), np.float32)
    rays = sky_rays(96)
    rays = rays[rays[:, 2] > -0.1]
    # Light falls in through the lips: rays from the front count, those from behind do not.
    open_sky[used] = ambient_occlusion(vertices, normals, jaw.triangles, rays)[used]
    biting = 1.0 if np.mean([vertices[t, 1].mean() for t in jaw.teeth]) < -4 else -1.0
    channels = np.concatenate([open_sky[:, None], tooth_channels(vertices, jaw, biting), jaw.tongue[:, None]], 1)
    picked = fragments.interpolate(np.concatenate([channels, vertices, normals], 1), jaw.triangles)
    sky, toothness, along_px, tint_px, tongue = (picked[..., k : k + 1] for k in range(5))
    tooth: F32 = np.asarray(toothness > 0.5, np.float32)
    place = picked[..., 5:8]
    normal = _roughened(unit(picked[..., 8:11]), place, tooth[..., 0], tongue[..., 0])
    enamel = IVORY + (NECK_OF_TOOTH - IVORY) * smooth_step(along_px, 0.35, 1.0)
    # The biting edge is thin and lets the dark behind through: a little greyer and bluer.
    enamel = enamel * (1 - smooth_step(along_px, 0.16, 0.0) * np.array([0.2, 0.15, 0.09], np.float32))
    enamel = enamel * (1 + 0.05 * tint_px * np.array([0.4, 0.8, 1.5], np.float32))
    enamel = enamel * (1 + 0.03 * fractal_noise(place * np.array([5, 1.2, 5], np.float32), 11)[..., None])
    mottled = 1 + 0.10 * fractal_noise(place * 2.2, 21)[..., None] * np.array([0.5, 1, 1], np.float32)
    flesh = (GUM + (TONGUE - GUM) * tongue) * mottled
    albedo = np.where(tooth > 0, enamel, flesh)
    # Scattering inside enamel and flesh lifts the shadowed cracks and colours them warm.
    warm = np.array([0.55, 0.85, 1.0], np.float32)
    reach = sky ** np.where(tooth > 0, warm * 0.8, warm * 1.3)
    diffuse = 0.30 * reach
    shine = np.zeros_like(sky)
    roughness = np.where(tooth[..., 0] > 0, 0.24, 0.30).astype(np.float32)
    for direction, strength in ((_KEY, 0.62), (_FILL, 0.32)):
        diffuse = diffuse + strength * wrapped_diffuse(normal, direction, 0.35)[..., None] * reach
        shine = shine + strength * ggx(normal, direction, _EYE, roughness, 0.045)[..., None] * sky
    depth = np.exp(-np.maximum(10.4 - place[..., 2:], 0) / 6.5)
    return np.asarray((albedo * diffuse * 1.15 + np.minimum(shine, 0.55)) * depth, np.float32)


def tooth_channels(vertices: F32, jaw: Jaw, biting: float) -> F32:
    """(n, 3) at vertices: 1 on teeth; 0 at the biting edge to 1 at the neck; how this tooth's tint differs, -0.5..0.5.

    ``biting``: 1 where teeth bite upwards, -1 where they bite downwards.
    """
    channels = np.zeros((len(vertices), 3), np.float32)
    for index, members in enumerate(jaw.teeth):
        height = biting * vertices[members, 1]
        channels[members, 0] = 1
        channels[members, 1] = np.clip((height.max() - height) / _CROWN_CM, 0, 1)
        channels[members, 2] = np.sin(index * 12.9898) * 0.5
    return channels


def _roughened(normal: F32, place: F32, tooth: F32, tongue: F32) -> F32:
    """Normals tilted by the small forms the mesh lacks: enamel ripples, wet stippled gums, the tongue's papillae."""
    stretch = np.stack([place[..., 0] * 3.0, place[..., 1] * 6.0, place[..., 2] * 3.0], -1)
    amount = tooth * 0.035 + (1 - tooth) * (0.07 + 0.16 * tongue)
    fine = place * np.where(tongue > 0.5, 14.0, 6.0)[..., None]
    tilt = np.stack(
        [np.where(tooth > 0, lattice_noise(stretch, 31 + k), fractal_noise(fine, 41 + 3 * k, 3)) for k in range(3)], -1
    )
    return unit(normal + amount[..., None] * tilt)


def _straight(premultiplied: F32) -> cv2.typing.MatLike:
    """Premultiplied (h, w, 4) in 0..1 -> straight 8-bit RGBA whose colour runs on under transparent pixels."""
    alpha = premultiplied[..., 3:]
    colour = premultiplied[..., :3] / np.maximum(alpha, 1e-4)
    filled = alpha > 0.02
    for sigma in (2.0, 6.0, 18.0):
        spread = np.asarray(cv2.GaussianBlur(premultiplied, (0, 0), sigma), np.float32)
        near = ~filled & (spread[..., 3:] > 0.01)
        colour = np.where(near, spread[..., :3] / np.maximum(spread[..., 3:], 1e-4), colour)
        filled |= near
    colour = np.where(filled, colour, 0)
    rgba = np.concatenate([colour, np.where(alpha > 0.004, alpha, 0)], -1)
    return np.asarray((rgba.clip(0, 1) * 255 + 0.5).astype(np.uint8))


def _register(
    head: HeadModel, jaw: Jaw, vertices: F32, box: tuple[float, float, float, float], file: str
) -> dict[str, object]:
    left, right, bottom, top = box
    unit_cm = _head_unit_cm()
    incisors = sorted(jaw.teeth, key=lambda tooth: abs(float(vertices[tooth, 0].mean())))[:2]
    upper = file.startswith("upper")
    drawn = _biting_edge(vertices, incisors, upper)
    rest = _biting_edge(head.vertices, incisors, upper)
    opened = _biting_edge(head.shape({}, {"jawOpen": 1.0}), incisors, upper)
    lip = LANDMARKS_CM["13" if upper else "14"]
    return {
        "file": file,
        "width": round((right - left) * _PX_PER_CM),
        "height": round((top - bottom) * _PX_PER_CM),
        "px_per_head_unit": round(_PX_PER_CM * unit_cm, 2),
        "anchor_px": [round((drawn[0] - left) * _PX_PER_CM, 1), round((top - drawn[1]) * _PX_PER_CM, 1)],
        "anchor_from_lip_at_rest": [round((rest[0] - lip[0]) / unit_cm, 4), round((lip[1] - rest[1]) / unit_cm, 4)],
        "anchor_travel_jaw_open": [0.0, round((rest[1] - opened[1]) / unit_cm, 4)],
    }


def _biting_edge(vertices: F32, incisors: list[I32], upper: bool) -> tuple[float, float]:
    """X, y cm midway between the two middle teeth on the edge they bite with."""
    edges = [vertices[tooth, 1].min() if upper else vertices[tooth, 1].max() for tooth in incisors]
    return 0.0, float(np.mean(edges))


def _head_unit_cm() -> float:
    (x0, y0), (x1, y1) = LANDMARKS_CM["33"], LANDMARKS_CM["263"]
    return float(np.hypot(x1 - x0, y1 - y0))


def _document(registration: dict[str, object]) -> dict[str, object]:
    unit_cm = _head_unit_cm()
    origin_x, origin_y = LANDMARKS_CM["13"]
    rest = {
        name: [round((x - origin_x) / unit_cm, 4), round((origin_y - y) / unit_cm, 4)]
        for name, (x, y) in LANDMARKS_CM.items()
    }
    return {
        "format": 1,
        "units": "head units (distance between landmarks 33 and 263), x right and y down on the picture",
        "landmarks_at_rest": rest,
        "cavity_rgb": [38, 14, 14],
        "lower_drawn_at_jaw_open": _JAW_OPEN,
        **registration,
    }
