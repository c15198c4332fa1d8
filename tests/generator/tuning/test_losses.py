"""What the network is paid for."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="training needs the extra `train`")

import torch

from avatar.generator.tuning.losses import picture_loss


def test_soft_footage_teaches_shape_and_not_sharpness() -> None:
    target, regions = torch.zeros(1, 3, 32, 32), torch.ones(1, 5, 32, 32)
    grain = torch.where((torch.arange(32)[:, None] + torch.arange(32)) % 2 == 0, 0.2, -0.2).expand(1, 3, 32, 32)
    soft, sharp = torch.zeros(1), torch.ones(1)
    assert picture_loss(target + grain, target, regions, soft) == pytest.approx(0, abs=1e-6)
    assert picture_loss(target + grain, target, regions, sharp) > 1
    assert picture_loss(target + 0.2, target, regions, soft) > 1
