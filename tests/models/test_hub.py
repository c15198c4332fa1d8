"""Models of others, from a hub on this machine: what is fetched is what the hub says, and stays what it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

from avatar.errors import ModelError
from avatar.models.hub import PublishedModel, hub_url, pull_published
from avatar.models.sources import HttpSource, SourceError

FILES = {"a/one.pth": b"first" * 5000, "b/two.pth": b"second" * 3000}
MODEL = PublishedModel("tiny", "who/what", "x", tuple(FILES), 50_000, 100_000, "MIT", "Free.", "a test")


class Hub(BaseHTTPRequestHandler):
    """A hub that redirects to where its files lie, as the public one does."""

    files: ClassVar[dict[str, bytes]]
    stated: ClassVar[dict[str, str]]
    asked: ClassVar[list[str]]
    moved: ClassVar[bool] = False
    """The repository has been renamed, or its small files lie elsewhere on the hub."""

    def do_HEAD(self) -> None:
        if self.moved and not self.path.startswith("/moved/"):
            self.send_response(307)
            self.send_header("Location", f"/moved{self.path}")
            self.send_header("Content-Length", "12")
            self.end_headers()
            return
        self.path = self.path.removeprefix("/moved")
        name = self.path.removeprefix("/who/what/resolve/main/x/")
        if name not in self.files:
            self.send_error(404)
            return
        digest = self.stated.get(name, hashlib.sha256(self.files[name]).hexdigest())
        self.send_response(302)
        self.send_header("Location", f"/far/{name}")
        self.send_header("X-Linked-Size", str(len(self.files[name])))
        self.send_header("X-Linked-Etag", f'"{digest}"')
        self.end_headers()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.path = self.path.removeprefix("/moved")
        name = self.path.removeprefix("/far/").removeprefix("/who/what/resolve/main/x/")
        if not self.path.startswith("/far/"):
            self.send_response(302)
            self.send_header("Location", f"/far/{name}")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.files[name])))
        self.end_headers()
        self.wfile.write(self.files[name])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    class Served(Hub):
        files: ClassVar[dict[str, bytes]] = dict(FILES)
        stated: ClassVar[dict[str, str]] = {}
        asked: ClassVar[list[str]] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Served)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}/")
    yield Served
    server.shutdown()
    server.server_close()
    thread.join()


def test_files_are_fetched_and_their_checksums_kept(hub: type[Hub], tmp_path: Path) -> None:
    digests = pull_published(MODEL, tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == FILES
    assert digests == {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    assert json.loads((tmp_path / "checksums.json").read_text()) == digests


def test_what_is_there_is_not_fetched_again(hub: type[Hub], tmp_path: Path) -> None:
    pull_published(MODEL, tmp_path)
    hub.asked.clear()
    pull_published(MODEL, tmp_path)
    assert hub.asked == []


def test_a_file_that_is_not_what_the_hub_says_is_thrown_away(hub: type[Hub], tmp_path: Path) -> None:
    hub.stated["a/one.pth"] = "0" * 64
    with pytest.raises(ModelError, match="not the file that the hub names"):
        pull_published(MODEL, tmp_path)
    assert not list(tmp_path.rglob("one.pth*"))


def test_a_file_that_has_changed_since_the_first_pull_is_noticed(hub: type[Hub], tmp_path: Path) -> None:
    pull_published(MODEL, tmp_path)
    (tmp_path / "a/one.pth").unlink()
    hub.files["a/one.pth"] = b"other!" * 4000
    with pytest.raises(ModelError, match="not the file that was fetched here the first time"):
        pull_published(MODEL, tmp_path)


def test_what_a_file_is_says_the_place_that_the_hub_redirects_to(hub: type[Hub], tmp_path: Path) -> None:
    hub.moved = True
    pull_published(MODEL, tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == FILES


def test_a_file_larger_than_any_of_the_model_is_not_fetched(hub: type[Hub], tmp_path: Path) -> None:
    hub.files["a/one.pth"] = bytes(MODEL.largest_bytes + 1)
    with pytest.raises(ModelError, match="more than any of tiny's has"):
        pull_published(MODEL, tmp_path)
    assert hub.asked == []


def test_a_hub_that_refuses_is_named_with_what_it_said(hub: type[Hub], tmp_path: Path) -> None:
    hub.files.clear()
    with pytest.raises(ModelError, match=r"HTTP 404.*HF_ENDPOINT"):
        pull_published(MODEL, tmp_path)


def test_without_a_connection_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="Connect to the internet"):
        pull_published(MODEL, tmp_path)


@pytest.mark.parametrize("address", ["http://hub.example", "ftp://hub.example", "hub.example", "https://"])
def test_a_hub_without_https_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(ModelError, match="with https"):
        hub_url()


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "checksums.json").write_text('{"a/one.pth": "short"}')
    with pytest.raises(ModelError, match="remove it and pull again"):
        pull_published(MODEL, tmp_path)


def test_a_redirect_within_plain_http_is_followed(hub: type[Hub], tmp_path: Path) -> None:
    source = HttpSource(f"{hub_url()}/who/what/resolve/main/x/a/one.pth")
    source.fetch(tmp_path / "part", len(FILES["a/one.pth"]), "one", None)
    assert (tmp_path / "part").read_bytes() == FILES["a/one.pth"]


def test_more_than_was_promised_is_not_taken(hub: type[Hub], tmp_path: Path) -> None:
    source = HttpSource(f"{hub_url()}/far/a/one.pth")
    with pytest.raises(SourceError, match="more than"):
        source.fetch(tmp_path / "part", 10, "one", None)
