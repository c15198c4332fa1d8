"""LivePortrait's networks on a device: what is drawn together, what is kept, and what memory they take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="LivePortrait's networks need the extra `portrait`")

import torch

from avatar.config import Background
from avatar.errors import GpuMemoryError, ModelError
from avatar.face.implicit_keypoints import POINTS
from avatar.generator.portrait import engine as engines
from avatar.generator.portrait import tier
from avatar.generator.portrait.drawing import motion_numbers
from avatar.generator.portrait.engine import Asked, PortraitEngine, fitting_batch
from avatar.generator.portrait.expression_map import unfitted_map
from avatar.generator.portrait.generator import PortraitGenerator
from avatar.generator.portrait.keypoints import head_motion, stitched
from avatar.generator.portrait.portrait_motion import PortraitMotion
from avatar.identities.open import open_identity
from avatar.types import U8, rest_motion
from benchmarks.parity import KINDS, answers, differences

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engine(seeded_weights: Path) -> PortraitEngine:
    return PortraitEngine(seeded_weights, "cpu", 1)


def square(seed: int) -> U8:
    return np.random.default_rng(seed).integers(0, 255, (256, 256, 3), np.uint8)


def moved(turn: float = 0.0, **told: Any) -> PortraitMotion:
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]], np.float32)
    still = {
        "expression": np.zeros((POINTS, 3), np.float32),
        "scale": 1.0,
        "translation": np.zeros(2, np.float32),
        "lip_opening": 0.1,
        "eye_opening": 0.3,
        "lip_share": 0.0,
        "eye_share": 0.0,
    }
    return PortraitMotion(rotation=rotation, **{**still, **told})


@pytest.mark.timeout(600)  # in float32 W takes a minute on a busy machine, after half a gigabyte was written
def test_bfloat16_draws_what_single_precision_draws(seeded_weights: Path) -> None:
    # G takes half a minute: `benchmarks.parity --kind bfloat16` has it.
    apart = differences(answers(seeded_weights, "cpu", "bfloat16", without=("G",)))
    assert max(apart.values()) <= KINDS["bfloat16"]
    # G makes five times as much of it, and has an error of its own: 5.7e-3 were too much.
    assert apart["W.out"] <= 4e-3


def test_keypoints_of_a_batch_are_those_of_each_photo_and_motion(engine: PortraitEngine) -> None:
    network: Any = engine._network
    photos = [(square(1), 0.1), (square(2), 0.2)]
    motions = [moved(0.2, scale=1.1, translation=np.array([0.1, -0.1], np.float32)), moved(lip_share=0.5, eye_share=1)]
    sources = [engine.source(rgb, lips, (0.3, 0.3)) for rgb, lips in photos]
    with torch.inference_mode():
        numbers = np.stack([source.numbers for source in sources])
        told = np.stack([motion_numbers(motion) for motion in motions])
        rest, driven = network.keypoints(torch.from_numpy(numbers), torch.from_numpy(told))
        for number, ((rgb, lips), motion) in enumerate(zip(photos, motions, strict=True)):
            held = head_motion(engine._motion(engine._crop(rgb)))
            flat = held.keypoints().flatten(1)
            turned = held.canonical @ (held.rotation @ torch.from_numpy(motion.rotation.T.copy()))
            shift = torch.tensor([[*motion.translation.tolist(), 0.0]])
            wanted = held.scale * motion.scale * (turned + held.expression) + held.translation + shift
            lip = network.lip(torch.cat([flat, torch.tensor([[lips, motion.lip_opening]])], 1))
            eye = network.eye(torch.cat([flat, torch.tensor([[0.3, 0.3, motion.eye_opening]])], 1))
            wanted = wanted + (motion.lip_share * lip + motion.eye_share * eye).unflatten(1, (POINTS, 3))
            offsets = network.stitching(torch.cat([flat, wanted.flatten(1)], 1))
            assert torch.allclose(rest[number], held.keypoints()[0], atol=1e-5)
            assert torch.allclose(driven[number], stitched(wanted, offsets)[0], atol=1e-4)


def test_calls_that_show_the_same_face_share_what_is_kept_of_it(engine: PortraitEngine) -> None:
    first = engine.source(square(3), 0.1, (0.3, 0.3))
    assert engine.source(square(3).copy(), 0.1, (0.3, 0.3)) is first
    assert engine.source(square(4), 0.1, (0.3, 0.3)) is not first


def test_photos_that_nobody_shows_any_more_make_room(engine: PortraitEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "KEPT_SOURCES", 2)
    engine._sources.clear()
    first = engine.source(square(5), 0.1, (0.3, 0.3))
    for seed in (6, 7):
        engine.source(square(seed), 0.1, (0.3, 0.3))
    assert len(engine._sources) == 2 and engine.source(square(5), 0.1, (0.3, 0.3)) is not first


def test_frames_of_several_calls_go_through_the_networks_together(
    engine: PortraitEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, ...]] = []

    def run(inputs: list[Any]) -> tuple[Any]:
        shapes.append(tuple(inputs[0].shape))
        return (torch.arange(len(inputs[0]), dtype=torch.uint8)[:, None, None, None].expand(-1, 512, 512, 3),)

    monkeypatch.setattr(engine, "_run", run)
    source = engine.source(square(8), 0.1, (0.3, 0.3))
    drawn = engine.draw_batch([Asked(source, moved())] * 3)
    assert shapes == [(3, 32, 16, 64, 64)] and [picture[0, 0, 0] for picture in drawn] == [0, 1, 2]


@pytest.mark.parametrize("size", [(256, 256), (320, 240), (257, 255)])
def test_a_picture_finished_on_the_device_is_the_one_that_opencv_makes(
    engine: PortraitEngine, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    numbers = np.random.default_rng(5).integers(0, 255, (32, 32, 3), np.uint8)
    square = np.asarray(cv2.resize(numbers, (512, 512), interpolation=cv2.INTER_CUBIC), np.uint8)
    monkeypatch.setattr(engine, "_run", lambda inputs: (torch.from_numpy(square)[None],))
    by_opencv = PortraitGenerator(open_identity("mira"), size, engine, unfitted_map())
    monkeypatch.setattr(engine, "composes", True)
    on_device = PortraitGenerator(open_identity("mira"), size, engine, unfitted_map())
    motion = rest_motion(0.0)
    (wanted, matte), (found, beside) = by_opencv.render_i420(motion), on_device.render_i420(motion)
    assert on_device._placement is not None and by_opencv._placement is None
    assert found.shape == wanted.shape and found.dtype == np.uint8 and not matte and not beside
    apart = np.abs(found.astype(int) - wanted)
    # OpenCV samples at steps of a 32nd of a pixel.
    assert np.percentile(apart, 99) <= 2 and apart.max() <= 12


def test_behind_another_background_the_processor_finishes_the_picture(
    engine: PortraitEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    black = torch.zeros(1, 512, 512, 3, dtype=torch.uint8)
    monkeypatch.setattr(engine, "_run", lambda inputs: (black,))
    monkeypatch.setattr(engine, "composes", True)
    generator = PortraitGenerator(open_identity("mira"), (128, 128), engine, unfitted_map(), Background("transparent"))
    i420, matte = generator.render_i420(rest_motion(0.0))
    assert i420.shape == (192, 256) and matte


def test_a_full_memory_is_told_to_who_draws(engine: PortraitEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(engine, "_run", full)
    source = engine.source(square(9), 0.1, (0.3, 0.3))
    with pytest.raises(GpuMemoryError, match=r"full \(CUDA out of memory"):
        engine.draw(source, moved())


def test_it_is_compiled_where_that_is_asked_for(seeded_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Any] = []
    monkeypatch.setattr(torch, "compile", lambda network, dynamic: compiled.append(network) or network)
    assert PortraitEngine(seeded_weights, "cpu", 1, compiled=True).name == "torch-compiled"
    assert len(compiled) == 1


def test_without_a_gpu_it_is_said_why(seeded_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    monkeypatch.setenv("AVATAR_MODELS", str(seeded_folder))
    tier.load_networks.cache_clear()
    with pytest.raises(ModelError, match=r"torch-cuda: (there is no NVIDIA driver|this torch is built without CUDA)"):
        tier.load_networks("torch-cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_on_a_gpu_pictures_drawn_together_are_what_they_are_alone(seeded_weights: Path) -> None:
    engine = PortraitEngine(seeded_weights, "cuda", 1)
    assert engine.largest_batch >= 4 and engine.frame_bytes > 0
    frames = [
        Asked(engine.source(square(seed), 0.1, (0.3, 0.3)), moved(0.1 * seed, lip_share=1.0)) for seed in range(3)
    ]
    alone = [engine.draw_batch([frame])[0] for frame in frames]
    for one, together in zip(alone, engine.draw_batch(frames), strict=True):
        assert np.abs(one.astype(int) - together).mean() < 1
    apart = differences(answers(seeded_weights, "cuda", "float16"))
    assert max(apart.values()) <= KINDS["float16"]


@pytest.mark.parametrize(
    ("free", "frame", "most"), [(1_000, 1_000, 1), (4_000, 1_000, 1), (8_000, 1_000, 2), (10**9, 1_000, 32)]
)
def test_batches_are_as_large_as_the_memory_allows(free: int, frame: int, most: int) -> None:
    assert fitting_batch(free, frame) == most
