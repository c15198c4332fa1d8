"""Where the weights this project trained lie: `models/` of the repository, `_models/` of the wheel."""

from __future__ import annotations

from pathlib import Path

from avatar.errors import ModelError


def weights_path(name: str) -> Path:
    """Return the path of a weights file such as `face_basis.safetensors`.

    Raises:
        ModelError: there is no such file.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "_models", package.parent / "models"):
        if (folder / name).is_file():
            return folder / name
    raise ModelError(f"The weights file {name} is missing from this installation of avatar: install the package again.")
