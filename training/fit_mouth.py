"""Fit the light inside an opening mouth (`avatar/generator/mouth_shade.py`) to real mouths.

    python -m training.fit_mouth --data build/packed --out models/mouth_shade.safetensors

Says first, by cross-validation over people, how far from real mouths its pictures are beside drawn teeth, then fits all
people and writes weights and model card. Takes minutes on one core.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from avatar.errors import AvatarError
from avatar.generator.mouth_shade import AS_OPEN, BRIGHTEST, FEATURES, MIRRORED, own_limit
from avatar.generator.tuning.packed_clips import PackedClip, read_packed
from avatar.models.tensor_file import write_tensor_file
from avatar.types import F32
from training.mouth_pixels import MouthPixels, gather

HIDDEN: Final = 32
STEPS: Final = 1500
BATCH: Final = 4096
RATE: Final = 6e-3
DECAY: Final = 0.05
NOISE: Final = np.repeat([0.0, 0.3, 0.7, 0.2], [7, 9, 6, 3]).astype(np.float32)
"""Added to features, in standard deviations: a few dozen people are not to be known by their skin and lips."""
SHADE_AT_REST, OWN_AT_REST = -1.0, -2.0
"""Where colours and the photo's share start out, before the logistic function."""
DARKER, DARKEST = 0.42, 0.3
"""The quantile of what real mouths show that is drawn, at the lips and in the depth: the dark between teeth and tongue
is what single mouths share, the median of a deep one is a milky disc."""
DEEP: Final = 0.1
"""How far from both lips the depth is, head units."""
OPENING: Final = 7
WIDE_FROM: Final = 0.1
"""Pixels of a mouth count by its opening and this, head units: few are wide open, and there it shows."""
FOLDS: Final = 4


@dataclass(frozen=True, slots=True)
class Figures:
    """Absolute error inside mouths of people left out, means over people."""

    ratio: float
    """Over that of drawn teeth."""
    levels: float
    drawn_levels: float


def cross_validate(pixels: MouthPixels, people: Sequence[str]) -> Figures:
    """Return how far from real mouths the pictures of people are whom a fit has not seen; `people` are by clip."""
    names = sorted(set(people))
    order = np.random.default_rng(0).permutation(len(names))
    person = np.array([names.index(name) for name in people])[pixels.clip]
    error = np.zeros(len(person))
    for fold in range(FOLDS):
        out = np.isin(person, order[fold::FOLDS])
        if out.any() and not out.all():
            error[out] = _error(predict(fit(pixels, person, ~out), pixels)[out], pixels.real[out])
    by_person = [
        (error[person == k].mean(), _error(pixels.drawn, pixels.real)[person == k].mean()) for k in set(person)
    ]
    own, drawn = np.array(by_person).T
    return Figures(float((own / drawn).mean()), float(own.mean()), float(drawn.mean()))


def fit(
    pixels: MouthPixels, person: NDArray[np.int64], chosen: NDArray[np.bool_], seed: int = 0
) -> dict[str, np.ndarray]:
    """Return the weights fitted on the chosen pixels, every person (n,) counting alike."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    mean, spread = pixels.features[chosen].mean(axis=0), pixels.features[chosen].std(axis=0) + np.float32(1e-3)
    mean[list(MIRRORED)] = 0
    inputs = torch.from_numpy((pixels.features - mean) / spread)
    mirror = torch.ones(FEATURES)
    mirror[list(MIRRORED)] = -1
    light, moved, real = (
        torch.from_numpy(part.astype(np.float32)) for part in (pixels.light, pixels.moved, pixels.real)
    )
    network = _network()
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS)
    limit, quantile = (
        torch.from_numpy(part[:, None]) for part in (own_limit(pixels.features[:, AS_OPEN]), _quantile(pixels))
    )
    odds = chosen / np.bincount(person)[person] * (WIDE_FROM + pixels.features[:, OPENING])
    ladder = np.cumsum(odds / odds.sum())
    for _ in range(STEPS):
        some = torch.from_numpy(np.minimum(np.searchsorted(ladder, rng.random(BATCH)), len(ladder) - 1))
        seen = inputs[some] * (mirror if rng.random() < 0.5 else 1)
        seen = seen + torch.from_numpy(NOISE) * torch.randn_like(seen)
        off = _picture(network(seen), light[some], moved[some], limit[some]) - real[some]
        darker = quantile[some]
        loss = torch.maximum((1 - darker) * off, -darker * off).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return _arrays(network, mean, spread)


def predict(weights: dict[str, np.ndarray], pixels: MouthPixels) -> np.ndarray:
    """Return (n, 3) levels of weights' pictures."""
    inputs = torch.from_numpy((pixels.features - weights["mean"]) / weights["spread"])
    network = _network()
    network.load_state_dict(
        {
            f"{2 * k}.{part}": torch.from_numpy(weights[f"{name}.{part}"])
            for k, name in enumerate(_LAYERS)
            for part in _PARTS
        }
    )
    with torch.no_grad():
        light, moved = (torch.from_numpy(part.astype(np.float32)) for part in (pixels.light, pixels.moved))
        limit = torch.from_numpy(own_limit(pixels.features[:, AS_OPEN])[:, None])
        return np.asarray(_picture(network(inputs), light, moved, limit).numpy())


