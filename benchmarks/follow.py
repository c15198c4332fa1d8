"""Does the avatar do what its driver does? MediaPipe looks again at the avatar and is compared with the driver.

Correlation over time of yaw, pitch, roll, jaw opening and each eye's blink, for every pair of driver and face. Bars:
0.9 for pose and jaw, 0.8 for blinks. Jaw opening is the distance between the inner lips in head units; MediaPipe's
`jawOpen` coefficient, which stays near 0 for half-open mouths and depends on the face, is reported beside it. A contact
sheet is saved for looking at.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from avatar.config import PictureSettings
from avatar.face import mesh
from avatar.face.pose import fit_pose, rotation_vector, to_head_frame
from avatar.generator.identity import Identity
from avatar.identities.open import open_identity
from avatar.media.video import clip_frames, probe_clip
from avatar.models.store import get_model
from avatar.perception.landmarker import FaceLandmarker
from avatar.session.animation import animate
from avatar.types import BLENDSHAPE_INDEX, U8
from benchmarks import report
from benchmarks.media import test_clips

SIGNALS = ("pitch", "yaw", "roll", "jaw", "jaw_open", "blink_right", "blink_left")
BARS = {"r_yaw": ">= 0.9", "r_pitch": ">= 0.9", "r_roll": ">= 0.9", "r_jaw": ">= 0.9", "r_blink": ">= 0.8"}
LEAST_RANGE = {
    "pitch": 2.0,
    "yaw": 2.0,
    "roll": 2.0,
    "jaw": 0.05,
    "jaw_open": 0.05,
    "blink_right": 0.2,
    "blink_left": 0.2,
}
"""A driver's signal that moves less (degrees or coefficient, 2nd to 98th percentile) leaves nothing to follow."""


class Measurer:
    """Measures one stream of pictures with a landmarker of its own, unfiltered."""

    def __init__(self) -> None:
        self._landmarker = FaceLandmarker(get_model("face_landmarker"), video=True, max_faces=1)

    def measure(self, rgb: U8, time_s: float) -> list[float]:
        """Return the signals of one picture, NaN without a face."""
        faces = self._landmarker.detect(np.ascontiguousarray(rgb), time_s)
        if not faces:
            return [float("nan")] * len(SIGNALS)
        pose = fit_pose(faces[0].landmarks_px)
        turn = np.degrees(rotation_vector(pose.rotation))
        lips = to_head_frame(faces[0].landmarks_px[[mesh.UPPER_LIP_CENTRE, mesh.LOWER_LIP_CENTRE]], pose)
        coefficients = [
            float(faces[0].blendshapes[BLENDSHAPE_INDEX[name]]) for name in ("jawOpen", "eyeBlinkRight", "eyeBlinkLeft")
        ]
        return [*turn.tolist(), float(lips[1, 1] - lips[0, 1]), *coefficients]

    def close(self) -> None:
        """Free the landmarker."""
        self._landmarker.close()


def follow(identity: Identity, driver: Path, seconds: float) -> tuple[dict[str, float], list[tuple[U8, U8]]]:
    """Return correlation by signal (NaN where the driver does not move it) and some (driver, avatar) pictures."""
    fps = probe_clip(driver).fps
    seen, shown, pairs = [], [], []
    on_driver, on_avatar = Measurer(), Measurer()
    try:
        pictures = animate(identity, driver, PictureSettings(watermark="off"), fps=fps)
        for (time_s, source), result in zip(clip_frames(driver, until_s=seconds), pictures, strict=False):
            seen.append(on_driver.measure(source, time_s))
            shown.append(on_avatar.measure(result.rgb, time_s))
            pairs.append((source, result.rgb))
    finally:
        on_driver.close()
        on_avatar.close()
    step = max(1, len(pairs) // 8)
    return correlations(np.array(seen), np.array(shown)), pairs[step // 2 :: step][:8]


def correlations(seen: np.ndarray, shown: np.ndarray) -> dict[str, float]:
    """Return Pearson's r by signal for (n, 7) measurements of driver and avatar."""
    result = {}
    for column, name in enumerate(SIGNALS):
        a, b = seen[:, column], shown[:, column]
        both = np.isfinite(a) & np.isfinite(b)
        moves = both.sum() > 10 and np.ptp(np.percentile(a[both], (2, 98))) >= LEAST_RANGE[name]
        result[name] = float(np.corrcoef(a[both], b[both])[0, 1]) if moves and b[both].std() > 0 else float("nan")
        if moves and both.sum() < 0.9 * np.isfinite(a).sum():
            result[name] = 0.0  # an avatar in which no face is found does not follow
    return result


def sheet(pairs: list[tuple[U8, U8]], side: int = 224) -> U8:
    """Return drivers above avatars, (2 * side, n * side, 3) RGB."""

    def small(rgb: U8) -> U8:
        edge = min(rgb.shape[:2])
        top, left = (rgb.shape[0] - edge) // 2, (rgb.shape[1] - edge) // 2
        square = rgb[top : top + edge, left : left + edge]
        return np.asarray(cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA), np.uint8)

    return np.vstack([np.hstack([small(pair[row]) for pair in pairs]) for row in (0, 1)])


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--driver", action="append", type=Path, help="a clip of one face; may be repeated")
    arguments.add_argument("--face", action="append", help="a photo, .avatar file or built-in id; may be repeated")
    arguments.add_argument("--seconds", type=float, default=8.0, help="how much of each clip to use (default 8)")
    arguments.add_argument("--sheet", type=Path, default=Path("bench-out/follow.png"), help="contact sheet to write")
    chosen = arguments.parse_args()
    drivers = chosen.driver or test_clips(4)
    faces = chosen.face or ["mira", "kofi", "astronaut"]

    rows, results, sheets = [], [], []
    for face in faces:
        identity = open_identity(face)
        for driver in drivers:
            found, pairs = follow(identity, driver, chosen.seconds)
            results.append(found)
            sheets.append(sheet(pairs))
            rows.append((f"{driver.stem} -> {face}", *(found[name] for name in SIGNALS)))
            print(f"{rows[-1][0]}: " + ", ".join(f"{name} {found[name]:.2f}" for name in SIGNALS), flush=True)
    print()
    report.table(("driver -> face", *SIGNALS), rows)

    def pooled(*names: str) -> float:
        return report.median(r for found in results for name in names if np.isfinite(r := found[name]))

    chosen.sheet.parent.mkdir(parents=True, exist_ok=True)
    width = max(part.shape[1] for part in sheets)
    padded = [np.pad(part, ((0, 0), (0, width - part.shape[1]), (0, 0))) for part in sheets]
    cv2.imwrite(str(chosen.sheet), cv2.cvtColor(np.vstack(padded), cv2.COLOR_RGB2BGR))
    print(f"\nContact sheet: {chosen.sheet}")
    figures = {f"r_{name}": pooled(name) for name in ("yaw", "pitch", "roll", "jaw", "jaw_open")}
    report.finish({**figures, "r_blink": pooled("blink_right", "blink_left")}, BARS, chosen.json)


if __name__ == "__main__":
    main()
