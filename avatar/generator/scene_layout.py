"""The scene laid out for one picture size: person, matte and background, cut once before any picture is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from avatar.config import Background
from avatar.face import mesh
from avatar.generator.background import behind_person
from avatar.generator.beyond_photo import PhotoPlace
from avatar.generator.cut_out import cut_out
from avatar.generator.framing import Window, frame_window
from avatar.generator.identity import Identity
from avatar.generator.matte import fill, foreground_colours
from avatar.generator.overlay import overlay
from avatar.generator.shell import NECK_FADE
from avatar.types import F32, U8

REACH: Final = (2.6, 2.4, 1.9)
"""Sideways, up, down: how far from the eyes (down: the chin) anything moves, in outer eye corner distances."""
GRID: Final = 8
"""The moving part is a multiple of this many pixels wide and high, where the picture allows."""
SPARE: Final = 0.7
"""Room around the moving part, in the same unit, from which a shifting head brings in what the picture cuts off."""
BODY_FROM: Final = (0.4, 0.8)
"""Where the body counts as still, as shares of the way along which the neck's motion fades."""
FAINTEST: Final = 4
"""A matte below this (of 255) is background."""
KEPT: Final = Background()
SIDE_FADE: Final = 0.06
"""Where the picture is wider than the photo, a guess takes the background's place over this share of its width."""


@dataclass(frozen=True, slots=True)
class SceneLayout:
    """The moving part of the picture and what stands still around it. Coordinates are the moving part's own."""

    rest: F32
    """(478, 3), the resting landmarks, pixels."""
    size: tuple[int, int]
    """(width, height) of the moving part."""
    rows: slice
    """Where the moving part lies in the picture."""
    columns: slice
    spare: int
    """Pixels that `person` extends beyond the moving part on each side."""
    person: U8
    """(height + 2 spare, width + 2 spare, 4), RGBA premultiplied: interpolation mixes in no strange colour."""
    colours: U8
    """(height, width, 3), RGB: the person's colours, continued past their edge."""
    plate: U8
    """(height, width, 3), RGB: the background without the person."""
    still: U8
    """(picture height, picture width, 3), RGB: the whole picture at rest."""
    still_alpha: U8 | None
    """(picture height, picture width): the person's share of it, where nothing is behind them; else None."""


def lay_out_scene(identity: Identity, picture_size: tuple[int, int], background: Background = KEPT) -> SceneLayout:
    """Lay out an identity for pictures of (width, height) pixels. Raises ImageError: the background cannot be read."""
    photo = identity.rest
    photo_size = (photo.rgb.shape[1], photo.rgb.shape[0])
    window = frame_window(photo.landmarks_px, photo_size, picture_size)
    rest = window.to_picture(photo.landmarks_px)
    unit = float(np.linalg.norm(rest[mesh.OUTER_EYE_CORNERS[0]] - rest[mesh.OUTER_EYE_CORNERS[1]]))
    rows, columns = _moving_part(rest, unit, picture_size)
    spare = round(SPARE * unit)

    # Everything is cut once, with room to spare, and the parts are views of it.
    place = _Placer(window, picture_size, photo_size, spare, photo.landmarks_px)
    matte = place.matte(identity.matte)
    placed = place.photo(photo.rgb, matte)
    plate = place.background(identity.plate)
    if background.kind == "keep":
        plate = _beside_still_body(plate, placed, matte, rest[:, 1] + spare)
        person = np.dstack([_share_of_person(placed, plate, matte), matte])
    else:
        person = cut_out(placed, matte, max(photo_size) * window.scale)
        plate = behind_person(background, plate, picture_size, spare)
    colours = foreground_colours(placed, matte)
    whole = (slice(spare, spare + picture_size[1]), slice(spare, spare + picture_size[0]))
    part = (slice(rows.start + spare, rows.stop + spare), slice(columns.start + spare, columns.stop + spare))
    return SceneLayout(
        rest=rest - np.array([columns.start, rows.start, 0], np.float32),
        size=(columns.stop - columns.start, rows.stop - rows.start),
        rows=rows,
        columns=columns,
        spare=spare,
        person=np.ascontiguousarray(
            person[rows.start : rows.stop + 2 * spare, columns.start : columns.stop + 2 * spare]
        ),
        colours=np.ascontiguousarray(colours[part]),
        plate=np.ascontiguousarray(plate[part]),
        still=overlay(np.ascontiguousarray(person[whole]), np.ascontiguousarray(plate[whole])),
        still_alpha=person[whole][..., 3].copy() if background.kind == "transparent" else None,
    )


