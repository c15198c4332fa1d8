"""A person put together and photographed: head, eyes, hairs, clothes and room in one picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from avatar.face.easing import smooth_step
from avatar.types import F32
from training.head3d import backdrop, brows, cloth, eyes, hair, skin, strands
from training.head3d.cloth import ClothLook
from training.head3d.glasses import GlassesLook
from training.head3d.light import Light
from training.head3d.model import HeadModel, Part, vertex_normals
from training.head3d.scene import Buffers, Camera, Material, Mesh, light_vertices, photograph
from training.head3d.shading import develop, shrink

_CHIN = 966
_CAVITY = np.array([0.020, 0.006, 0.005], np.float32)
NECK = np.array([0.0, -9.0, -0.5])
"""Where heads turn about, cm."""
_MAIN_EYEBALL = 770  # vertices of the piece with the cornea; the head model nests a second ball inside


@dataclass(frozen=True)
class Person:
    """Everything that makes one of our people; plain numbers, so that the same person is drawn each time."""

    id: str
    name: str
    seed: int
    identity: Mapping[int, float]
    expression: Mapping[str, float]
    complexion: skin.Complexion
    iris: eyes.IrisLook
    brow: brows.BrowLook
    clothes: ClothLook
    backdrop: backdrop.BackdropLook
    lights: tuple[Light, ...]
    sky: tuple[float, float, float]
    hair: hair.HairLook | None = None
    cap: ClothLook | None = None
    glasses: GlassesLook | None = None
    """Drawn by `posed_person` alone."""
    stubble_hairs: int = 0
    stubble_cm: float = 0.18
    exposure: float = 1.0
    enamel: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Linear RGB of the teeth beside ivory."""
    turn_degrees: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Nod, turn and tilt of the head and shoulders."""
    px_per_cm: float = 27.5
    """Scale of the picture, for 1024 px."""


def draw(person: Person, head: HeadModel, side: int, samples: int) -> NDArray[np.uint8]:
    """The portrait as (side, side, 3) RGB, drawn with ``samples`` x ``samples`` rays a pixel."""
    rng = np.random.default_rng(person.seed)
    camera = Camera(side, samples, centre=(0.0, -1.2), px_per_cm=person.px_per_cm)
    vertices = level_chin(head.shape(person.identity, person.expression), head)
    vertices = turned(vertices, person.turn_degrees)
    skin_normals = vertex_normals(vertices, head.triangles[head.select(Part.FACE, Part.HEAD)])
    grown = hair.grow(head, vertices, skin_normals, person.hair, rng) if person.hair else None
    mesh = _mesh(person, head, vertices)
    light = light_vertices(mesh, mesh, person.lights, person.seed)
    buffers = photograph(mesh, light, camera)
    sky = np.array(person.sky, np.float32)
    volume = strands.HairVolume(grown, 0.35) if grown is not None else None
    if volume is not None:
        buffers = _under_hair(buffers, volume, person.lights)
    linear = backdrop.paint(person.backdrop, camera.resolution, rng)
    _shade_surfaces(linear, person, head, vertices, buffers, camera, sky)
    _draw_hairs(linear, person, head, vertices, skin_normals, buffers, camera, grown, volume, rng)
    picture = develop(_bloom(linear, camera), person.exposure)
    return np.asarray((shrink(picture, samples).clip(0, 1) * 255 + 0.5).astype(np.uint8))


def level_chin(vertices: F32, head: HeadModel) -> F32:
    """The head moved so that its chin is where the mean head's is: heads differ in length more than necks do."""
    lift = np.array([0.0, head.vertices[_CHIN, 1] - vertices[_CHIN, 1], 0.0], np.float32)
    return np.asarray(vertices + lift, np.float32)


def turned(vertices: F32, degrees: tuple[float, float, float]) -> F32:
    """The head nodded, turned and tilted on its neck, which twists along."""
    share = smooth_step(vertices[:, 1] + 0.35 * vertices[:, 2], -13.0, -7.0)[:, None]
    moved = Rotation.from_euler("xyz", degrees, degrees=True).apply(vertices - NECK) + NECK
    return np.asarray(vertices + share * (moved - vertices), np.float32)


def _mesh(person: Person, head: HeadModel, vertices: F32) -> Mesh:
    scale = cloth.neck_scale(head.vertices, vertices)
    garment = cloth.garment(person.clothes, scale, person.seed)
    hidden = under_cloth(person.clothes, vertices, scale)
    shown = head.select(Part.FACE, Part.HEAD, Part.MOUTH_SOCKET, Part.EYE_SOCKETS) & ~hidden[head.triangles].any(1)
    cavity = head.select(Part.MOUTH_SOCKET)
    body = Mesh.of(vertices, head.vertices, head.triangles[shown], Material.SKIN)
    body.material[cavity[shown]] = int(Material.CAVITY)
    mesh = body + Mesh.of(vertices, head.vertices, head.triangles[outer_eyes(head)], Material.EYE) + garment
    return mesh + cloth.beanie(vertices, head.vertices, person.seed + 1) if person.cap else mesh


