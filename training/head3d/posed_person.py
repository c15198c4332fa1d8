"""A rendered person, prepared once and then drawn in many poses: a picture in well under a second.

What `portrait.draw` takes minutes for is here coarser where a face 250 pixels tall does not show it: shadows come from
few rays over small maps, hairs are fewer and thicker and turn with the head as they lie, triangles are painted from far
to near.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from avatar.face.easing import smooth_step
from avatar.types import F32
from training.head3d import backdrop, brows, cloth, eyes, glasses, hair, oral, skin, strands
from training.head3d.light import quick_visible, sky_rays
from training.head3d.model import HeadModel, Part, vertex_normals
from training.head3d.portrait import NECK, Person, level_chin, outer_eyes, turned, under_cloth
from training.head3d.raster import paint
from training.head3d.scene import Buffers, Camera, Material, Mesh, expose, softened
from training.head3d.shading import develop, unit

_CLOTH_GRID: Final = (36, 96)
_LIGHT_RAYS: Final = 5
_SKY_RAYS: Final = 26
_HAIRS: Final = 4000
_HAIR_POINTS: Final = 8
_EYE_SINK_CM, _MOUTH_SINK_CM = 0.25, 0.10
_LENS_BLUR_PX: Final = 0.6


@dataclass(frozen=True)
class Pose:
    """Expression, turn, gaze and tongue of one picture."""

    expression: Mapping[str, float] = field(default_factory=dict)
    """Weights by the head model's names."""
    turn_degrees: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Nod (down), turn (to the subject's left) and tilt."""
    gaze_degrees: tuple[float, float] = (0.0, 0.0)
    """Eyes to the subject's left and up, beside straight out of the head."""
    tongue_cm: float = 0.0
    """How far the tongue is lifted."""


@dataclass(frozen=True, eq=False)
class _Hair:
    strands: strands.Strands
    colour: F32
    """(n, k - 1, 3) linear light of each piece of hair, as it lies when the head looks ahead."""
    over_skin: F32
    """(v, lights + 1) share of each light and of the sky that passes the hair to each vertex of face and head."""


class PosedPerson:
    """One person before one camera, to be drawn in any pose."""

    def __init__(self, person: Person, head: HeadModel, inside: oral.Oral, camera: Camera) -> None:
        """Shape the head, hang the clothes, grow the hair (up to some seconds), paint the room."""
        self._person, self._camera = person, camera
        self._shape = level_chin(head.shape(person.identity, person.expression), head)
        self._head = replace(head, identity=head.identity[:0])
        self._oral = inside
        scale = cloth.neck_scale(head.vertices, self._shape)
        hidden = under_cloth(person.clothes, self._shape, scale)
        # Shoulders that slope less than the cloth would stand out of it; a crew neck leaves the throat bare.
        x, y = np.abs(self._shape[:, 0]), self._shape[:, 1]
        hidden |= (x > 6.2 * scale) & (y < -8.0)
        if person.clothes.kind == "crew":
            hidden &= (x > 4.5) | (y < -11.6)
        self._skin = head.triangles[head.select(Part.FACE, Part.HEAD) & ~hidden[head.triangles].any(1)]
        sockets = head.triangles[head.select(Part.EYE_SOCKETS)]
        within = head.triangles[head.select(Part.MOUTH_SOCKET, Part.GUMS_AND_TONGUE, Part.TEETH)]
        self._groups = (
            (np.concatenate([self._skin, sockets]), Material.SKIN),
            (within, Material.MOUTH),
            (head.triangles[outer_eyes(head)], Material.EYE),
        )
        self._fabric = cloth.garment(person.clothes, scale, person.seed, _CLOTH_GRID)
        self._cap = cloth.beanie(self._shape, head.vertices, person.seed + 1, _CLOTH_GRID) if person.cap else None
        self._glasses = glasses.spectacles(person.glasses, head, self._shape) if person.glasses else None
        self._sky = np.array(person.sky, np.float32)
        rng = np.random.default_rng(person.seed)
        self._room = backdrop.paint(person.backdrop, camera.resolution, rng)
        self._hair = self._grown(rng)

    def draw(self, pose: Pose) -> NDArray[np.uint8]:
        """The picture of one moment, (side, side, 3) RGB."""
        person, camera, head = self._person, self._camera, self._head
        vertices = self._posed(pose)
        mesh = self._mesh(vertices, pose)
        normals = vertex_normals(vertices, self._skin)
        light = self._light(mesh)
        buffers = self._seen(mesh, light)
        linear = self._room.copy()
        self._shade(linear, buffers, mesh, vertices, pose)
        # The same hairs stand in the same places in every picture.
        rng = np.random.default_rng(person.seed + 5)
        short = [
            brows.eyebrows(head, vertices, normals, person.brow, rng),
            brows.eyelashes(head, vertices, person.brow, rng),
        ]
        if person.stubble_hairs:
            colour = person.complexion.stubble_colour
            short.append(brows.stubble(head, vertices, normals, colour, person.stubble_cm, person.stubble_hairs, rng))
        before = tuple(one for one in person.lights if one.direction[2] > 0)
        for hairs in short:
            strands.draw(linear, buffers.fragments.depth, hairs, camera, before, self._sky)
        if self._hair is not None:
            self._draw_hair(linear, buffers, self._hair, pose)
        picture = develop(np.asarray(cv2.GaussianBlur(linear, (0, 0), _LENS_BLUR_PX), np.float32), person.exposure)
        return np.asarray((picture.clip(0, 1) * 255 + 0.5).astype(np.uint8))

    def rims(self, pose: Pose) -> F32:
        """The middle lines of the glasses' rims in a picture, (2, 48, 2) pixels; the person wears some."""
        if self._glasses is None:
            raise ValueError(f"{self._person.id} wears no glasses.")
        places = _turn(pose).apply((self._glasses.rims - NECK).reshape(-1, 3)) + NECK
        # Pixel centres lie half a pixel from the corners that the camera counts from.
        return self._camera.project(places.astype(np.float32))[:, :2].reshape(*self._glasses.rims.shape[:2], 2) - 0.5

    def _grown(self, rng: np.random.Generator) -> _Hair | None:
        look = self._person.hair
        if look is None:
            return None
        normals = vertex_normals(self._shape, self._skin)
        grown = hair.grow(self._head, self._shape, normals, look, rng)
        every = max(1, (grown.points.shape[1] - 1) // _HAIR_POINTS)
        chosen = rng.permutation(len(grown.points))[:_HAIRS]
        thicker = (look.count / len(chosen)) ** 0.8 if look.count > len(chosen) else 1.0
        thickness = max(grown.thickness_cm * thicker, 1.0 / self._camera.scale)
        thinned = strands.Strands(grown.points[chosen, ::every], grown.colour[chosen], thickness, grown.gloss)
        volume = strands.HairVolume(thinned, 0.35)
        below = self._shape[: Part.HEAD.value[1], None]
        lights = self._person.lights
        over = [volume.passes(below, unit(np.array(one.direction, np.float32)))[:, 0] for one in lights]
        over.append(0.25 + 0.75 * volume.open_sky(below)[:, 0])
        colour = strands.shade(thinned, self._camera, lights, self._sky, volume)
        return _Hair(thinned, colour, np.stack(over, 1).astype(np.float32))

    def _posed(self, pose: Pose) -> F32:
        vertices = self._shape.copy()
        for name, weight in pose.expression.items():
            vertices += np.float32(weight) * self._head.expression[name]
        if pose.tongue_cm:
            tip = smooth_step(self._head.vertices[:, 2], 4.5, 9.0) * self._oral.channels[:, 3]
            vertices[:, 1] += pose.tongue_cm * tip
        return turned(vertices, pose.turn_degrees)

    def _mesh(self, vertices: F32, pose: Pose) -> Mesh:
        rest = self._head.vertices
        triangles = np.concatenate([part for part, _ in self._groups])
        material = np.concatenate([np.full(len(part), int(kind), np.int8) for part, kind in self._groups])
        mesh = Mesh(vertices, vertex_normals(vertices, triangles), rest, triangles, material) + self._fabric
        worn = (self._cap, self._glasses.mesh if self._glasses is not None else None)
        return sum((_rigidly_turned(thing, pose) for thing in worn if thing is not None), mesh)

    def _light(self, mesh: Mesh) -> F32:
        """(n, lights + 1): shares of the lights and the sky that reach the vertices."""
        rng = np.random.default_rng(self._person.seed)
        corners = mesh.vertices[mesh.triangles]
        blockers = np.concatenate([mesh.vertices[np.unique(mesh.triangles)], corners.mean(1)])
        lights = self._person.lights
        shares = [
            quick_visible(mesh.vertices, mesh.normals, blockers, one.rays(_LIGHT_RAYS, rng)).mean(0) for one in lights
        ]
        rays = sky_rays(_SKY_RAYS)
        rays = rays[rays[:, 2] > -0.3]
        cosine = np.maximum(rays @ mesh.normals.T, 0)
        reach = quick_visible(mesh.vertices, mesh.normals, blockers, rays)
        shares.append((cosine * reach).sum(0) / np.maximum(cosine.sum(0), 1e-6))
        light = softened(np.stack(shares, 1).astype(np.float32), mesh.triangles)
        if self._hair is not None:
            light[: len(self._hair.over_skin)] *= self._hair.over_skin
        return light

    def _seen(self, mesh: Mesh, light: F32) -> Buffers:
        side = self._camera.resolution
        sink = np.zeros(len(mesh.triangles), np.float32)
        sink[mesh.material == int(Material.EYE)] = _EYE_SINK_CM
        sink[mesh.material == int(Material.MOUTH)] = _MOUTH_SINK_CM
        fabric = (mesh.material == int(Material.CLOTH)) | (mesh.material == int(Material.WRAP))
        fragments = paint(
            self._camera.project(mesh.vertices), mesh.triangles, side, side, two_sided=fabric, sink_cm=sink
        )
        return expose(mesh, light, self._camera, fragments)

    def _shade(self, linear: F32, buffers: Buffers, mesh: Mesh, vertices: F32, pose: Pose) -> None:
        person, camera, sky, lights = self._person, self._camera, self._sky, self._person.lights
        pixels, rows = buffers.of(Material.SKIN)
        place = buffers.texture[rows]
        bare = person.hair is None and person.cap is None and person.complexion.scalp is None
        lift = person.hair.hairline_cm if person.hair is not None else 0.0
        cover = np.zeros(len(place), np.float32) if bare else hair.scalp_share(place, lift)
        linear[pixels] = skin.shade(buffers, camera, lights, sky, person.complexion, cover, person.seed)
        known = self._oral.channels
        elsewhere = np.zeros((len(mesh.vertices) - len(known), known.shape[1]), np.float32)
        channels = buffers.fragments.interpolate(np.concatenate([known, elsewhere]), mesh.triangles)
        channels = channels[buffers.fragments.covered]
        enamel = np.array(person.enamel, np.float32)
        linear[buffers.of(Material.MOUTH)[0]] = oral.shade(buffers, channels, lights, sky, enamel)
        centres = eyes.eye_centres(self._head, vertices)
        gaze = _gaze(pose)
        linear[buffers.of(Material.EYE)[0]] = eyes.shade(buffers, camera, lights, sky, centres, person.iris, gaze)
        for look, material in ((person.clothes, Material.CLOTH), (person.cap, Material.WRAP)):
            if look is not None:
                linear[buffers.of(material)[0]] = cloth.shade(buffers, camera, lights, sky, look, material)
        if person.glasses is not None:
            linear[buffers.of(Material.FRAME)[0]] = glasses.shade(buffers, lights, sky, person.glasses)

    def _draw_hair(self, linear: F32, buffers: Buffers, grown: _Hair, pose: Pose) -> None:
        around = _turn(pose)
        points = around.apply((grown.strands.points - NECK).reshape(-1, 3)).reshape(grown.strands.points.shape) + NECK
        moved = replace(grown.strands, points=points.astype(np.float32))
        strands.draw(
            linear, buffers.fragments.depth, moved, self._camera, self._person.lights, self._sky, colour=grown.colour
        )


def _rigidly_turned(thing: Mesh, pose: Pose) -> Mesh:
    """What is worn on a head, as that nods, turns and tilts."""
    around = _turn(pose)
    return replace(
        thing,
        vertices=(around.apply(thing.vertices - NECK) + NECK).astype(np.float32),
        normals=around.apply(thing.normals).astype(np.float32),
    )


def _turn(pose: Pose) -> Rotation:
    return Rotation.from_euler("xyz", pose.turn_degrees, degrees=True)


def _gaze(pose: Pose) -> F32:
    """(3,) the direction the eyes look in."""
    aside, up = np.radians(pose.gaze_degrees)
    ahead = np.array([np.sin(aside) * np.cos(up), np.sin(up), np.cos(aside) * np.cos(up)])
    return np.asarray(_turn(pose).apply(ahead), np.float32)