def _beside_still_body(plate: U8, photo: U8, matte: U8, rest_y: F32) -> U8:
    """Return the background with the photo's own pixels beside the body, where hardly anything moves.

    Nothing is uncovered there, and the photo has the shade and the last threads that the filled background lacks.
    """
    chin, forehead = float(rest_y[mesh.CHIN]), float(rest_y[mesh.FOREHEAD])
    fading = (np.arange(plate.shape[0], dtype=np.float32) - chin) / (NECK_FADE * (chin - forehead))
    still = np.clip((fading - BODY_FROM[0]) / (BODY_FROM[1] - BODY_FROM[0]), 0, 1)[:, None]
    share = (still * (matte < FAINTEST))[..., None]
    return np.asarray(np.rint(plate + share * (photo.astype(np.float32) - plate)), np.uint8)


def _share_of_person(photo: U8, plate: U8, matte: U8) -> U8:
    """Return the person's premultiplied colours: what the photo has beyond its share of background.

    Solves photo = person + (1 - matte) * plate, so that laid over the plate at rest the person gives back the photo.
    """
    background = cv2.multiply(plate, cv2.merge([cv2.bitwise_not(matte)] * 3), scale=1 / 255)
    person = cv2.subtract(photo, background)
    return np.asarray(cv2.bitwise_and(person, person, mask=cv2.inRange(matte, FAINTEST, 255)), np.uint8)


def _moving_part(rest: F32, unit: float, picture_size: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns of a picture in which a head with these landmarks moves anything."""
    width, height = picture_size
    x, y = rest[list(mesh.OUTER_EYE_CORNERS), :2].mean(axis=0).tolist()
    chin = float(rest[mesh.CHIN, 1])
    sideways, up, down = (reach * unit for reach in REACH)

    def span(low: float, high: float, limit: int) -> slice:
        start = max(0, int(low)) // GRID * GRID
        return slice(start, min(limit, -(-int(high) // GRID) * GRID))

    return span(y - up, chin + down, height), span(x - sideways, x + sideways, width)


class _Placer:
    """Cuts photo-sized pictures to the outgoing picture and some spare room around it."""

    def __init__(
        self, window: Window, picture_size: tuple[int, int], photo_size: tuple[int, int], spare: int, landmarks_px: F32
    ) -> None:
        self._map = window.photo_to_picture + np.array([[0, 0, spare], [0, 0, spare]], np.float32)
        left, top = self._map[:, 2].tolist()
        right, bottom = (start + window.scale * (side - 1) for start, side in zip((left, top), photo_size, strict=True))
        face = window.to_picture(landmarks_px) + np.array([spare, spare, 0], np.float32)
        self._place = PhotoPlace(math.ceil(left), math.ceil(top), math.floor(right), math.floor(bottom), face)
        self._size = (picture_size[0] + 2 * spare, picture_size[1] + 2 * spare)
        self._flags = cv2.INTER_AREA if window.scale < 1 else cv2.INTER_CUBIC
        self._photo_size = photo_size
        shown = picture_size[0] / window.scale
        self._wider = window.left < -1 or window.left + shown > photo_size[0] + 1

    def photo(self, rgb: U8, matte: U8) -> U8:
        """Place the photo; beyond its edges its last pixels go on, and the person of a placed matte."""
        placed = self._warp(rgb)
        return np.where(matte[..., None] > 0, self._place.continued(placed), placed)

    def matte(self, matte: U8) -> U8:
        """Place the matte, which goes on with the photo: head and shoulders end beyond it."""
        placed = self._warp(matte)
        # Hair that is seen in the mirror is another head's: who ends before the edge does not go on beyond it.
        return self._place.rounded(np.minimum(self._place.continued(placed), placed))

    def background(self, plate: U8) -> U8:
        """Place the background; beyond the photo it goes on smoothly."""
        inside = np.full(plate.shape[:2], 255, np.uint8)
        if self._wider:
            inside = np.rint(inside * self._within_sides()[None, :]).astype(np.uint8)
        sure = cv2.warpAffine(inside, self._map, self._size, flags=cv2.INTER_LINEAR)
        placed = self._warp(plate)
        beyond = fill(placed, sure == 255).astype(np.float32)
        share = sure.astype(np.float32)[..., None] / 255
        return np.asarray(np.rint(beyond + share * (placed - beyond)), np.uint8)

    def _within_sides(self) -> F32:
        """Return 0 at the photo's left and right edge, rising to 1 further in, for each of its columns."""
        width = self._photo_size[0]
        from_edge = np.minimum(np.arange(width), np.arange(width)[::-1])
        return np.clip(from_edge / (SIDE_FADE * width), 0, 1).astype(np.float32)

    def _warp(self, picture: U8) -> U8:
        placed = cv2.warpAffine(picture, self._map, self._size, flags=self._flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(placed, np.uint8)
