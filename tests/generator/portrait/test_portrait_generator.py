"""The tier `portrait` around its networks: what they are shown and told, and where what they draw is laid."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from avatar.config import Background
from avatar.errors import ModelError
from avatar.face.implicit_keypoints import EYE_POINTS, LIP_POINTS, POINTS
from avatar.generator.identity import Identity
from avatar.generator.portrait import CROP_SIDE, PICTURE_SIDE, tier
from avatar.generator.portrait.crop import cut_square, eye_openings, face_square, lip_opening
from avatar.generator.portrait.expression_map import ExpressionMap, fit_map, read_map, unfitted_map, write_map
from avatar.generator.portrait.fitting import fit_to_extractor
from avatar.generator.portrait.generator import PortraitGenerator
from avatar.generator.portrait.portrait_motion import PortraitMotion
from avatar.generator.scene_layout import KEPT
from avatar.generator.tiers import chosen_tier, open_generator
from avatar.identities.open import open_identity
from avatar.types import BLENDSHAPE_INDEX, F32, U8, Motion, ReadExpression, rest_motion

GREEN = (0, 200, 0)
BLUE = (10, 20, 200)


@pytest.fixture(scope="module")
def identity() -> Identity:
    return open_identity("mira")


@dataclass
class GreenDrawer:
    """Draws every square green, and keeps what it was told."""

    name = "green"
    motions: list[PortraitMotion] = field(default_factory=list)
    squares: list[U8] = field(default_factory=list)

    def source(self, rgb: U8, lip_opening: float, eye_openings: tuple[float, float]) -> str:
        self.squares.append(rgb)
        return "a photo"

    def read(self, rgb: U8) -> tuple[F32, F32]:
        self.squares.append(rgb)
        return np.full((POINTS, 3), rgb.mean(), np.float32), np.eye(3, dtype=np.float32)

    def draw(self, source: str, motion: PortraitMotion) -> U8:
        self.motions.append(motion)
        return np.full((PICTURE_SIDE, PICTURE_SIDE, 3), GREEN, np.uint8)


def opened(identity: Identity, background: Background = KEPT) -> tuple[GreenDrawer, PortraitGenerator]:
    drawer = GreenDrawer()
    return drawer, PortraitGenerator(identity, (256, 256), drawer, unfitted_map(), background)


def test_what_is_drawn_fades_into_the_photo(identity: Identity) -> None:
    _, generator = opened(identity)
    picture = generator.render(rest_motion(0.0))
    assert picture.shape == (256, 256, 3)
    nose = generator.rig.rest[1, :2].astype(int)
    assert tuple(picture[nose[1], nose[0]]) == pytest.approx(GREEN, abs=1)
    below = open_generator(identity, (256, 256), "geometry").render(rest_motion(0.0))[-20:]
    assert np.abs(picture[-20:].astype(int) - below).max() <= 1
    rows = np.abs(np.diff(picture[:, nose[0], 1].astype(int)))
    assert rows.max() < 60, "a seam shows"


def test_another_background_is_seen_beside_the_person(identity: Identity) -> None:
    _, generator = opened(identity, Background("colour", rgb=BLUE))
    picture = generator.render(rest_motion(0.0))
    nose = generator.rig.rest[1, :2].astype(int)
    assert tuple(picture[nose[1], nose[0]]) == pytest.approx(GREEN, abs=2)
    assert tuple(picture[2, 2]) == pytest.approx(BLUE, abs=1)


def test_nothing_behind_the_person_has_no_share(identity: Identity) -> None:
    _, generator = opened(identity, Background("transparent"))
    picture = generator.render(rest_motion(0.0))
    assert picture.shape == (256, 256, 4)
    assert tuple(picture[2, 2]) == (0, 0, 0, 0)
    assert (picture[..., :3] <= picture[..., 3:]).all(), "it is not premultiplied"


def test_a_resting_face_is_left_as_it_is(identity: Identity) -> None:
    drawer, generator = opened(identity)
    generator.render(rest_motion(0.0))
    (told,) = drawer.motions
    assert np.allclose(told.rotation, np.eye(3), atol=1e-3)
    assert np.allclose(told.expression, 0) and np.allclose(told.translation, 0, atol=1e-3)
    assert told.scale == pytest.approx(1, abs=1e-3)
    assert told.lip_opening == pytest.approx(lip_opening(identity.rest.landmarks_px), abs=0.02)
    assert (told.lip_share, told.eye_share) == (1, 1)


def test_head_lips_and_lids_follow_a_motion(identity: Identity) -> None:
    drawer, generator = opened(identity)
    blendshapes = np.zeros(52, np.float32)
    blendshapes[[BLENDSHAPE_INDEX[name] for name in ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight")]] = (0.8, 1, 1)
    motion = Motion(0.0, blendshapes, np.array([0, 0.3, 0], np.float32), np.array([0.1, 0], np.float32), scale=1.1)
    generator.render(rest_motion(0.0))
    generator.render(motion)
    rest, moved = drawer.motions
    assert moved.rotation[0, 2] == pytest.approx(np.sin(0.3), abs=0.02)
    assert moved.lip_opening > rest.lip_opening + 0.2 and moved.eye_opening < 0.3 * rest.eye_opening
    assert moved.scale == pytest.approx(1.1, abs=0.02)
    # A tenth of the outer eye corners' distance, in halves of the square, whose side is 2.3 faces.
    assert 0.02 < moved.translation[0] < 0.12 and abs(moved.translation[1]) < 0.02


def test_the_drivers_own_expression_is_taken_where_a_camera_reads_it(identity: Identity) -> None:
    drawer, generator = opened(identity)
    share = np.ones(POINTS, np.float32)
    share[list(LIP_POINTS)] = 0  # a voice moves them
    offsets = np.full((POINTS, 3), 0.02, np.float32)
    read = ReadExpression(offsets, share, np.zeros(52, np.float32))
    generator.render(replace(rest_motion(0.0), read=read))
    (told,) = drawer.motions
    assert np.allclose(told.expression[list(EYE_POINTS)], 0.02) and np.allclose(told.expression[list(LIP_POINTS)], 0)
    assert told.lip_share == 1 and told.eye_share == 0


def test_a_feeling_is_added_to_what_the_camera_reads(identity: Identity) -> None:
    drawer = GreenDrawer()
    expression = np.zeros((52, POINTS, 3), np.float32)
    expression[BLENDSHAPE_INDEX["mouthSmileLeft"]] = 0.1
    generator = PortraitGenerator(identity, (256, 256), drawer, ExpressionMap(expression, np.eye(3, dtype=np.float32)))
    smiling = np.zeros(52, np.float32)
    smiling[BLENDSHAPE_INDEX["mouthSmileLeft"]] = 0.5
    drivers = ReadExpression(np.zeros((POINTS, 3), np.float32), np.ones(POINTS, np.float32), np.zeros(52, np.float32))
    generator.render(replace(rest_motion(0.0), blendshapes=smiling, read=drivers))
    generator.render(replace(rest_motion(0.0), blendshapes=smiling, read=replace(drivers, blendshapes=smiling)))
    added, same = drawer.motions
    assert added.expression[0, 0] == pytest.approx(0.05, abs=0.01)
    assert same.expression[0, 0] == pytest.approx(0, abs=0.01)


def test_the_square_is_upright_with_the_face(identity: Identity) -> None:
    photo = identity.rest
    square = face_square(photo.landmarks_px, CROP_SIDE)
    seen = photo.landmarks_px[:, :2] @ square[:, :2].T + square[:, 2]
    middle = seen[[33, 133, 362, 263]].mean(axis=0) - seen[[0, 17]].mean(axis=0)
    assert abs(middle[0]) < 2, "eyes are above the lips"
    assert seen.min() > 0 and seen.max() < CROP_SIDE
    assert cut_square(photo.rgb, square, CROP_SIDE).shape == (CROP_SIDE, CROP_SIDE, 3)


def test_openings_are_shares_of_a_width(identity: Identity) -> None:
    landmarks = identity.rest.landmarks_px
    assert lip_opening(landmarks) == pytest.approx(lip_opening(landmarks * 3), rel=1e-4)
    assert all(0.1 < opening < 0.6 for opening in eye_openings(landmarks))


def test_a_map_explains_what_was_drawn(tmp_path: Path) -> None:
    numbers = np.random.default_rng(3)
    true = (0.1 * numbers.standard_normal((52, POINTS, 3))).astype(np.float32)
    drawn = (numbers.random((400, 52)) < 0.2).astype(np.float32)
    turns = numbers.uniform(-0.3, 0.3, (400, 3)).astype(np.float32)
    fitted = fit_map(drawn, np.tensordot(drawn, true, 1), turns, turns * np.array([1, -1, 1], np.float32))
    assert np.abs(fitted.expression - true).max() < 0.01
    assert np.allclose(fitted.rotation, np.diag([1, -1, 1]), atol=1e-3)
    write_map(tmp_path / "map.safetensors", fitted)
    assert np.array_equal(read_map(tmp_path / "map.safetensors").expression, fitted.expression)


def test_a_damaged_map_is_refused(tmp_path: Path) -> None:
    (tmp_path / "map.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="avatar models pull liveportrait"):
        read_map(tmp_path / "map.safetensors")


@pytest.mark.slow
def test_the_map_is_fitted_to_pictures_of_known_motions(identity: Identity) -> None:
    drawer, done = GreenDrawer(), []
    fitted = fit_to_extractor(
        drawer, [identity], lambda one: open_generator(one, (256, 256), "geometry"), lambda *of: done.append(of)
    )
    assert len(drawer.squares) == done[-1][0] + 1
    assert np.isfinite(fitted.expression).all() and np.abs(fitted.expression).max() > 0


def test_without_weights_it_says_how_to_fetch_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_MODELS", str(tmp_path))
    tier.load_networks.cache_clear()
    with pytest.raises(ModelError, match="avatar models pull liveportrait"):
        chosen_tier("portrait", "auto")


def test_an_engine_that_cannot_run_it_is_refused_with_those_that_can(identity: Identity) -> None:
    with pytest.raises(ModelError, match=r"runs on torch-cuda, .*, not on openvino"):
        open_generator(identity, (256, 256), "portrait", "openvino")


def test_without_a_map_it_says_what_does_not_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AVATAR_MODELS", str(tmp_path))
    monkeypatch.setattr(tier, "load_networks", lambda _: None)
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(tier.load_portrait("auto")[1].expression, unfitted_map().expression)
    assert "only turns, lids and lips move" in caplog.text
