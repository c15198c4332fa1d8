"""The page's files: all there, or a sentence that says which are not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from avatar.errors import InstallationError
from avatar.resources import resource_folder

_NAMED_BY_PAGE: Final = re.compile(r'(?:src|href)="/client/([^"]+)"')
_NAMED_BY_SCRIPT: Final = re.compile(r'^(?:import|export)\b[^;"]*"(\.[^"]+)"', re.MULTILINE)
PAGES: Final = ("camera.html", "index.html", "obs.html", "watch.html")
_SHOWN: Final = 5
"""Missing files that are named; of more, the number says enough."""


def page_folder(folder: Path | None = None) -> Path:
    """Return the folder of the page (default: the package's own), with every file in it that the page loads.

    Raises InstallationError that names what is missing.
    """
    folder = resource_folder("client") if folder is None else folder
    missing = _missing(folder)
    if missing:
        shown = ", ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else "")
        raise InstallationError(
            f"This installation of avatar lacks files of its page: {shown} (looked for in {folder}). Install it again, "
            "or build its wheel from a whole checkout: pip install --force-reinstall --no-deps PATH-OR-NAME"
        )
    return folder


def _missing(folder: Path) -> list[str]:
    """Return the names of files that the page loads and `folder` lacks: its own, and what its scripts import."""
    missing = [name for name in PAGES if not (folder / name).is_file()]
    texts = [(folder / name).read_text(encoding="utf-8") for name in PAGES if name not in missing]
    waiting = [folder / name for text in texts for name in _NAMED_BY_PAGE.findall(text)]
    seen: set[Path] = set()
    while waiting:
        path = waiting.pop().resolve()
        if path in seen:
            continue
        seen.add(path)
        if not path.is_file():
            missing.append(path.relative_to(folder.resolve()).as_posix())
        elif path.suffix == ".js":
            waiting += [path.parent / name for name in _NAMED_BY_SCRIPT.findall(path.read_text(encoding="utf-8"))]
    return sorted(missing)
