"""Is a face found however small it is in the picture, and what does looking for it cost?

Portraits are laid into pictures of several sizes, so that the face is 40 to 180 pixels wide, in the middle and in the
corners, under camera noise. Told is the share of 40 frames (a little over a second) in which the tracker has the face,
beside that of plain MediaPipe (its landmarker, following one face), and after how many frames it has it. Then what a
frame costs, and how often a face is seen in pictures of things.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from avatar.config import LimitSettings
from avatar.generator.face_search import find_faces
from avatar.identities.builtin import builtin_faces
from avatar.media.photo import read_photo
from avatar.models.store import get_model
from avatar.perception.landmarker import FaceLandmarker
from avatar.perception.subject import FaceBox, same_face
from avatar.perception.tracker import FaceTracker
from avatar.types import F32, U8
from benchmarks import report
from benchmarks.media import test_photos

SIZES: Final = ((640, 480), (1280, 720), (1920, 1080), (1080, 1920))
WIDTHS: Final = (40, 60, 89, 120, 180)
FRAMES: Final = 40
FPS: Final = 30.0
PLACES: Final = ((0.5, 0.5), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
"""Of the face, as shares of the room that leaves head and face in the picture."""
PEOPLE: Final = ("astronaut", "camera", "lfw_subset")
"""Pictures in scikit-image that show people; all others that are installed show none."""
BARS: Final = {
    "tracked_share": ">= 0.5",
    "frames_to_find_p95_90px": "<= 15",
    "frames_to_find_p95": "<= 30",
    "false_share": "<= plain",
    "cost_followed_ratio": "about 1",
    "cost_nobody_ratio": "<= 1",
}

Look = Callable[[U8, float], FaceBox | None]


@dataclass(frozen=True, slots=True)
class Portrait:
    """A portrait whose face is known."""

    rgb: U8
    box: FaceBox
    width: float
    """Of the face's landmarks, pixels."""


def portrait(rgb: U8, landmarker: FaceLandmarker) -> Portrait | None:
    """Return a photo with its largest face; None where none is found."""
    faces = find_faces(rgb, landmarker)
    if not faces:
        return None
    landmarks = max((face.landmarks_px for face in faces), key=lambda points: float(np.ptp(points[:, 0])))
    return Portrait(rgb, FaceBox.around(landmarks), float(np.ptp(landmarks[:, 0])))


def compose(person: Portrait, size: tuple[int, int], face_px: float, place: tuple[float, float]) -> tuple[U8, FaceBox]:
    """Return a grey picture (height, width, 3) RGB of `size` with the portrait's face so wide, and where it is."""
    scale = face_px / person.width
    margin = 0.9 * face_px
    x, y = (margin + share * (side - 2 * margin) for share, side in zip(place, size, strict=True))
    shift = (x - scale * person.box.centre[0], y - scale * person.box.centre[1])
    blurred = cv2.GaussianBlur(person.rgb, (0, 0), 0.4 / scale) if scale < 0.7 else person.rgb
    map_to = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)
    grey = (112, 112, 112)
    return (
        np.asarray(cv2.warpAffine(blurred, map_to, size, flags=cv2.INTER_LINEAR, borderValue=grey), np.uint8),
        FaceBox((x, y), scale * person.box.width),
    )


def noisy(picture: U8, grains: Sequence[np.ndarray]) -> Iterator[U8]:
    """Yield a picture for ever as a camera sees it, each time with another noise."""
    index = 0
    while True:
        yield np.asarray(cv2.add(picture, grains[index % len(grains)], dtype=cv2.CV_8U), np.uint8)
        index += 1


def grains_of(size: tuple[int, int]) -> list[np.ndarray]:
    """Return some noise for pictures of a size."""
    random = np.random.default_rng(0)
    return [random.normal(0.0, 2.0, (size[1], size[0], 3)).round().astype(np.int8) for _ in range(3)]


def tracked(look: Look, frames: Iterator[U8], box: FaceBox | None) -> list[bool]:
    """Return for each of the frames whether a face is seen: the one in `box`, or any."""
    seen = []
    for index in range(FRAMES):
        found = look(next(frames), index / FPS)
        seen.append(found is not None and (box is None or same_face(found, box)))
    return seen


class Ours:
    """The tracker of calls."""

    def __init__(self) -> None:
        self.tracker = FaceTracker(get_model("face_landmarker"))

    def look(self, rgb: U8, time_s: float) -> FaceBox | None:
        """Return where the face is, held ones aside."""
        state = self.tracker.track(rgb, time_s)
        return FaceBox.around(state.landmarks_px) if state is not None and not state.held else None

    def close(self) -> None:
        """Free it."""
        self.tracker.close()


class Plain:
    """MediaPipe alone."""

    def __init__(self) -> None:
        self.landmarker = FaceLandmarker(get_model("face_landmarker"), video=True, max_faces=1)

    def look(self, rgb: U8, time_s: float) -> FaceBox | None:
        """Return where the face is."""
        faces = self.landmarker.detect(rgb, time_s)
        return FaceBox.around(faces[0].landmarks_px) if faces else None

    def close(self) -> None:
        """Free it."""
        self.landmarker.close()


def cost_ms(look: Look, frames: Iterator[U8], skip: int) -> float:
    """Return the processor's time for a frame, mean, after the first `skip`."""
    times = []
    for index in range(skip + FRAMES):
        rgb = next(frames)
        begun = time.process_time()
        look(rgb, index / FPS)
        times.append(1000 * (time.process_time() - begun))
    return report.mean(times[skip:])


