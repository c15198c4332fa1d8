"""Where the files are that travel with the package: the page, the built-in faces and the weights we trained."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from safetensors import SafetensorError
from safetensors.numpy import load_file

from avatar.errors import InstallationError, ModelError
from avatar.types import F32

_PACKAGE = Path(__file__).resolve().parent
_HOLDS: Final = {"client": "its page", "assets": "its built-in faces", "models": "the weights of its networks"}
"""What each folder is, as a user knows it."""


def resource_folder(name: Literal["client", "assets", "models"]) -> Path:
    """Return the folder `name`: inside the package when installed from a wheel, else beside it in a checkout.

    Raises InstallationError when it is in neither place.
    """
    places = (_PACKAGE / f"_{name}", _PACKAGE.parent / name)
    for folder in places:
        if folder.is_dir():
            return folder
    raise InstallationError(
        f"This installation of avatar lacks {_HOLDS[name]}: there is neither {places[0]} nor {places[1]}. Install it "
        "again, or build its wheel from a whole checkout: pip install --force-reinstall --no-deps PATH-OR-NAME"
    )


def weights_path(name: str) -> Path:
    """Return the path of a weights file such as `face_basis.safetensors`.

    Raises ModelError when there is no such file.
    """
    path = resource_folder("models") / name
    if not path.is_file():
        raise ModelError(f"The weights file {name} is missing from this installation of avatar: install it again.")
    return path


def load_weights(name: str) -> dict[str, F32]:
    """Return the arrays in a weights file that travels with the package, by their names.

    Raises ModelError when there is no such file, or it is damaged.
    """
    path = weights_path(name)
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"The weights file {path} is damaged ({error}): install avatar again.") from error
