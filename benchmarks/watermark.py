"""The invisible mark: what it costs, how much it changes, and how often it is read again after what happens to clips.

Each clip given (default: real ones of people nothing was fitted on) is marked with numbers drawn by chance, two seconds
from each, and attacked. Unmarked clips and stills are looked at too, single pictures and stretches of a second, with
the public key and with others: any mark found there is a false alarm. `--unmarked-only` does that part alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from avatar.media.colour import to_i420
from avatar.media.video import clip_frames
from avatar.trust.watermark import Mark, Marker
from avatar.trust.watermark_carrier import PUBLIC_KEY, carrier_of
from avatar.trust.watermark_numbers import NUMBER_BITS, MarkNumbers
from avatar.trust.watermark_search import Sighting, find_mark
from avatar.types import U8
from benchmarks import media, report
from benchmarks.watermark_attacks import ATTACKS, Clip

SIDE_PX = 512
PICTURES = 60
LOOKED_AT = 80
"""Pictures of a clip that are looked at for false alarms."""
WINDOW = 30
"""Pictures of a stretch of these."""
ASKED = ("H.264, 500 kbit/s", "resized to 60 %", "cropped to 80 %", "filmed off a screen", "other colours")
"""What a mark has to outlast, one at a time."""
BARS = {"mark_ms": "<= 1", "psnr_db_least": ">= 42", "read_share": ">= 0.99", "false_alarms": "0"}


def main() -> None:
    """Measure and print."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--clip", type=Path, action="append", help="a clip to mark; may be given again")
    arguments.add_argument("--clips", type=int, default=15, help="of the real ones (default: 15)")
    arguments.add_argument("--unmarked", type=int, default=1000, help="looks at what has no mark (default: 1000)")
    arguments.add_argument("--first-look", type=int, default=0, metavar="N", help="go on with the look of this number")
    arguments.add_argument("--unmarked-only", action="store_true", help="look for false alarms alone")
    args = arguments.parse_args()
    clips = [_read(path) for path in args.clip or media.test_clips(args.clips)]
    figures = {} if args.unmarked_only else _marked([clip[:PICTURES] for clip in clips])
    stills = [_square(np.asarray(Image.open(path).convert("RGB"))) for path in media.test_photos(100)]
    alarms = looks = 0
    for look, window in islice(enumerate(_windows(clips, stills)), args.first_look, args.unmarked):
        looks += 1
        alarms += _look(window, f"key {look}" if look % 2 else PUBLIC_KEY).sure
        if looks % 100 == 0:
            print(f"{looks} looks at what has no mark: {alarms} false alarms", flush=True)
    figures |= {"false_alarms": float(alarms), "unmarked_looks": float(looks)}
    report.finish(figures, {name: bar for name, bar in BARS.items() if name in figures}, args.json)


def _marked(clips: Sequence[Clip]) -> dict[str, float]:
    """Return what the mark costs and changes, and how often it is read."""
    random = np.random.default_rng(1)
    read: dict[str, list[bool]] = {name: [] for name in ATTACKS}
    psnr_db, spent_s = [], []
    for clip in clips:
        numbers = MarkNumbers.unpack(int(random.integers(0, 1 << NUMBER_BITS)))
        marker = Marker(Mark(numbers))
        marker.mark_i420(clip[0])
        marked = []
        for picture in clip:
            begin_s = time.thread_time()
            marked.append(marker.mark_i420(picture))
            spent_s.append(time.thread_time() - begin_s)
        psnr_db += [_psnr_db(plain, mark) for plain, mark in zip(clip[::10], marked[::10], strict=True)]
        for name, attack in ATTACKS.items():
            seen = _look(attack(marked), PUBLIC_KEY)
            read[name].append(seen.sure and seen.numbers == numbers)
    report.table(["after", "read, %"], [[name, 100 * report.mean(right)] for name, right in read.items()])
    return {
        "mark_ms": 1e3 * report.mean(spent_s),
        "mark_ms_p95": 1e3 * report.p95(spent_s),
        "psnr_db": report.mean(psnr_db),
        "psnr_db_least": min(psnr_db),
        "read_share": report.mean([right for name in ASKED for right in read[name]]),
    }


def _windows(clips: Sequence[Clip], stills: Sequence[U8]) -> Iterator[Clip]:
    """Yield each still, then of every clip single pictures and stretches of a second in turn, whole and without their
    edge in turn, each beginning one picture later: no two are the same."""
    yield from ([still] for still in stills)
    for begin in range(LOOKED_AT):
        for clip in (clip for clip in clips if begin < len(clip)):
            part = clip[begin : begin + (1 if begin % 2 else WINDOW)]
            yield [_cropped(picture, 4 * (begin // 2 % 16)) for picture in part] if begin % 4 > 1 else part


def _cropped(i420: U8, edge: int) -> U8:
    """Return the brightness of a planar picture without an edge, in the same form (its colours are not looked at)."""
    height = i420.shape[0] * 2 // 3
    luma = i420[edge : height - edge, edge : i420.shape[1] - edge]
    return np.concatenate([luma, np.full((luma.shape[0] // 2, luma.shape[1]), 128, np.uint8)])


def _read(path: Path) -> Clip:
    """Return the beginning of a clip, squares of its middle."""
    return [_square(rgb) for _, rgb in islice(clip_frames(path), LOOKED_AT)]


def _square(rgb: U8) -> U8:
    """Return the middle of a picture, planar."""
    side = min(rgb.shape[:2])
    top, left = (rgb.shape[0] - side) // 2, (rgb.shape[1] - side) // 2
    square = cv2.resize(rgb[top : top + side, left : left + side], (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return to_i420(np.asarray(square, np.uint8))


def _look(clip: Clip, key: str) -> Sighting:
    height = clip[0].shape[0] * 2 // 3
    return find_mark(np.asarray(np.mean([each[:height] for each in clip], axis=0), np.float32), carrier_of(key))


def _psnr_db(plain: U8, marked: U8) -> float:
    rgb = [cv2.cvtColor(picture, cv2.COLOR_YUV2RGB_I420).astype(np.float64) for picture in (plain, marked)]
    return float(10 * np.log10(255**2 / np.mean((rgb[0] - rgb[1]) ** 2)))


if __name__ == "__main__":
    main()
