"""`avatar serve` as an operator runs it: in a process of its own, stopped by signals."""

from __future__ import annotations

import errno
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from avatar.commands.main import main, parser
from avatar.commands.options import settings_of
from avatar.commands.serve import listening_socket, welcome
from avatar.commands.serving import default_processes
from avatar.errors import AvatarError
from avatar.resources import weights_path

pytestmark = pytest.mark.slow


@contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server on a free port; its process and the address it prints."""
    command = [sys.executable, "-m", "avatar.commands.main", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            assert "is ready: " in first, first
            yield process, first.split("is ready: ")[1].strip()
        finally:
            process.kill()


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_server_prints_its_address_answers_and_stops_cleanly(stop: signal.Signals) -> None:
    with serving("--loopback") as (process, address):
        with urllib.request.urlopen(f"{address}healthz") as answer:
            assert answer.status == 200
        with urllib.request.urlopen(f"{address}api/avatars") as answer:
            assert b"astronaut" in answer.read()
        started_s = time.monotonic()
        process.send_signal(stop)
        assert process.wait(20) == 0
        assert time.monotonic() - started_s < 10, "an enrolment in work is waited for: a second or two"


def test_it_starts_with_weights_of_ones_own_for_the_mouth() -> None:
    with serving("--loopback", "--voice-network", str(weights_path("speech_mouth.safetensors"))) as (_, address):
        assert address.startswith("http://")


def test_https_with_a_certificate_of_ones_own(tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    with serving("--tls-cert", str(cert), "--tls-key", str(key)) as (_, address):
        assert address.startswith("https://localhost:")
        context = ssl.create_default_context(cafile=str(cert))
        with urllib.request.urlopen(f"{address}healthz", context=context) as answer:
            assert answer.status == 200


def test_a_taken_port_is_said_with_another_one(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "avatar.commands.main", "serve", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert f"--port {port + 1}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EADDRINUSE, "Stop the other program there, or choose another port: avatar serve --port 81"),
        (errno.EADDRNOTAVAIL, "Name an address of this machine, or 0.0.0.0"),
        (errno.EACCES, "Ports below 1024 are for the system's own programs"),
    ],
)
def test_what_to_do_about_a_port_is_said(number: int, advice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def bind(*_: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(socket.socket, "bind", bind)
    with pytest.raises(AvatarError) as refused:
        listening_socket("127.0.0.1", 80)
    assert advice in str(refused.value)


@pytest.mark.parametrize("content", [None, b"hello"])
def test_a_background_that_cannot_be_is_said_before_anything_starts(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "sea.png"
    if content is not None:
        picture.write_bytes(content)
    assert main(["serve", "--port", "0", "--background", str(picture)]) == 1
    assert f"The background {picture} cannot be" in capsys.readouterr().err


@pytest.mark.parametrize("host", [".a..b", "x" * 300])
def test_an_address_that_there_is_not_is_said(host: str) -> None:
    command = [sys.executable, "-m", "avatar.commands.main", "serve", "--port", "0", "--host", host]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.startswith(f"avatar: There is no address '{host[:100]}' to listen on")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--port", "70000"], "--port cannot be '70000': it takes a whole number from 0 to 65_535"),
        (["--sessions", "0"], "--sessions cannot be '0': it takes a whole number from 1 to 1000"),
        (["--tls-cert", "cert.pem"], "both --tls-cert and --tls-key"),
    ],
)
def test_options_that_cannot_be_are_refused(options: list[str], reason: str) -> None:
    with pytest.raises(AvatarError, match=reason):
        settings_of(parser().parse_args(["serve", *options]))


def test_echo_cancellation_that_is_not_installed_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        assert main(["serve", "--port", "0", "--echo-cancel"]) == 1
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
    assert "pip install 'avatar[echo]'" in capsys.readouterr().err


def test_a_token_that_nobody_could_send_is_said_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVATAR_TOKEN", "pässword")
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        assert main(["serve", "--port", "0"]) == 1
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
    said = capsys.readouterr().err
    assert "AVATAR_TOKEN" in said and "ASCII" in said and "pässword" not in said


def test_a_broken_certificate_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    pem = str(tmp_path / "cert.pem")
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        assert main(["serve", "--port", "0", "--tls-cert", pem, "--tls-key", pem]) == 1
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
    assert "cannot be used" in capsys.readouterr().err


def test_the_options_reach_the_settings() -> None:
    options = ["--size", "640x480", "--sessions", "2", "--ice-server", "stun:a", "--ice-server", "stun:b", "--loopback"]
    options += ["--echo-cancel"]
    settings = settings_of(parser().parse_args(["serve", *options]))
    assert (settings.picture.width, settings.picture.height) == (640, 480)
    assert settings.limits.sessions == 2
    assert settings.transport.ice_servers == ("stun:a", "stun:b")
    assert settings.transport.loopback_only
    assert settings.transport.echo_cancel


def test_the_welcome_says_what_other_machines_need() -> None:
    assert "http://localhost:8010/" in welcome("127.0.0.1", 8010, tls=False, drawn_by="geometry")
    assert "--tls-cert" in welcome("0.0.0.0", 8010, tls=False, drawn_by="geometry")  # noqa: S104
    assert "From other machines: https://" in welcome("0.0.0.0", 8010, tls=True, drawn_by="geometry")  # noqa: S104
    assert "http://[fe80::1]:8010/" in welcome("fe80::1", 8010, tls=False, drawn_by="geometry")


@pytest.mark.parametrize(("tier", "fitting", "processes"), [("lite", 3, 3), ("lite", 20, 8), ("portrait", 20, 1)])
def test_calls_that_are_drawn_together_are_held_by_one_process(tier: str, fitting: int, processes: int) -> None:
    assert default_processes(tier, fitting) == processes
