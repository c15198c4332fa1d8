"""LivePortrait's networks as ONNX files that a user has already, in FasterLivePortrait's layout, on ONNX Runtime.

    appearance_feature_extractor.onnx  img (1, 3, 256, 256)                       -> volume (1, 32, 16, 64, 64)
    motion_extractor.onnx              img (1, 3, 256, 256)                       -> pitch, yaw, roll, t, exp, scale, kp
    warping_spade.onnx                 volume, keypoints driven and of the photo  -> picture (1, 3, 512, 512)
    stitching, stitching_lip, stitching_eye.onnx   (1, 126 | 65 | 66)             -> (1, 65 | 63 | 63)

They take one picture at a time. torch is not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple

import numpy as np

from avatar.errors import ModelError
from avatar.generator.engines.gpu import WatchedMemory
from avatar.generator.engines.onnxruntime_engine import open_onnx_session
from avatar.generator.portrait import CROP_SIDE, PICTURE_SIDE
from avatar.generator.portrait.onnx_keypoints import HeldHead, driven_keypoints, held_head
from avatar.generator.portrait.portrait_motion import PortraitMotion
from avatar.types import F32, U8

LARGEST_BYTES: Final = 800_000_000
"""Of a file; the largest, of warping and drawing together, has 400 million in single precision."""
SUBFOLDER: Final = "liveportrait_onnx"
"""What FasterLivePortrait calls the folder within its checkpoints."""
Shape = tuple[int, ...]


class OnnxFile(NamedTuple):
    """One network's file, and what goes in and comes out of it, without the batch's axis."""

    name: str
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]


_CROP: Final = (3, CROP_SIDE, CROP_SIDE)
_VOLUME: Final = (32, 16, 64, 64)
FILES: Final = {
    "appearance": OnnxFile("appearance_feature_extractor.onnx", (_CROP,), (_VOLUME,)),
    "motion": OnnxFile("motion_extractor.onnx", (_CROP,), ((66,), (66,), (66,), (3,), (63,), (1,), (63,))),
    "picture": OnnxFile("warping_spade.onnx", (_VOLUME, (21, 3), (21, 3)), ((3, PICTURE_SIDE, PICTURE_SIDE),)),
    "stitching": OnnxFile("stitching.onnx", ((126,),), ((65,),)),
    "lip": OnnxFile("stitching_lip.onnx", ((65,),), ((63,),)),
    "eye": OnnxFile("stitching_eye.onnx", ((66,),), ((63,),)),
}
SOURCE_INPUT: Final = "kp_source"
"""Where inputs have names, the photo's keypoints; else they come last."""
MOTION_OUTPUTS: Final = ("pitch", "yaw", "roll", "t", "exp", "scale", "kp")
"""Where outputs have names; else they come in this order."""


@dataclass(frozen=True, slots=True)
class OnnxSource:
    """A photo, ready to be moved."""

    volume: F32
    """(1, 32, 16, 64, 64)."""
    head: HeldHead
    lip_opening: float
    eye_openings: tuple[float, float]


class OnnxNetwork:
    """One file on ONNX Runtime."""

    def __init__(self, path: Path, wanted: OnnxFile, name: str, threads: int) -> None:
        """Open a file for one of `onnxruntime_engine.PROVIDERS`.

        Raises:
            ModelError: it is missing, larger than it can be, damaged, or another network's.
            RuntimeError: the provider does not work here.
        """
        self._path = path
        try:
            size = path.stat().st_size
        except OSError as error:
            raise ModelError(
                f"{path} cannot be read ({error.strerror}). The folder has to hold FasterLivePortrait's "
                f"{', '.join(file.name for file in FILES.values())}."
            ) from error
        if size > LARGEST_BYTES:
            raise ModelError(f"{path} has {size:,} bytes, more than any of LivePortrait's networks.")
        self._session = open_onnx_session(path, name, threads)
        self.inputs, self.outputs = list(self._session.get_inputs()), list(self._session.get_outputs())
        self._check("takes", self.inputs, wanted.inputs)
        self._check("gives", self.outputs, wanted.outputs)

    def run(self, *values: F32) -> list[F32]:
        """Return the outputs in their order, float32. Raises ModelError, GpuMemoryError."""
        feeds = {
            port.name: np.ascontiguousarray(value, np.float16 if port.type == "tensor(float16)" else np.float32)
            for port, value in zip(self.inputs, values, strict=True)
        }
        with WatchedMemory():
            return [np.asarray(found, np.float32) for found in self._session.run(None, feeds)]

    def _check(self, does: str, ports: Sequence[Any], wanted: Sequence[Shape]) -> None:
        found = [tuple(port.shape)[1:] for port in ports]
        fits = len(found) == len(wanted) and all(
            len(shape) == len(asked)
            and all(not isinstance(side, int) or side == other for side, other in zip(shape, asked, strict=True))
            for shape, asked in zip(found, wanted, strict=True)
        )
        if not fits or not all(port.type in ("tensor(float)", "tensor(float16)") for port in ports):
            raise ModelError(
                f"{self._path} {does} {', '.join(map(str, found))}, not {', '.join(map(str, wanted))}: it is not "
                f"FasterLivePortrait's {self._path.name}."
            )


