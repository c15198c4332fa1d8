"""One side of `benchmarks.same_pictures`: runs jobs with the `avatar` on its path and keeps what they give out, raw.

    python -P same_pictures_side.py ROOT JOBS.json OUT

It must run with code of any age, so it knows nothing of avatar's files but two doors: the command of `pyproject.toml`,
whose pictures are taken on their way into PyAV's encoder, and `from avatar import Avatar`, whose frames are arrays.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
import tomllib
import wave
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np

_REAL_CLOCK = time.monotonic
ACTED_FPS = 10
SLOWER = 4
"""Frames of a live avatar come by the clock: it goes so much slower, and so few come, that none is left out."""


class Keeper:
    """Writes a job's pictures and sound as they come, without a codec."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kinds: dict[str, Any] = {}
        self._files = {kind: path.with_suffix(f".{kind}").open("wb") for kind in ("pictures", "sound")}
        self.fell_behind = False

    def keep(self, kind: str, array: np.ndarray[Any, Any]) -> None:
        """Keep a picture of any layout, or (channels, n) samples as 16 bits of one channel after the other."""
        if kind == "sound" and array.dtype.kind == "f":
            array = np.rint(np.clip(array, -1, 1) * 32767).astype(np.int16)
        self._files[kind].write(np.ascontiguousarray(array).tobytes())
        about = self._kinds.setdefault(kind, {"dtype": str(array.dtype), "shape": array.shape, "count": 0})
        about["count"] += 1
        if kind == "pictures" and about["shape"] != array.shape:
            raise SystemExit(f"{self._path.name}: pictures of more than one size")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for file in self._files.values():
            file.close()
        self._path.with_suffix(".json").write_text(json.dumps(self._kinds | {"fell_behind": self.fell_behind}))


class Watched:
    """Something of PyAV whose methods can be looked into; all else goes through."""

    def __init__(self, inner: Any, **methods: Callable[..., Any]) -> None:
        vars(self).update(_inner=inner, _methods=methods)

    def __getattr__(self, name: str) -> Any:
        return self._methods.get(name) or getattr(self._inner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._inner, name, value)


def run_command(main: Callable[[list[str]], int], arguments: list[str], keeper: Keeper) -> None:
    """Run an `avatar` command that writes a movie to OUT, keeping what it hands to the encoders."""
    real_open: Any = av.open

    def watched_open(file: Any, mode: str | None = None, **options: Any) -> Any:
        container = real_open(file, mode, **options)
        if mode != "w":
            return container

        def add_stream(*what: Any, **how: Any) -> Any:
            stream = container.add_stream(*what, **how)

            def encode(frame: Any = None) -> Any:
                if frame is not None:
                    keeper.keep("pictures" if isinstance(frame, av.VideoFrame) else "sound", frame.to_ndarray())
                return stream.encode(frame)

            return Watched(stream, encode=encode)

        return Watched(container, add_stream=add_stream)

    pyav: Any = av
    pyav.open = watched_open
    try:
        with tempfile.TemporaryDirectory() as folder:
            code = main([argument.replace("OUT", f"{folder}/out.mp4") for argument in arguments])
    finally:
        pyav.open = real_open
    if code:
        raise SystemExit(f"avatar {' '.join(arguments)} ended with {code}")


async def run_acted(job: dict[str, Any], keeper: Keeper) -> None:
    """Keep the frames of an avatar that was told everything before its clock began: what to say, feel and do."""
    from avatar import AudioFrame, Avatar, FellBehind  # noqa: PLC0415 - one side's or the other's
    from avatar.config import PictureSettings  # noqa: PLC0415

    picture = PictureSettings(job["size"], job["size"], fps=ACTED_FPS, tier=job["tier"], engine=job["engine"])
    if hasattr(picture, "watermark"):
        picture = replace(picture, watermark="off")
    with wave.open(job["voice"]) as file:
        rate, seconds = file.getframerate(), file.getnframes() / file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    _slow_down()
    async with Avatar.open(job["face"], picture=picture, seed=3) as avatar:
        avatar.set_emotion("happy")
        avatar.look_at(0.4, -0.2)
        avatar.nod()
        avatar.direct("tilt head")
        await avatar.push_audio(samples, rate)
        await avatar.end_of_speech()
        async for frame in avatar:
            if frame.time_s >= seconds:
                break
            if isinstance(frame, AudioFrame):
                keeper.keep("sound", frame.samples[None])
                keeper.fell_behind |= any(isinstance(event, FellBehind) for event in frame.events)
            else:
                keeper.keep("pictures", frame.rgb)


def _slow_down() -> None:
    """Let this process's clock go `SLOWER` from now on; waits that end too early for it are waited again."""
    if time.monotonic is not _REAL_CLOCK:
        return
    began_s = _REAL_CLOCK()
    time.monotonic = lambda: began_s + (_REAL_CLOCK() - began_s) / SLOWER


def main() -> None:
    """Run the jobs of the command line."""
    root, jobs, out = map(Path, sys.argv[1:])
    import avatar  # noqa: PLC0415 - one side's or the other's

    if not Path(avatar.__file__).is_relative_to(root):
        raise SystemExit(f"avatar comes from {avatar.__file__}, not from {root}")
    entry = tomllib.loads((root / "pyproject.toml").read_text())["project"]["scripts"]["avatar"]
    module, _, name = entry.partition(":")
    command = getattr(import_module(module), name)
    for job in json.loads(jobs.read_text()):
        with Keeper(out / job["name"]) as keeper:
            if "arguments" in job:
                run_command(command, job["arguments"], keeper)
            else:
                asyncio.run(run_acted(job, keeper))


if __name__ == "__main__":
    main()
