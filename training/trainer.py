"""One training run: the network, its optimiser, its critic, and the average of its weights that is kept in the end."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from avatar.errors import TrainingError
from avatar.generator.network import SIZES, FaceNetwork, Layers, spread
from avatar.generator.tuning.batch_tensors import BatchTensors, to_tensors
from avatar.generator.tuning.losses import picture_loss, restraint_loss
from avatar.generator.tuning.pairs import PairBatch
from avatar.types import F32, U8
from training.adversary import Critic, critic_loss, fooling_loss, look_closely
from training.checkpoint import load_optimiser, optimiser_tensors

HIGHEST_RATE: Final = 6e-4
"""Learning rate of AdamW once warmed up."""
WARM_UP: Final = 100
SLOWING: Final = 3000.0
"""Steps after which the learning rate has fallen by the square root of 2: no end has to be fixed in advance."""
MOST_GRADIENT: Final = 1.0
AVERAGE_STEPS: Final = 300.0
CRITIC_RATE: Final = 2e-4
DROPOUT: Final = 0.1
"""Share of the latents' channels that each step does without: by them people are known by heart."""
SEEDS_APART: Final = 1_000_003
TEACHER_SHARE: Final = 0.5
"""How much of what a pupil is to draw is its teacher's picture: less noisy than the one real frame among many."""


@dataclass(frozen=True, slots=True)
class TrainerSettings:
    """What does not change within a run."""

    tier: str
    seed: int
    rate: float = HIGHEST_RATE
    """Highest learning rate."""
    half: bool = False
    """Convolve in bfloat16: on GPUs, and on CPUs that have the instructions, a good deal faster."""
    critic_from: int | None = None
    """Step from which a critic looks at mouths and eyes; None: never."""


def learning_rate(step: int, highest: float) -> float:
    """Return the learning rate at a step: a rise, then an inverse square root."""
    return highest * min(1.0, (step + 1) / WARM_UP) / math.sqrt(1 + step / SLOWING)


