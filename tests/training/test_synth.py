"""Drawn people: as many as asked, all different, always the same, packed like real clips, mouths with teeth in them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from avatar.face import mesh
from avatar.generator.tuning.clip_crops import FEWEST_FRAMES
from avatar.generator.tuning.packed_clips import RENDERED, PackedClip, read_packed
from avatar.perception.landmarker import FaceDetection
from avatar.types import U8
from training import synth
from training.head3d.glasses import GlassesLook
from training.head3d.light import quick_visible, visible
from training.head3d.model import HeadModel, load_head
from training.head3d.oral import Oral
from training.head3d.posed_person import Pose, PosedPerson
from training.head3d.random_people import random_camera, random_person, random_poses
from training.head3d.raster import paint, rasterise
from training.synth import LICENCE, label_of, main, pack_seen

HEAD = Path(os.environ.get("HEAD3D_FILE", "ict_facekit_light.npz"))
"""An input of the renderer that is not part of the project (training/head3d/model.py)."""


@pytest.fixture(scope="module")
def head() -> HeadModel:
    if not HEAD.is_file():
        pytest.skip("HEAD3D_FILE does not name the 3D head, ict_facekit_light.npz")
    return load_head(HEAD)


def test_a_number_is_always_the_same_person_and_another_number_another() -> None:
    assert random_person(7) == random_person(7) and random_poses(7, 5) == random_poses(7, 5)
    people = [random_person(seed) for seed in range(30)]
    assert len({person.complexion.skin for person in people}) == 30
    assert len({(person.hair and person.hair.style, person.cap is None) for person in people}) >= 4
    # The hundred numbers of two identities have next to nothing in common.
    shapes = np.array([list(person.identity.values()) for person in people])
    assert np.abs(np.corrcoef(shapes)[np.triu_indices(30, 1)]).max() < 0.5


def test_more_frames_leave_the_first_ones_as_they_were() -> None:
    assert random_poses(3, 24)[:10] == random_poses(3, 10)


def test_people_do_what_real_clips_hardly_show() -> None:
    moments = [pose for seed in range(20) for pose in random_poses(seed, 24)]
    jaw = np.array([pose.expression.get("jawOpen", 0.0) for pose in moments])
    blink = np.array([pose.expression["eyeBlink_L"] for pose in moments])
    turn = np.array([pose.turn_degrees[1] for pose in moments])
    assert (jaw > 0.4).mean() > 0.1 and (jaw < 0.05).mean() > 0.2
    assert 0.08 < (blink > 0.9).mean() < 0.25
    assert np.abs(turn).max() <= 30 and (np.abs(turn) > 20).mean() > 0.1
    first = random_poses(11, 24)[0]
    assert first.turn_degrees == (0.0, 0.0, 0.0) and "jawOpen" not in first.expression, "a photo to start from"


def test_moments_without_a_face_are_left_out(packed_clips: list[PackedClip], tmp_path: Path) -> None:
    clip = packed_clips[0]
    pictures: list[U8] = list(clip.rgb)
    faces: list[FaceDetection | None] = [
        FaceDetection(landmarks, blendshapes)
        for landmarks, blendshapes in zip(clip.tracks.landmarks, clip.tracks.blendshapes, strict=True)
    ]
    faces[2] = None
    assert pack_seen(label_of(5), pictures, faces, tmp_path) == len(pictures) - 1
    (again,) = read_packed(tmp_path)
    assert again.label.split == "train" and again.label.person == "synth_005"
    assert (again.label.source, again.label.licence) == (RENDERED, LICENCE)
    assert again.rgb.shape == (len(pictures) - 1, 256, 256, 3)
    # The landmarks moved with the crop: the face lies in its middle.
    assert np.abs(again.tracks.landmarks[:, :468, :2].mean(axis=1) - 128).max() < 30
    few: list[FaceDetection | None] = [None] * (len(pictures) - FEWEST_FRAMES + 1)
    assert pack_seen(label_of(6), pictures, few + faces[len(few) :], tmp_path) == 0


@pytest.mark.parametrize("arguments", [["--frames", "3"], ["--people", "0"], ["--people", "many"]])
def test_senseless_numbers_are_refused(arguments: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as refusal:
        main(["--head", "head.npz", "--out", str(tmp_path), *arguments])
    assert refusal.value.code == 2


@pytest.mark.parametrize("content", [None, b"", b"not a head"])
def test_a_head_that_is_none_is_named(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "head.npz"
    if content is not None:
        path.write_bytes(content)
    assert main(["--head", str(path), "--out", str(tmp_path / "out")]) == 1
    assert "head.npz is not the 3D head" in capsys.readouterr().err


def test_the_quick_painter_sees_what_the_exact_one_sees() -> None:
    """On a ball of triangles the two agree but for the outline's half pixel and a mix-up or two at edges."""
    vertices, triangles = _ball()
    screen = (vertices * [40, -40, 40] + [60, 60, 0]).astype(np.float32)
    exact = rasterise(screen, triangles, 120, 120, cull_back=True)
    count = len(triangles)
    quick = paint(screen, triangles, 120, 120, two_sided=np.zeros(count, bool), sink_cm=np.zeros(count, np.float32))
    assert (quick.covered | ~exact.covered).all() and quick.covered.sum() < 1.06 * exact.covered.sum()
    both = exact.covered & quick.covered
    assert np.abs(exact.depth[both] - quick.depth[both]).max() < 6, "of 40: within one triangle"
    assert np.median(np.abs(exact.depth[both] - quick.depth[both])) < 0.05, "and mostly the same one"


