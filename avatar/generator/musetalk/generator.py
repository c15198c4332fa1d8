"""The `musetalk` tier: another tier moves the photo, its mouth at rest, and MuseTalk draws the mouth from the voice.

motion --> another tier, its mouth at rest --> picture --> square around the face --> MuseTalk --> laid back, soft rim
voice ---> Whisper ------------------------------------------------------------------^

Where no voice is heard the picture stays as the other tier draws it: a camera alone is followed as in that tier.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Protocol

import numpy as np

from avatar.generator.musetalk import SIDE
from avatar.generator.musetalk.mouth_square import lay_back, mouth_square
from avatar.generator.portrait.crop import cut_square
from avatar.generator.protocol import Generator, TargetFace, target_face
from avatar.generator.wrapped import WrappedGenerator
from avatar.types import BLENDSHAPES, F32, U8, HeardVoice, Motion

UNSEEN: Final = 1 / 255
"""A drawn share below this changes nothing."""
MOUTH: Final = [index for index, name in enumerate(BLENDSHAPES) if name.startswith(("jaw", "mouth", "tongue"))]


class MouthDrawer(Protocol):
    """MuseTalk's networks. Shared by calls: any thread may call."""

    name: str
    """The engine that they run on."""

    def draw(self, square: U8, heard: F32) -> U8:
        """Return a face's square (256, 256, 3) RGB with the mouth of what is heard."""


class MuseTalkGenerator(WrappedGenerator):
    """Renders one identity at one picture size. Not for several threads at once."""

    def __init__(self, moving: Generator, engine: MouthDrawer) -> None:
        """Draw mouths with `engine` into what `moving` draws."""
        super().__init__(moving)
        self._engine = engine

    @property
    def needs_heard(self) -> bool:
        """As `Generator` says: always."""
        return True

    def render(self, motion: Motion) -> U8:
        """Return the picture of a motion, as `Generator` says. Raises GpuMemoryError."""
        heard = motion.heard
        if heard is None or heard.share < UNSEEN:
            return super().render(motion)
        resting = rest_mouth(motion, heard.share)
        picture = super().render(resting)
        return self._dub(picture, target_face(self.rig, self.identity, resting), heard)

    def _dub(self, picture: U8, target: TargetFace, heard: HeardVoice) -> U8:
        square = mouth_square(target.landmarks)
        seen = cut_square(np.ascontiguousarray(picture[..., :3]), square.to_square, SIDE)
        drawn = self._engine.draw(seen, heard.states)
        if heard.share < 1:
            share = np.asarray(np.round(square.share * np.float32(heard.share)), np.uint8)
            square = replace(square, share=share)
        return lay_back(picture, drawn, square)


def rest_mouth(motion: Motion, share: float) -> Motion:
    """Return a motion whose jaw, lips and tongue rest, `share` of the way: the networks were shown such mouths most."""
    blendshapes = motion.blendshapes.copy()
    blendshapes[MOUTH] *= np.float32(1 - share)
    return replace(motion, blendshapes=blendshapes)
