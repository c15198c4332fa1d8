"""LivePortrait's seven networks together, as one safetensors file holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from avatar.errors import ModelError
from avatar.generator.network_weights import read_tensors
from avatar.generator.portrait.appearance import AppearanceExtractor
from avatar.generator.portrait.motion_extractor import MotionExtractor
from avatar.generator.portrait.retargeting import EYE, LIP, STITCHING, KeypointNetwork
from avatar.generator.portrait.spade import SpadeDecoder
from avatar.generator.portrait.warping import WarpingModule

FORMAT: Final = "avatar-liveportrait"
VERSION: Final = "1"
COUNTER: Final = "num_batches_tracked"
"""What batch norms count while they are trained; nothing that is drawn depends on it."""

DRAWING: Final = ("appearance", "warping", "decoder")
"""The networks that may compute in half precision; the others say where things are, and trembling is seen."""


@dataclass(frozen=True, slots=True)
class PortraitNetworks:
    """The networks, ready to run."""

    appearance: AppearanceExtractor
    motion: MotionExtractor
    warping: WarpingModule
    decoder: SpadeDecoder
    stitching: KeypointNetwork
    lip: KeypointNetwork
    eye: KeypointNetwork

    def by_name(self) -> dict[str, nn.Module]:
        """Return the networks by the names that they have in files."""
        return {name: getattr(self, name) for name in self.__slots__}


def empty_networks() -> PortraitNetworks:
    """Return the networks without weights, none of which takes memory yet."""
    with torch.device("meta"):
        return PortraitNetworks(
            appearance=AppearanceExtractor(),
            motion=MotionExtractor(),
            warping=WarpingModule(),
            decoder=SpadeDecoder(),
            stitching=KeypointNetwork(STITCHING),
            lip=KeypointNetwork(LIP),
            eye=KeypointNetwork(EYE),
        )


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """Return the entries of a network's state that files hold."""
    return {name: value for name, value in network.state_dict().items() if not name.endswith(COUNTER)}


def check_weights(found: Mapping[str, Tensor], network: nn.Module, where: str) -> None:
    """Raise ModelError unless these entries are exactly a network's, in name, shape and kind, and all of them numbers.

    `where` says in the message what they were read from.
    """
    wanted = weights_of(network)
    if strange := sorted(wanted.keys() ^ found.keys()):
        lacks = "lacks" if strange[0] in wanted else "has, beside what belongs there,"
        raise ModelError(f"{where} {lacks} {strange[0]} (and {len(strange) - 1} more): it is another network's.")
    for name, value in found.items():
        if value.shape != wanted[name].shape or not value.dtype.is_floating_point:
            kind = f"{value.dtype} of {tuple(value.shape)}"
            raise ModelError(f"{where} holds {name} as {kind}, not as {tuple(wanted[name].shape)}.")
        if not bool(torch.isfinite(value).all()):
            raise ModelError(f"{where} holds something that is not a number in {name}: fetch it again.")


def load_portrait_networks(
    path: Path, device: torch.device, kind: torch.dtype, *, channels_last: bool = False
) -> PortraitNetworks:
    """Return the networks of a safetensors file on a device.

    Args:
        path: of the file.
        device: that runs them.
        kind: of the numbers that those compute with that draw; where the head is, is always read in float32.
        channels_last: the drawing networks' memory order, which GPUs convolve fastest in.

    Raises:
        ModelError: the file is missing, damaged, or holds other networks.
    """
    tensors, _ = read_tensors(path, FORMAT, VERSION)
    networks = empty_networks()
    for name, network in networks.by_name().items():
        own = {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
        check_weights(own, network, str(path))
        network.to_empty(device=device)
        network.load_state_dict(own, strict=False)
        for part in _drawing_parts(name, network, kind):
            part.to(kind)
        network.eval().requires_grad_(requires_grad=False)
        if channels_last and name in DRAWING:
            _order_channels_last(network)
    return networks


def _drawing_parts(name: str, network: nn.Module, kind: torch.dtype) -> list[nn.Module]:
    """Return what of a network computes with numbers of a kind; the rest stays in float32."""
    if name not in DRAWING:
        return []
    if isinstance(network, WarpingModule) and kind == torch.bfloat16:
        # With its 8 bits what is said to be hidden is 1 % off, which the decoder makes 3 % of the picture.
        return [network.third, network.fourth]
    return [network]


def _order_channels_last(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.to(memory_format=torch.channels_last)
        elif isinstance(layer, nn.Conv3d):
            layer.to(memory_format=torch.channels_last_3d)