_LAYERS: Final = ("first", "second", "last")
_PARTS: Final = ("weight", "bias")


def _network() -> nn.Sequential:
    last = nn.Linear(HIDDEN, 4)
    with torch.no_grad():
        last.bias.copy_(torch.tensor([SHADE_AT_REST] * 3 + [OWN_AT_REST]))
    return nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), last)


def _picture(answers: Tensor, light: Tensor, moved: Tensor, limit: Tensor) -> Tensor:
    shares = torch.sigmoid(answers)
    return torch.lerp(BRIGHTEST * light * shares[:, :3], moved, limit * shares[:, 3:])


def _quantile(pixels: MouthPixels) -> F32:
    """Return (n,) which quantile is to be drawn of each pixel: `DARKER` at the lips, `DARKEST` in the depth."""
    depth = pixels.features[:, [2, 3]].min(axis=1) / DEEP
    return np.asarray(DARKER + (DARKEST - DARKER) * np.clip(depth, 0, 1), np.float32)


def _arrays(network: nn.Sequential, mean: np.ndarray, spread: np.ndarray) -> dict[str, np.ndarray]:
    state = network.state_dict()
    arrays = {f"{name}.{part}": state[f"{2 * k}.{part}"].numpy() for k, name in enumerate(_LAYERS) for part in _PARTS}
    return {**arrays, "mean": mean.astype(np.float32), "spread": spread.astype(np.float32)}


def _error(made: np.ndarray, real: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(made.astype(np.float32) - real).mean(axis=1))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.fit_mouth", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("build/packed"), help="packed clips (training.prepare)")
    parser.add_argument("--out", type=Path, default=Path("models/mouth_shade.safetensors"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        clips = [clip for clip in read_packed(options.data) if clip.label.split == "train" and not clip.label.rendered]
        pixels = gather(clips, seed=0)
    except AvatarError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    people = [clip.label.person for clip in clips]
    found = cross_validate(pixels, people)
    person = np.array([sorted(set(people)).index(name) for name in people])[pixels.clip]
    weights = fit(pixels, person, np.ones(len(person), np.bool_))
    write_tensor_file(options.out, weights, {"format": "avatar-mouth-shade", "version": "1"})
    options.out.with_suffix(".md").write_text(card(clips, pixels, found), encoding="utf-8")
    sys.stdout.write(
        f"people left out: {found.levels:.1f} levels from real mouths, drawn teeth {found.drawn_levels:.1f}; "
        f"ratio {found.ratio:.3f}\n"
    )
    return 0


def card(clips: Sequence[PackedClip], pixels: MouthPixels, found: Figures) -> str:
    """Return the model card, Markdown."""
    used = [clip for number, clip in enumerate(clips) if (pixels.clip == number).any()]
    sources = Counter((clip.label.source, clip.label.licence) for clip in used)
    lines = "\n".join(f"| {name} | {licence} | {count} |" for (name, licence), count in sorted(sources.items()))
    people = len({clip.label.person for clip in used})
    return f"""# The light inside a mouth

Says how bright a place between the lips is and how much of the photo's own pixels shows there
(`avatar/generator/mouth_shade.py`): the mouths of the geometry tier. {FEATURES} numbers, two layers of {HIDDEN}, four
numbers out. Fitted by `python -m training.fit_mouth` on {len(pixels.real)} pixels of {people} people (`split=train`),
each person counting alike.

## Measures

Absolute error inside open mouths of people left out of the fit ({FOLDS} folds over people): {found.levels:.1f} levels
of 255, where teeth drawn from the 3D head in a dark cavity have {found.drawn_levels:.1f}; a ratio of {found.ratio:.3f},
mean over people.

## Data

People in clips published as examples with these projects. The licence is that of the repository; who holds the rights
in the footage is often not stated. No picture of them is part of the weights.

| source | licence | clips |
|---|---|---|
{lines}

## Limits

What it draws is the middle of what mouths of this shape look like, a little on the dark side: soft, without single
teeth. Whose teeth they are it does not know, unless the photo shows them.
"""


if __name__ == "__main__":
    os.nice(10)  # minutes of fitting must not slow down whoever else uses the machine
    sys.exit(main())
