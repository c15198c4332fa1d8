"""Reads the media files whose names come by standard input, and answers each with a line of JSON: what came of it.

A process of its own, so that what FFmpeg does to damaged files is seen from outside, whatever it is.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2

from avatar.errors import AvatarError
from avatar.media.audio import audio_blocks
from avatar.media.files import Damage
from avatar.media.video import clip_frames, probe_clip, spread_frames

LONGEST_S = 3_700.0


def left_open() -> tuple[int, int]:
    """Return how many files and threads there are."""
    gc.collect()
    return len(os.listdir("/proc/self/fd")), threading.active_count()  # noqa: PTH208


def read(path: Path) -> dict[str, Any]:
    """Read a file in every way that the product does."""
    damage = Damage()
    ways: dict[str, Callable[[Path], Iterator[Any]]] = {
        "probe": lambda path: iter([probe_clip(path)]),
        "pictures": lambda path: clip_frames(path, damage=damage),
        "spread": lambda path: spread_frames(path, longest_s=1.0, most=20),
        "sound": lambda path: audio_blocks(path, begin_s=0.0, damage=damage),
    }
    told: dict[str, Any] = {}
    for name, way in ways.items():
        count, last_s = 0, -1.0
        try:
            for part in way(path):
                count += part.shape[1] if name == "sound" else 1
                if name in ("pictures", "spread"):
                    assert last_s < part[0] < LONGEST_S, "times rise, and no file claims a day"
                    last_s = part[0]
            assert name != "sound" or count < LONGEST_S * 48_000
        except AvatarError as error:
            assert str(path) in str(error) or "picture of" in str(error)
            told[name] = str(error)
        else:
            told[name] = count
    assert all(str(path) in warning for warning in damage.warnings(path))
    return told


def main() -> None:
    """Answer until there are no more names."""
    cv2.setNumThreads(1)
    av.logging.set_level(None)
    open_before: tuple[int, int] | None = None
    for line in sys.stdin:
        path = Path(line.rstrip("\n"))
        answer: dict[str, Any] = {}
        try:
            answer = read(path)
        except BaseException:  # whatever it is, it is what this looks for
            answer["traceback"] = traceback.format_exc()
        open_now = left_open()
        if open_before is not None and open_now > open_before:
            answer["left open"] = f"{open_before} before, {open_now} after"
        open_before = open_now if open_before is None else open_before
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
