"""Export trained weights to ONNX, check that they answer alike, and make an 8-bit copy.

    python -m avatar.training.export --weights build/run/best.safetensors --data build/packed --out build/onnx

Writes `TIER-encoder.onnx` (once per photo), `TIER-decoder.onnx` (once per frame) and `TIER-decoder-int8.onnx`, and
prints what was measured as JSON. With `--ship models` the weights go there too, with a model card beside them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from torch import Tensor, nn

from avatar.errors import AvatarError, TrainingError
from avatar.generator.face_crop import CROP_SIZE
from avatar.generator.network import PICTURE_CHANNELS, SIZES, FaceNetwork, blend
from avatar.generator.network_input import CONDITION_SIZE, REGIONS
from avatar.training.batch_tensors import BatchTensors, to_tensors
from avatar.training.checkpoint import load_weights
from avatar.training.holdback import measured_pairs, split_people
from avatar.training.network_card import network_card
from avatar.training.packed_clips import PackedClip, read_packed
from avatar.training.pairs import PairBatches
from avatar.types import F32

OPSET: Final = 17
ENCODER_NAMES: Final = (["rgb"], ["latent4", "latent8"])
DECODER_NAMES: Final = (["picture", "grid", "latent4", "latent8", "condition"], ["pixels", "mask", "shift"])
LARGEST_DIFFERENCE: Final = 2e-3
"""Of values in -1..1; a quarter of one of 255 levels."""
CALIBRATION_BATCHES: Final = 6
TIMED_RUNS: Final = 30

Arrays = dict[str, F32]


class _FrameDecoder(nn.Module):
    """The decoder without what only training looks at."""

    def __init__(self, network: FaceNetwork) -> None:
        super().__init__()
        self.decoder = network.decoder

    def forward(self, picture: Tensor, grid: Tensor, latent4: Tensor, latent8: Tensor, condition: Tensor) -> Any:
        """Return pixels, mask and shift."""
        return self.decoder(picture, grid, latent4, latent8, condition)[:3]


def load_network(weights: Path) -> tuple[str, FaceNetwork]:
    """Return (tier, network) of a weights file.

    Raises:
        ModelError: the file is not one.
        TrainingError: it belongs to another tier's shape than it says.
    """
    tier, tensors, _ = load_weights(weights)
    try:
        network = FaceNetwork(SIZES[tier])
        network.load_state_dict(tensors)
    except (KeyError, RuntimeError) as error:
        raise TrainingError(f"{weights} does not fit this version's networks: {error}") from error
    return tier, network.eval()


def export(tier: str, network: FaceNetwork, folder: Path) -> tuple[Path, Path]:
    """Write the encoder and the decoder, for one picture at a time; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    size, side = SIZES[tier], CROP_SIZE // 4
    encoder, decoder = folder / f"{tier}-encoder.onnx", folder / f"{tier}-decoder.onnx"
    frame = (
        torch.zeros(1, PICTURE_CHANNELS, CROP_SIZE, CROP_SIZE),
        torch.zeros(1, side, side, 2),
        torch.zeros(1, size.latent4, side, side),
        torch.zeros(1, size.latent8, side // 2, side // 2),
        torch.zeros(1, CONDITION_SIZE),
    )
    photo = (torch.zeros(1, 3, CROP_SIZE, CROP_SIZE),)
    for module, inputs, (names_in, names_out), path in (
        (network.encoder, photo, ENCODER_NAMES, encoder),
        (_FrameDecoder(network), frame, DECODER_NAMES, decoder),
    ):
        part = path.with_suffix(".part")
        # The newer exporter (dynamo) would need one more package for the same graph.
        torch.onnx.export(
            module, inputs, str(part), input_names=names_in, output_names=names_out, opset_version=OPSET, dynamo=False
        )
        part.replace(path)
    return encoder, decoder


def session(path: Path, threads: int = 1) -> Any:
    """Return an ONNX Runtime session on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def frames(clips: Sequence[PackedClip], network: FaceNetwork, *, seed: int) -> Iterator[tuple[Arrays, Tensor, Tensor]]:
    """Yield (decoder inputs, moved photo, target) of training frames, one at a time, endlessly."""
    batches = PairBatches(clips, batch=4, seed=seed)
    for number in range(len(batches)):
        yield from single_frames(to_tensors(batches[number], torch.device("cpu")), network)


def single_frames(data: BatchTensors, network: FaceNetwork) -> Iterator[tuple[Arrays, Tensor, Tensor]]:
    """Yield (decoder inputs, moved photo (1, 3, S, S), target (1, 3, S, S)) of each picture of a batch."""
    with torch.no_grad():
        latent4, latent8 = network.encoder(data.references)
    for index, lead in enumerate(data.lead.tolist()):
        one = slice(index, index + 1)
        inputs = {
            "picture": data.picture[one],
            "grid": data.grid[one],
            "latent4": latent4[lead : lead + 1],
            "latent8": latent8[lead : lead + 1],
            "condition": data.condition[one],
        }
        yield {name: value.numpy() for name, value in inputs.items()}, data.moved[one], data.target[one]


def largest_difference(network: FaceNetwork, encoder: Path, decoder: Path, inputs: Arrays) -> float:
    """Return how far ONNX Runtime and torch are apart at most, over all outputs of both files."""
    photo = inputs["picture"][:, :3]
    with torch.no_grad():
        wanted = [*network.encoder(torch.from_numpy(photo))]
        wanted += [*network.decoder(*(torch.from_numpy(inputs[name]) for name in DECODER_NAMES[0]))[:3]]
    found = session(encoder).run(None, {"rgb": photo}) + session(decoder).run(None, inputs)
    return max(float(np.abs(a.numpy() - b).max()) for a, b in zip(wanted, found, strict=True))


class _Calibration(CalibrationDataReader):
    def __init__(self, inputs: list[Arrays]) -> None:
        self._inputs = iter(inputs)

    def get_next(self) -> Arrays | None:
        return next(self._inputs, None)


def quantise(decoder: Path, inputs: list[Arrays]) -> Path:
    """Write the 8-bit decoder beside the full one, calibrated on `inputs`: u8 activations, s8 weights per channel.

    Convolutions that meet or make pixels and flow stay as they are: eight bits would show there.
    """
    path = decoder.with_name(f"{decoder.stem}-int8.onnx")
    part = path.with_suffix(".part")
    kept = ("/to_pixels/", "/to_shift/", "/seen/", "/decoder/patches/")
    import onnx  # noqa: PLC0415 - large, and needed here only

    graph = onnx.load(str(decoder)).graph
    quantize_static(
        str(decoder),
        str(part),
        _Calibration(inputs),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=["Conv"],
        nodes_to_exclude=[node.name for node in graph.node if any(name in node.name for name in kept)],
    )
    part.replace(path)
    return path


def picture_psnr(decoder: Path, frames_asked: Sequence[tuple[Arrays, Tensor, Tensor]]) -> float:
    """Return the mean PSNR of a decoder's finished crops against the real ones on the face, dB."""
    runner = session(decoder)
    values = []
    for inputs, moved, target in frames_asked:
        face = inputs["picture"][:, 6 + REGIONS.index("face")] > 0.5
        pixels, mask, shift = (torch.from_numpy(part) for part in runner.run(None, inputs))
        error = (blend(moved, pixels, mask, shift) - target).square().mean(1)[torch.from_numpy(face)].mean().item()
        values.append(10 * np.log10(4 / max(error, 1e-9)))
    return float(np.mean(values))


def milliseconds(path: Path, inputs: Arrays) -> float:
    """Return the median time of one run on one core."""
    runner = session(path)
    times = []
    for _ in range(TIMED_RUNS):
        started = time.perf_counter()
        runner.run(None, inputs)
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1e3


def _ship(
    weights: Path,
    folder: Path,
    tier: str,
    network: FaceNetwork,
    report: dict[str, float],
    train: Sequence[PackedClip],
    held_back: Sequence[PackedClip],
) -> None:
    """Put weights and their model card into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shipped = folder / f"face_network_{tier}.safetensors"
    shutil.copyfile(weights, shipped)
    shipped.chmod(0o644)
    parameters = {
        "encoder": sum(value.numel() for value in network.encoder.parameters()),
        "decoder": sum(value.numel() for value in network.decoder.parameters()),
    }
    about = load_weights(weights)[2]
    card = network_card(tier, about, report, train=train, held_back=held_back, parameters=parameters)
    shipped.with_suffix(".md").write_text(card, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m avatar.training.export", description=__doc__.split("\n")[0])
    parser.add_argument("--weights", type=Path, required=True, help="best.safetensors of a run")
    parser.add_argument("--data", type=Path, default=Path("build/packed"), help="packed clips, to calibrate on")
    parser.add_argument("--out", type=Path, default=Path("build/onnx"), help="folder for the ONNX files")
    parser.add_argument("--hold-back", type=int, default=4, metavar="N", help="as in training")
    parser.add_argument("--ship", type=Path, default=None, metavar="FOLDER", help="put weights and model card there")
    parser.add_argument("--no-int8", action="store_true", help="leave the 8-bit copy out")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        tier, network = load_network(options.weights)
        clips = [clip for clip in read_packed(options.data) if clip.label.split == "train"]
        train, held_back = split_people(clips, options.hold_back)
        encoder, decoder = export(tier, network, options.out)
        source = frames(train, network, seed=1)
        calibration = [next(source)[0] for _ in range(4 * CALIBRATION_BATCHES)]
        report: dict[str, float] = {"difference": largest_difference(network, encoder, decoder, calibration[0])}
        if report["difference"] > LARGEST_DIFFERENCE:
            apart = report["difference"]
            raise TrainingError(f"ONNX Runtime answers {apart:.4f} beside torch: the export is not usable.")
        asked = [
            frame
            for batch in measured_pairs(held_back, references=1)
            for frame in single_frames(to_tensors(batch, torch.device("cpu")), network)
        ]
        report["face_psnr_db"] = picture_psnr(decoder, asked)
        report["ms_1core"] = milliseconds(decoder, calibration[0])
        if not options.no_int8:
            small = quantise(decoder, calibration)
            report["int8_psnr_drop_db"] = report["face_psnr_db"] - picture_psnr(small, asked)
            report["int8_ms_1core"] = milliseconds(small, calibration[0])
        if options.ship is not None:
            _ship(options.weights, options.ship, tier, network, report, train, held_back)
    except AvatarError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps({name: round(value, 5) for name, value in report.items()}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