def test_quick_shadows_fall_where_exact_ones_fall() -> None:
    ball, triangles = _ball()
    ball = np.asarray(ball * 2 + [0, 0, 6], np.float32)
    grid = np.linspace(-5, 5, 21)
    floor = np.stack([*np.meshgrid(grid, grid), np.zeros((21, 21))], -1).reshape(-1, 3).astype(np.float32)
    points = np.concatenate([floor, ball])
    up = np.tile(np.array([[0, 0, 1]], np.float32), (len(points), 1))
    ray = np.array([[0.2, 0.1, 0.97]], np.float32)
    exact = visible(points, up, points, triangles + len(floor), ray)[0, : len(floor)]
    quick = quick_visible(points, up, np.concatenate([points, ball[triangles].mean(1)]), ray)[0, : len(floor)]
    assert 0.02 < 1 - exact.mean() < 0.3, "some of the floor lies in the shadow"
    assert np.abs(exact - quick).mean() < 0.04


def test_an_open_mouth_shows_light_teeth_before_a_dark_cavity(head: HeadModel) -> None:
    posed = PosedPerson(random_person(1), head, Oral.of(head), random_camera(1, 480))
    shut = posed.draw(Pose()).astype(int)
    smile = {f"{name}_{side}": 0.7 for name in ("mouthSmile", "mouthUpperUp", "mouthLowerDown") for side in "LR"}
    opened = posed.draw(Pose(smile | {"jawOpen": 0.45})).astype(int)
    changed = np.abs(opened - shut).sum(2) > 90
    inside = opened[changed]
    assert len(inside) > 800
    luma = inside @ [0.299, 0.587, 0.114]
    assert np.percentile(luma, 95) > 100, "teeth"
    assert np.percentile(luma, 5) < 45, "the cavity"
    assert (luma > 245).mean() < 0.01, "and they do not glow"


@pytest.fixture(params=["3D head", "stand-in"])
def head_file(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, *, face_clips: ModuleType) -> Path:
    """The 3D head, or a built-in face that is moved in place of a person who is drawn."""
    if request.param == "3D head":
        assert request.getfixturevalue("head").identity.shape[0] == 100
        return HEAD

    class MovedFace:
        def __init__(self, *_: object) -> None:
            self._pictures = face_clips.pictures("mira", 3.0, fps=8)

        def draw(self, pose: Pose) -> U8:
            return next(self._pictures)

    monkeypatch.setattr(synth, "_read_head", lambda path: None)
    monkeypatch.setattr(synth.Oral, "of", lambda head: None)
    monkeypatch.setattr(synth, "PosedPerson", MovedFace)
    return Path("no.npz")


def test_draws_packs_and_resumes(head_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "synth"
    arguments = ["--head", str(head_file), "--people", "1", "--first", "5", "--frames", "14", "--out", str(out)]
    assert main([*arguments, "--sheet", str(tmp_path / "sheet.jpg")]) == 0
    (clip,) = read_packed(out)
    assert clip.label == label_of(5) and len(clip.rgb) >= FEWEST_FRAMES and clip.detail == 1
    lips = clip.tracks.landmarks[:, [mesh.UPPER_LIP_CENTRE, mesh.LOWER_LIP_CENTRE], 1]
    assert np.ptp(lips[:, 1] - lips[:, 0]) > 8, "pixels: the landmarker sees mouths open and close"
    assert (tmp_path / "sheet.jpg").stat().st_size > 10_000
    made = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert main(arguments) == 0
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == made, "nobody is drawn twice"
    assert "MB" in capsys.readouterr().out


def _ball() -> tuple[np.ndarray, np.ndarray]:
    """A unit ball of 24 x 48 quads, outward triangles: vertices (n, 3), triangles (m, 3)."""
    rows, columns = 24, 48
    polar, turn = np.meshgrid(np.linspace(0, np.pi, rows + 1), np.arange(columns) * 2 * np.pi / columns, indexing="ij")
    ball = np.stack([np.sin(polar) * np.sin(turn), np.cos(polar), np.sin(polar) * np.cos(turn)], -1).reshape(-1, 3)
    row, column = np.divmod(np.arange(rows * columns), columns)
    a, b = row * columns + column, row * columns + (column + 1) % columns
    triangles = np.concatenate([np.stack([a, a + columns, b], 1), np.stack([b, a + columns, b + columns], 1)])
    return ball.astype(np.float32), triangles.astype(np.int32)


def test_glasses_are_seen_where_their_rims_are_said_to_be_and_turn_with_the_head(head: HeadModel) -> None:
    looks = GlassesLook((10, 10, 10), wire=0.05)
    bare = random_person(8)
    camera, inside = random_camera(8, 240), Oral.of(head)
    without = PosedPerson(bare, head, inside, camera)
    worn = PosedPerson(replace(bare, glasses=looks), head, inside, camera)
    rims = []
    for turn in (0.0, 18.0):
        pose = Pose(turn_degrees=(0.0, turn, 0.0))
        changed = np.abs(worn.draw(pose).astype(int) - without.draw(pose)).max(axis=2)
        rims.append(worn.rims(pose))
        x, y = np.rint(rims[-1].reshape(-1, 2)).astype(int).T
        assert np.mean(changed[y, x] > 12) > 0.9
    assert np.abs(rims[1] - rims[0]).max() > 8
