"""The network's promises: untrained it shows the geometry tier's picture, a closed mask shows the photo itself."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the network needs the extra `train`")

import numpy as np
import torch

from avatar.generator.compositing import lay_on_crop
from avatar.generator.engines.engine import FrameInput, FrameLayers, Latents
from avatar.generator.network import (
    SIZES,
    FaceNetwork,
    blend,
    inner,
    spread,
)
from avatar.generator.network_export import FrameDecoder, FrameEncoder, centred
from avatar.generator.network_input import CONDITION_SIZE, INNER, REGIONS

SHIFT, TONE = torch.zeros(1, 2, 64, 64), torch.zeros(1, 3, 32, 32)
HEIGHT, WIDTH = INNER[3] - INNER[1], INNER[2] - INNER[0]
CLOSED, OPEN = torch.zeros(1, 3, HEIGHT, WIDTH), torch.ones(1, 3, HEIGHT, WIDTH)


def picture() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.rand(1, 3, 256, 256) * 2 - 1


def test_a_closed_mask_shows_the_moved_photo_untouched() -> None:
    moved = picture()
    assert torch.allclose(blend(moved, torch.zeros_like(CLOSED), CLOSED, SHIFT, TONE), moved, atol=1e-4)


def test_an_open_mask_shows_the_drawn_pixels_inside_and_the_photo_around() -> None:
    moved = picture()
    shown = blend(moved, torch.full_like(OPEN, 0.3), OPEN, SHIFT, TONE)
    assert torch.allclose(inner(shown), torch.full_like(OPEN, 0.3), atol=1e-6)
    around = spread(OPEN) == 0
    assert around.any() and torch.allclose(shown[around], moved[around], atol=1e-4)


def test_a_shift_samples_the_photo_further_on() -> None:
    moved = picture()
    shift = SHIFT.clone()
    shift[:, 0] = 4 / 128  # four pixels to the right
    shown = blend(moved, inner(moved), CLOSED, shift, TONE)
    assert torch.allclose(shown[..., :-4], moved[..., 4:], atol=1e-3)


def test_a_tone_lightens_the_photo_and_keeps_its_detail() -> None:
    moved = picture()
    assert torch.allclose(blend(moved, inner(moved), CLOSED, SHIFT, TONE + 0.2), moved + 0.2, atol=1e-3)


@pytest.mark.parametrize("tier", ["lite", "standard"])
def test_before_training_it_shows_what_geometry_shows(tier: str) -> None:
    torch.manual_seed(0)
    network = FaceNetwork(SIZES[tier]).eval()
    moved = torch.rand(2, 3, 256, 256)  # one photo, mouth closed: the nearest photo is the moved one
    with torch.no_grad():
        made, layers = network(
            torch.rand(3, 3, 256, 256),
            torch.tensor([2, 0]),
            moved,
            moved,
            torch.rand(2, len(REGIONS), 256, 256),
            torch.rand(2, 64, 64, 2) * 2 - 1,
            torch.zeros(2, CONDITION_SIZE),
        )
    assert torch.allclose(made, moved, atol=1e-4)
    assert layers.mask.shape == (2, 3, HEIGHT, WIDTH) and layers.shift.shape == (2, 2, 64, 64)
    assert layers.tone.shape == (2, 3, 32, 32)


def test_the_exported_form_makes_the_same_picture() -> None:
    torch.manual_seed(0)
    network = FaceNetwork(SIZES["lite"]).eval()
    for value in network.parameters():
        torch.nn.init.normal_(value, std=0.02)
    rng = np.random.default_rng(0)
    moved, nearest = (torch.from_numpy(rng.integers(0, 256, (1, 256, 256, 3), dtype=np.uint8)) for _ in range(2))
    regions = rng.integers(0, 256, (5, 256, 256), dtype=np.uint8)
    seam = np.full((256, 256), 255, np.uint8)
    grid, condition = torch.rand(1, 64, 64, 2) * 2 - 1, torch.rand(1, CONDITION_SIZE)
    with torch.no_grad():
        latents = Latents(*(part.numpy() for part in FrameEncoder(network)(moved)))
        bytes_in = [part[0].numpy() for part in (moved, nearest)]
        frame = FrameInput(*bytes_in, regions, seam, grid[0].numpy(), latents, condition[0].numpy())
        inputs = map(torch.from_numpy, frame.by_name().values())
        layers = FrameLayers(*(part[0].numpy() for part in FrameDecoder(network)(*inputs)))
        photos, masks = (centred(moved), centred(nearest)), torch.from_numpy(regions)[None].float() / 255
        wanted, _ = network(centred(moved), torch.tensor([0]), *photos, masks, grid, condition)
    shown = lay_on_crop(moved[0].numpy(), layers)
    expected = ((wanted[0].clamp(-1, 1) + 1) * 127.5).permute(1, 2, 0).numpy()
    off_border = (slice(8, -8), slice(8, -8))
    assert np.abs(shown[off_border].astype(float) - expected[off_border]).mean() < 1.0, "of 255"


def test_what_is_drawn_fades_out_at_the_border_of_the_inner_part() -> None:
    decoder = FaceNetwork(SIZES["lite"]).decoder
    torch.nn.init.constant_(decoder.open_mouth.bias, 20)  # draws everywhere
    with torch.no_grad():
        mask = decoder(
            torch.zeros(1, 3, 256, 256),
            torch.zeros(1, 3, 256, 256),
            torch.zeros(1, len(REGIONS), 256, 256),
            torch.zeros(1, 64, 64, 2),
            torch.zeros(1, SIZES["lite"].latent4, 64, 64),
            torch.zeros(1, SIZES["lite"].latent8, 32, 32),
            torch.zeros(1, CONDITION_SIZE),
        ).mask
    assert mask[0, 0, HEIGHT // 2, WIDTH // 2] > 0.99
    assert all(edge.abs().max() == 0 for edge in (mask[..., 0], mask[..., -1], mask[..., 0, :], mask[..., -1, :]))


def test_the_lite_tier_is_small() -> None:
    network = FaceNetwork(SIZES["lite"])
    count = sum(value.numel() for value in network.parameters())
    assert count < 3.5e6, "4 bytes each: below the 15 MB a file may have"
