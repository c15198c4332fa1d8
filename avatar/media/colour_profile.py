"""Photos whose colours are not sRGB's: phones take them in Display P3, cameras may in Adobe RGB.

Taken for sRGB they look dull. A general reader of ICC profiles would work through a stranger's tables; here a profile
is known by its name alone, and its colours are computed from the primaries that the name stands for.

Sources: sRGB, IEC 61966-2-1; Display P3, SMPTE EG 432-1 with sRGB's curve and D65; Adobe RGB (1998), version 2005-05.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.types import F32, U8

NAMED_WITHIN: Final = 4096
"""Bytes of a profile in which its name is looked for."""
_JPEG_PROFILE: Final = b"ICC_PROFILE\0"
_D65: Final = (0.3127, 0.3290)
_ROWS: Final = 256
"""Converted at once: a whole photo's floats would take twelve times its bytes."""


@dataclass(frozen=True, slots=True)
class _Space:
    """The colours that numbers stand for."""

    primaries: tuple[tuple[float, float], ...]
    """Chromaticities (x, y) of red, green and blue."""
    gamma: float | None
    """Of its curve; None: sRGB's own."""


_SRGB: Final = _Space(((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), None)
_WIDE: Final = {
    "Display P3": _Space(((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), None),
    "Adobe RGB": _Space(((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), 563 / 256),
}


def jpeg_profile(jpeg: bytes) -> bytes:
    """Return the beginning of a JPEG's ICC profile; empty where it has none."""
    at = jpeg.find(_JPEG_PROFILE)
    if at < 2:
        return b""
    # Before the name of its segment is the segment's length: what follows it says other things, also of other profiles.
    length = int.from_bytes(jpeg[at - 2 : at])
    return jpeg[at : at - 2 + length][:NAMED_WITHIN]


def as_srgb(rgb: U8, profile: bytes | None) -> U8:
    """Return a picture (height, width, 3) RGB in sRGB; `profile` is its ICC profile, empty or None where it has none.

    One that is damaged or unknown is taken for sRGB's.
    """
    space = _space_of(profile or b"")
    if space is None:
        return rgb
    to_srgb = (np.linalg.inv(_to_xyz(_SRGB)) @ _to_xyz(space)).T.astype(np.float32)
    linear, encoded = _linear(np.linspace(0, 1, 256), space.gamma), _encoded_levels()
    out = np.empty_like(rgb)
    for top in range(0, len(rgb), _ROWS):
        light = linear[rgb[top : top + _ROWS]] @ to_srgb
        out[top : top + _ROWS] = encoded[np.rint(light.clip(0, 1) * np.float32(len(encoded) - 1)).astype(np.uint16)]
    return out


def _space_of(profile: bytes) -> _Space | None:
    head = profile[:NAMED_WITHIN]
    for name, space in _WIDE.items():
        if name.encode("ascii") in head or name.encode("utf-16-be") in head:
            return space
    return None


def _to_xyz(space: _Space) -> np.ndarray:
    """Return the (3, 3) matrix from a space's linear light to CIE XYZ."""
    xyz = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in (*space.primaries, _D65)]).T
    return np.asarray(xyz[:, :3] * np.linalg.solve(xyz[:, :3], xyz[:, 3]))


def _linear(value: np.ndarray, gamma: float | None) -> F32:
    if gamma is not None:
        return np.asarray(value**gamma, np.float32)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _encoded_levels() -> U8:
    """Return sRGB's levels, 0..255, of (16384,) even steps of linear light."""
    light = np.linspace(0, 1, 1 << 14)
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * encoded), np.uint8)
