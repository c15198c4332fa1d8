"""A program makes and ends a call on a real server over loopback, and each refusal is an error of its own."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn

from avatar.config import LimitSettings, ServerSettings, TransportSettings
from avatar.errors import AvatarError, OfferError, ServerFullError, ServerGoneError, TokenError, UnknownAvatarError
from avatar.identities.library import AvatarLibrary
from avatar.sdk.whip_client import ANSWER_BYTES, WhipClient, refusal
from avatar.server.app import create_app
from avatar.stream.ice_servers import expiring_credentials

TURN = "turn:t.example:3478"
TURN_SECRET = "north"  # noqa: S105


class Calls:
    """Answers every offer, or raises `trouble`."""

    def __init__(self) -> None:
        self.trouble: AvatarError | None = None
        self.running: set[str] = set()
        self.drives: list[str] = []

    async def create(self, offer_sdp: str, avatar_id: str | None, *, drive: str, **_: Any) -> Any:
        if self.trouble is not None:
            raise self.trouble
        self.running.add("call1")
        self.drives.append(drive)
        return SimpleNamespace(id="call1", ice_tag="tag", answer_sdp=f"v=0\r\nto {avatar_id}: {offer_sdp}")

    async def end(self, call_id: str, reason: str = "left") -> bool:
        found = call_id in self.running
        self.running.discard(call_id)
        return found

    def watchers(self, _: str) -> None:
        return None

    def expect_another(self) -> None:
        pass

    async def close(self) -> None:
        self.running.clear()

    def snapshot(self) -> Any:
        return SimpleNamespace(active=len(self.running), limit=4)


@contextmanager
def serving(scheme: str = "http", **tls: Any) -> Iterator[Any]:
    """Run a server that asks for the token `secret`; yield its `url` and its `calls`."""
    calls = Calls()
    settings = ServerSettings(transport=TransportSettings(("stun:s.example", TURN), turn_secret=TURN_SECRET))
    app = create_app(settings, AvatarLibrary((), LimitSettings()), calls, token="secret")  # type: ignore[arg-type]  # noqa: S106
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="warning", lifespan="off", **tls))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        while not running.started:
            time.sleep(0.01)
        try:
            yield SimpleNamespace(url=f"{scheme}://localhost:{listening.getsockname()[1]}", calls=calls)
        finally:
            running.should_exit = True
            thread.join(10)


@pytest.fixture
def server() -> Iterator[Any]:
    """Run a server."""
    with serving() as running:
        yield running


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CA's `ca.pem`, and `key.pem` and `cert.pem` that it made for localhost."""
    folder = tmp_path_factory.mktemp("certificates")
    new = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1")
    usage = ("-addext", "keyUsage=critical,keyCertSign")
    openssl(folder, *new, "-subj", "/CN=a CA of our own", *usage, "-keyout", "ca.key", "-out", "ca.pem")
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE")
    openssl(folder, *new, *names, *signed, "-keyout", "key.pem", "-out", "cert.pem")
    return folder


def test_a_call_is_made_and_ended_twice(server: Any) -> None:
    client = WhipClient(server.url, "secret")
    answer = client.offer("the offer", {"avatar": "mira & co", "drive": "voice"})
    assert answer.sdp == "v=0\r\nto mira & co: the offer"
    assert server.calls.running == {"call1"} and server.calls.drives == ["voice"]
    client.end(answer)
    assert server.calls.running == set()
    client.end(answer)


def test_the_servers_turn_server_is_known_with_its_password_to_who_may_call(server: Any) -> None:
    stun, turn = WhipClient(server.url, "secret").ice_servers()
    assert (stun.url, stun.credential, turn.url) == ("stun:s.example", None, TURN)
    expires, _, _ = str(turn.username).partition(":")
    assert turn.credential == expiring_credentials(TURN_SECRET, float(expires), 0)[1]
    assert [one.url for one in WhipClient(server.url).ice_servers()] == ["stun:s.example"]


@pytest.mark.parametrize("token", [None, "wrong"])
def test_a_token_that_is_refused(server: Any, token: str | None) -> None:
    with pytest.raises(TokenError, match="token"):
        WhipClient(server.url, token).offer("the offer", {"avatar": "mira"})
    assert not server.calls.running


@pytest.mark.parametrize(
    "trouble",
    [
        ServerFullError("All places are taken.", retry_after_s=7),
        UnknownAvatarError("Nobody knows this avatar."),
        OfferError("The offer has no video."),
    ],
)
def test_a_refusal_keeps_its_code_and_words(server: Any, trouble: AvatarError) -> None:
    server.calls.trouble = trouble
    with pytest.raises(AvatarError, match=str(trouble)) as refused:
        WhipClient(server.url, "secret").offer("the offer", {"avatar": "mira"})
    assert refused.value.code == trouble.code
    if isinstance(trouble, ServerFullError):
        assert isinstance(refused.value, ServerFullError) and refused.value.retry_after_s == 7


def test_a_server_that_is_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(ServerGoneError, match=f"127.0.0.1:{port} does not answer"):
        WhipClient(f"http://127.0.0.1:{port}").offer("the offer", {"avatar": "mira"})


def test_https_where_a_server_has_no_certificate(server: Any) -> None:
    with pytest.raises(ServerGoneError, match="without a certificate is at http://"):
        WhipClient(server.url.replace("http:", "https:"), "secret").offer("the offer", {"avatar": "mira"})


def test_a_certificate_is_trusted_where_its_ca_is(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving("https", ssl_keyfile=certificates / "key.pem", ssl_certfile=certificates / "cert.pem") as server:
        client = WhipClient(server.url, "secret")
        with pytest.raises(ServerGoneError, match=r"certificate is not trusted.*SSL_CERT_FILE") as refused:
            client.offer("the offer", {"avatar": "mira"})
        assert "does not answer" not in str(refused.value) and not server.calls.running
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
        client.end(client.offer("the offer", {"avatar": "mira"}))
        assert server.calls.drives


@pytest.mark.parametrize("url", ["", "host", "ftp://host", "http://", "http://host:port", "http://[::1"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ServerGoneError, match="no address"):
        WhipClient(url)


def test_a_token_that_would_break_the_request_is_not_sent() -> None:
    with pytest.raises(TokenError):
        WhipClient("https://host", "a\r\nHost: elsewhere")


def test_plain_http_leaves_this_machine_only_when_told() -> None:
    with pytest.raises(AvatarError, match="https") as refused:
        WhipClient("http://avatars.example", "secret")
    assert refused.value.code == "insecure_url" and "secret" not in str(refused.value)
    WhipClient("http://avatars.example", "secret", plain_http=True)
    assert WhipClient("http://[::1]:8010").on_this_machine and not WhipClient("https://avatars.example").on_this_machine


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b"\xff" * ANSWER_BYTES])
def test_an_answer_that_is_none_of_ours(body: bytes) -> None:
    assert isinstance(refusal(502, "", body), ServerGoneError)
