"""Teach a small network what MediaPipe's blendshape network answers (`avatar/perception/distilled_blendshapes.py`).

    python -m training.distill_blendshapes --clips DIR --manifest CSV --out models/blendshapes.safetensors

Learns from the people of `split=train` and from faces made of them (`training.made_faces`), measures on those of
`split=test`, and writes weights and model card. Tracks of clips and answers for made faces are kept in the work folder.
About an hour of one core.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from avatar.errors import AvatarError, MediaError
from avatar.generator.tuning.face_tracks import Clip, Track, read_manifest
from avatar.models.store import get_model
from avatar.models.tensor_file import write_tensor_file
from avatar.perception.distilled_blendshapes import LAYERS, MEASURED, DistilledBlendshapes, normalized
from avatar.perception.landmark_networks import POINTS, LandmarkNetworks
from avatar.types import F32
from training.blendshapes_card import blendshapes_card
from training.blendshapes_measures import Measures, measure
from training.fit_basis import load_tracks
from training.made_faces import KnownPerson, MadeFaces
from training.muon import Muon

WIDTHS: Final = (96, 320, 320, 256)
"""Of the layers before the answer."""
SPREAD: Final = 0.05
"""About how far a normalized landmark strays: inputs are divided by it while learning."""
MADE: Final = 275_000
SEED: Final = 11
REAL_TIMES: Final = 3
"""How often each real face is shown for one time that a made one is."""
STEPS: Final = 11_000
BATCH: Final = 2048
WARM_UP: Final = 200
MATRIX_RATE, REST_RATE = 0.02, 2e-3
SQUARES: Final = 30.0
"""What counts: the absolute error, and so many times its square."""
AVERAGED: Final = 0.998
"""Weights are averaged over the last steps: what of the average stays after one."""
LEAST_SHARE: Final = 1e-4
"""Of the rate, what is left at the end."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """Faces and what MediaPipe's network answers."""

    points: F32
    """(n, 292), as `normalized` returns them."""
    answers: F32
    """(n, 51)."""


class Student(nn.Module):  # type: ignore[misc]  # torch's types are not looked into
    """The network as it learns."""

    def __init__(self, middle: Tensor) -> None:
        """Begin at random; `middle` (292,) is taken off the inputs."""
        super().__init__()
        sizes = (len(middle), *WIDTHS, MEASURED)
        self.layers = nn.ModuleList([nn.Linear(*pair) for pair in pairwise(sizes)])
        self.skip = nn.Linear(WIDTHS[0], MEASURED, bias=False)
        self._middle = middle

    def forward(self, points: Tensor) -> Tensor:
        """Return (n, 51), 0..1, of (n, 292)."""
        mixtures, *hidden, answer = self.layers
        first = numbers = mixtures((points - self._middle) / SPREAD)
        for layer in hidden:
            numbers = functional.silu(layer(numbers))
        return torch.sigmoid(answer(numbers) + self.skip(first))

    def matrices(self) -> list[Tensor]:
        """Return the weights that lead from numbers to numbers, without the answer's."""
        return [*(layer.weight for layer in list(self.layers)[:-1]), self.skip.weight]


def weights_of(state: dict[str, Tensor], middle: Tensor) -> dict[str, F32]:
    """Return a student's weights as `DistilledBlendshapes` takes them: nothing is left to do to the inputs."""
    arrays: dict[str, F32] = {}
    for number, name in enumerate(LAYERS):
        weight, bias = state[f"layers.{number}.weight"], state[f"layers.{number}.bias"]
        if number == 0:
            weight, bias = weight / SPREAD, bias - weight @ middle / SPREAD
        arrays[f"{name}.weight"], arrays[f"{name}.bias"] = weight.numpy(), bias.numpy()
    return arrays | {"skip.weight": state["skip.weight"].numpy()}


def learn(lessons: Lessons, steps: int = STEPS) -> dict[str, F32]:
    """Return the weights of a network that answers as the lessons do; says how far it is now and then."""
    torch.manual_seed(0)
    points, answers = torch.from_numpy(lessons.points), torch.from_numpy(lessons.answers)
    student = Student(points.mean(0))
    matrices = student.matrices()
    chosen = {id(matrix) for matrix in matrices}
    rest = [weight for weight in student.parameters() if id(weight) not in chosen]
    first, second = Muon(matrices), torch.optim.AdamW(rest, lr=REST_RATE, weight_decay=0, betas=(0.9, 0.99))
    averaged = {name: value.clone() for name, value in student.state_dict().items()}
    order = torch.randperm(len(points))
    for step in range(steps):
        share = min(1.0, (step + 1) / WARM_UP) * (1 - step / steps) + LEAST_SHARE
        at = step * BATCH % max(len(points) - BATCH, 1)
        if at < BATCH:
            order = torch.randperm(len(points))
        rows = order[at : at + BATCH]
        off = student(points[rows]) - answers[rows]
        loss = (off.abs() + SQUARES * off * off).mean()
        second.zero_grad()
        loss.backward()
        for group in second.param_groups:
            group["lr"] = REST_RATE * share
        second.step()
        first.step(MATRIX_RATE * share)
        kept = min(AVERAGED, step / (step + 10))
        for name, value in student.state_dict().items():
            averaged[name].lerp_(value, 1 - kept)
        if step % 100 == 0:
            sys.stderr.write(f"\r[{step}/{steps}] off by {float(off.detach().abs().mean()):.4f}")
    return weights_of(averaged, points.mean(0))


