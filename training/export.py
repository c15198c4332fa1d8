"""Export trained weights to ONNX, check that they answer alike, and make an 8-bit copy.

    python -m training.export --weights build/run/best.safetensors --data build/packed --out build/onnx

Writes `face_network_TIER-encoder.onnx` (once per photo), `-decoder.onnx` (once per frame), `-decoder-int8.onnx`, and
the register that the product finds them by, and prints what was measured as JSON. With `--ship models` the weights and
all of these go there, with a model card beside them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
import torch
from torch import nn

from avatar.errors import AvatarError, TrainingError
from avatar.generator.compositing import lay_on_crop
from avatar.generator.engines.engine import FrameInput, FrameLayers, Latents
from avatar.generator.face_crop import CROP_SIZE
from avatar.generator.network import SIZES, FaceNetwork
from avatar.generator.network_export import FrameDecoder, FrameEncoder, centred
from avatar.generator.network_files import write_register
from avatar.generator.network_input import CONDITION_SIZE, REGIONS
from avatar.generator.network_weights import load_network, load_weights, write_weights
from avatar.generator.tuning.packed_clips import read_packed
from training.decoder_examples import Arrays, DecoderExample, frames, single_frames
from training.holdback import measured_pairs, split_people
from training.network_card import network_card
from training.smaller_numbers import equalised, halve, quantise

OPSET: Final = 17
ENCODER_NAMES: Final = (["rgb"], ["latent4", "latent8"])
LARGEST_DIFFERENCE: Final = 0.5
"""Of 255 levels, pixels or latents, whichever is furthest apart."""
CALIBRATION_BATCHES: Final = 6
TIMED_RUNS: Final = 30


def export(tier: str, network: FaceNetwork, folder: Path) -> tuple[Path, Path]:
    """Write the encoder and the decoder, for one picture at a time; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    encoder, decoder = (folder / f"face_network_{tier}-{part}.onnx" for part in ("encoder", "decoder"))
    photo = torch.zeros(1, CROP_SIZE, CROP_SIZE, 3, dtype=torch.uint8)
    frame = _nothing(tier).by_name()
    for module, inputs, names_in, names_out, path in (
        (FrameEncoder(network), (photo,), *ENCODER_NAMES, encoder),
        (
            FrameDecoder(network),
            tuple(map(torch.from_numpy, frame.values())),
            [*frame],
            [*FrameLayers._fields],
            decoder,
        ),
    ):
        part = path.with_suffix(".part")
        # The newer exporter (dynamo) would need one more package for the same graph.
        torch.onnx.export(
            module, inputs, str(part), input_names=names_in, output_names=names_out, opset_version=OPSET, dynamo=False
        )
        part.replace(path)
    return encoder, decoder


