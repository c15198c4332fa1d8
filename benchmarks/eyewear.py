"""Are glasses noticed in a photo, and nothing else taken for them? Real glasses, and glasses painted over faces.

    python -m benchmarks.eyewear --wearers WEARERS.txt
    python -m benchmarks.eyewear --fit models/photo_glasses.safetensors --packed build/packed --wearers WEARERS.txt

Stills and two frames of each clip of the split `test` are enrolled, with nothing over them and with glasses painted
over those without any; `--head` adds 3D heads with and without. `--wearers` lists the files whose people wear glasses,
one a line. `--fit` fits the weights on the split `train`: its stills, and the clips that `training.prepare` and
`training.synth` have packed; how well they do is told by people left out (six folds), and so the bound is set.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from scipy.optimize import minimize

from avatar.config import LimitSettings
from avatar.errors import EnrolError
from avatar.face.pose import fit_pose, mean_head, rotation_vector
from avatar.generator.enrol import take_portrait
from avatar.generator.eyewear import eye_edges, wears_glasses
from avatar.generator.identity import Portrait
from avatar.generator.tuning.packed_clips import read_packed
from avatar.media.photo import read_photo
from avatar.models.store import get_model
from avatar.models.tensor_file import write_tensor_file
from avatar.perception.landmarker import FaceLandmarker
from avatar.types import F32, U8
from benchmarks import report
from benchmarks.media import SHARED
from benchmarks.painted_glasses import random_glasses, wearing
from benchmarks.photo_checks import pictures
from training.head3d.model import load_head
from training.head3d.oral import Oral
from training.head3d.posed_person import PosedPerson
from training.head3d.random_people import random_camera, random_glasses_look, random_person, random_poses

FRAMES: Final = 10
"""Of each packed clip, spread over it."""
PAINTED: Final = (2, 6)
"""How many glasses are painted over a frame of a clip, and over a still."""
FARTHEST_DEG: Final = 27.0
"""Heads turned further away are no photos to make an avatar from."""
SHARES: Final = {"free": 1.0, "painted": 0.6, "worn": 0.4}
"""Weights in the fit."""
RIDGE: Final = 0.003
FALSE_SHARE: Final = 0.002
"""Share of faces without glasses, of people left out of the fit, above the bound."""
FOLDS: Final = 6
SIDE: Final = 480
"""Of pictures of 3D heads."""
COPYLEFT: Final = "GPL"
"""Nothing is fitted on footage from repositories under such licences."""
BARS: Final = {"false": "<= 0.01", "painted_noticed": ">= 0.9", "worn_noticed": ">= 0.7", "drawn_false": "<= 0.02"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One face."""

    person: str
    name: str
    kind: str
    """`free`, `painted` or `worn`."""
    edges: F32
    """(1980,), `eyewear.eye_edges`."""


def mirrored(rgb: U8, landmarks_px: F32) -> tuple[U8, F32]:
    """Return a picture and its face's landmarks as a mirror shows them."""
    mean = mean_head()
    other = ((mean[:, None] * [-1, 1, 1] - mean[None]) ** 2).sum(axis=2).argmin(axis=1)
    landmarks = landmarks_px[other].copy()
    landmarks[:, 0] = rgb.shape[1] - 1 - landmarks[:, 0]
    return np.ascontiguousarray(rgb[:, ::-1]), landmarks


def faces_to_fit_on(packed: Sequence[Path], data: Path) -> Iterator[tuple[str, str, U8, F32, int]]:
    """Yield (person, file, picture, landmarks, how often to paint glasses) of the split `train`."""
    for folder in packed:
        for clip in read_packed(folder):
            if clip.label.split != "train":
                continue
            for row in np.linspace(0, len(clip.rgb) - 1, FRAMES).astype(int).tolist():
                landmarks = np.asarray(clip.tracks.landmarks[row], np.float32)
                yield clip.label.person, clip.label.name, clip.rgb[row], landmarks, PAINTED[0]
    with (data / "MANIFEST.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train" and row["kind"] == "still"]
    with FaceLandmarker(get_model("face_landmarker"), video=False) as landmarker:
        for row in rows:
            portrait = _enrolled(read_photo((data / row["file"]).read_bytes(), LimitSettings()), landmarker)
            if portrait is not None and COPYLEFT not in row["repo_license"]:
                person = row["identity_group"] or row["file"]
                yield person, row["file"], portrait.rgb, portrait.landmarks_px, PAINTED[1]


