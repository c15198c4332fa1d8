"""Which build of ONNX Runtime is installed, and what to do where it lacks what a GPU needs.

The builds for CPUs and for GPUs are two packages that own the same files, so no extra can add one to the other: with
both installed, whichever came last lies over the other. One has to take the other's place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final

BUILDS: Final = ("onnxruntime", "onnxruntime-gpu")
"""By their names on the package index."""
SWAP: Final = "pip uninstall -y onnxruntime onnxruntime-gpu, then pip install onnxruntime-gpu"


def installed_builds(version_of: Callable[[str], str] = version) -> dict[str, str]:
    """Return the version of each of `BUILDS` that is installed."""
    found = {}
    for name in BUILDS:
        try:
            found[name] = version_of(name)
        except PackageNotFoundError:
            continue
    return found


def why_missing(provider: str, available: Sequence[str], builds: dict[str, str]) -> str:
    """Return why a provider is none of those that are available, and what to do, in words."""
    if len(builds) > 1:
        return (
            f"{' and '.join(builds)} are both installed and own the same files, so that neither is whole: it has no "
            f"{provider}. {SWAP}"
        )
    if "onnxruntime-gpu" in builds:
        return (
            f"onnxruntime-gpu {builds['onnxruntime-gpu']} has no {provider}, only {', '.join(available)}: choose an "
            "engine for one of those"
        )
    return (
        f"this build of ONNX Runtime has no {provider}. The one for GPUs takes its place, as both own the same files: "
        f"{SWAP}"
    )
