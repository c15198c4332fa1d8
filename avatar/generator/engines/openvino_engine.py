"""OpenVINO: the fastest on CPUs with 8-bit instructions (2 to 2.5 times ONNX Runtime where it was measured)."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from typing import Any

from avatar.generator.engines.engine import FrameInput, FrameLayers, Latents
from avatar.generator.network_files import NetworkFiles
from avatar.types import U8


class OpenVinoEngine:
    """The 8-bit network on the CPU."""

    name = "openvino"

    def __init__(self, files: NetworkFiles, threads: int) -> None:
        """Compile the network; about half a second.

        Raises:
            ImportError: OpenVINO is not installed.
            RuntimeError: it cannot run the network here.
        """
        import openvino  # noqa: PLC0415 - 150 ms, and only where this engine is chosen

        self.tier = files.tier
        core = openvino.Core()
        options = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            # Its default on some CPUs is bfloat16, which was slower than 8 bits with the rest in full.
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,
        }
        self._encoder = core.compile_model(str(files.encoder), "CPU", options)
        self._decoder = core.compile_model(str(files.decoder_int8 or files.decoder), "CPU", options)
        self._idle: SimpleQueue[_Request] = SimpleQueue()

    def encode(self, rgb: U8) -> Latents:
        """Return the latents of a photo's crop (S, S, 3) RGB."""
        found = self._encoder.create_infer_request().infer({"rgb": rgb[None]})
        return Latents(found["latent4"].copy(), found["latent8"].copy())

    def decode(self, frame: FrameInput) -> FrameLayers:
        """Return one frame's layers."""
        # A request holds the network's buffers: each thread at work takes one and gives it back.
        try:
            request = self._idle.get_nowait()
        except Empty:
            request = _Request(self._decoder)
        try:
            return request.decode(frame)
        finally:
            self._idle.put(request)


class _Request:
    """The decoder's inputs and outputs in memory that is used again and again: nothing is allocated or handed over."""

    def __init__(self, decoder: Any) -> None:
        self._request = decoder.create_infer_request()
        self._inputs, self._outputs = (
            {port.any_name: self._request.get_tensor(port).data for port in ports}
            for ports in (decoder.inputs, decoder.outputs)
        )
        self._latents: Latents | None = None

    def decode(self, frame: FrameInput) -> FrameLayers:
        frame.write_pictures(self._inputs)
        self._inputs["grid"][0] = frame.grid
        self._inputs["condition"][0] = frame.condition
        if frame.latents is not self._latents:  # they change with the photo alone
            self._inputs["latent4"][:], self._inputs["latent8"][:] = frame.latents
            self._latents = frame.latents
        self._request.infer(share_outputs=True)
        return FrameLayers(*(self._outputs[name][0].copy() for name in FrameLayers._fields))