def samples(faces: Iterator[tuple[str, str, U8, F32, int]], wearers: frozenset[str]) -> Iterator[Sample]:
    """Yield each face as it is and mirrored, and, where it has none, with glasses painted over it."""
    chance = np.random.default_rng(0)
    for person, name, rgb, landmarks, times in faces:
        pitch, yaw, _ = np.degrees(rotation_vector(fit_pose(landmarks).rotation))
        if max(abs(pitch), abs(yaw)) > FARTHEST_DEG:
            continue
        kind = "worn" if name in wearers else "free"
        yield Sample(person, name, kind, eye_edges(rgb, landmarks))
        yield Sample(person, name, kind, eye_edges(*mirrored(rgb, landmarks)))
        for _ in range(times if kind == "free" else 0):
            painted = wearing(rgb, landmarks, random_glasses(chance), chance)
            yield Sample(person, name, "painted", eye_edges(painted, landmarks))


def fitted(found: Sequence[Sample]) -> tuple[F32, float]:
    """Return the direction (1980,) and the bound that tell glasses from none, by logistic regression with a ridge."""
    edges = np.array([sample.edges for sample in found], np.float64)
    sign = np.array([-1.0 if sample.kind == "free" else 1.0 for sample in found])
    weight = _weights(found)

    def loss(numbers: np.ndarray) -> tuple[float, np.ndarray]:
        direction, shift = numbers[:-1], numbers[-1]
        margin = sign * (edges @ direction + shift)
        slope = -sign * weight / (1 + np.exp(margin))
        total = (weight * np.logaddexp(0, -margin)).sum() + RIDGE / 2 * (direction**2).sum()
        return float(total), np.append(edges.T @ slope + RIDGE * direction, slope.sum())

    best = minimize(loss, np.zeros(edges.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    return best[:-1].astype(np.float32), -float(best[-1])


def fit(found: Sequence[Sample], out: Path) -> None:
    """Fit on all people and write the weights; the bound is set, and success told, by people left out."""
    person = np.array([sample.person for sample in found])
    scores = np.zeros(len(found))
    for left_out in np.array_split(np.random.default_rng(0).permutation(np.unique(person)), FOLDS):
        outside = np.isin(person, left_out)
        direction, bound = fitted([sample for sample, out_of in zip(found, outside, strict=True) if not out_of])
        for index in np.flatnonzero(outside).tolist():
            scores[index] = found[index].edges @ direction - bound
    kinds = np.array([sample.kind for sample in found])
    margin = float(np.quantile(scores[kinds == "free"], 1 - FALSE_SHARE))
    print(f"of people left out, {FALSE_SHARE} of {(kinds == 'free').sum()} faces without glasses above the bound:")
    for kind in ("painted", "worn"):
        print(f"  {kind}: {np.mean(scores[kinds == kind] > margin):.3f} of {(kinds == kind).sum()} noticed")
    for name in sorted({sample.name for sample in found if sample.kind == "worn"}):
        own = np.array([sample.name == name and sample.kind == "worn" for sample in found])
        print(f"  {name}: {np.mean(scores[own] > margin):.2f}")
    direction, bound = fitted(found)
    arrays = {"direction": direction, "bound": np.array([bound + margin], np.float32)}
    write_tensor_file(out, arrays, {"fitted": "benchmarks.eyewear", "faces": str(len(found))})


def measure(data: Path, wearers: frozenset[str]) -> dict[str, list[bool]]:
    """Return, by kind of face of the split `test`, whether glasses are seen on each; faces are found anew."""
    seen: dict[str, list[bool]] = {"free": [], "painted": [], "worn": []}
    chance = np.random.default_rng(0)
    with FaceLandmarker(get_model("face_landmarker"), video=False) as landmarker:
        for _, name, rgb in pictures("test", data):
            portrait = _enrolled(rgb, landmarker)
            if portrait is None:
                continue
            kind = "worn" if name.split()[0] in wearers else "free"
            seen[kind].append(wears_glasses(portrait.rgb, portrait.landmarks_px))
            if kind == "free":
                if seen[kind][-1]:
                    print(f"{name}: glasses are seen where none are known to be")
                worn = wearing(portrait.rgb, portrait.landmarks_px, random_glasses(chance), chance)
                again = _enrolled(worn, landmarker)
                if again is not None:
                    seen["painted"].append(wears_glasses(again.rgb, again.landmarks_px))
    return seen


def measure_drawn(head: Path, people: int) -> dict[str, list[bool]]:
    """Return whether glasses are seen on 3D heads without and with them."""
    model = load_head(head)
    inside = Oral.of(model)
    seen: dict[str, list[bool]] = {"3D, free": [], "3D, worn": []}
    with FaceLandmarker(get_model("face_landmarker"), video=False) as landmarker:
        for seed in range(101, 101 + people):
            person = random_person(seed)
            for kind, worn in (("3D, free", person), ("3D, worn", replace(person, glasses=random_glasses_look(seed)))):
                picture = PosedPerson(worn, model, inside, random_camera(seed, SIDE)).draw(random_poses(seed, 1)[0])
                portrait = _enrolled(picture, landmarker)
                if portrait is not None:
                    seen[kind].append(wears_glasses(portrait.rgb, portrait.landmarks_px))
    return seen


def _enrolled(rgb: U8, landmarker: FaceLandmarker) -> Portrait | None:
    try:
        return take_portrait(rgb, landmarker)
    except EnrolError:
        return None


def _weights(found: Sequence[Sample]) -> np.ndarray:
    """Return what each sample counts: a kind `SHARES`, in it a person as the square root of how often they are seen."""
    weight = np.zeros(len(found))
    person = np.array([sample.person for sample in found])
    for kind, share in SHARES.items():
        own = np.array([sample.kind == kind for sample in found])
        for one in np.unique(person[own]):
            theirs = own & (person == one)
            weight[theirs] = theirs.sum() ** -0.5
        if own.any():
            weight[own] *= share / weight[own].sum()
    return weight


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--data", type=Path, default=SHARED, help="a folder with a MANIFEST.csv of stills and clips")
    arguments.add_argument(
        "--wearers", type=Path, metavar="FILE", help="the files whose people wear glasses, one a line"
    )
    arguments.add_argument("--head", type=Path, metavar="NPZ", help="the 3D head: look at drawn people too")
    arguments.add_argument("--people", type=int, default=20, help="how many of them (default 20)")
    arguments.add_argument("--fit", type=Path, metavar="OUT", help="fit the weights and write them here")
    arguments.add_argument("--packed", type=Path, nargs="*", default=[], help="with --fit: folders of packed clips")
    chosen = arguments.parse_args()
    lines = chosen.wearers.read_text().split() if chosen.wearers is not None else []
    wearers = frozenset(lines)
    there = (chosen.data / "MANIFEST.csv").exists()
    if chosen.fit is not None:
        if not there:
            raise SystemExit("There are no faces here: give a folder of them with --data DIR.")
        fit(list(samples(faces_to_fit_on(chosen.packed, chosen.data), wearers)), chosen.fit)
        return
    if not there and chosen.head is None:
        raise SystemExit("There are no faces here: give a folder of them with --data DIR, or the 3D head with --head.")
    seen = measure(chosen.data, wearers) if there else {}
    if chosen.head is not None:
        seen |= measure_drawn(chosen.head, chosen.people)
    report.table(
        ("face", "of", "glasses seen"), [(kind, len(found), report.mean(found)) for kind, found in seen.items()]
    )
    figures = {
        "false": report.mean(seen.get("free", [])),
        "painted_noticed": report.mean(seen.get("painted", [])),
        "worn_noticed": report.mean(seen.get("worn", [])),
        "drawn_false": report.mean(seen.get("3D, free", [])),
        "drawn_noticed": report.mean(seen.get("3D, worn", [])),
    }
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    main()
