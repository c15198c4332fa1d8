"""The network's shipped files: which belong to a tier, and whether they are the ones this version was made for.

`models/face_network_TIER.json` lists a tier's ONNX files with their sizes and sha256; `training.export` writes
it. A file is checked before any runtime parses it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from avatar.errors import ModelError
from avatar.resources import resource_folder

VERSION: Final = 6
"""Of the exported files' inputs and outputs; raised when they change. Up to 5 pictures came and went in three channels,
what is added and kept not as bytes."""
LATENTS_VERSION: Final = 4
"""Of the encoder's answers, which fitted identities keep; raised when other numbers mean the same."""
FORMAT: Final = "avatar-face-network"
PARTS: Final = ("encoder", "decoder", "decoder-int8")
LARGEST_FILE: Final = 200_000_000


@dataclass(frozen=True, slots=True)
class NetworkFiles:
    """One tier's files, checked."""

    tier: str
    encoder: Path
    decoder: Path
    decoder_int8: Path | None
    weights: Path
    """The safetensors to train on or to run with torch; may be missing in an installation that only runs ONNX."""


def network_files(tier: str, folder: Path | None = None) -> NetworkFiles:
    """Return a tier's files.

    Raises:
        ModelError: the tier has none here, or one is missing, damaged, of another tier or version.
    """
    folder = resource_folder("models") if folder is None else folder
    register = _register(folder / f"face_network_{tier}.json", tier)
    checked = {part: _checked(folder, entry) for part, entry in register.items()}
    return NetworkFiles(
        tier,
        encoder=checked["encoder"],
        decoder=checked["decoder"],
        decoder_int8=checked.get("decoder-int8"),
        weights=folder / f"face_network_{tier}.safetensors",
    )


def write_register(folder: Path, tier: str, files: dict[str, Path]) -> Path:
    """Write the register of a tier's files, all of which lie in `folder`; returns its path."""
    entries = {
        part: {"file": path.name, "bytes": path.stat().st_size, "sha256": _sha256(path)} for part, path in files.items()
    }
    path = folder / f"face_network_{tier}.json"
    text = json.dumps({"format": FORMAT, "version": VERSION, "tier": tier, "files": entries}, indent=2)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _register(path: Path, tier: str) -> dict[str, dict[str, object]]:
    """Return a register's entries by part."""
    if not path.is_file():
        raise ModelError(
            f"There are no weights for tier {tier!r} in this installation ({path.name} is missing). "
            "Train them (docs/training.md), or choose another tier."
        )
    try:
        register = json.loads(path.read_text(encoding="utf-8"))
        ours, version, named, files = (register[key] for key in ("format", "version", "tier", "files"))
        entries = {part: dict(files[part]) for part in PARTS if part in files}
        complete = {"encoder", "decoder"} <= entries.keys()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is damaged ({error}): install avatar again or export the network again.") from error
    if ours != FORMAT or named != tier or not complete:
        raise ModelError(f"{path} is not the register of tier {tier!r}: export the network again.")
    if version != VERSION:
        raise ModelError(
            f"{path} is of version {version}, this program runs version {VERSION}: "
            "export it again from its weights (docs/training.md)."
        )
    return entries


def _checked(folder: Path, entry: dict[str, object]) -> Path:
    """Return the path of a register's entry, its size and sha256 checked."""
    name, size, digest = entry.get("file"), entry.get("bytes"), entry.get("sha256")
    if not isinstance(name, str) or Path(name).name != name:
        raise ModelError(f"The network's register names no plain file ({name!r}): export the network again.")
    path = folder / name
    if not path.is_file():
        raise ModelError(f"{path} is missing: install avatar again or export the network again.")
    found = path.stat().st_size
    if found != size or found > LARGEST_FILE or _sha256_once(path, path.stat().st_mtime_ns) != digest:
        raise ModelError(f"{path} is damaged or of another version: install avatar again or export the network again.")
    return path


@cache
def _sha256_once(path: Path, changed_ns: int) -> str:  # noqa: ARG001 - a changed file is another key
    return _sha256(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
