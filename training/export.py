"""Export trained weights to ONNX, check that they answer alike, and make an 8-bit copy.

    python -m training.export --weights build/run/best.safetensors --data build/packed --out build/onnx

Writes `face_network_TIER-encoder.onnx` (once per photo), `-decoder.onnx` (once per frame), `-decoder-int8.onnx`, and
the register that the product finds them by, and prints what was measured as JSON. With `--ship models` the weights and
all of these go there, with a model card beside them.
"""

from __future__ import annotations

import argparse
import copy
import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from torch import Tensor, nn

from avatar.errors import AvatarError, TrainingError
from avatar.generator.compositing import lay_on_crop
from avatar.generator.engines.engine import FrameInput, FrameLayers, Latents
from avatar.generator.face_crop import CROP_SIZE
from avatar.generator.network import FINE_CHANNELS, SIZES, FaceNetwork
from avatar.generator.network_export import FrameDecoder, FrameEncoder, centred
from avatar.generator.network_files import write_register
from avatar.generator.network_input import CONDITION_SIZE, REGIONS, head_seam
from avatar.generator.network_weights import load_network, load_weights, write_weights
from avatar.generator.tuning.packed_clips import PackedClip, read_packed
from avatar.generator.tuning.pairs import PairBatch, PairBatches
from avatar.types import F32, U8
from training.holdback import measured_pairs, split_people
from training.network_card import network_card

OPSET: Final = 17
ENCODER_NAMES: Final = (["rgb"], ["latent4", "latent8"])
LARGEST_DIFFERENCE: Final = 0.5
"""Of 255 levels, pixels or latents, whichever is furthest apart."""
CALIBRATION_BATCHES: Final = 6
LEAST_HALVED: Final = 1024
"""Numbers of a weight that is worth storing in half precision."""
TIMED_RUNS: Final = 30

Arrays = dict[str, F32 | U8]


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


@dataclass(frozen=True, slots=True)
class DecoderExample:
    """One frame as the exported decoder takes it, and as it should become."""

    inputs: Arrays
    moved: U8
    """(S, S, 3)."""
    face: Tensor
    """(S, S), bool."""
    target: Tensor
    """(1, 3, S, S), -1..1."""


def frames(clips: Sequence[PackedClip], network: FaceNetwork, *, seed: int) -> Iterator[DecoderExample]:
    """Yield training frames, one at a time, endlessly."""
    batches = PairBatches(clips, batch=4, seed=seed)
    for number in range(len(batches)):
        yield from single_frames(batches[number], network)


def single_frames(batch: PairBatch, network: FaceNetwork) -> Iterator[DecoderExample]:
    """Yield each picture of a batch."""
    encoder = FrameEncoder(network)
    with torch.no_grad():
        latents = [encoder(torch.from_numpy(photo[None])) for photo in batch.references]
    for index, lead in enumerate(batch.lead.tolist()):
        regions = np.ascontiguousarray(np.moveaxis(batch.regions[index], -1, 0))
        frame = FrameInput(
            moved=batch.moved[index],
            nearest=batch.lead_moved[index],
            regions=regions,
            seam=head_seam(regions),
            grid=batch.grid[index],
            latents=Latents(*(part.numpy() for part in latents[lead])),
            condition=batch.condition[index],
        )
        face = torch.from_numpy(regions[REGIONS.index("face")] > 127)
        target = centred(torch.from_numpy(batch.target[index : index + 1]))
        yield DecoderExample(frame.by_name(), frame.moved, face, target)


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


def halve(path: Path) -> None:
    """Store the larger weights of an ONNX file in half precision; runtimes widen them again as they load it."""
    import onnx  # noqa: PLC0415 - large, and needed here only

    model = onnx.load(str(path))
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < LEAST_HALVED:
            continue
        half = onnx.numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}-half")
        casts.append(onnx.helper.make_node("Cast", [half.name], [tensor.name], to=onnx.TensorProto.FLOAT))
        tensor.CopyFrom(half)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    part = path.with_suffix(".part")
    onnx.save(model, str(part))
    part.replace(path)


def equalised(network: FaceNetwork, examples: Sequence[DecoderExample]) -> FaceNetwork:
    """Return a network that draws the same, in which the finest channels lose alike in eight bits.

    They share one scale there, though some reach nine times as far as others. Between two convolutions without a ReLU
    each may be scaled as one likes: by the root of what it is multiplied with later over how far it reaches (Nagel et
    al., "Data-free quantization through weight equalization and bias correction", ICCV 2019).
    """
    reach = torch.zeros(FINE_CHANNELS)

    def note(_: nn.Module, __: object, answer: Tensor) -> None:
        reach.copy_(torch.maximum(reach, answer.unflatten(1, (-1, FINE_CHANNELS)).abs().amax((0, 1, 3, 4))))

    decoder = FrameDecoder(network)
    hook = decoder.to_pixels.register_forward_hook(note)
    with torch.no_grad():
        for example in examples:
            decoder.layers(*map(torch.from_numpy, example.inputs.values()))
    hook.remove()
    made = copy.deepcopy(network)
    pixels, heads = made.decoder.to_pixels, (made.decoder.draw, made.decoder.to_mask, made.decoder.to_borrowed)
    with torch.no_grad():
        used = torch.cat([head.weight for head in heads]).abs().amax((0, 2, 3))
        scale = (used.clamp(min=1e-6) / reach.clamp(min=1e-6)).sqrt()
        scale /= scale.mean()
        for head in heads:
            head.weight /= scale[:, None, None]
        for value in (pixels.weight, pixels.bias):
            value.mul_(scale.repeat_interleave(len(value) // FINE_CHANNELS).view(-1, *[1] * (value.ndim - 1)))
    return made


class _Calibration(CalibrationDataReader):
    def __init__(self, inputs: list[Arrays]) -> None:
        self._inputs = iter(inputs)

    def get_next(self) -> Arrays | None:
        return next(self._inputs, None)


def quantise(decoder: Path, inputs: list[Arrays]) -> Path:
    """Write the 8-bit decoder beside the full one, calibrated on `inputs`: u8 activations, s8 weights per channel.

    Weights take seven of their eight bits: CPUs without VNNI add two products in 16 bits, which eight would overflow.
    """
    path = decoder.with_name(f"{decoder.stem}-int8.onnx")
    part = path.with_suffix(".part")
    quantize_static(
        str(decoder),
        str(part),
        _Calibration(inputs),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        op_types_to_quantize=["Conv"],
    )
    part.replace(path)
    return path


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
