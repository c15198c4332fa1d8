"""The live check at work: pictures of a camera go in, and it is known what to ask for next, or how it ended.

An avatar can do what it is asked, too. One that carries the invisible mark, as all do unless somebody has left it out,
is found by that when everything else has succeeded.

Everything here blocks (15 ms of a core a picture, a tenth of a second more where the face is compared, a second at the
end): it is for a thread of its own, and for one thread at a time.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import cv2
import numpy as np

from avatar.errors import ConsentError
from avatar.generator.identity import Portrait
from avatar.models.store import get_model
from avatar.perception.landmarker_choice import Landmarker, open_landmarker
from avatar.trust.likeness import FaceRecognition
from avatar.trust.live_check import LIKENESS_MOVED, Check, Sighting, advance, begin
from avatar.trust.watermark_carrier import PUBLIC_KEY, carrier_of
from avatar.trust.watermark_search import find_mark
from avatar.types import F32, U8

MARKED_PICTURES: Final = 40
"""The mark is looked for in the mean of the first so many: those of a film are marked alike, and what moves is not."""
MOST_FACES: Final = 2
"""Looked for in a picture: a second one is one too many."""


class LiveCheck:
    """One check of one person against their photos. Always `close` it, or use it as a context manager."""

    def __init__(
        self,
        portraits: Sequence[Portrait],
        recognition: FaceRecognition,
        *,
        check: Check | None = None,
        landmarker: Landmarker | None = None,
    ) -> None:
        """Look at the photos, the first of which the person is compared with.

        Args:
            portraits: of the person; the others have to look like the first, but may show it otherwise.
            recognition: whose face it is; not closed with the check.
            check: how it begins; None: with gestures drawn by chance.
            landmarker: finds faces, in single pictures, and is closed with the check; None: the usual one.

        Raises:
            ConsentError: the photos are not of one person.
            ModelError, PerceptionError, TrustError: what looks at faces cannot be had.
        """
        chance = random.SystemRandom()
        self.check = begin(chance.choice, chance.random) if check is None else check
        self._recognition = recognition
        photo, *others = (recognition.embed(each.rgb, each.landmarks_px) for each in portraits)
        for number, other in enumerate(others, start=2):
            if float(photo @ other) < LIKENESS_MOVED:
                raise ConsentError(
                    f"Photo {number} does not look like the person in the first one: leave it out.", code="other_person"
                )
        self._photo = photo
        self._light: F32 | None = None
        self._pictures = 0
        self._landmarker = (
            open_landmarker(get_model("face_landmarker"), video=False, max_faces=MOST_FACES)
            if landmarker is None
            else landmarker
        )

    def look(self, rgb: U8, time_s: float) -> Check:
        """Return how far the check is after one more picture (height, width, 3) RGB, which came at `time_s`.

        Pictures are given in order; `time_s` is whoever checks' own clock, never the camera's word.

        Raises:
            FrameError: no picture that can be looked at.
            PerceptionError, TrustError: what looks at faces has failed.
        """
        if self.check.ended:
            return self.check
        self._add_light(rgb)
        faces = self._landmarker.detect(rgb, time_s)
        seen = Sighting(time_s, len(faces), (rgb.shape[1], rgb.shape[0]))
        if len(faces) == 1:
            seen = replace(seen, landmarks_px=faces[0].landmarks_px, blendshapes=faces[0].blendshapes)
        self.check = advance(self.check, seen)
        if self.check.wants_likeness and seen.landmarks_px is not None:
            likeness = float(self._photo @ self._recognition.embed(rgb, seen.landmarks_px))
            self.check = advance(self.check, replace(seen, likeness=likeness))
        if self.check.phase == "passed" and self._is_marked():
            self.check = replace(self.check, phase="refused", reason="drawn")
        return self.check

    def _add_light(self, rgb: U8) -> None:
        """Add a picture's brightness to the sum in which the mark is looked for; of another size it begins anew."""
        if self._pictures >= MARKED_PICTURES:
            return
        light = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.float32)
        if self._light is None or self._light.shape != light.shape:
            self._light, self._pictures = light, 1
        else:
            self._light, self._pictures = self._light + light, self._pictures + 1

    def _is_marked(self) -> bool:
        """Return whether the pictures carry the mark of those that are drawn; takes a second of a core."""
        if self._light is None:
            return False
        return find_mark(self._light / np.float32(self._pictures), carrier_of(PUBLIC_KEY)).sure

    def close(self) -> None:
        """Let go of what looks at faces. May be called again; never raises."""
        self._landmarker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
