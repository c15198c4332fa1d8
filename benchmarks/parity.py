"""Do our readings of LivePortrait's networks compute what the original modules compute?

`liveportrait_answers.npz` holds what the original modules (github.com/KwaiVGI/LivePortrait, MIT) answered in float32,
filled with `seeded_weights`. The same numbers go here through the checkpoints' published layout, our conversion and our
modules. A difference counts as a share of the answer's spread. Takes a minute on two cores, and 2 GB.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from avatar.types import F32
from benchmarks import report
from benchmarks.seeded_weights import draw, write_published

ANSWERS: Final = Path(__file__).with_name("liveportrait_answers.npz")
LARGEST: Final = 1e-3
KINDS: Final = {"float32": LARGEST, "float16": 2e-2, "bfloat16": 2e-2}
"""The largest difference that is allowed, by what is computed with."""
SAMPLES: Final = 2048
CHAIN: Final = "G of our W"
"""Drawn from what was warped in the same kind of numbers: G's answer is what it is held against too."""


def samples(values: F32, count: int = SAMPLES) -> F32:
    """Return up to `count` numbers of an array, evenly spread over its flat order."""
    flat = values.ravel()
    return flat[np.linspace(0, len(flat) - 1, min(count, len(flat))).astype(np.int64)]


def difference(found: F32, wanted: F32) -> float:
    """Return the largest difference as a share of the answer's spread, or of its size where it is one number."""
    spread = float(np.ptp(wanted)) or float(np.abs(wanted).max())
    return float(np.abs(samples(found) - wanted.ravel()).max()) / spread


def answers(weights: Path, device: str, kind: str = "float32", without: tuple[str, ...] = ()) -> dict[str, F32]:
    """Return what our networks answer, by the names of the recorded answers; some networks may be left out.

    `kind` is what those compute with that draw, one of `KINDS`.
    """
    import torch  # noqa: PLC0415 - only where it is installed

    from avatar.generator.portrait.keypoints import degrees, head_motion  # noqa: PLC0415
    from avatar.generator.portrait.networks import load_portrait_networks  # noqa: PLC0415

    drawn_in = getattr(torch, kind)
    networks = load_portrait_networks(weights, torch.device(device), drawn_in, channels_last=kind != "float32")

    def there(values: F32) -> Any:
        return torch.from_numpy(values).to(device)

    crop = there(np.clip(np.abs(draw("input.image", (1, 3, 256, 256))), 0, 1))
    found: dict[str, Any] = {}
    with torch.no_grad():
        found["F"] = networks.appearance(crop.to(drawn_in))
        raw = networks.motion(crop)
        found |= {f"M.{name}": value for name, value in raw._asdict().items()}
        found["pose.degrees"] = torch.cat([degrees(logits) for logits in (raw.pitch, raw.yaw, raw.roll)])
        motion = head_motion(raw)
        found |= {"pose.rotation": motion.rotation, "pose.keypoints": motion.keypoints()}
        driven, source = (there(0.3 * draw(f"input.kp_{name}", (1, 21, 3))) for name in ("driving", "source"))
        warped = networks.warping(there(draw("input.feature", (1, 32, 16, 64, 64))).to(drawn_in), driven, source)
        found |= {f"W.{name}": value for name, value in warped._asdict().items()}
        if "G" not in without:
            if kind != "float32":  # G is asked about its own error, not about W's
                exact = load_portrait_networks(weights, torch.device(device), torch.float32)
                warped = exact.warping(there(draw("input.feature", (1, 32, 16, 64, 64))), driven, source)
                found[CHAIN] = networks.decoder(found["W.out"].to(drawn_in))
            found["G"] = networks.decoder(warped.out.to(drawn_in))
        for name, width in (("stitching", 126), ("lip", 65), ("eye", 66)):
            found[f"S_{name}"] = getattr(networks, name)(there(draw(f"input.S_{name}", (1, width))))
    return {name: value.float().cpu().numpy() for name, value in found.items()}


def differences(found: dict[str, F32]) -> dict[str, float]:
    """Return how far each answer is from the recorded one."""
    with np.load(ANSWERS) as recorded:
        return {name: difference(values, recorded["G" if name == CHAIN else name]) for name, values in found.items()}


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--device", default="cpu", help="of torch, such as cuda (default: cpu)")
    arguments.add_argument("--kind", default="float32", choices=KINDS, help="what is computed with (default: float32)")
    chosen = arguments.parse_args()
    from avatar.generator.portrait.checkpoints import convert_checkpoints  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        write_published(Path(folder))
        weights = Path(folder) / "liveportrait.safetensors"
        convert_checkpoints(Path(folder), weights)
        apart = differences(answers(weights, chosen.device, chosen.kind))
    bar = f"<= {KINDS[chosen.kind]:g}"
    report.table(("answer", "largest difference"), [(name, f"{value:.1e}") for name, value in apart.items()])
    report.finish({"max_relative_difference": max(apart.values())}, {"max_relative_difference": bar}, chosen.json)


if __name__ == "__main__":
    main()
