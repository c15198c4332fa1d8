"""What a server does with connections that only take up room, tried over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from avatar.server import admission, connection
from avatar.server.admission import OPEN_PER_REQUEST, Admission
from avatar.server.connection import connection_class

GET = b"GET /quick HTTP/1.1\r\nHost: localhost\r\n\r\n"
ROOMY = Admission(64, 64)
PATIENCE_S = 20.0
"""Nothing here takes a second; a test that waits so long has failed."""


class App:
    """Answers `/quick` at once, `/slow` when let go, `/large` with more than any buffer holds; reads every body."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.at_work = threading.Semaphore(0)
        self.bodies: list[bytes] = []
        self.ended = threading.Semaphore(0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        try:
            await self._answer(scope, receive, send)
        finally:
            self.ended.release()

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        self.at_work.release()
        if scope["path"] == "/slow":
            await asyncio.to_thread(self.let_go.wait, PATIENCE_S)
        elif scope["method"] == "POST":
            body, more = b"", True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body, more = body + message["body"], message["more_body"]
            self.bodies.append(body)
        answer = bytes(50_000_000) if scope["path"] == "/large" else b"here"
        headers = [(b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer[:100], "more_body": True})
        await send({"type": "http.response.body", "body": answer[100:]})


class Running:
    """A server in a thread."""

    def __init__(self, limits: Admission, head_s: float, tls: ssl.SSLContext | None) -> None:
        self.app = App()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listening.getsockname()[1]
        how = {"log_config": None, "lifespan": "off", "timeout_graceful_shutdown": 1}
        config = uvicorn.Config(self.app, http=connection_class(limits, tls=tls, head_s=head_s), **how)  # type: ignore[arg-type]
        self.server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self._listening]})
        self._thread.start()
        self.open: list[socket.socket] = []
        while not self.server.started:
            time.sleep(0.01)

    def connect(self, send: bytes = b"") -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        self.open.append(made)
        made.sendall(send)
        return made

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def close(self) -> None:
        self.app.let_go.set()
        self.stop()
        for made in self.open:
            made.close()
        self._listening.close()


@contextmanager
def serving(
    limits: Admission = ROOMY, *, head_s: float = PATIENCE_S, tls: ssl.SSLContext | None = None
) -> Iterator[Running]:
    running = Running(limits, head_s, tls)
    try:
        yield running
    finally:
        running.close()