class OnnxPortraitEngine:
    """The networks on one of ONNX Runtime's providers. Shared by calls: any thread may call."""

    def __init__(self, folder: Path, name: str, threads: int) -> None:
        """Open the files of a folder, on a GPU with one picture drawn: what it cannot do is known then.

        Raises:
            ModelError: one is missing, damaged, or another network's.
            ImportError, RuntimeError: ONNX Runtime is not installed, or the provider does not work here.
        """
        self.name = name
        folder = onnx_folder(folder)
        self._networks = {key: OnnxNetwork(folder / file.name, file, name, threads) for key, file in FILES.items()}
        self._source_last = self._networks["picture"].inputs[1].name != SOURCE_INPUT
        names = [port.name for port in self._networks["motion"].outputs]
        self._motion_order = names if set(names) == set(MOTION_OUTPUTS) else list(MOTION_OUTPUTS)
        self._lock = Lock()
        if name != "onnxruntime":
            self._try_out()

    def source(self, rgb: U8, lip_opening: float, eye_openings: tuple[float, float]) -> OnnxSource:
        """Return a photo's square, ready to be moved, as `PortraitDrawer` says. Raises GpuMemoryError."""
        (volume,) = self._networks["appearance"].run(_crop(rgb))
        return OnnxSource(volume, self._head(rgb), lip_opening, eye_openings)

    def read(self, rgb: U8) -> tuple[F32, F32]:
        """Return what a square shows, as `PortraitDrawer` says. Raises GpuMemoryError."""
        head = self._head(rgb)
        return head.expression, np.ascontiguousarray(head.rotation.T)

    def draw(self, source: OnnxSource, motion: PortraitMotion) -> U8:
        """Return the picture of a photo, moved, as `PortraitDrawer` says. Raises GpuMemoryError."""
        with self._lock:
            driven = driven_keypoints(
                source.head,
                source.lip_opening,
                source.eye_openings,
                motion,
                stitching=self._small("stitching"),
                lip=self._small("lip"),
                eye=self._small("eye"),
            )
            keypoints = [driven[None], source.head.keypoints()[None]]
            if not self._source_last:
                keypoints.reverse()
            (picture,) = self._networks["picture"].run(source.volume, *keypoints)
        return np.ascontiguousarray((picture[0].clip(0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0))

    def _small(self, key: str) -> Any:
        return lambda values: self._networks[key].run(values)[0]

    def _head(self, rgb: U8) -> HeldHead:
        found = dict(zip(self._motion_order, self._networks["motion"].run(_crop(rgb)), strict=True))
        return held_head(**found)

    def _try_out(self) -> None:
        """Draw a picture of nothing. Raises RuntimeError."""
        volume, points = np.zeros((1, *_VOLUME), np.float32), np.zeros((1, 21, 3), np.float32)
        try:
            self._networks["picture"].run(volume, points, points)
        except Exception as error:  # whatever the provider raises, which has a hierarchy of its own
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise RuntimeError(
                f"it cannot draw here ({said}). Builds of ONNX Runtime that do not sample volumes on a GPU cannot run "
                "warping_spade.onnx there; torch can: avatar models pull liveportrait"
            ) from error


def onnx_folder(folder: Path) -> Path:
    """Return where in a folder the files lie: in it, or one deeper as FasterLivePortrait keeps them."""
    return folder / SUBFOLDER if (folder / SUBFOLDER).is_dir() else folder


def _crop(rgb: U8) -> F32:
    """Return a square as the networks take it, (1, 3, 256, 256), 0..1."""
    if rgb.shape != (CROP_SIDE, CROP_SIDE, 3):
        raise ValueError(f"A square has {CROP_SIDE} x {CROP_SIDE} pixels, not {rgb.shape}.")
    return np.asarray(rgb.transpose(2, 0, 1)[None].astype(np.float32) / 255, np.float32)
