"""ONNX Runtime: on any CPU in 8 bits, on NVIDIA GPUs (CUDA or TensorRT) where its GPU build is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from avatar.errors import ModelError
from avatar.generator.engines.engine import FrameInput, FrameLayers, Latents
from avatar.generator.engines.onnxruntime_build import installed_builds, why_missing
from avatar.generator.network_files import NetworkFiles
from avatar.models.telemetry import keep_telemetry_off
from avatar.types import U8

PROVIDERS: Final = {
    "onnxruntime": "CPUExecutionProvider",
    "onnxruntime-cuda": "CUDAExecutionProvider",
    "onnxruntime-tensorrt": "TensorrtExecutionProvider",
}


def open_onnx_session(path: Path, name: str, threads: int) -> Any:
    """Return a file, opened for one of `PROVIDERS`.

    Raises:
        ImportError: ONNX Runtime is not installed.
        ModelError: the file is none of ONNX, or damaged.
        RuntimeError: ONNX Runtime lacks the provider, or the provider does not work here.
    """
    keep_telemetry_off()
    import onnxruntime  # noqa: PLC0415 - 200 ms, and only where this engine is chosen
    from onnxruntime.capi import onnxruntime_pybind11_state as errors  # noqa: PLC0415

    provider = PROVIDERS[name]
    available = onnxruntime.get_available_providers()
    if provider not in available:
        raise RuntimeError(why_missing(provider, available, installed_builds()))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Spinning threads slow down whatever else the machine does.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if provider != "CPUExecutionProvider":
        onnxruntime.preload_dlls()  # CUDA's libraries, where they were installed by pip
    try:
        made = onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except (errors.InvalidProtobuf, errors.InvalidGraph, errors.InvalidArgument, errors.NoSuchFile) as error:
        raise ModelError(f"{path} is no file of ONNX, or damaged ({str(error).splitlines()[0][:200]}).") from error
    if provider not in made.get_providers():  # it falls back to the CPU without an error
        raise RuntimeError(f"{provider} does not work here")
    return made


class OnnxRuntimeEngine:
    """The network on one of ONNX Runtime's providers."""

    def __init__(self, name: str, files: NetworkFiles, threads: int) -> None:
        """Load the network for one of `PROVIDERS`.

        Raises:
            ImportError: ONNX Runtime is not installed.
            ModelError: a file is damaged.
            RuntimeError: it lacks the provider, or the provider does not work here.
        """
        self.name, self.tier = name, files.tier
        on_cpu = PROVIDERS[name] == "CPUExecutionProvider"
        decoder = files.decoder_int8 if on_cpu and files.decoder_int8 is not None else files.decoder
        self._encoder, self._decoder = (open_onnx_session(path, name, threads) for path in (files.encoder, decoder))

    def encode(self, rgb: U8) -> Latents:
        """Return the latents of a photo's crop (S, S, 3) RGB."""
        return Latents(*self._encoder.run(["latent4", "latent8"], {"rgb": rgb[None]}))

    def decode(self, frame: FrameInput) -> FrameLayers:
        """Return one frame's layers."""
        return FrameLayers(*(part[0] for part in self._decoder.run(list(FrameLayers._fields), frame.by_name())))
