"""Train the generator's network on packed clips.

    python -m training.train --data build/packed --out build/run

Runs until stopped (Ctrl-C) or until `--steps` / `--minutes` are spent, and goes on from where it was when started again
with the same folder, however it ended. The folder holds `state.safetensors` (to go on), `best.safetensors` (the weights
that did best on people kept back), `log.csv`, and `sheet.jpg` (to look at).
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import FrameType
from typing import Final

import cv2
import torch
from torch.utils.data import DataLoader

from avatar.errors import AvatarError, TrainingError
from avatar.generator.network_weights import load_network, load_weights, save_weights
from avatar.generator.tuning.packed_clips import read_packed
from avatar.generator.tuning.pairs import TARGETS, PairBatch, PairBatches
from training.checkpoint import Progress, load_state, save_state
from training.holdback import REFERENCES, Measures, measure, measured_pairs, split_people
from training.sample_sheet import draw_sheet, write_sheet
from training.trainer import HIGHEST_RATE, Trainer, TrainerSettings
from training.widening import widened

SHOWN_EVERY_S: Final = 20.0
SMOOTHING: Final = 0.98
"""Of the loss that is shown."""
LOG_FIELDS: Final = (
    "step", "seconds", "loss", *(field.name for field in fields(Measures)), "mouth_l1_ratio_4refs",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop and how often to look up."""

    steps: int | None
    minutes: float | None
    measure_every: int
    save_every_s: float


class Run:
    """A training run in its folder."""

    def __init__(self, folder: Path, trainer: Trainer, one_photo: list[PairBatch], several: list[PairBatch]) -> None:
        """Go on from the folder's state where it has one; `one_photo` and `several` are what is measured."""
        self._folder, self._trainer = folder, trainer
        self._one_photo, self._several = one_photo, several
        settings = trainer.settings
        self._progress = Progress(settings.tier, settings.seed, 0, 0.0, math.inf, 0)
        if (folder / "state.safetensors").is_file():
            progress, parts = load_state(folder / "state.safetensors")
            if (progress.tier, progress.seed) != (settings.tier, settings.seed):
                raise TrainingError(
                    f"{folder} holds a run of tier {progress.tier}, seed {progress.seed}: choose another folder."
                )
            trainer.restore(progress.step, parts)
            self._progress = progress
            self._forget_after(progress.step)
        self._loss = math.nan

    def train(self, batches: Iterator[PairBatch], budget: Budget, stopping: Stopping) -> None:
        """Train until the budget is spent or a stop is asked for, then save.

        Raises:
            TrainingError: the loss is not finite; the last saved state stays as it is.
        """
        trainer, started = self._trainer, time.monotonic()
        before = self._progress.seconds
        shown = saved = started
        first = trainer.step
        while not stopping.asked and not self._spent(budget, started):
            loss = trainer.learn(next(batches))
            self._loss = loss if math.isnan(self._loss) else SMOOTHING * self._loss + (1 - SMOOTHING) * loss
            now = time.monotonic()
            if now - shown > SHOWN_EVERY_S:
                pace = (now - started) / (trainer.step - first)
                sys.stderr.write(f"step {trainer.step}  loss {self._loss:.4f}  {pace:.2f} s/step\n")
                shown = now
            if trainer.step % budget.measure_every == 0:
                self._measure(before + now - started)
            if now - saved > budget.save_every_s:
                self._save(before + now - started)
                saved = time.monotonic()
        self._save(before + time.monotonic() - started)

    def _spent(self, budget: Budget, started: float) -> bool:
        if budget.steps is not None and self._trainer.step >= budget.steps:
            return True
        return budget.minutes is not None and time.monotonic() - started >= 60 * budget.minutes

    def _measure(self, seconds: float) -> None:
        """Measure on the people kept back, keep the weights if they are the best, draw the sheet, log."""
        if not self._one_photo:
            return
        pictures, masks = self._trainer.make(self._one_photo)
        found = measure(self._one_photo, pictures)
        several = measure(self._several, self._trainer.make(self._several)[0]).mouth_l1_ratio
        row = {**asdict(found), "mouth_l1_ratio_4refs": several}
        step = self._trainer.step
        sys.stderr.write(f"step {step}  " + "  ".join(f"{name} {value:.3f}" for name, value in row.items()) + "\n")
        write_sheet(draw_sheet(self._one_photo, pictures, masks), self._folder / "sheet.jpg")
        if found.score < self._progress.best_score:
            self._progress = Progress(self._progress.tier, self._progress.seed, step, seconds, found.score, step)
            about = {"step": step, "seconds": round(seconds), "held_back": row}
            save_weights(self._folder / "best.safetensors", self._trainer.average, self._progress.tier, about)
        self._log({"step": step, "seconds": round(seconds), "loss": round(self._loss, 5), **row})

    def _save(self, seconds: float) -> None:
        last = self._progress
        self._progress = Progress(last.tier, last.seed, self._trainer.step, seconds, last.best_score, last.best_step)
        save_state(self._folder / "state.safetensors", self._progress, self._trainer.state())

    def _log(self, row: dict[str, float]) -> None:
        path = self._folder / "log.csv"
        new = not path.is_file()
        with path.open("a", newline="", encoding="utf-8") as lines:
            writer = csv.DictWriter(lines, LOG_FIELDS)
            if new:
                writer.writeheader()
            writer.writerow({name: value if isinstance(value, int) else round(value, 5) for name, value in row.items()})

    def _forget_after(self, step: int) -> None:
        """Drop log lines of steps that were taken but not saved: they will be taken again."""
        path = self._folder / "log.csv"
        if not path.is_file():
            return
        with path.open(newline="", encoding="utf-8") as lines:
            kept = [row for row in csv.DictReader(lines) if int(row["step"]) <= step]
        part = path.with_suffix(".part")
        with part.open("w", newline="", encoding="utf-8") as lines:
            writer = csv.DictWriter(lines, LOG_FIELDS)
            writer.writeheader()
            writer.writerows(kept)
        part.replace(path)


