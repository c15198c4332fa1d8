"""A wide network that begins as a narrow one draws what that draws, and can learn what it cannot."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="training needs the extra `train`")

import torch
from torch import Tensor

from avatar.errors import TrainingError
from avatar.generator.network import SIZES, FaceNetwork
from avatar.generator.network_input import CONDITION_SIZE
from training.widening import widened

SIDE = 256


@pytest.fixture(scope="module")
def narrow() -> FaceNetwork:
    """A lite network in which no weight is zero: at birth heads and FiLM are."""
    torch.manual_seed(3)
    network = FaceNetwork(SIZES["lite"])
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.02 * torch.randn(value.shape))
    return network


def asked() -> tuple[Tensor, ...]:
    chance = torch.Generator().manual_seed(1)

    def evenly(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=chance) * 2 - 1

    pictures = [evenly(1, 3, SIDE, SIDE) for _ in range(3)]
    regions, grid, steering = (
        evenly(1, 5, SIDE, SIDE).abs(),
        evenly(1, SIDE // 4, SIDE // 4, 2),
        evenly(1, CONDITION_SIZE),
    )
    return pictures[0], torch.zeros(1, dtype=torch.long), pictures[1], pictures[2], regions, grid, steering


def test_it_draws_what_the_narrow_one_draws(narrow: FaceNetwork) -> None:
    wide = FaceNetwork(SIZES["standard"]).eval()
    wide.load_state_dict(widened(narrow.state_dict(), "standard", seed=0))
    with torch.no_grad():
        (one, layers), (other, wide_layers) = narrow(*asked()), wide(*asked())
    assert float((one - other).abs().max()) < 1e-3
    for name, layer in layers._asdict().items():
        assert float((layer - getattr(wide_layers, name)).abs().max()) < 1e-3, name


def test_twins_take_unequal_shares(narrow: FaceNetwork) -> None:
    weight = widened(narrow.state_dict(), "standard", seed=0)["decoder.middle.0.first.weight"]
    twins = weight.chunk(2, dim=1)
    assert float((twins[0] - twins[1]).abs().mean()) > 0.01 * float(weight.abs().mean())


def test_what_cannot_be_widened_is_refused(narrow: FaceNetwork) -> None:
    weights = narrow.state_dict()
    with pytest.raises(TrainingError, match="lite, standard"):
        widened(weights, "huge", seed=0)
    with pytest.raises(TrainingError, match="not of a network"):
        widened({"some.weight": torch.zeros(3)}, "standard", seed=0)
    with pytest.raises(TrainingError, match="does not widen"):
        widened(widened(weights, "standard", seed=0), "lite", seed=0)
