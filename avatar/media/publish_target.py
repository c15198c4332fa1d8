"""Where an avatar's picture and sound are published to: an address or a file, and the form that it takes."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from avatar.errors import PublishError

SoundCodec: TypeAlias = Literal["libopus", "aac"]

_FILES: Final = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".ts": "mpegts", ".flv": "flv"}
_WHIP: Final = ("whip", "whips", "http", "https")
TAKEN: Final = f"whip://, https:// (WHIP), rtmp://, rtmps://, srt:// or a file ({', '.join(_FILES)})"


@dataclass(frozen=True, slots=True)
class PublishTarget:
    """One target."""

    shown: str
    """Its name in messages: without the stream key that its path may hold."""
    url: str = field(repr=False)
    """As FFmpeg takes it."""
    container: str
    """The muxer's name."""
    sound: SoundCodec
    is_file: bool = False
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    """For the muxer."""


def read_target(text: str, *, token: str | None = None) -> PublishTarget:
    """Return the target that a text names; `token` is the bearer token of a WHIP target.

    `whip://HOST/...` is https, and http where HOST is this machine. Raises PublishError for what is no target.
    """
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if not scheme:
        return _file(Path(text))
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise PublishError(f"The target is no address: {error}.", code="bad_target") from error
    if not host or re.search(r"[\x00-\x20\x7f]", text):
        raise PublishError(f"The target names no host: give one such as {scheme}://HOST/PATH.", code="bad_target")
    shown = f"{scheme}://{parts.netloc.rpartition('@')[2]}"
    match scheme:
        case _ if scheme in _WHIP:
            plain = scheme == "http" or (scheme == "whip" and _is_this_machine(host))
            url = parts._replace(scheme="http" if plain else "https").geturl()
            return PublishTarget(
                shown, url, "whip", "libopus", options={} if token is None else {"authorization": token}
            )
        case "rtmp" | "rtmps":
            return PublishTarget(shown, text, "flv", "aac")
        case "srt":
            return PublishTarget(shown, text, "mpegts", "aac")
    raise PublishError(f"Nothing can be published to {scheme}://: {TAKEN} can be.", code="bad_target")


def _file(path: Path) -> PublishTarget:
    container = _FILES.get(path.suffix.lower())
    if container is None:
        raise PublishError(f"{str(path)!r} is no target: {TAKEN} can be.", code="bad_target")
    if path.is_dir() or not path.parent.is_dir():
        raise PublishError(f"{path} cannot be written: there is no folder {path.parent}.", code="bad_target")
    # What is written so far can be played, whenever it ends.
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"} if container in ("mp4", "mov") else {}
    return PublishTarget(str(path), f"file:{path}", container, "aac", is_file=True, options=options)


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
