"""Where the files are that travel with the package: the page, the built-in faces and the weights we trained."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from avatar.errors import ModelError

_PACKAGE = Path(__file__).resolve().parent


def resource_folder(name: Literal["client", "assets", "models"]) -> Path:
    """Return the folder `name`: inside the package when installed from a wheel, else beside it in a checkout.

    Raises FileNotFoundError when it is in neither place.
    """
    for folder in (_PACKAGE / f"_{name}", _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"This installation lacks its folder {name!r}: install the package again.")


def weights_path(name: str) -> Path:
    """Return the path of a weights file such as `face_basis.safetensors`.

    Raises ModelError when there is no such file.
    """
    path = resource_folder("models") / name
    if not path.is_file():
        raise ModelError(f"The weights file {name} is missing from this installation of avatar: install it again.")
    return path
