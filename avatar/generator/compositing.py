"""The network's layers laid over the moved photo, at the picture's own resolution."""

from __future__ import annotations

import math
from typing import Any, Final

import cv2
import numpy as np

from avatar.generator.engines.engine import FrameLayers
from avatar.generator.face_crop import CROP_SIZE, finer_than_crop
from avatar.generator.framing import Window
from avatar.generator.network_input import INNER
from avatar.generator.photo_detail import led_by_photo
from avatar.generator.sampling import sample
from avatar.generator.shaded_mouth import MouthLayer
from avatar.generator.teeth_edges import TeethEdges, away_from_lips
from avatar.types import F32, U8

AROUND: Final = 5
"""Pixels of the crop around the lips' edges that a drawn mouth may change."""
MARGIN: Final = 3
"""Pixels of the crop around what is looked at for teeth: it is compared with what is around it."""

SHIFTED: Final = 0.5
"""Crop pixels per picture pixel up to which a picture is not shifted: of 512 x 512 all are coarser (35 clips)."""
MIDDLE: Final = 128
"""The byte that says no difference."""
TONE_STEPS: Final = 1.25
"""Steps of a tone in bytes per level of the picture: finer than a picture's, and up to 100 levels are held."""


def head_crop(picture: U8, window: Window) -> U8:
    """Return the square of a picture (height, width, 3) that `window` cuts, (CROP_SIZE, CROP_SIZE, 3)."""
    return _cut(picture, window, (0, 0, CROP_SIZE, CROP_SIZE))


def recut(crop: U8, picture: U8, window: Window, points: F32) -> U8:
    """Return a crop of a picture cut anew around (n, 2) points of the crop, where alone the picture has changed."""
    low = np.clip(np.floor(points.min(axis=0)) - AROUND, 0, CROP_SIZE).astype(int)
    high = np.clip(np.ceil(points.max(axis=0)) + AROUND, 0, CROP_SIZE).astype(int)
    (left, top), (right, bottom) = low.tolist(), high.tolist()
    changed = crop.copy()
    if right > left and bottom > top:
        changed[top:bottom, left:right] = _cut(picture, window, (left, top, right, bottom))
    return changed


def _cut(picture: U8, window: Window, box: tuple[int, int, int, int]) -> U8:
    """Return a box (left, top, right, bottom) of the crop that `window` cuts from a picture."""
    left, top, right, bottom = box
    low_x, low_y, high_x, high_y = _seen_in(window, box)
    height, width = picture.shape[:2]
    x, y = min(max(low_x - 2, 0), width - 1), min(max(low_y - 2, 0), height - 1)
    x_end, y_end = min(max(high_x + 2, 1), width), min(max(high_y + 2, 1), height)
    # Four channels: `sampling`.
    part = cv2.cvtColor(picture[y:y_end, x:x_end], cv2.COLOR_RGB2RGBA)
    to_box = window.photo_to_picture.astype(np.float64)
    to_box[:, 2] += to_box[:, :2] @ (x, y) - (left, top)
    warped = cv2.warpAffine(
        part, to_box, (right - left, bottom - top), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB), np.uint8)


