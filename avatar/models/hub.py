"""Models that others publish on a hub under a licence of their own: fetched on the user's word only.

Nobody signs these files and no list of their checksums comes with this product. The hub states the sha256 of each large
file in its answer (`X-Linked-Etag`); it is checked, and recorded with the first pull, so that a file that has changed
since is noticed. Which hub is asked says the environment variable HF_ENDPOINT, as with the hub's own tools.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from avatar.errors import ModelError
from avatar.models.sources import REDIRECTED, DownloadProgress, HttpSource, SourceError, open_url
from avatar.models.store import sha256_of
from avatar.models.tensor_file import write_whole

DEFAULT_HUB: Final = "https://huggingface.co"
RECORD: Final = "checksums.json"
TIMEOUT_S: Final = 20.0
LEAST_ALLOWED_S: Final = 900.0
"""For one file."""
SLOWEST: Final = 1e6
"""Bytes a second: a large file that comes slower on the whole is given up on, and what has come kept."""
HOPS: Final = 5
"""Redirects within the hub before it says what a file is."""
_SHA256: Final = re.compile(r'"?([0-9a-f]{64})"?')


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """Files of one repository on the hub that belong together."""

    name: str
    repository: str
    folder: str
    """Of the repository, that the files lie in."""
    files: tuple[str, ...]
    """Beneath that folder."""
    about_bytes: int
    """How much they are together."""
    largest_bytes: int
    """More than any of them has."""
    licence: str
    terms: str
    """What a user should know of the licence before the download."""
    origin: str
    """Who made it and what it does."""
    into: str = ""
    """Folder of the models that it is kept in; empty: one of its name."""
    also: tuple[PublishedModel, ...] = ()
    """Models of others that it works with, fetched with it."""

    @property
    def with_others(self) -> tuple[PublishedModel, ...]:
        """The model, and those that it works with."""
        return (self, *self.also)


PUBLISHED: Final[Mapping[str, PublishedModel]] = {
    model.name: model
    for model in (
        PublishedModel(
            name="liveportrait",
            repository="KwaiVGI/LivePortrait",
            folder="liveportrait",
            files=(
                "base_models/appearance_feature_extractor.pth",
                "base_models/motion_extractor.pth",
                "base_models/warping_module.pth",
                "base_models/spade_generator.pth",
                "retargeting_models/stitching_retargeting_module.pth",
            ),
            about_bytes=520_000_000,
            largest_bytes=400_000_000,
            licence="MIT",
            terms="Code and weights are published under the MIT licence by Kuaishou Technology. The face detector that "
            "their own program uses (InsightFace) may not be used commercially: it is neither fetched nor needed here.",
            origin="LivePortrait (arXiv 2407.03168): moves a portrait by another's face; draws the tier `portrait`",
        ),
        PublishedModel(
            name="musetalk",
            repository="TMElyralab/MuseTalk",
            folder="musetalkV15",
            files=("musetalk.json", "unet.pth"),
            about_bytes=3_400_000_000,
            largest_bytes=4_000_000_000,
            licence="MIT",
            terms="The code is published under the MIT licence by Tencent Music Entertainment's Lyra Lab; the weights, "
            "as its README says, for any purpose, commercial ones too. It works with the two models below, under their "
            "own licences. The networks for faces, poses and parts of faces that its own program uses are neither "
            "fetched nor needed here.",
            origin="MuseTalk 1.5 (arXiv 2410.10122): draws a mouth from a voice; the tier `musetalk`",
            also=(
                PublishedModel(
                    name="sd-vae-ft-mse",
                    repository="stabilityai/sd-vae-ft-mse",
                    folder="",
                    files=("config.json", "diffusion_pytorch_model.safetensors"),
                    about_bytes=335_000_000,
                    largest_bytes=400_000_000,
                    licence="MIT",
                    terms="Published under the MIT licence by Stability AI.",
                    origin="Stable Diffusion's autoencoder: pictures to latents and back, for MuseTalk",
                    into="musetalk/vae",
                ),
                PublishedModel(
                    name="whisper-tiny",
                    repository="openai/whisper-tiny",
                    folder="",
                    files=("config.json", "preprocessor_config.json", "model.safetensors"),
                    about_bytes=151_000_000,
                    largest_bytes=200_000_000,
                    licence="Apache-2.0",
                    terms="Published under the Apache licence, version 2.0, by OpenAI.",
                    origin="Whisper (arXiv 2212.04356), tiny: what MuseTalk hears a voice with",
                    into="musetalk/whisper",
                ),
            ),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """What the hub says of a file before it is fetched."""

    size: int
    """Bytes."""
    sha256: str | None
    """None: the hub does not say."""


def hub_url() -> str:
    """Return the hub's address: that of HF_ENDPOINT, else the public one.

    Raises:
        ModelError: it is no HTTPS address (on this machine itself, HTTP will do).
    """
    address = os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or DEFAULT_HUB
    parts = urlsplit(address)
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname))):
        raise ModelError(f"HF_ENDPOINT has to be an address such as {DEFAULT_HUB}, with https; it is {address!r}.")
    return address


def pull_published(model: PublishedModel, into: Path, progress: DownloadProgress | None = None) -> dict[str, str]:
    """Fetch a published model's files into a folder; what is there already and right stays.

    Returns:
        The sha256 of each file.

    Raises:
        ModelError: the hub is not reached, refuses, sends another file than it says, or another than it sent the first
            time; the folder cannot be written.
    """
    base = f"{hub_url()}/{model.repository}/resolve/main/{model.folder}".rstrip("/") + "/"
    recorded = _read_record(into / RECORD)
    found: dict[str, str] = {}
    try:
        for file in model.files:
            found[file] = _pull_file(model, base + quote(file), into, file, recorded.get(file), progress)
        write_whole(into / RECORD, (json.dumps(found, indent=2) + "\n").encode())
    except OSError as error:
        raise ModelError(
            f"The folder {into} cannot be written: {error.strerror or error}. "
            "Make room or make it writable, or name another folder in the environment variable AVATAR_MODELS."
        ) from error
    return found


def _pull_file(
    model: PublishedModel, url: str, into: Path, file: str, recorded: str | None, progress: DownloadProgress | None
) -> str:
    path = into / file
    if recorded is not None and path.is_file() and sha256_of(path) == recorded:
        return recorded
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        remote = _look(url)
        if remote.size > model.largest_bytes:
            raise SourceError(f"it says that this file has {remote.size:,} bytes, more than any of {model.name}'s has")
        allowed_s = max(LEAST_ALLOWED_S, remote.size / SLOWEST)
        HttpSource(url, total_s=allowed_s).fetch(part, remote.size, path.name, progress)
    except SourceError as error:
        raise ModelError(
            f"{model.name} could not be fetched from {url}: {error}. Connect to the internet and try again (what has "
            f"come is kept), or name a mirror in the environment variable HF_ENDPOINT."
        ) from error
    digest = sha256_of(part)
    if remote.sha256 not in (None, digest):
        part.unlink()
        raise ModelError(
            f"What {url} sends is not the file that the hub names (its sha256 is {digest}, not {remote.sha256}): "
            "try again later."
        )
    if recorded not in (None, digest):
        part.unlink()
        raise ModelError(
            f"{url} is not the file that was fetched here the first time (its sha256 is {digest}, was {recorded}). If "
            f"you trust the new one, remove {RECORD} from {into} and pull again."
        )
    part.replace(path)
    return digest


def _look(url: str) -> RemoteFile:
    """Return what the hub says of a file. Raises SourceError.

    It says so where it redirects to the place that large files lie in, and of small ones after it has redirected
    within itself.
    """
    try:
        for _ in range(HOPS):
            request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "avatar"})  # noqa: S310
            with open_url(request, TIMEOUT_S, follow=False) as answer:
                headers, status = answer.headers, answer.status
            onward = urljoin(url, headers.get("Location", ""))
            within = urlsplit(onward)[:2] == urlsplit(url)[:2]
            if status not in REDIRECTED or "X-Linked-Size" in headers or not within:
                break
            url = onward
    except urllib.error.HTTPError as error:
        raise SourceError(f"HTTP {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise SourceError(str(getattr(error, "reason", error)) or type(error).__name__) from error
    stated = headers.get("X-Linked-Size") or headers.get("Content-Length") or ""
    if not stated.isascii() or not stated.isdecimal() or not 0 < len(stated) <= 12 or int(stated) == 0:
        raise SourceError("it does not say how large the file is")
    digest = _SHA256.fullmatch(headers.get("X-Linked-Etag", ""))
    return RemoteFile(int(stated), digest[1] if digest else None)


def _read_record(path: Path) -> dict[str, str]:
    """Return the sha256 of each file as it was recorded; nothing where there is no record.

    Raises:
        ModelError: the record is damaged.
    """
    try:
        read = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is damaged ({error}): remove it and pull again.") from error
    if not isinstance(read, dict) or not all(
        isinstance(value, str) and _SHA256.fullmatch(value) for value in read.values()
    ):
        raise ModelError(f"{path} is no record of checksums: remove it and pull again.")
    return read


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
