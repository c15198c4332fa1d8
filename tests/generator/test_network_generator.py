"""What people see of the tiers with a network: as geometry moves it, with what the photo lacks drawn in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from avatar.config import Background
from avatar.generator.engines.choice import load_engine
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity, Portrait
from avatar.generator.network_generator import NetworkGenerator
from avatar.types import BLENDSHAPE_INDEX, U8, Motion

Move = Callable[..., Motion]
Look = Callable[[U8], dict[str, float]]


@pytest.fixture(scope="module")
def generator(astronaut: Identity) -> NetworkGenerator:
    return NetworkGenerator(astronaut, (512, 512), load_engine("lite"))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(512, 512), (1280, 720), (360, 640), (128, 128)])
def test_pictures_have_the_size_asked_for(astronaut: Identity, move: Move, size: tuple[int, int]) -> None:
    picture = NetworkGenerator(astronaut, size, load_engine("lite")).render(move(yaw=10, jawOpen=0.5))
    assert picture.shape == (size[1], size[0], 3) and picture.dtype == np.uint8


def test_at_rest_the_face_is_nearly_the_photo(generator: NetworkGenerator, astronaut: Identity, move: Move) -> None:
    difference = np.abs(generator.render(move()).astype(int) - astronaut.preview(512))
    assert difference.mean() < 4.0, "of 255, with the background, whose hidden part had to be made up"


def test_skin_at_rest_is_the_photos_own(generator: NetworkGenerator, astronaut: Identity, move: Move) -> None:
    """What the network would change of a cheek that has not moved is its error (`layer_trust`)."""
    drawn, plain = (made.render(move()).astype(int) for made in (generator, GeometryGenerator(astronaut, (512, 512))))
    landmarks = generator.rig.landmarks(move(), generator.rig.pose(move()))
    for cheek in (205, 425):
        column, row = np.rint(landmarks[cheek, :2]).astype(int)
        around = slice(row - 5, row + 6), slice(column - 5, column + 6)
        assert np.abs(drawn[around] - plain[around]).mean() < 2.5, "of 255; 7 on one side if all of it shows"


def test_only_the_head_differs_from_geometry(generator: NetworkGenerator, astronaut: Identity, move: Move) -> None:
    motion = move(yaw=-8, jawOpen=0.6)
    plain = GeometryGenerator(astronaut, (512, 512)).render(motion)
    changed = np.abs(generator.render(motion).astype(int) - plain).max(axis=2) > 0
    assert changed.any()
    landmarks = generator.rig.landmarks(motion, generator.rig.pose(motion))
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    rows, columns = np.nonzero(changed)
    room = 0.4 * float((high - low).max())
    assert columns.min() > low[0] - room and columns.max() < high[0] + room
    assert rows.min() > low[1] - room and rows.max() < high[1] + room


def test_the_network_changes_the_mouth_most(generator: NetworkGenerator, astronaut: Identity, move: Move) -> None:
    motion = move(jawOpen=0.8)
    difference = np.abs(
        generator.render(motion).astype(int) - GeometryGenerator(astronaut, (512, 512)).render(motion)
    ).mean(axis=2)
    landmarks = generator.rig.landmarks(motion, generator.rig.pose(motion))
    upper, lower = landmarks[13], landmarks[14]
    middle = (upper + lower) / 2
    mouth = difference[int(middle[1]) - 8 : int(middle[1]) + 8, int(middle[0]) - 15 : int(middle[0]) + 15].mean()
    brow = landmarks[9]
    forehead = difference[int(brow[1]) - 25 : int(brow[1]) - 5, int(brow[0]) - 15 : int(brow[0]) + 15].mean()
    assert mouth > 3 * forehead


def test_the_head_still_turns_as_asked(generator: NetworkGenerator, move: Move, look: Look) -> None:
    still, turned = look(generator.render(move())), look(generator.render(move(yaw=12)))
    assert turned["yaw"] - still["yaw"] == pytest.approx(12, abs=4)


@pytest.mark.slow
def test_a_second_photo_lends_its_open_mouth(astronaut: Identity, move: Move) -> None:
    """Teeth painted green in the second photo show up green when the mouth opens, and not before."""
    motion = move(jawOpen=0.8)
    photo, (x, y) = painted(astronaut, motion, (20, 220, 20))
    one = NetworkGenerator(astronaut, (512, 512), load_engine("lite"))
    both = replace(astronaut, portraits=(*astronaut.portraits, photo))
    two = NetworkGenerator(both, (512, 512), load_engine("lite"))

    def green(picture: U8) -> float:
        part = picture[y - 8 : y + 8, x - 15 : x + 15].astype(float)
        return float((part[..., 1] - part[..., [0, 2]].mean(axis=2)).mean())

    assert green(two.render(motion)) > green(one.render(motion)) + 20
    assert abs(green(two.render(move())) - green(one.render(move()))) < 5


@pytest.mark.slow
def test_two_open_mouths_lend_together(astronaut: Identity, move: Move) -> None:
    """Between a mouth painted green and a wider one painted blue, both colours show."""
    (green, _), (blue, (x, y)) = (
        painted(astronaut, move(jawOpen=jaw), colour) for jaw, colour in ((0.6, (20, 220, 20)), (0.8, (20, 20, 220)))
    )
    several = replace(astronaut, portraits=(*astronaut.portraits, green, blue))
    picture = NetworkGenerator(several, (512, 512), load_engine("lite")).render(move(jawOpen=0.7))
    shown = picture[y - 6 : y + 2, x - 12 : x + 12].astype(float).mean(axis=(0, 1))
    assert min(shown[1:]) > shown[0] + 20


def painted(identity: Identity, motion: Motion, colour: tuple[int, int, int]) -> tuple[Portrait, tuple[int, int]]:
    """Return a photo of somebody in motion, a patch of that colour in the mouth, and where its middle (x, y) is."""
    geometry = GeometryGenerator(identity, (512, 512))
    landmarks = geometry.rig.landmarks(motion, geometry.rig.pose(motion))
    photo = geometry.render(motion)
    x, y = ((landmarks[13] + landmarks[14]) / 2)[:2].astype(int).tolist()
    photo[y - 12 : y + 12, x - 25 : x + 25] = colour
    expression = identity.rest.blendshapes.copy()
    expression[BLENDSHAPE_INDEX["jawOpen"]] += motion.blendshapes[BLENDSHAPE_INDEX["jawOpen"]]
    return Portrait(photo, landmarks, expression), (x, y)


def test_a_still_motion_settles_to_a_still_picture(generator: NetworkGenerator, move: Move) -> None:
    motion = move(jawOpen=0.4, yaw=5)
    pictures = [generator.render(motion).astype(int) for _ in range(6)]
    assert np.abs(pictures[-1] - pictures[-2]).max() <= 1


def test_whatever_the_coefficients_a_picture_comes(generator: NetworkGenerator, move: Move) -> None:
    wild = move(yaw=80, pitch=-60, jawOpen=5.0, eyeBlinkLeft=3.0)
    assert generator.render(wild).shape == (512, 512, 3)


@pytest.mark.slow
def test_pictures_in_between_are_like_those_drawn_in_full(astronaut: Identity, move: Move) -> None:
    full, sparse = (NetworkGenerator(astronaut, (512, 512), load_engine("lite")) for _ in range(2))
    sparse.key_every = 2
    opening = [move(jawOpen=0.1 * step, yaw=step) for step in range(8)]
    drawn, apart = [], []
    for motion in opening:
        wanted, found = full.render(motion), sparse.render(motion)
        drawn.append(sparse.last_in_full)
        apart.append(np.abs(wanted.astype(int) - found)[150:350, 150:350].mean())
    assert drawn == [True, False] * 4
    assert max(apart) < 2.0, "of 255"


def test_what_the_network_draws_stays_within_a_transparent_pictures_share(astronaut: Identity, move: Move) -> None:
    generator = NetworkGenerator(astronaut, (256, 256), load_engine("lite"), Background("transparent"))
    rgba = generator.render(move(yaw=10, jawOpen=0.5))
    assert rgba.shape == (256, 256, 4)
    assert (rgba[..., :3].max(axis=2) <= rgba[..., 3]).all(), "premultiplied"
    assert rgba[4, 4, 3] == 0 and rgba[128, 128, 3] == 255
