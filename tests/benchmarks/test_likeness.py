"""Face recognition as a measure: it knows a person again, and says what is missing where it is not installed."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.identities.open import open_identity
from avatar.types import Motion
from benchmarks.likeness import Likeness, LikenessMissingError


def test_a_person_who_moves_is_nearer_to_themself_than_to_another(
    astronaut: Identity, move: Callable[..., Motion]
) -> None:
    try:
        likeness = Likeness()
    except LikenessMissingError as error:
        pytest.skip(str(error))
    photo = likeness.embed(astronaut.rest.rgb, astronaut.rest.landmarks_px)
    generator = GeometryGenerator(astronaut, (512, 512))
    motion = move(yaw=10, jawOpen=0.4)
    landmarks = generator.rig.landmarks(motion, generator.rig.pose(motion))
    moved = likeness.embed(generator.render(motion), landmarks)
    other = open_identity("kofi").rest
    stranger = likeness.embed(other.rgb, other.landmarks_px)
    assert photo @ photo == pytest.approx(1)
    assert photo @ moved > 0.94
    assert photo @ stranger < 0.9


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(LikenessMissingError, match=r"dlib is not installed: pip install -e '\.\[bench\]'"):
        Likeness()