def lessons_of(tracks: Sequence[Track]) -> Lessons:
    """Return what clips' own frames teach."""
    landmarks = np.concatenate([track.landmarks_px for track in tracks])
    answers = np.concatenate([track.blendshapes[:, :MEASURED] for track in tracks])
    return Lessons(np.stack([normalized(points) for points in landmarks]), answers)


def made_lessons(people: Sequence[KnownPerson], count: int, work: Path) -> Lessons:
    """Return what made faces teach, from the work folder where they were made before."""
    kept = work / f"blendshape-lessons-{count}-{len(people)}.npz"
    if not kept.is_file():
        faces, networks = MadeFaces(people, SEED), LandmarkNetworks(get_model("face_landmarker"))
        lessons = Lessons(np.empty((count, 2 * len(POINTS)), np.float32), np.empty((count, MEASURED), np.float32))
        for number in range(count):
            face = faces.next()
            lessons.points[number], lessons.answers[number] = normalized(face), networks.blendshapes(face)[:MEASURED]
            if number % 1000 == 0:
                sys.stderr.write(f"\r[{number}/{count}] made faces")
        work.mkdir(parents=True, exist_ok=True)
        np.savez(kept, points=lessons.points, answers=lessons.answers)
    with np.load(kept, allow_pickle=False) as arrays:
        return Lessons(arrays["points"], arrays["answers"])


def known_people(tracks: Sequence[tuple[Clip, Track]]) -> list[KnownPerson]:
    """Return what tracks show of each person."""
    by_person = sorted(tracks, key=lambda one: one[0].person)
    return [
        KnownPerson.of([track for _, track in group]) for _, group in groupby(by_person, key=lambda one: one[0].person)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.distill_blendshapes", description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder that the manifest's paths start from")
    parser.add_argument("--manifest", type=Path, required=True, help="CSV: file, kind, split, identity_group, ...")
    parser.add_argument("--out", type=Path, default=Path("models/blendshapes.safetensors"))
    parser.add_argument("--work", type=Path, default=Path("build/tracks"), help="where tracks and lessons are kept")
    parser.add_argument("--made", type=int, default=MADE, help=f"faces to make (default {MADE})")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"to learn in (default {STEPS})")
    parser.add_argument("--without", action="append", default=[], metavar="LICENCE", help="of clips to leave out")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("medium")
    try:
        clips = [clip for clip in read_manifest(options.manifest) if clip.licence not in options.without]
        tracks = load_tracks(clips, options.clips, options.work)
        train = [(clip, track) for clip, track in tracks if clip.split == "train"]
        test = [(clip, track) for clip, track in tracks if clip.split == "test"]
        if not train or not test:
            raise MediaError(f"{options.manifest} needs clips of both splits, train and test.")
        made = made_lessons(known_people(train), options.made, options.work)
    except AvatarError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    real = lessons_of([track for _, track in train])
    lessons = Lessons(
        np.concatenate([made.points, *[real.points] * REAL_TIMES]),
        np.concatenate([made.answers, *[real.answers] * REAL_TIMES]),
    )
    # Two bytes a weight move no answer by more than a thousandth.
    weights: dict[str, Any] = {name: array.astype(np.float16) for name, array in learn(lessons, options.steps).items()}
    write_tensor_file(options.out, weights, {"format": "avatar-blendshapes", "version": "1"})
    network = DistilledBlendshapes({name: array.astype(np.float32) for name, array in weights.items()})
    found: list[Measures] = [measure(network, [track for _, track in part]) for part in (train, test)]
    options.out.with_suffix(".md").write_text(blendshapes_card(tracks, len(made.points), *found), encoding="utf-8")
    sys.stdout.write(f"\non people left out: p95 {found[1].p95:.4f}, p99 {found[1].p99:.4f} of MediaPipe's answers\n")
    return 0


if __name__ == "__main__":
    os.nice(10)  # an hour of fitting must not slow down whoever else uses the machine
    sys.exit(main())