def things(size: tuple[int, int]) -> Iterator[tuple[str, U8]]:
    """Yield pictures without a face: photos of things and textures that fill the frame, a gradient, noise."""
    import skimage  # noqa: PLC0415

    for path in sorted((Path(skimage.__file__).parent / "data").iterdir()):
        if path.suffix not in (".png", ".jpg") or path.stem in PEOPLE:
            continue
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if picture is not None:
            across = -(-size[0] // picture.shape[1]), -(-size[1] // picture.shape[0])
            tiled = np.tile(picture, (across[1], across[0], 1))[: size[1], : size[0]]
            yield path.stem, np.ascontiguousarray(tiled)
            filling = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)
            yield f"{path.stem}, filling", np.asarray(filling, np.uint8)
    ramp: F32 = np.linspace(20, 235, size[0], dtype=np.float32)[None, :, None]
    yield "gradient", np.broadcast_to(ramp, (size[1], size[0], 3)).astype(np.uint8)
    random = np.random.default_rng(1)
    coarse = random.integers(0, 256, (size[1] // 24, size[0] // 24, 3), np.uint8)
    yield "blots", np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--photo", action="append", type=Path, help="a photo of one face; may be repeated")
    arguments.add_argument("--faces", type=int, default=4, help="how many faces to use (default 4)")
    chosen = arguments.parse_args()
    paths = chosen.photo or test_photos(chosen.faces) or [face.image for face in builtin_faces()][: chosen.faces]
    with FaceLandmarker(get_model("face_landmarker"), video=False) as landmarker:
        found = [portrait(read_photo(path.read_bytes(), LimitSettings()), landmarker) for path in paths]
    people = [person for person in found if person is not None]

    shares: dict[tuple[int, tuple[int, int]], tuple[float, float]] = {}
    waits: dict[int, list[float]] = {width: [] for width in WIDTHS}
    for size in SIZES:
        grains = grains_of(size)
        for width in WIDTHS:
            ours: list[float] = []
            plain: list[float] = []
            for person in people:
                for place in PLACES:
                    picture, box = compose(person, size, width, place)
                    for kind, to in ((Ours, ours), (Plain, plain)):
                        eye = kind()
                        seen = tracked(eye.look, noisy(picture, grains), box)
                        eye.close()
                        to.append(float(np.mean(seen)))
                        if kind is Ours:
                            waits[width].append(float(seen.index(True)) if any(seen) else float(FRAMES))
            shares[width, size] = report.mean(ours), report.mean(plain)
            print(
                f"{width} px in {size[0]} x {size[1]}: {shares[width, size][0]:.2f}, plain {shares[width, size][1]:.2f}"
            )
    print(
        f"\nShare of {FRAMES} frames in which the face is tracked / by plain MediaPipe; {len(people)} faces, 5 places"
    )
    report.table(
        ("face", *(f"{w} x {h}" for w, h in SIZES), "frames to find: median", "p95"),
        [
            (
                f"{width} px",
                *("{:.2f} / {:.2f}".format(*shares[width, size]) for size in SIZES),
                report.median(waits[width]),
                report.p95(waits[width]),
            )
            for width in WIDTHS
        ],
    )

    size = (1920, 1080)
    grains = grains_of(size)
    alarms: dict[type[Ours | Plain], list[float]] = {Ours: [], Plain: []}
    for name, picture in things(size):
        for kind, to in alarms.items():
            eye = kind()
            to.append(float(np.mean(tracked(eye.look, noisy(picture, grains), None))))
            eye.close()
            if to[-1] > 0:
                print(f"a face is seen in {name} by {kind.__name__}: {to[-1]:.2f} of the frames")

    small, _ = compose(people[0], (640, 480), 180, (0.5, 0.5))
    far, _ = compose(people[0], size, 89, (0.5, 0.5))
    nobody = np.full((size[1], size[0], 3), 112, np.uint8)
    restless = (np.roll(nobody - np.uint8(60 * (step % 2)), step, 0) for step in range(10_000))
    costs = {}
    for name, kind, frames, skip in (
        ("plain, following 180 px in 640 x 480", Plain, noisy(small, grains_of((640, 480))), 10),
        ("following 180 px in 640 x 480", Ours, noisy(small, grains_of((640, 480))), 40),
        ("following 89 px in 1920 x 1080", Ours, noisy(far, grains), 40),
        ("plain, nobody in 1920 x 1080", Plain, noisy(nobody, grains), 10),
        ("nobody in 1920 x 1080", Ours, noisy(nobody, grains), 60),
        ("nobody, and everything moves", Ours, restless, 10),
    ):
        eye = kind()
        costs[name] = cost_ms(eye.look, frames, skip)
        eye.close()
    report.table(("a frame costs, processor ms", "mean"), costs.items())
    following, near, follow_far, plain_nobody, empty, busy = costs.values()
    figures = {
        "tracked_share": min(ours for ours, _ in shares.values()),
        "tracked_share_plain": min(plain for _, plain in shares.values()),
        "frames_to_find_p95_90px": report.p95(wait for width in WIDTHS if width >= 89 for wait in waits[width]),
        "frames_to_find_p95": report.p95(wait for kept in waits.values() for wait in kept),
        "false_share": report.mean(alarms[Ours]),
        "false_share_plain": report.mean(alarms[Plain]),
        "cost_near_ratio": near / following,
        "cost_followed_ratio": follow_far / near,
        "cost_nobody_ratio": empty / plain_nobody,
        "cost_searching_ratio": busy / follow_far,
    }
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    main()
