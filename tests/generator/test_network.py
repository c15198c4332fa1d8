"""The network's promises: untrained it shows the geometry tier's picture, a closed mask shows the photo itself."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the network needs the extra `train`")

import torch

from avatar.generator.network import PICTURE_CHANNELS, SIZES, FaceNetwork, blend
from avatar.generator.network_input import CONDITION_SIZE

STILL = torch.zeros(1, 2, 64, 64)


def picture() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.rand(1, 3, 256, 256) * 2 - 1


def test_a_closed_mask_shows_the_moved_photo_untouched() -> None:
    moved = picture()
    shown = blend(moved, torch.zeros_like(moved), torch.zeros(1, 1, 256, 256), STILL)
    assert torch.allclose(shown, moved, atol=1e-4)


def test_an_open_mask_shows_the_drawn_pixels() -> None:
    moved = picture()
    assert torch.equal(blend(moved, torch.full_like(moved, 0.3), torch.ones(1, 1, 256, 256), STILL), moved * 0 + 0.3)


def test_a_shift_samples_the_photo_further_on() -> None:
    moved = picture()
    shift = STILL.clone()
    shift[:, 0] = 4 / 128  # four pixels to the right
    shown = blend(moved, moved, torch.zeros(1, 1, 256, 256), shift)
    assert torch.allclose(shown[..., :-4], moved[..., 4:], atol=1e-3)


@pytest.mark.parametrize("tier", ["lite", "standard"])
def test_before_training_it_shows_what_geometry_shows(tier: str) -> None:
    torch.manual_seed(0)
    network = FaceNetwork(SIZES[tier]).eval()
    inputs = torch.rand(2, PICTURE_CHANNELS, 256, 256)
    with torch.no_grad():
        made, mask, shift, seen = network(
            torch.rand(3, 3, 256, 256),
            torch.tensor([2, 0]),
            inputs,
            torch.rand(2, 64, 64, 2) * 2 - 1,
            torch.zeros(2, CONDITION_SIZE),
        )
    assert torch.allclose(made, inputs[:, :3], atol=1e-4)
    assert mask.shape == (2, 1, 256, 256) and shift.shape == (2, 2, 64, 64) and seen.shape == (2, 1, 64, 64)


def test_the_lite_tier_is_small() -> None:
    network = FaceNetwork(SIZES["lite"])
    count = sum(value.numel() for value in network.parameters())
    assert count < 3.5e6, "4 bytes each: below the 15 MB a file may have"
