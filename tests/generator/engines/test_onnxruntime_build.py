"""ONNX Runtime's build for CPUs and the one for GPUs exclude each other; who has the wrong one is told what to do."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from avatar.generator.engines.onnxruntime_build import installed_builds, why_missing
from avatar.generator.engines.onnxruntime_engine import open_onnx_session


def test_which_builds_are_installed_is_found() -> None:
    def version_of(name: str) -> str:
        if name == "onnxruntime":
            raise PackageNotFoundError(name)
        return "1.32.0"

    assert installed_builds(version_of) == {"onnxruntime-gpu": "1.32.0"}
    assert installed_builds(), "one of them is needed"


@pytest.mark.parametrize(
    ("builds", "says"),
    [
        ({"onnxruntime": "1.32.0"}, "this build .* has no CUDA.*pip uninstall .* pip install onnxruntime-gpu"),
        ({"onnxruntime": "1", "onnxruntime-gpu": "1"}, "onnxruntime and onnxruntime-gpu are both installed"),
        ({"onnxruntime-gpu": "1.32.0"}, "onnxruntime-gpu 1.32.0 has no CUDA.*, only CPUExecutionProvider"),
    ],
)
def test_what_to_do_depends_on_the_build(builds: dict[str, str], says: str) -> None:
    assert re.search(says, why_missing("CUDAExecutionProvider", ["CPUExecutionProvider"], builds))


@pytest.mark.parametrize(
    ("engine", "provider"),
    [("onnxruntime-cuda", "CUDAExecutionProvider"), ("onnxruntime-tensorrt", "TensorrtExecutionProvider")],
)
def test_the_engines_name_chooses_the_provider(engine: str, provider: str, tmp_path: Path) -> None:
    import onnxruntime  # noqa: PLC0415 - 200 ms

    if provider in onnxruntime.get_available_providers():
        pytest.skip("this build is for GPUs")
    with pytest.raises(RuntimeError, match=f"{provider}.*onnxruntime-gpu"):
        open_onnx_session(tmp_path / "network.onnx", engine, 1)
