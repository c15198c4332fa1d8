"""Fixtures of every test."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is loaded, as the command does

import numpy as np
import pytest
from hypothesis import settings

from avatar.config import LimitSettings
from avatar.errors import ModelError
from avatar.generator.identity import Identity
from avatar.generator.tuning.packed_clips import PackedClip, read_packed
from avatar.identities.builtin import builtin_face
from avatar.media.photo import read_photo
from avatar.models.store import get_model
from avatar.types import BLENDSHAPE_INDEX, BLENDSHAPES, U8, Motion

# How long an example takes says something of the machine, nothing of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


STAGE: Final = re.compile(r"avatar-(?!.*_\d+$)")
"""Names of our threads, those of pools left out: a server that several tests share keeps them for the next call."""
STAGES_END_S: Final = 5.0
"""By then every stage of what a test has ended has ended too."""


WORKER_LOST: Final = 70
"""How pytest ends when one of its processes died: some tests were not run then (the Makefile runs them all again)."""
LOST: Final = pytest.StashKey[bool]()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Remember that a process of pytest-xdist died."""
    node.config.stash[LOST] = error is not None or node.config.stash.get(LOST, False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell it from a run in which every test had its turn."""
    if session.config.stash.get(LOST, False):
        session.exitstatus = WORKER_LOST


@pytest.fixture(autouse=True)
def no_stage_left() -> Iterator[None]:
    """Let no test leave a thread of ours at work: later tests would meet it."""

    def stages() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if STAGE.match(thread.name)}

    before, end_s = stages(), 0.0
    yield
    while left := stages() - before:
        end_s = end_s or time.monotonic() + STAGES_END_S
        assert time.monotonic() < end_s, f"left at work: {sorted(thread.name for thread in left)}"
        time.sleep(0.02)


@pytest.fixture
def anyio_backend() -> str:
    """Tests marked `anyio` run on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture(scope="session")
def loopback() -> ModuleType:
    """The two ends of a call, `tests/loopback.py`; imported only where a test makes calls."""
    return beside("loopback")


@pytest.fixture(scope="session")
def fake_parts() -> ModuleType:
    """An avatar's renderer and mouth that say what they show, `tests/fake_parts.py`."""
    return beside("fake_parts")


@pytest.fixture(scope="session")
def media_files() -> ModuleType:
    """Clips and sound files of every kind, and damage done to them, `tests/media_files.py`."""
    return beside("media_files")


@pytest.fixture(scope="session")
def drawn_things() -> ModuleType:
    """Pictures of things that are no faces, `tests/drawn_things.py`."""
    return beside("drawn_things")


@pytest.fixture(scope="session")
def face_clips(face_model: Path) -> ModuleType:
    """Clips of the built-in faces talking, `tests/face_clips.py`."""
    return beside("face_clips")


@pytest.fixture(scope="session")
def spoken_sentences() -> ModuleType:
    """Sentences of a voice with the moments its lips close, `tests/spoken_sentences.py`."""
    return beside("spoken_sentences")


@pytest.fixture(scope="session")
def bot_server() -> ModuleType:
    """A server that programs connect to, `tests/bot_server.py`; imported only where a test runs one."""
    return beside("bot_server")


def beside(name: str) -> ModuleType:
    """Import a file that lies beside this one."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def run_snippet() -> Callable[..., Awaitable[dict[str, Any]]]:
    """Run the one block of Python on a page that has a word in it, with the names it takes from around it."""
    root = Path(__file__).resolve().parents[1]

    async def run(page: str, word: str, **names: Any) -> dict[str, Any]:
        blocks = re.findall(r"```python\n(.*?)```", (root / page).read_text(encoding="utf-8"), re.DOTALL)
        (block,) = [block for block in blocks if word in block]
        waiting = eval(compile(block, page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)  # noqa: S307 - our own page
        if waiting is not None:
            await waiting
        return names

    return run


@pytest.fixture(scope="session")
def face_model() -> Path:
    """The landmarker model from the store, pulled where it is missing."""
    try:
        return get_model("face_landmarker")
    except ModelError as error:
        pytest.skip(f"no face model and no network to pull it: {error}")


@pytest.fixture(scope="session")
def photo() -> U8:
    """A real portrait in the public domain, (512, 512, 3) RGB: an astronaut who smiles."""
    return read_photo(builtin_face("astronaut").image.read_bytes(), LimitSettings())


@pytest.fixture(scope="session")
def astronaut(photo: U8) -> Identity:
    """That portrait, enrolled."""
    from avatar.generator.enrol import enrol  # noqa: PLC0415

    try:
        return enrol([photo], name="Astronaut")
    except ModelError as error:
        pytest.skip(f"no models and no network to pull them: {error}")


@pytest.fixture(scope="session")
def move() -> Callable[..., Motion]:
    """Make a motion: turns in degrees, coefficients by name."""

    def make(
        time_s: float = 0.0,
        *,
        pitch: float = 0.0,
        yaw: float = 0.0,
        roll: float = 0.0,
        shift: tuple[float, float] = (0.0, 0.0),
        scale: float = 1.0,
        gaze: tuple[float, float] | None = None,
        **coefficients: float,
    ) -> Motion:
        blendshapes = np.zeros(len(BLENDSHAPES), np.float32)
        for name, value in coefficients.items():
            blendshapes[BLENDSHAPE_INDEX[name]] = value
        return Motion(
            time_s=time_s,
            blendshapes=blendshapes,
            rotation=np.radians([pitch, yaw, roll]).astype(np.float32),
            translation=np.array(shift, np.float32),
            scale=scale,
            gaze=None if gaze is None else np.array(gaze, np.float32),
        )

    return make


@pytest.fixture(scope="session")
def look(astronaut: Identity) -> Iterator[Callable[[U8], dict[str, float]]]:
    """Measure the face in a picture with MediaPipe, as another pair of eyes would see it.

    Turns in degrees, place and size in pixels, lid and lip openings in eye widths and head units, coefficients 0..1.
    """
    from avatar.face import mesh  # noqa: PLC0415
    from avatar.face.pose import fit_pose, rotation_vector, to_head_frame  # noqa: PLC0415
    from avatar.models.store import get_model  # noqa: PLC0415
    from avatar.motion.neutral import eye_openings  # noqa: PLC0415
    from avatar.perception.landmarker import FaceLandmarker  # noqa: PLC0415

    landmarker = FaceLandmarker(get_model("face_landmarker"), video=False)

    def measure(rgb: U8) -> dict[str, float]:
        (face,) = landmarker.detect(rgb, 0.0)
        pose = fit_pose(face.landmarks_px)
        turns = np.degrees(rotation_vector(pose.rotation)).tolist()
        lips = to_head_frame(face.landmarks_px[[mesh.UPPER_LIP_CENTRE, mesh.LOWER_LIP_CENTRE]], pose)[:, 1]
        places = pose.translation_px[:2].tolist()
        names = ("pitch", "yaw", "roll", "x", "y", "size", "lips", "right_eye", "left_eye")
        values = (*turns, *places, pose.scale, float(lips[1] - lips[0]), *eye_openings(face.landmarks_px))
        coefficients = {name: float(face.blendshapes[index]) for name, index in BLENDSHAPE_INDEX.items()}
        return dict(zip(names, values, strict=True)) | coefficients

    yield measure
    landmarker.close()


@pytest.fixture(scope="session")
def driver_clip(astronaut: Identity, move: Callable[..., Motion], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of a face whose every move is known: 2 s at 30 fps, 480 x 360, with a click in its sound at 1 s.

    It rests, turns to the picture's left by 16 degrees from 0.5 to 1 s, stays, and opens its jaw from 1.3 to 1.5 s.
    """
    from avatar.generator.geometry import GeometryGenerator  # noqa: PLC0415
    from avatar.media.audio import SOUND_RATE  # noqa: PLC0415
    from avatar.media.movie_writer import MovieWriter  # noqa: PLC0415

    path = tmp_path_factory.mktemp("driver") / "driver.mp4"
    generator = GeometryGenerator(astronaut, (480, 360))
    click = np.zeros((2, 2 * SOUND_RATE), np.float32)
    click[:, SOUND_RATE : SOUND_RATE + 48] = 0.8
    with MovieWriter(path, (480, 360), 30, sound=True) as movie:
        for index in range(60):
            time_s = index / 30
            turned, opened = np.clip((time_s - 0.5) / 0.5, 0, 1), np.clip((time_s - 1.3) / 0.2, 0, 1)
            movie.picture(generator.render(move(yaw=16 * float(turned), jawOpen=0.6 * float(opened))), time_s)
            movie.sound(click[:, index * 1600 : (index + 1) * 1600], index * 1600)
    return path


@pytest.fixture(scope="session")
def packed_folder(astronaut: Identity, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips to train on, `tests/packed_faces.py`: three people of 16 frames, packed as `prepare` packs."""
    folder = tmp_path_factory.mktemp("packed")
    beside("packed_faces").write_packed_faces(folder, astronaut)
    return folder


@pytest.fixture(scope="session")
def packed_clips(packed_folder: Path) -> list[PackedClip]:
    """Those clips, read back."""
    return read_packed(packed_folder)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a wav2vec2 of two blocks and 16 numbers, which nobody has trained."""
    torch = pytest.importorskip("torch", reason="the extra `encoder` is not installed")
    transformers = pytest.importorskip("transformers", reason="the extra `encoder` is not installed")
    folder = tmp_path_factory.mktemp("encoder") / "wav2vec2"
    size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    positions = {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}
    torch.manual_seed(0)
    config = transformers.Wav2Vec2Config(**size, **positions, conv_dim=(16,) * 7)
    transformers.Wav2Vec2Model(config).save_pretrained(folder)
    return folder
