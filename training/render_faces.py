"""Draw every picture in `assets/` anew: `python -m training.render_faces --head HEAD.npz --out assets`.

The same head and the same settings give the same pictures; a face takes one to three minutes of one core.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2

from training.head3d.model import HeadModel, load_head
from training.head3d.mouth import render_mouth
from training.head3d.people import PEOPLE
from training.head3d.portrait import Person, draw

_JPEG_QUALITY = 92
_LICENCE = "Apache-2.0 (this project)"
_PROVENANCE = (
    "No real person: drawn by training/render_faces.py from the 3D morphable head ICT FaceKit Light "
    "(MIT, University of Southern California Institute for Creative Technologies)"
)
_ASTRONAUT = {
    "id": "astronaut",
    "name": "Astronaut",
    "image": "faces/astronaut.webp",
    "licence": "public domain (NASA)",
    "provenance": "Portrait of Eileen Collins by NASA, 1999, cut to 512 x 512 pixels by scikit-image",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; progress goes to standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--head", type=Path, required=True, help="ict_facekit_light.npz")
    parser.add_argument("--out", type=Path, required=True, help="the assets folder")
    parser.add_argument("--side", type=int, default=1024, help="side of a portrait in pixels (default 1024)")
    parser.add_argument("--samples", type=int, default=3, help="samples along each side of a pixel (default 3)")
    parser.add_argument("--only", nargs="*", help="draw only these: ids of people, or 'mouth'")
    options = parser.parse_args(arguments)
    head = load_head(options.head)
    started = time.monotonic()

    def report(what: str) -> None:
        print(f"{time.monotonic() - started:5.0f} s  {what}", file=sys.stderr, flush=True)

    if not options.only or "mouth" in options.only:
        render_mouth(head, options.out / "mouth")
        report("mouth")
    for person in PEOPLE:
        if not options.only or person.id in options.only:
            path = _write_face(person, head, options.out / "faces", options.side, options.samples)
            report(f"{path.name}, {path.stat().st_size // 1000} kB")
    (options.out / "faces.json").write_text(json.dumps({"faces": _manifest()}, indent=2) + "\n", encoding="utf-8")


def _write_face(person: Person, head: HeadModel, folder: Path, side: int, samples: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{person.id}.jpg"
    rgb = draw(person, head, side, samples)
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    if not cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), quality):
        raise OSError(f"could not write {path}")
    return path


def _manifest() -> list[dict[str, str]]:
    drawn = [
        {
            "id": person.id,
            "name": person.name,
            "image": f"faces/{person.id}.jpg",
            "licence": _LICENCE,
            "provenance": _PROVENANCE,
        }
        for person in PEOPLE
    ]
    return [*drawn, _ASTRONAUT]


if __name__ == "__main__":
    main()