def _seen_in(window: Window, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the picture's pixels in which a box of the crop is seen."""
    left, top, right, bottom = box
    return (
        math.floor(left / window.scale + window.left),
        math.floor(top / window.scale + window.top),
        math.ceil(right / window.scale + window.left),
        math.ceil(bottom / window.scale + window.top),
    )


def lay_layers(
    picture: U8,
    layers: FrameLayers,
    window: Window,
    seam: U8,
    mouth: U8 | None = None,
    shade: MouthLayer | None = None,
) -> None:
    """Lay one frame's layers over a moved photo (height, width, 3) RGB, in place.

    Does what `network.blend` does in training, but at the picture's resolution: `shift` and `tone` act on the sharp
    photo, and only where something is added are the crop's own pixels enlarged. Where the `seam` (S, S, 1) is 0 nothing
    changes. Inside the `mouth` (S, S), 255 between the lips, the edges of the teeth that the picture showed there stay
    where they fit (`teeth_edges`). A `shade` is laid over the network's mouth before that.

    A picture that is finer than the crop is led by the photo (`photo_detail`). One that is far finer is not shifted
    (`SHIFTED`): a fraction of one of the crop's pixels moves its detail further than it was wrong (a photo at rest in
    1024 x 1024: 31 dB with it, 40 dB without; a clip 35.1 and 35.0 dB).
    """
    finer = finer_than_crop(window)
    teeth = None if mouth is None else _DrawnTeeth(picture, window, mouth)
    x, y, width, height = cv2.boundingRect(seam)
    head = _Place(window, (x, y, x + width, y + height), picture)
    if not head.seen:
        return
    _shift_and_tone(head, layers, window.scale)
    drawn = _Place(window, INNER, picture)
    if drawn.seen:
        if finer:
            left, top, right, bottom = INNER
            own = None if mouth is None else np.asarray(mouth[top:bottom, left:right], np.uint8)
            layers = led_by_photo(layers, _cut(picture, window, INNER), own)
        keep, add = (
            cv2.cvtColor(drawn.resampled(layer, origin=INNER[:2]), cv2.COLOR_RGBA2RGB)
            for layer in (layers.keep, layers.add)
        )
        cv2.add(cv2.multiply(drawn.view, keep, scale=1 / 255), add, dst=drawn.view)
    if shade is not None:
        shade.lay(picture)
    if teeth is not None:
        teeth.show()


def _shift_and_tone(head: _Place, layers: FrameLayers, scale: float) -> None:
    """Shift what a place shows, where `SHIFTED` says so, and add its tone, in place.

    What half as many pixels a side show is shifted; the finest detail stays where it is. Shifts are half a pixel in
    the middle: sampled there, detail is averaged away, and the blur passes for nearness. Of the real frame's Laplacian
    energy in the face 0.48 was left when all was shifted so (five people kept back). This way leaves 0.90 (five people
    of the training clips; eyes 0.935 of the warp's error, face +0.98 dB); with the finest detail shifted by whole
    pixels, for twice the time, it is 0.94 (0.948, +0.99 dB).
    """
    # Bytes are added in half the time, and nothing is still nothing.
    tone = np.asarray(cv2.addWeighted(layers.tone, TONE_STEPS, layers.tone, 0, MIDDLE, dtype=cv2.CV_8U), np.uint8)
    coarser, step, zero = CROP_SIZE // len(tone), 1 / TONE_STEPS, -MIDDLE / TONE_STEPS
    if scale <= SHIFTED:
        cv2.addWeighted(head.view, 1, head.resampled(tone, coarser), step, zero, dst=head.view)
        return
    half = _halved(head.view)
    places = head.half_places(layers.shift * np.float32(1 / scale), CROP_SIZE // len(layers.shift))
    moved = cv2.addWeighted(sample(half, places), 1, half, -1, MIDDLE)
    added = head.resampled(np.asarray(cv2.cvtColor(tone, cv2.COLOR_RGB2RGBA), np.uint8), coarser, every=2)
    change = cv2.cvtColor(cv2.addWeighted(moved, 1, added, step, zero), cv2.COLOR_RGBA2RGB)
    height, width = head.view.shape[:2]
    enlarged = cv2.resize(change, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)[:height, :width]
    cv2.addWeighted(head.view, 1, enlarged, 1, -MIDDLE, dst=head.view)


def _halved(picture: U8) -> U8:
    """Return the means of two by two pixels of a picture (height, width, 3), in four channels: `sampling`."""
    below, right = (side % 2 for side in picture.shape[:2])
    if below or right:
        picture = np.asarray(cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)
    half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(half, cv2.COLOR_RGB2RGBA), np.uint8)


class _DrawnTeeth:
    """The edges of the teeth that a picture shows inside a mouth, kept while something else is drawn there."""

    def __init__(self, picture: U8, window: Window, mouth: U8) -> None:
        """Take a picture and where its mouth is open, (S, S), 255 inside."""
        x, y, width, height = cv2.boundingRect(mouth)
        left, top = max(x - MARGIN, 0), max(y - MARGIN, 0)
        shown = away_from_lips(mouth[top : y + height + MARGIN, left : x + width + MARGIN])
        x, y, width, height = cv2.boundingRect(shown)
        x, y = x + left, y + top
        place = _Place(window, (x - MARGIN, y - MARGIN, x + width + MARGIN, y + height + MARGIN), picture)
        self._view = place.view
        self._edges: TeethEdges | None = None
        if width and place.seen:
            self._edges = TeethEdges(place.view, place.resampled(shown, origin=(left, top)), window.scale)

    def show(self) -> None:
        """Show the edges in what is drawn there now."""
        if self._edges is not None:
            self._edges.show(self._view)


class _Place:
    """The part of a picture (height, width, 3) that shows a box (left, top, right, bottom) of the crop."""

    def __init__(self, window: Window, box: tuple[int, int, int, int], picture: U8) -> None:
        left, top, right, bottom = _seen_in(window, box)
        self._window = window
        self._left, self._top = max(left, 0), max(top, 0)
        right, bottom = min(right, picture.shape[1]), min(bottom, picture.shape[0])
        self._size = (right - self._left, bottom - self._top)
        self.seen = min(self._size) >= 2
        self.view = picture[self._top : max(bottom, 0), self._left : max(right, 0)]

    def resampled(self, layer: F32 | U8, coarser: int = 1, origin: tuple[int, int] = (0, 0), every: int = 1) -> Any:
        """Return a layer (h, w[, c]) as this place (height, width[, c]) sees it.

        `coarser` is the crop's resolution over the layer's, `origin` the crop's pixel (x, y) that the layer begins at;
        what is returned has one pixel for `every` so many a side of this place, rounded up.
        """
        step = self._step(coarser, every)
        return self._enlarged(self._nodes(layer, coarser, origin, step), step, every)

    def half_places(self, shift: F32, coarser: int) -> list[F32]:
        """Return where each pixel of this place's half comes from in it, x and y, by a shift (h, w, 2) of the place."""
        # A shift is as smooth as its own pixels lie apart.
        step = self._step(2 * coarser, every=2)
        first = (step - 1) / 2 - _beyond(step) - 0.5
        planes = []
        for axis in (0, 1):
            nodes = self._nodes(np.asarray(cv2.extractChannel(shift, axis), np.float32), coarser, (0, 0), step)
            at = (np.arange(nodes.shape[1 - axis]) * step + first).astype(np.float32)
            plane = (nodes + (at[:, None] if axis else at)) * np.float32(0.5)
            planes.append(np.asarray(self._enlarged(plane, step, every=2), np.float32))
        return planes

    def _step(self, coarser: int, every: int) -> int:
        """Return the pixels from node to node that halve a layer's own: in between all is next to linear."""
        return every * max(1, int(coarser / 2 / self._window.scale / every))

    def _nodes(self, layer: F32 | U8, coarser: int, origin: tuple[int, int], step: int) -> Any:
        """Return a layer at every `step` pixels of this place, and one further on every side."""
        # Pixel centres of a coarse layer lie between those of the crop, nodes between the place's pixels.
        scale, before = self._window.scale / coarser, (step - 1) / 2 - _beyond(step)
        x = (self._window.scale * (self._left + before - self._window.left) - origin[0] + 0.5) / coarser - 0.5
        y = (self._window.scale * (self._top + before - self._window.top) - origin[1] + 0.5) / coarser - 0.5
        to_layer = np.array([[scale * step, 0, x], [0, scale * step, y]], np.float32)
        size = [-(-(side + 2 * _beyond(step)) // step) for side in self._size]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(layer, to_layer, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)

    def _enlarged(self, nodes: Any, step: int, every: int) -> Any:
        """Return nodes at this place's own resolution: several times quicker than to resample the layer itself."""
        width, height = (-(-side // every) for side in self._size)
        before, factor = _beyond(step) // every, step // every
        whole = nodes if factor == 1 else cv2.resize(nodes, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
        return whole[before : before + height, before : before + width]


def _beyond(step: int) -> int:
    """Return how many pixels nodes reach over a place's border; where they are its pixels, none."""
    return step if step > 1 else 0


def lay_on_crop(moved: U8, layers: FrameLayers) -> U8:
    """Return a moved photo's crop (S, S, 3) with its layers laid on: what the crop becomes in the picture."""
    made = moved.copy()
    lay_layers(made, layers, Window(1.0, 0.0, 0.0), np.full((*moved.shape[:2], 1), 255, np.uint8))
    return made
