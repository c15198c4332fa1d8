"""Light on surfaces: wrapped diffuse, a GGX highlight, noise for texture, and the way from linear light to a picture.

Colours are linear RGB float32 until `develop`. Normals and directions are unit vectors in head coordinates.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import map_coordinates

from avatar.types import F32


def unit(vectors: F32) -> F32:
    """Vectors (..., 3) scaled to length one; zero vectors stay zero."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-8), np.float32)


def wrapped_diffuse(normals: F32, towards_light: F32, wrap: float) -> F32:
    """Lambert's cosine (...,) that reaches ``wrap`` of the way round the terminator, energy-normalised: soft matter."""
    cosine = normals @ towards_light
    return np.asarray(np.maximum(cosine + wrap, 0) / (1 + wrap) ** 2, np.float32)


def ggx(normals: F32, towards_light: F32, towards_eye: F32, roughness: F32 | float, f0: float) -> F32:
    """Specular reflection (...,) times the cosine, GGX lobe with Schlick's Fresnel and Smith's visibility.

    Walter et al. 2007, "Microfacet models for refraction through rough surfaces"; ``f0`` is the reflectance head-on.
    """
    half = unit(towards_eye + towards_light)
    to_light = np.maximum(normals @ towards_light, 0)
    to_eye = np.maximum((normals * towards_eye).sum(-1), 0.05)
    to_half = np.maximum((normals * half).sum(-1), 0)
    alpha = np.asarray(roughness, np.float32) ** 2
    lobe = alpha**2 / (np.pi * (to_half**2 * (alpha**2 - 1) + 1) ** 2)
    k = alpha / 2
    shadowing = 1 / ((to_light * (1 - k) + k) * (to_eye * (1 - k) + k))
    fresnel = f0 + (1 - f0) * (1 - np.maximum((half * towards_eye).sum(-1), 0)) ** 5
    return np.asarray(lobe * shadowing * fresnel * to_light / 4, np.float32)


def lattice_noise(points: F32, seed: int) -> F32:
    """Smooth periodic noise in about -1..1 at points (..., 3), one cell a unit of length."""
    lattice = np.random.default_rng(seed).standard_normal((48, 48, 48)).astype(np.float32)
    flat = np.moveaxis(points, -1, 0).reshape(3, -1)
    value = map_coordinates(lattice, flat, order=1, mode="grid-wrap", prefilter=False)
    return np.asarray(value.reshape(points.shape[:-1]), np.float32)


def fractal_noise(points: F32, seed: int, octaves: int = 4) -> F32:
    """Sum of `lattice_noise` at doubling frequencies, each half as strong as the last, in about -1..1."""
    total = np.zeros(points.shape[:-1], np.float32)
    strength = 1.0
    for octave in range(octaves):
        total += np.float32(strength) * lattice_noise(points * np.float32(2.03**octave) + 7.1 * octave, seed + octave)
        strength *= 0.5
    return total * np.float32(0.6)


def srgb_to_linear(colour: tuple[int, int, int]) -> F32:
    """An 8-bit sRGB colour as linear light (3,)."""
    value = np.array(colour, np.float32) / 255
    return np.asarray(np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4), np.float32)


def develop(linear: F32, exposure: float = 1.0) -> F32:
    """Linear light (..., 3) -> display values in 0..1: a shoulder that rolls bright light off, then the sRGB curve."""
    x = np.maximum(linear, 0) * exposure
    # Straight up to 0.6, then an exponential approach to 1 with the same slope: mid-tones keep their colour.
    x = np.where(x < 0.6, x, 1 - 0.4 * np.exp(-(x - 0.6) / 0.4))
    return np.asarray(np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055), np.float32)


def shrink(picture: F32, factor: int) -> F32:
    """Box-average ``factor`` x ``factor`` samples to one pixel."""
    size = (picture.shape[1] // factor, picture.shape[0] // factor)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
