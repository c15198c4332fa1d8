"""Trains the network that turns speech into mouths, on synthesised speech and real talking clips.

    python -m training.speech_train --corpus build/speech/corpus --clips DIR --manifest CSV

One thread, minutes on a CPU. Lessons are made once and kept in the run's folder; `--seconds` ends a run.

    ... --features DIR_OR_NAME --layer N --out DIR     on the hidden states of a speech encoder, best made on a GPU
"""

from __future__ import annotations

import argparse
import functools
import json
import time
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.numpy import load_file
from torch.nn import functional

from avatar.errors import AvatarError
from avatar.models.tensor_file import write_tensor_file
from avatar.motion.speech_network import CLASSES
from avatar.motion.speech_pair import lip_parting
from avatar.motion.voice_network import HiddenLayer, features_metadata, hidden_layer, read_metadata
from avatar.perception.speech.encoder import open_encoder
from avatar.perception.speech.hidden_states import HiddenStates
from avatar.types import F32
from training.speech_lessons import REAL_VERSIONS, Lessons, make_real, make_synthetic, read_surroundings
from training.speech_model import SpeechModel
from training.speech_streams import (
    UNKNOWN,
)

MOST_STEPS: Final = 1_000_000
WARM_UP: Final = 60
"""First frames of an example that do not count: the network has heard nothing before them."""
CLASS_WEIGHTS: Final = (1.0, 2.0, 3.0, 1.2, 1.0, 0.8, 0.8)
MOUTH_WEIGHTS: Final = (1.0, 1.5, 3.0, 1.3, 1.0, 1.0, 1.0)
"""How much the mouth of a frame of each class counts: f and v are rare and short."""
COLOUR, COLOUR_WIDTH, GRAIN = 0.16, 5, 0.05
"""How much, and over how many bands, an example is coloured like another throat's sound, and how grainy it is made."""
TRACT: Final = 0.1
"""How much longer or shorter a vocal tract may be made."""
HOLES, HOLE_FRAMES, HOLE_BANDS = 2, 8, 6
"""How many holes of each kind there are in an example, and how long and how wide they are at most."""


def disguised(heard: torch.Tensor) -> torch.Tensor:
    """Return input (batch, frames, 40) as another throat or microphone would give it, with holes.

    Bands are moved as by a longer or shorter vocal tract (Jaitly & Hinton, ICML workshop 2013), and some bands and
    moments are wiped out (SpecAugment: Park et al., Interspeech 2019): what a network can learn by heart is not said
    the same way twice.
    """
    count, frames, bands = heard.shape
    tract = 1 + TRACT * (2 * torch.rand(count, 1) - 1)
    places = (torch.arange(bands) * tract).clamp(0, bands - 1)
    below = places.floor().long().clamp(max=bands - 2)
    share = (places - below)[:, None]
    low, high = (torch.gather(heard, 2, at[:, None].expand(-1, frames, -1)) for at in (below, below + 1))
    colour = torch.randn(count, 1, bands + COLOUR_WIDTH - 1)
    smooth = functional.avg_pool1d(colour, COLOUR_WIDTH, stride=1) * COLOUR_WIDTH**0.5
    made = low + share * (high - low) + COLOUR * smooth + GRAIN * torch.randn_like(heard)
    usual = made.mean(dim=(1, 2), keepdim=True)
    for dim, longest in ((1, HOLE_FRAMES), (2, HOLE_BANDS)):
        size = heard.shape[dim]
        start, length = torch.rand(2, count, HOLES)
        start, length = start * size, length * longest
        at = torch.arange(size)[None, None]
        wiped = ((at >= start[..., None]) & (at < (start + length)[..., None])).any(dim=1)
        made = torch.where(wiped[:, :, None] if dim == 1 else wiped[:, None], usual, made)
    return made


