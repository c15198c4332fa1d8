"""Reads the files whose names come by standard input as the product does, and answers each by what came of it.

A process of its own, so that what a library does to a damaged file is seen from outside, whatever it is. The answer is
a line of JSON: `read`, `refused` with our sentence, or `failed` with a traceback.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Final

import av
import cv2

from avatar.config import LimitSettings
from avatar.errors import AvatarError
from avatar.generator.identity_file import identity_from_bytes
from avatar.identities.backgrounds import background_of
from avatar.media.audio import audio_blocks
from avatar.media.files import Damage
from avatar.media.photo import read_photo

PICTURES: Final = frozenset({".jpg", ".png", ".webp", ".gif", ".bmp"})


def read(path: Path) -> None:
    """Read a file in each way that the product reads its kind. Raises AvatarError where it cannot be used."""
    if path.suffix == ".avatar":
        identity_from_bytes(path.read_bytes())
    elif path.suffix in PICTURES:
        data = path.read_bytes()
        read_photo(data, LimitSettings())
        background_of(data, LimitSettings())
    else:
        for _ in audio_blocks(path, begin_s=0.0, damage=Damage()):
            pass


def main() -> None:
    """Answer until there are no more names."""
    cv2.setNumThreads(1)
    av.logging.set_level(None)
    for line in sys.stdin:
        answer = {"outcome": "read", "said": ""}
        try:
            read(Path(line.rstrip("\n")))
        except AvatarError as error:
            answer = {"outcome": "refused", "said": str(error)}
        except BaseException:  # whatever it is, it is what this looks for
            answer = {"outcome": "failed", "said": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