def _nothing(tier: str) -> FrameInput:
    """Return a frame of zeros."""
    size, side = SIZES[tier], CROP_SIZE // 4
    black = np.zeros((CROP_SIZE, CROP_SIZE, 3), np.uint8)
    masks = np.zeros((len(REGIONS), CROP_SIZE, CROP_SIZE), np.uint8)
    latents = Latents(
        np.zeros((1, size.latent4, side, side), np.float32),
        np.zeros((1, size.latent8, side // 2, side // 2), np.float32),
    )
    steering = np.zeros(CONDITION_SIZE, np.float32)
    return FrameInput(black, black, masks, masks[0], np.zeros((side, side, 2), np.float32), latents, steering)


def session(path: Path) -> Any:
    """Return an ONNX Runtime session on one core of the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def largest_difference(network: FaceNetwork, encoder: Path, decoder: Path, example: DecoderExample) -> float:
    """Return how far ONNX Runtime and torch are apart at most, over all outputs of both files.

    Of what leaves as bytes the half level that rounding takes does not count.
    """
    photo = example.moved[None]
    with torch.no_grad():
        wanted = [*FrameEncoder(network)(torch.from_numpy(photo))]
        wanted += [*FrameDecoder(network).layers(*map(torch.from_numpy, example.inputs.values()))]
    found = session(encoder).run(None, {"rgb": photo}) + session(decoder).run(None, example.inputs)
    return max(
        float(np.abs(a.numpy() - b).max()) - (0.5 if b.dtype == np.uint8 else 0)
        for a, b in zip(wanted, found, strict=True)
    )


def picture_psnr(decoder: Path, examples: Sequence[DecoderExample]) -> float:
    """Return the mean PSNR of a decoder's finished crops against the real ones on the face, dB."""
    runner = session(decoder)
    values = []
    for frame in examples:
        layers = FrameLayers(*(part[0] for part in runner.run(None, frame.inputs)))
        made = centred(torch.from_numpy(lay_on_crop(frame.moved, layers)[None]))
        error = (made - frame.target).square().mean(1)[0][frame.face].mean().item()
        values.append(10 * np.log10(4 / max(error, 1e-9)))
    return float(np.mean(values))


def count_parameters(network: FaceNetwork) -> dict[str, int]:
    """Return how many numbers each half of the network has."""
    halves: dict[str, nn.Module] = {"encoder": network.encoder, "decoder": network.decoder}
    return {name: sum(value.numel() for value in half.parameters()) for name, half in halves.items()}


def milliseconds(path: Path, inputs: Arrays) -> float:
    """Return the median time of one run on one core."""
    runner = session(path)
    times = []
    for _ in range(TIMED_RUNS):
        started = time.perf_counter()
        runner.run(None, inputs)
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1e3


def _ship(weights: Path, folder: Path, card: str, made: dict[str, Path], tier: str) -> None:
    """Put weights in half precision, their model card, the exported files and their register into a folder."""
    shipped = folder / f"face_network_{tier}.safetensors"
    _, tensors, about = load_weights(weights)
    write_weights(shipped, {name: value.half() for name, value in tensors.items()}, tier, about)
    shipped.chmod(0o644)
    shipped.with_suffix(".md").write_text(card, encoding="utf-8")
    write_register(folder, tier, {part: Path(shutil.copy(path, folder)) for part, path in made.items()})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__.split("\n")[0])
    parser.add_argument("--weights", type=Path, required=True, help="best.safetensors of a run")
    parser.add_argument("--data", type=Path, default=Path("build/packed"), help="packed clips, to calibrate on")
    parser.add_argument("--out", type=Path, default=Path("build/onnx"), help="folder for the ONNX files")
    parser.add_argument("--hold-back", type=int, default=4, metavar="N", help="as in training")
    parser.add_argument("--fold", type=int, default=0, metavar="K", help="as in training")
    parser.add_argument("--hold-out", action="append", default=[], metavar="PERSON", help="as in training")
    parser.add_argument("--ship", type=Path, default=None, metavar="FOLDER", help="put weights and model card there")
    parser.add_argument("--no-int8", action="store_true", help="leave the 8-bit copy out")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        tier, network = load_network(options.weights)
        clips = [clip for clip in read_packed(options.data) if clip.label.split == "train"]
        train, held_back = split_people(clips, options.hold_back, fold=options.fold, named=options.hold_out)
        source = frames(train, network, seed=1)
        examples = [next(source) for _ in range(4 * CALIBRATION_BATCHES)]
        network = equalised(network, examples)
        encoder, decoder = export(tier, network, options.out)
        calibration = [example.inputs for example in examples]
        made = {"encoder": encoder, "decoder": decoder}
        if not options.no_int8:
            made["decoder-int8"] = quantise(decoder, calibration)
        for path in (encoder, decoder):
            halve(path)
        report: dict[str, float] = {"difference": largest_difference(network, encoder, decoder, examples[0])}
        if report["difference"] > LARGEST_DIFFERENCE:
            apart = report["difference"]
            raise TrainingError(f"ONNX Runtime answers {apart:.4f} beside torch: the export is not usable.")
        examples = [
            frame for batch in measured_pairs(held_back, references=1) for frame in single_frames(batch, network)
        ]
        report["face_psnr_db"] = picture_psnr(decoder, examples)
        report["ms_1core"] = milliseconds(decoder, calibration[0])
        if "decoder-int8" in made:
            report["int8_psnr_drop_db"] = report["face_psnr_db"] - picture_psnr(made["decoder-int8"], examples)
            report["int8_ms_1core"] = milliseconds(made["decoder-int8"], calibration[0])
        write_register(options.out, tier, made)
        if options.ship is not None:
            about, parameters = load_weights(options.weights)[2], count_parameters(network)
            card = network_card(tier, about, report, train=train, held_back=held_back, parameters=parameters)
            _ship(options.weights, options.ship, card, made, tier)
    except AvatarError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps({name: round(value, 5) for name, value in report.items()}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
