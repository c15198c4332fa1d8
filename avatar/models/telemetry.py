"""Telemetry of the libraries that run models: off, for nothing that happens here is anybody else's business."""

from __future__ import annotations

import os


def keep_telemetry_off() -> None:
    """Keep ONNX Runtime from numbering this machine and sending events to its maker; call it before it is imported.

    Its official builds do both unless this variable is set when they start (1.32, `Privacy.md` in its wheel; see
    `findings/onnxruntime_numbers_the_machine.sh`). Who has set it already has decided.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