class Stopping:
    """Turns Ctrl-C and a polite kill into "after this step"."""

    def __init__(self) -> None:
        self.asked = False

    def listen(self) -> None:
        """Take over SIGINT and SIGTERM."""
        signal.signal(signal.SIGINT, self._ask)
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - what signal handlers take
        self.asked = True


def chosen_device(name: str) -> torch.device:
    """Return the device of a name; `auto` is a GPU where there is one.

    Raises:
        TrainingError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise TrainingError("There is no CUDA device here: leave --device out to train on the CPU.")
    return torch.device(name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    try:
        if options.batch < TARGETS or options.batch % TARGETS:
            raise TrainingError(f"--batch must be a multiple of {TARGETS}: so many frames are asked of one photo.")
        folders = options.data or [Path("build/packed")]
        clips = [clip for folder in folders for clip in read_packed(folder) if clip.label.split == "train"]
        train, held_back = split_people(clips, options.hold_back, fold=options.fold, named=options.hold_out)
        if not train:
            raise TrainingError(f"{folders[0]} has nobody left to train on: pack more people or lower --hold-back.")
        device = chosen_device(options.device)
        half = options.bf16 or device.type == "cuda"
        settings = TrainerSettings(options.tier, options.seed, options.rate, half, options.critic_from)
        teacher = None if options.teacher is None else load_network(options.teacher)[1]
        trainer = Trainer(settings, device, teacher)
        if options.weights is not None:
            tier, weights, _ = load_weights(options.weights)
            trainer.start_from(weights if tier == options.tier else widened(weights, options.tier, options.seed))
        options.out.mkdir(parents=True, exist_ok=True)
        one_photo = measured_pairs(held_back, references=1)
        run = Run(options.out, trainer, one_photo, measured_pairs(held_back, references=REFERENCES))
        sys.stderr.write(
            f"{len({clip.label.person for clip in train})} people to train on, {len(one_photo)} kept back; "
            f"from step {trainer.step} on {trainer.device}\n"
        )
        batches = PairBatches(train, batch=options.batch, seed=options.seed)
        loader = DataLoader(
            batches,  # type: ignore[arg-type,unused-ignore]  # numbered batches are all a map-style dataset has to be
            batch_size=None,
            sampler=range(trainer.step, len(batches)),
            num_workers=options.workers,
            prefetch_factor=4 if options.workers else None,
            collate_fn=_as_it_is,
        )
        stopping = Stopping()
        stopping.listen()
        budget = Budget(options.steps, options.minutes, options.measure_every, options.save_every_s)
        run.train(iter(loader), budget, stopping)
    except AvatarError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _as_it_is(batch: PairBatch) -> PairBatch:
    return batch


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        help="folder of packed clips (default: build/packed); may be repeated, to add rendered people say",
    )
    parser.add_argument("--out", type=Path, default=Path("build/run"), help="the run's folder")
    parser.add_argument("--tier", default="lite", help="lite (CPU) or standard (GPU)")
    parser.add_argument(
        "--weights", type=Path, default=None, help="begin a new run with these; a tier half as wide is widened first"
    )
    parser.add_argument("--teacher", type=Path, default=None, help="a wider network's weights to learn from (distill)")
    parser.add_argument("--batch", type=int, default=8, help="pictures a step; a multiple of 4")
    parser.add_argument("--rate", type=float, default=HIGHEST_RATE, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--critic-from", type=int, default=None, metavar="STEP", help="adversarial term from then on")
    parser.add_argument("--hold-back", type=int, default=4, metavar="N", help="people to measure on, not trained on")
    parser.add_argument("--fold", type=int, default=0, metavar="K", help="which of them: each number keeps back others")
    parser.add_argument("--hold-out", action="append", default=[], metavar="PERSON", help="keep back this one instead")
    parser.add_argument("--steps", type=int, default=None, help="stop at this step")
    parser.add_argument("--minutes", type=float, default=None, help="stop after this time")
    parser.add_argument("--measure-every", type=int, default=250, metavar="STEPS")
    parser.add_argument("--save-every-s", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--bf16", action="store_true", help="convolve in bfloat16 on the CPU too (a GPU always does)")
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 2) // 2), help="of the CPU")
    parser.add_argument("--workers", type=int, default=0, help="processes that prepare batches; 12 suit a GPU")
    return parser


if __name__ == "__main__":
    os.nice(10)  # hours of training must not slow down whoever else uses the machine
    sys.exit(main())