def losses(model: SpeechModel, batch: dict[str, torch.Tensor], parting: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the named parts of the loss for one batch."""
    # Elsewhere bfloat16 is emulated, ten times slower than full precision.
    with torch.autocast("cpu", torch.bfloat16, enabled=torch.backends.cpu.get_cpu_capability().startswith("AVX512")):
        mouth, closed, kind = (said.float() for said in model(batch["heard"]))
    heard = torch.zeros_like(batch["weight"])
    heard[:, WARM_UP:] = batch["weight"][:, WARM_UP:]
    known = heard * (batch["kind"] != UNKNOWN)
    wanted = batch["kind"].clamp(min=0).long()
    # Frames nobody labelled count as silence does.
    seen = heard * torch.tensor(MOUTH_WEIGHTS)[wanted]
    off = mouth - batch["mouth"]
    smooth = functional.smooth_l1_loss(mouth, batch["mouth"], beta=0.1, reduction="none")
    parted = (off @ parting).abs()
    change = ((off[:, 1:] - off[:, :-1]) @ parting).abs()
    weights = torch.tensor(CLASS_WEIGHTS)
    named = functional.cross_entropy(kind.transpose(1, 2), wanted, weight=weights, reduction="none")
    shut = functional.binary_cross_entropy_with_logits(closed, batch["closure"], reduction="none")
    total, of_known = seen.sum().clamp(min=1), known.sum().clamp(min=1)
    return {
        "mouth": 6 * (smooth.mean(dim=2) * seen).sum() / total,
        "parting": 3 * (parted * seen).sum() / total,
        "change": 6 * (change * seen[:, 1:]).sum() / total,
        "kind": 0.5 * (named * known).sum() / of_known,
        "closure": 0.7 * (shut * known).sum() / of_known,
    }


def train(
    synthetic: Lessons, real: Lessons | None, out: Path, *, seconds: float, size: int, rate: float, real_share: float,
    weights: Path | None, seed: int, trained_on: HiddenLayer | None = None, steps: int = MOST_STEPS,
) -> dict[str, F32]:  # fmt: skip
    """Return the averaged weights after `seconds` of training or so many steps; the latest lie in `out` each minute.

    `trained_on` is the hidden layer whose features the lessons hold, None: log-mel; the weights' header says so.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model, metadata = SpeechModel(size=synthetic.size), features_metadata(trained_on, synthetic.size)
    if weights is not None:
        arrays = {name: torch.from_numpy(array) for name, array in load_file(weights).items()}
        if {n: a.shape for n, a in arrays.items()} != {n: a.shape for n, a in model.state_dict().items()}:
            raise AvatarError(f"{weights} is not of this version's speech network: start without --weights.")
        if (found := hidden_layer(read_metadata(weights), weights)) != trained_on:
            raise AvatarError(
                f"{weights} was trained on other features, {found or 'log-mel'}: start without --weights."
            )
        model.load_state_dict(arrays)
    averaged = {name: value.detach().clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=1e-3)
    parting = torch.from_numpy(lip_parting())
    from_real = round(size * real_share) if real is not None else 0
    begin, shown, step = time.monotonic(), 0.0, 0
    means: dict[str, float] = {}
    while (spent := time.monotonic() - begin) < seconds and step < steps:
        done = max(spent / seconds, step / steps)
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 50) * (0.03 + 0.97 * 0.5 * (1 + np.cos(np.pi * done)))
        batch = synthetic.batch(size - from_real, rng)
        if from_real and real is not None:
            more = real.batch(from_real, rng)
            batch = {name: torch.cat([value, more[name]]) for name, value in batch.items()}
        if trained_on is None:  # hidden states have no bands that a throat could colour
            batch["heard"] = disguised(batch["heard"])
        parts = losses(model, batch, parting)
        loss = torch.stack(list(parts.values())).sum()
        if not torch.isfinite(loss):
            raise AvatarError(f"Training broke down at step {step}: start again with a lower --rate.")
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        keep = min(0.995, step / (step + 20))
        with torch.no_grad():
            for name, value in model.state_dict().items():
                averaged[name].lerp_(value, 1 - keep)
        for name, part in parts.items():
            means[name] = 0.98 * means.get(name, part.item()) + 0.02 * part.item()
        if spent - shown > 30:
            shown = spent
            values = ", ".join(f"{name} {value:.4f}" for name, value in means.items())
            print(f"step {step}, {spent:.0f} s: {values}", flush=True)
            write_weights(averaged, out / "latest.safetensors", metadata)
    write_weights(averaged, out / "latest.safetensors", metadata)
    (out / "run.json").write_text(json.dumps({"steps": step, "losses": means}))
    return {name: value.numpy() for name, value in averaged.items()}