class Trainer:
    """Holds a run's state; knows nothing of files and clocks."""

    def __init__(self, settings: TrainerSettings, device: torch.device, teacher: FaceNetwork | None = None) -> None:
        """Build the network with seeded weights; the pictures of a `teacher` count beside the real ones.

        Raises:
            TrainingError: the tier is unknown.
        """
        if settings.tier not in SIZES:
            raise TrainingError(f"There is no tier {settings.tier!r}: choose one of {', '.join(SIZES)}.")
        self.settings, self.device, self.step = settings, device, 0
        self._teacher = None if teacher is None else teacher.to(device).requires_grad_(requires_grad=False)
        torch.manual_seed(settings.seed)
        layout = torch.channels_last if device.type == "cuda" else torch.contiguous_format
        self.network = FaceNetwork(SIZES[settings.tier], DROPOUT).to(device, memory_format=layout)
        self.average = copy.deepcopy(self.network).requires_grad_(requires_grad=False).eval()
        self.critic: nn.Module = Critic().to(device)
        self._optimiser = torch.optim.AdamW(self.network.parameters(), settings.rate, weight_decay=1e-4)
        self._critic_optimiser = torch.optim.AdamW(self.critic.parameters(), CRITIC_RATE, betas=(0.5, 0.99))

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Begin with weights of an earlier run.

        Raises:
            TrainingError: they belong to a network of another shape.
        """
        try:
            self.network.load_state_dict(weights)
            self.average.load_state_dict(weights)
        except RuntimeError as error:
            raise TrainingError(f"The weights do not fit tier {self.settings.tier}: {error}") from error

    def learn(self, batch: PairBatch) -> float:
        """Take one step; returns the loss.

        Raises:
            TrainingError: the loss or its gradient is not finite. The weights are as before the step.
        """
        data = to_tensors(batch, self.device)
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(self.step, self.settings.rate)
        # What a step drops is its own, as its batch is: a resumed run goes on as if it had never stopped.
        torch.manual_seed(self.settings.seed * SEEDS_APART + self.step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.half):
            made, layers = self.network(*data.inputs)
        made, layers = made.float(), Layers(*(layer.float() for layer in layers))
        loss = picture_loss(made, self._wanted(data), data.regions, data.sharp)
        loss = loss + restraint_loss(layers, data.moved, data.target, data.regions)
        # Asked before the way back, which has ended the whole process in place of raising.
        if not math.isfinite(float(loss.detach())):
            raise _not_finite(self.step, f"a loss of {float(loss.detach())}")
        if self.settings.critic_from is not None and self.step >= self.settings.critic_from:
            loss = loss + self._criticised(made, data)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        size = float(nn.utils.clip_grad_norm_(self.network.parameters(), MOST_GRADIENT))
        if not math.isfinite(size):
            raise _not_finite(self.step, f"a gradient of {size}")
        self._optimiser.step()
        self._follow()
        self.step += 1
        return float(loss.detach())

    def make(self, batches: Sequence[PairBatch]) -> tuple[list[U8], list[F32]]:
        """Return the averaged network's pictures (B, S, S, 3) and masks (B, S, S) for batches."""
        pictures, masks = [], []
        with torch.no_grad():
            for batch in batches:
                data = to_tensors(batch, self.device)
                made, layers = self.average(*data.inputs)
                pictures.append(_to_bytes(made))
                masks.append(np.asarray(spread(layers.mask)[:, 0].float().cpu().numpy(), np.float32))
        return pictures, masks

    def state(self) -> dict[str, dict[str, Tensor]]:
        """Return everything that `restore` needs."""
        return {
            "network": dict(self.network.state_dict()),
            "average": dict(self.average.state_dict()),
            "critic": dict(self.critic.state_dict()),
            "optimiser": optimiser_tensors(self._optimiser),
            "critic_optimiser": optimiser_tensors(self._critic_optimiser),
        }

    def restore(self, step: int, parts: dict[str, dict[str, Tensor]]) -> None:
        """Bring back a state.

        Raises:
            TrainingError: it belongs to a network of another shape.
        """
        try:
            self.network.load_state_dict(parts["network"])
            self.average.load_state_dict(parts["average"])
            self.critic.load_state_dict(parts["critic"])
            load_optimiser(self._optimiser, parts.get("optimiser", {}))
            load_optimiser(self._critic_optimiser, parts.get("critic_optimiser", {}))
        except (KeyError, RuntimeError, ValueError) as error:
            raise TrainingError(f"The saved state does not fit this network: {error}") from error
        self.step = step

    def _wanted(self, data: BatchTensors) -> Tensor:
        """Return what the pictures are to become (B, 3, S, S): the real frames, or between them and the teacher's."""
        if self._teacher is None:
            return data.target
        with torch.no_grad():
            taught, _ = self._teacher(*data.inputs)
        return torch.lerp(data.target, taught.float(), TEACHER_SHARE)

    def _criticised(self, made: Tensor, data: BatchTensors) -> Tensor:
        """Teach the critic one step and return what it thinks of the pictures; of soft footage it learns nothing."""
        fine = data.sharp > 0
        if not fine.any():
            return made.new_zeros(())
        crops, real = (look_closely(pictures[fine], data.regions[fine]) for pictures in (made, data.target))
        self._critic_optimiser.zero_grad(set_to_none=True)
        critic_loss(self.critic, crops, real).backward()
        self._critic_optimiser.step()
        return fooling_loss(self.critic, crops, real)

    def _follow(self) -> None:
        """Move the averaged weights a little towards the current ones."""
        share = 1 / min(AVERAGE_STEPS, 1 + self.step / 2)
        with torch.no_grad():
            for kept, now in zip(self.average.parameters(), self.network.parameters(), strict=True):
                kept.lerp_(now, share)


def _not_finite(step: int, what: str) -> TrainingError:
    return TrainingError(
        f"Step {step} gave {what}: lower the learning rate (--rate) and start again; "
        "the run goes on from its last saved state."
    )


def _to_bytes(made: Tensor) -> U8:
    levels = ((made.float().clamp(-1, 1) + 1) * 127.5).round().byte()
    return np.asarray(levels.permute(0, 2, 3, 1).contiguous().cpu().numpy(), np.uint8)
