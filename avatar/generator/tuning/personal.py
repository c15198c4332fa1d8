"""Fit the network to one person: not its weights but the latents of their photos, on a clip of them.

Latents are what the network knows of a photo; here they are moved to where it draws this person's mouth and lids best.
They travel in the `.avatar` file, and every engine runs them. A fifth of the clip is kept back: latents that do
not draw it better than the photos' own are thrown away.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from avatar.errors import TrainingError
from avatar.face.pose import fit_pose
from avatar.generator.face_crop import CROP_SIZE, cut_crop, face_window
from avatar.generator.framing import Window
from avatar.generator.identity import Identity, PersonalLatents, Portrait
from avatar.generator.network import FaceNetwork, blend
from avatar.generator.network_export import centred
from avatar.generator.network_files import LATENTS_VERSION, network_files
from avatar.generator.network_weights import load_network
from avatar.generator.tuning.batch_tensors import to_tensors
from avatar.generator.tuning.clip_crops import pack_clip
from avatar.generator.tuning.face_tracks import Clip
from avatar.generator.tuning.losses import picture_loss
from avatar.generator.tuning.packed_clips import read_packed
from avatar.generator.tuning.pairs import TARGETS, ClipFrame, PairBatch, make_batch
from avatar.models.store import get_model
from avatar.types import U8

TuningProgress = Callable[[float, float], None]
"""Called with (seconds done, seconds in all)."""

TIER: Final = "lite"
RATE: Final = 4e-3
STAY_WEIGHT: Final = 0.02
"""Price of moving away from a photo's own latents."""
KEPT_BACK: Final = 0.2
"""Share of the clip, its end, that is measured on and not learnt from."""
FEWEST_FRAMES: Final = 30
SHOWN: Final = 6
_STILL: Final = Window(1.0, 0.0, 0.0)
"""Photos and clip come from different pictures: bodies may move along with the crop."""


@dataclass(frozen=True, slots=True)
class TuningReport:
    """What fitting came to, on the frames kept back."""

    before: float
    """Loss with the photos' own latents."""
    after: float
    steps: int
    sheet: U8
    """(rows, columns, 3) RGB: real frames, the geometry tier, the network before, the network after."""

    @property
    def kept(self) -> bool:
        """Whether the fitted latents are better and were kept."""
        return self.after < self.before


def tune(
    identity: Identity, video: Path, *, seconds: float, progress: TuningProgress | None = None
) -> tuple[Identity, TuningReport]:
    """Return an identity with latents fitted to a clip of the person, and what that brought.

    Raises:
        TrainingError: the clip shows the face in too few frames.
        ModelError: the network's weights are missing.
        MediaError: the clip cannot be read.
    """
    network = load_network(network_files(TIER).weights)[1].requires_grad_(requires_grad=False)
    photos = [_photo(portrait) for portrait in identity.portraits]
    frames = _frames(video)
    last = len(frames) - max(1, round(KEPT_BACK * len(frames)))
    measured = make_batch([(photos, [frames[i] for i in np.linspace(last, len(frames) - 1, SHOWN).astype(int)])])
    with torch.no_grad():
        own = network.encoder(centred(torch.from_numpy(np.stack([photo.rgb for photo in photos]))))
        before, drawn_before = _draw(network, own, measured)
    fitted = tuple(part.clone().requires_grad_() for part in own)
    optimiser = torch.optim.Adam(fitted, RATE)
    rng = np.random.default_rng(0)
    started_s, steps = time.monotonic(), 0
    while (elapsed_s := time.monotonic() - started_s) < seconds:
        batch = make_batch([(photos, [frames[i] for i in rng.integers(last, size=TARGETS)])])
        loss, _ = _draw(network, fitted, batch)
        stay = torch.stack([(a - b).square().mean() for a, b in zip(fitted, own, strict=True)]).sum()
        optimiser.zero_grad()
        (loss + STAY_WEIGHT * stay).backward()
        optimiser.step()
        steps += 1
        if progress is not None:
            progress(min(elapsed_s, seconds), seconds)
    with torch.no_grad():
        after, drawn_after = _draw(network, fitted, measured)
    rows = (measured.target, measured.moved, _bytes(drawn_before), _bytes(drawn_after))
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
    report = TuningReport(float(before), float(after), steps, sheet)
    if not report.kept:
        return identity, report
    quarter, eighth = (np.asarray(part.detach().numpy(), np.float32) for part in fitted)
    return replace(identity, latents=PersonalLatents(TIER, LATENTS_VERSION, quarter, eighth)), report


def _draw(network: FaceNetwork, latents: Sequence[Tensor], batch: PairBatch) -> tuple[Tensor, Tensor]:
    """Return (loss, pictures (B, 3, S, S)) of a batch with one person's latents, (K, ...) each."""
    data = to_tensors(batch, torch.device("cpu"))
    lender = torch.from_numpy(batch.photo)[data.lead]
    steering = data.grid, latents[0][lender], latents[1][lender], data.condition
    layers = network.decoder(data.moved, data.nearest, data.regions, *steering)
    made = blend(data.moved, *layers[:4])
    return picture_loss(made, data.target, data.regions), made


def _photo(portrait: Portrait) -> ClipFrame:
    window = face_window(fit_pose(portrait.landmarks_px))
    crop = cut_crop(portrait.rgb, window, CROP_SIZE)
    return ClipFrame(crop, window.to_picture(portrait.landmarks_px), portrait.blendshapes, _STILL)


def _frames(video: Path) -> list[ClipFrame]:
    """Return the frames of a clip that show the face, as training sees them."""
    with tempfile.TemporaryDirectory(prefix="avatar-tune-") as folder:
        clip = Clip(video.name, "train", "one", "", "")
        work = Path(folder)
        count = pack_clip(clip, video.parent, work, model=get_model("face_landmarker"), work=work / "tracks")
        if count < FEWEST_FRAMES:
            raise TrainingError(f"{video} shows the face in {count} frames: fitting takes {FEWEST_FRAMES} or more.")
        packed = read_packed(work)[0]
    tracks = packed.tracks
    return [ClipFrame(rgb, tracks.landmarks[i], tracks.blendshapes[i], _STILL) for i, rgb in enumerate(packed.rgb)]


def _bytes(pictures: Tensor) -> U8:
    levels = ((pictures.clamp(-1, 1) + 1) * 127.5).round().byte()
    return np.asarray(levels.permute(0, 2, 3, 1).numpy(), np.uint8)
