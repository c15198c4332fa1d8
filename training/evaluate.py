"""Measure trained weights on people they were not trained on, beside the plain geometry.

    python -m training.evaluate --weights build/run/best.safetensors --data build/packed

Measures the people of the training split that training keeps back, or with `--split test` those of a folder packed from
the test split. `benchmarks.quality` measures the product itself, at a picture's full size; this is the quick look at
the network alone, with a sheet to look at.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from avatar.errors import AvatarError, TrainingError
from avatar.generator.network_weights import load_weights
from avatar.generator.tuning.packed_clips import PackedClip, read_packed
from training.holdback import REFERENCES, measure, measured_pairs, split_people
from training.sample_sheet import draw_sheet, write_sheet
from training.trainer import Trainer, TrainerSettings


def evaluate(
    weights: Path, clips: Sequence[PackedClip], sheet: Path | None = None, *, device: str = "cpu"
) -> dict[str, float]:
    """Return the measures of weights on clips: from one photo, and `*_4refs` from four.

    Raises:
        ModelError: the weights are missing, damaged or of another version.
        TrainingError: there is nobody to measure on, or the weights do not fit their tier.
    """
    if not clips:
        raise TrainingError("There is nobody to measure on: pack more people, or raise --hold-back.")
    tier, tensors, _ = load_weights(weights)
    trainer = Trainer(TrainerSettings(tier, seed=0), torch.device(device))
    trainer.start_from(tensors)
    one_photo, several = (measured_pairs(clips, references=count) for count in (1, REFERENCES))
    pictures, masks = trainer.make(one_photo)
    if sheet is not None:
        write_sheet(draw_sheet(one_photo, pictures, masks), sheet)
    found = asdict(measure(one_photo, pictures))
    four = asdict(measure(several, trainer.make(several)[0]))
    return {
        **found,
        **{f"{name}_4refs": four[name] for name in ("mouth_l1_ratio", "eye_l1_ratio", "face_psnr_gain_db")},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__.split("\n")[0])
    parser.add_argument("--weights", type=Path, required=True, help="best.safetensors of a run")
    parser.add_argument("--data", type=Path, default=Path("build/packed"), help="packed clips")
    parser.add_argument("--split", choices=("train", "test"), default="train", help="train: only the people kept back")
    parser.add_argument("--hold-back", type=int, default=4, metavar="N", help="as in training")
    parser.add_argument("--fold", type=int, default=0, metavar="K", help="as in training")
    parser.add_argument("--hold-out", action="append", default=[], metavar="PERSON", help="as in training")
    parser.add_argument("--sheet", type=Path, default=None, metavar="FILE.jpg", help="pictures to look at")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        clips = [clip for clip in read_packed(options.data) if clip.label.split == options.split]
        if options.split == "train":
            clips = split_people(clips, options.hold_back, fold=options.fold, named=options.hold_out)[1]
        found = evaluate(options.weights, clips, options.sheet, device=options.device)
    except AvatarError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps({name: round(value, 4) for name, value in found.items()}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