def write_weights(weights: dict[str, torch.Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write weights, with what they were trained on as their header, whole or not at all."""
    write_tensor_file(path, {name: value.float().numpy() for name, value in weights.items()}, metadata)


def main() -> None:
    """Run the command."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--corpus", type=Path, required=True, help="what training.speech_corpus made")
    arguments.add_argument("--clips", type=Path, help="folder the manifest's files lie in")
    arguments.add_argument("--manifest", type=Path, help="CSV of clips; only talking clips of split=train are used")
    arguments.add_argument("--noises", type=Path, help="folder of music and noises without speech, any format")
    arguments.add_argument("--tracks", type=Path, default=Path("build/tracks"))
    arguments.add_argument("--out", type=Path, default=Path("build/speech/run"))
    arguments.add_argument("--seconds", type=float, default=900)
    arguments.add_argument("--steps", type=int, default=MOST_STEPS, help="stop after so many if that is sooner")
    arguments.add_argument("--versions", type=int, default=2, help="how often each utterance is made a lesson")
    arguments.add_argument("--batch", type=int, default=24)
    arguments.add_argument("--rate", type=float, default=2e-3)
    arguments.add_argument("--real-share", type=float, default=0.3, help="share of a batch from real clips")
    arguments.add_argument("--weights", type=Path, help="go on from these")
    arguments.add_argument("--features", metavar="DIR_OR_NAME", help="take this speech encoder's features, not log-mel")
    arguments.add_argument("--layer", type=int, metavar="N", help="its hidden layer, with --features")
    arguments.add_argument("--seed", type=int, default=0)
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    chosen.out.mkdir(parents=True, exist_ok=True)
    if (chosen.features is None) != (chosen.layer is None):
        arguments.error("--features and --layer belong together")
    trained_on = HiddenLayer(chosen.features, chosen.layer) if chosen.features is not None else None
    features = HiddenStates(open_encoder(trained_on.encoder, trained_on.layer)) if trained_on is not None else None
    around = functools.cache(lambda: read_surroundings(chosen.corpus, chosen.noises, chosen.seed))
    first = Lessons.kept(
        chosen.out / "synthetic.safetensors",
        lambda: make_synthetic(chosen.corpus, around(), chosen.versions, chosen.seed, features),
        trained_on,
    )
    second = None
    if chosen.manifest is not None:
        second = Lessons.kept(
            chosen.out / "real.safetensors",
            lambda: make_real(
                chosen.clips, chosen.manifest, chosen.tracks, around(), REAL_VERSIONS, chosen.seed, features
            ),
            trained_on,
        )
    print(
        f"{first.frames / 6000:.0f} minutes synthesised, {second.frames / 6000 if second else 0:.0f} real", flush=True
    )
    assert len(CLASS_WEIGHTS) == len(CLASSES)  # noqa: S101
    train(
        first, second, chosen.out, seconds=chosen.seconds, steps=chosen.steps, size=chosen.batch, rate=chosen.rate,
        real_share=chosen.real_share, weights=chosen.weights, seed=chosen.seed,
        trained_on=trained_on,
    )  # fmt: skip


if __name__ == "__main__":
    main()
