"""Where the files are that travel with the package: the page and the built-in faces."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent


def resource_folder(name: Literal["client", "assets"]) -> Path:
    """Return the folder `name`: inside the package when installed from a wheel, else beside it in a checkout.

    Raises FileNotFoundError when it is in neither place.
    """
    for folder in (_PACKAGE / f"_{name}", _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"This installation lacks its folder {name!r}: install the package again.")