def under_cloth(clothes: ClothLook, vertices: F32, scale: float) -> NDArray[np.bool_]:
    """(n,) True for skin outside the collar of a neck ``scale`` times as wide as the mean one: cloth lies over it."""
    collar_width, collar_depth = (6.4, 6.5) if clothes.kind == "turtleneck" else (7.2, 6.3)
    outside = (vertices[:, 0] / (collar_width * scale)) ** 2 + (
        (vertices[:, 2] + 0.7) / (collar_depth * scale)
    ) ** 2 > 1
    return np.asarray(outside & (vertices[:, 1] < -10.2))


def outer_eyes(head: HeadModel) -> NDArray[np.bool_]:
    """(m,) True for the triangles of the eyeballs that are seen."""
    ball = np.zeros(len(head.vertices), bool)
    for piece in head.pieces(Part.EYEBALLS):
        ball[piece] = len(piece) == _MAIN_EYEBALL
    return np.asarray(ball[head.triangles].all(1))


def _under_hair(buffers: Buffers, volume: strands.HairVolume, lights: tuple[Light, ...]) -> Buffers:
    """The same buffers with the shade that hair casts on what lies beneath."""
    places = buffers.position[:, None]
    through = [
        volume.passes(places, np.array(light.direction, np.float32) / np.float32(np.linalg.norm(light.direction)))[:, 0]
        for light in lights
    ]
    lit = buffers.lit * np.stack(through, 1)
    sky = buffers.sky * (0.25 + 0.75 * volume.open_sky(places)[:, 0])
    fields = {
        name: getattr(buffers, name) for name in ("fragments", "material", "position", "normal", "texture", "to_eye")
    }
    return Buffers(**fields, lit=lit.astype(np.float32), sky=sky.astype(np.float32))


def _shade_surfaces(
    linear: F32, person: Person, head: HeadModel, vertices: F32, buffers: Buffers, camera: Camera, sky: F32
) -> None:
    pixels, rows = buffers.of(Material.SKIN)
    place = buffers.texture[rows]
    if person.hair is not None:
        cover = hair.scalp_share(place, person.hair.hairline_cm)
    elif person.cap is not None:
        cover = hair.scalp_share(place)
    else:
        cover = np.zeros(len(place), np.float32)
    linear[pixels] = skin.shade(buffers, camera, person.lights, sky, person.complexion, cover, person.seed)
    linear[buffers.of(Material.CAVITY)[0]] = _CAVITY
    centres = eyes.eye_centres(head, vertices)
    linear[buffers.of(Material.EYE)[0]] = eyes.shade(buffers, camera, person.lights, sky, centres, person.iris)
    linear[buffers.of(Material.CLOTH)[0]] = cloth.shade(
        buffers, camera, person.lights, sky, person.clothes, Material.CLOTH
    )
    if person.cap is not None:
        linear[buffers.of(Material.WRAP)[0]] = cloth.shade(
            buffers, camera, person.lights, sky, person.cap, Material.WRAP
        )


def _draw_hairs(
    linear: F32, person: Person, head: HeadModel, vertices: F32, normals: F32, buffers: Buffers, camera: Camera,
    grown: strands.Strands | None, volume: strands.HairVolume | None, rng: np.random.Generator,
) -> None:  # fmt: skip
    sky = np.array(person.sky, np.float32)
    depth = buffers.fragments.depth
    short = [
        brows.eyebrows(head, vertices, normals, person.brow, rng),
        brows.eyelashes(head, vertices, person.brow, rng),
    ]
    if person.stubble_hairs:
        colour = person.complexion.stubble_colour
        short.append(brows.stubble(head, vertices, normals, colour, person.stubble_cm, person.stubble_hairs, rng))
    # The head keeps light from behind off the hairs of its face.
    before = tuple(light for light in person.lights if light.direction[2] > 0)
    for hairs in short:
        strands.draw(linear, depth, hairs, camera, before, sky)
    if grown is not None:
        strands.draw(linear, depth, grown, camera, person.lights, sky, volume=volume)


def _bloom(linear: F32, camera: Camera) -> F32:
    """A trace of the glow a lens spreads round bright places."""
    bright = np.minimum(np.maximum(linear - 0.8, 0), 2.0)
    small = cv2.resize(bright, (camera.side // 2, camera.side // 2), interpolation=cv2.INTER_AREA)
    glow = cv2.GaussianBlur(small, (0, 0), camera.side / 130)
    return np.asarray(linear + 0.12 * cv2.resize(glow, linear.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
