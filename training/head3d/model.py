"""The 3D morphable head: ICT FaceKit Light (University of Southern California ICT, MIT licence) as one npz file.

Head coordinates are centimetres: x to the subject's left (right on a picture of them), y up, z out of
the face. The file is an input of the renderer and is not shipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from avatar.types import F32
from training.head3d.raster import I32

_NO_VERTEX = 0xFFFF


class Part(Enum):
    """Vertex ranges [start, stop) of the head."""

    FACE = (0, 9409)
    HEAD = (9409, 11248)
    MOUTH_SOCKET = (11248, 13294)
    EYE_SOCKETS = (13294, 14062)
    GUMS_AND_TONGUE = (14062, 17039)
    TEETH = (17039, 21451)
    EYEBALLS = (21451, 24591)
    EYE_BLEND = (24591, 24999)
    EYE_OCCLUSION = (24999, 25047)
    TEAR_LINE = (25047, 25351)
    LASHES = (25351, 26719)


@dataclass(frozen=True, eq=False)
class HeadModel:
    """Mean shape, triangles and offsets.

    ``vertices`` (n, 3) cm, ``triangles`` (m, 3), ``uv`` (k, 2) with ``uv_triangles`` (m, 3), ``identity`` (100, n, 3)
    in cm a standard deviation, ``expression`` (n, 3) cm by ARKit-like name.
    """

    vertices: F32
    triangles: I32
    uv: F32
    uv_triangles: I32
    identity: F32
    expression: Mapping[str, F32]

    def shape(self, identity: Mapping[int, float], expression: Mapping[str, float]) -> F32:
        """Vertices (n, 3) cm of a person: weights of identity offsets by index, of expressions by name."""
        out = self.vertices.copy()
        for index, weight in identity.items():
            out += np.float32(weight) * self.identity[index]
        for name, weight in expression.items():
            out += np.float32(weight) * self.expression[name]
        return out

    def select(self, *parts: Part) -> NDArray[np.bool_]:
        """(m,) True for the triangles all of whose corners lie in these parts."""
        inside = np.zeros(len(self.vertices), bool)
        for part in parts:
            inside[slice(*part.value)] = True
        return np.asarray(inside[self.triangles].all(1))

    def pieces(self, part: Part) -> list[I32]:
        """Vertex indices of each connected piece of a part (one tooth, one eyeball...)."""
        start, stop = part.value
        edges = self.triangles[self.select(part)][:, [0, 1, 1, 2]].reshape(-1, 2) - start
        graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(stop - start, stop - start))
        count, label = connected_components(graph, directed=False)
        return [np.flatnonzero(label == k).astype(np.int32) + start for k in range(count)]


def load_head(path: Path) -> HeadModel:
    """Read the npz file; raises OSError or KeyError where it is not that file."""
    with np.load(path) as data:
        quads = data["faces"].astype(np.int32) & _NO_VERTEX
        uv_quads = data["face_uv"].astype(np.int32) & _NO_VERTEX
        is_quad = quads[:, 3] != _NO_VERTEX
        identity = data["identity"].astype(np.float32) * data["identity_scale"][:, None, None]
        expression = data["expression"].astype(np.float32) * data["expression_scale"][:, None, None]
        names = [str(name) for name in data["expression_names"]]
        return HeadModel(
            vertices=data["vertices"].astype(np.float32),
            triangles=_split(quads, is_quad),
            uv=data["uv"].astype(np.float32),
            uv_triangles=_split(uv_quads, is_quad),
            identity=identity,
            expression=dict(zip(names, expression, strict=True)),
        )


def _split(quads: I32, is_quad: NDArray[np.bool_]) -> I32:
    return np.concatenate([quads[:, [0, 1, 2]], quads[is_quad][:, [0, 2, 3]]])


def vertex_normals(vertices: F32, triangles: I32) -> F32:
    """Unit normals (n, 3), area-weighted; zero for vertices no triangle uses."""
    corners = vertices[triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.stack(
        [np.bincount(triangles.ravel(), np.repeat(face[:, axis], 3), len(vertices)) for axis in range(3)], axis=1
    )
    length = np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return np.asarray(normals / length, np.float32)


def tessellate(vertices: F32, triangles: I32) -> tuple[F32, I32, I32]:
    """Every triangle into four, bulged towards the vertices' tangent planes, so that coarse meshes look round.

    Returns vertices (n + e, 3) that begin with the old ones, triangles (4 m, 3) and the ends (e, 2) of the edge that
    each new vertex halves. Boubekeur and Alexa 2008, "Phong tessellation".
    """
    normals = vertex_normals(vertices, triangles)
    ends, edge_of = np.unique(np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1), axis=0, return_inverse=True)
    middle = vertices[ends].mean(1)
    bulged = np.zeros_like(middle)
    for side in range(2):
        normal = normals[ends[:, side]]
        height = ((middle - vertices[ends[:, side]]) * normal).sum(1, keepdims=True)
        bulged += (middle - height * normal) / 2
    halves = (edge_of.reshape(-1, 3) + len(vertices)).astype(np.int32)
    a, b, c = triangles.T
    ab, bc, ca = halves.T
    quarters = np.concatenate([np.stack(t, 1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    rounded = np.concatenate([vertices, 0.25 * middle + 0.75 * bulged])
    return rounded.astype(np.float32), quarters.astype(np.int32), ends.astype(np.int32)