def answer_of(made: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Return the status, headers and body of one answer; (0, {}, b"") where the connection was closed without one."""
    file = made.makefile("rb", buffering=0)
    try:
        first = file.readline()
    except ConnectionResetError:
        first = b""
    if not first:
        return 0, {}, b""
    headers = {}
    while (line := file.readline().decode().strip()) != "":
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    body, length = b"", int(headers.get("content-length", "0"))
    while len(body) < length and (more := file.read(length - len(body))):
        body += more
    return int(first.split()[1]), headers, body


def problem_code(answer: tuple[int, dict[str, str], bytes], status: int) -> str:
    assert answer[0] == status, answer
    assert answer[1]["content-type"] == "application/problem+json"
    told = json.loads(answer[2])
    assert told["status"] == status and len(told["detail"]) > 20
    return str(told["code"])


def test_connections_that_say_nothing_lock_nobody_out() -> None:
    with serving(Admission(requests=8, requests_per_address=8)) as running:
        for _ in range(100):
            running.connect()
        for number in range(5):
            assert answer_of(running.connect(GET))[0] == 200, number
        assert len(running.server.server_state.connections) <= 8 * OPEN_PER_REQUEST + 1


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"G", b"GET / HTTP/1.1\r\nHost: loc", b"GET / HTTP/1.1\r\nHost: localhost\r\n"])
def test_a_head_that_does_not_come_whole_is_given_up(sent: bytes) -> None:
    with serving(head_s=0.2) as running:
        assert problem_code(answer_of(running.connect(sent)), 408) == "request_timeout"


def test_a_connection_that_says_nothing_is_closed() -> None:
    with serving(head_s=0.2) as running:
        assert answer_of(running.connect()) == (0, {}, b"")


def test_the_second_request_of_a_connection_has_the_same_time() -> None:
    with serving(head_s=0.3) as running:
        made = running.connect(GET + GET)
        assert [answer_of(made)[0] for _ in range(2)] == [200, 200]
        made.sendall(b"GET / HT")
        assert problem_code(answer_of(made), 408) == "request_timeout"


def test_work_that_takes_long_is_waited_for() -> None:
    with serving(head_s=0.1) as running:
        made = running.connect(GET.replace(b"/quick", b"/slow"))
        assert running.app.at_work.acquire(timeout=PATIENCE_S)
        time.sleep(0.3)
        running.app.let_go.set()
        assert answer_of(made)[0] == 200


def test_a_body_that_goes_on_after_its_answer_does_not_hold_the_place() -> None:
    with serving(head_s=0.3) as running:
        made = running.connect(b"GET /quick HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
        assert answer_of(made)[0] == 200
        with pytest.raises(OSError, match=r"reset|pipe"):
            for _ in range(round(PATIENCE_S / 0.05)):
                made.sendall(b"x")
                time.sleep(0.05)


def test_one_request_too_many_is_told_when_to_come_back_and_keeps_its_connection() -> None:
    with serving(Admission(requests=2, requests_per_address=2)) as running:
        for _ in range(2):
            running.connect(GET.replace(b"/quick", b"/slow"))
            assert running.app.at_work.acquire(timeout=PATIENCE_S)
        made = running.connect(GET)
        refused = answer_of(made)
        assert problem_code(refused, 503) == "server_full"
        assert int(refused[1]["retry-after"]) > 0
        running.app.let_go.set()
        for busy in running.open[:2]:
            assert answer_of(busy)[0] == 200
        made.sendall(GET)
        assert answer_of(made)[0] == 200


def test_slow_senders_lock_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "GRACE_S", 0.1)
    head = b"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    with serving(Admission(requests=4, requests_per_address=4)) as running:
        slow = [running.connect(head + b"x") for _ in range(4)]
        for _ in slow:
            assert running.app.at_work.acquire(timeout=PATIENCE_S)
        slow[0].sendall(b"x" * 500)
        time.sleep(0.3)
        assert answer_of(running.connect(GET))[0] == 200
        assert problem_code(answer_of(slow[1]), 503) == "server_full"
        slow[0].sendall(b"x" * 499)
        assert answer_of(slow[0])[0] == 200, "a sender that is quicker keeps its place"


def test_an_answer_that_nobody_takes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "UNREAD_S", 0.2)
    with serving() as running:
        running.connect(GET.replace(b"/quick", b"/large"))
        assert running.app.ended.acquire(timeout=PATIENCE_S)


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x02\x00 no HTTP\r\n\r\n", b"GET\r\n\r\n"])
def test_what_is_no_http_is_refused_as_a_problem(sent: bytes) -> None:
    with serving() as running:
        assert problem_code(answer_of(running.connect(sent)), 400) == "bad_request"


def test_a_length_said_in_two_ways_is_refused_and_ends_the_connection() -> None:
    twice = b"POST /quick HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving() as running:
        made = running.connect(twice + b"2\r\nhi\r\n0\r\n\r\n")
        assert problem_code(answer_of(made), 400) == "bad_request"
        assert made.recv(1) == b""
        assert not running.app.bodies


@pytest.mark.slow
def test_stopping_waits_for_nobody_who_is_idle_or_slow(caplog: pytest.LogCaptureFixture) -> None:
    head = b"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    caplog.set_level(logging.ERROR)
    with serving() as running:
        for sent in (b"", b"GET / HTTP"):
            running.connect(sent)
        uploading = running.connect(head + b"x")
        working = running.connect(GET.replace(b"/quick", b"/slow"))
        for _ in range(2):
            assert running.app.at_work.acquire(timeout=PATIENCE_S)
        running.server.should_exit = True
        assert problem_code(answer_of(uploading), 503) == "server_full"
        assert problem_code(answer_of(working), 503) == "server_full", "it was waited for a while"
        running.stop()
    errors = [record for record in caplog.records if "Exception" in record.message or record.exc_info]
    assert not errors


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's side of a certificate."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    made = f"-nodes -days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout {key} -out {cert}"
    curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256"
    subprocess.run(["openssl", "req", "-x509", *curve.split(), *made.split()], check=True, capture_output=True)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(cert, key)
    return server, ssl.create_default_context(cafile=Path(cert))


def test_https_serves_though_others_never_shake_hands(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    with serving(Admission(requests=4, requests_per_address=4), tls=tls[0]) as running:
        for sent in (b"", b"\x16\x03\x01"):
            for _ in range(20):
                running.connect(sent)
        for _ in range(3):
            with tls[1].wrap_socket(running.connect(), server_hostname="localhost") as secure:
                head = b"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n"
                secure.sendall(head + bytes(300_000))
                assert answer_of(secure)[0] == 200
                secure.sendall(GET)
                assert answer_of(secure)[0] == 200
        assert [len(body) for body in running.app.bodies] == [300_000] * 3


def test_a_handshake_that_does_not_come_is_given_up(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    with serving(head_s=0.2, tls=tls[0]) as running:
        for sent in (b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"):
            made = running.connect(sent)
            with contextlib.suppress(ConnectionResetError):
                while made.recv(1000):  # an alert, perhaps
                    pass


@pytest.mark.slow
def test_stopping_https_does_not_wait_for_goodbyes(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    with serving(tls=tls[0]) as running:
        running.connect()
        secure = tls[1].wrap_socket(running.connect(), server_hostname="localhost")
        running.open.append(secure)
        secure.sendall(GET)
        assert answer_of(secure)[0] == 200
        running.stop()
