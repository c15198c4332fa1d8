"""How much room recordings may take: a rule of the files in their folder and of the operator's limits."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

from avatar.config import LimitSettings

MB: Final = 1_000_000
_SUFFIX: Final = ".mp4"


def why_no_other(folder: Path, own: Collection[str], limits: LimitSettings) -> str | None:
    """Return why a call cannot be recorded (once more), in words; None where it can.

    `own` are the names of the call's files. Reads the folder; one that cannot be read has room, as far as this knows.
    """
    if len(own) >= limits.recordings_per_call:
        return f"This call has been recorded {len(own)} times, as often as a call may be (--recordings-per-call)."
    files = _sizes(folder)
    if len(files) >= limits.recorded_files:
        return (
            f"There are {len(files)} recordings, as many as may be kept (--recorded-files). Who runs the server can "
            "move some elsewhere."
        )
    return _why_too_large(files, own, limits)


def why_no_more(folder: Path, own: Collection[str], limits: LimitSettings) -> str | None:
    """Return why a running recording has to end, in words; None while it may go on."""
    return _why_too_large(_sizes(folder), own, limits)


def _why_too_large(files: dict[str, int], own: Collection[str], limits: LimitSettings) -> str | None:
    mine = sum(files.get(name, 0) for name in own)
    if mine >= MB * limits.recorded_mb_per_call:
        return f"This call's recordings take {mine // MB} MB, as much as a call's may (--recorded-mb-per-call)."
    everything = sum(files.values())
    if everything >= MB * limits.recorded_mb:
        return (
            f"All recordings take {everything // MB} MB, as much as they may (--recorded-mb). Who runs the server can "
            "move some elsewhere."
        )
    return None


def _sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of each recording in the folder, by its name."""
    sizes: dict[str, int] = {}
    try:
        for path in folder.iterdir():
            if path.suffix == _SUFFIX:
                sizes[path.name] = path.stat().st_size
    except OSError:  # it, or a file of it, has gone meanwhile
        pass
    return sizes
