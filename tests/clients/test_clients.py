"""Other people's WebRTC clients call a real server: each sends a camera and sees the avatar, where it can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from benchmarks.clients.camera import Camera, Codec, make_camera
from benchmarks.clients.client import (
    CLIENTS,
    OWN_CERTIFICATE,
    REFUSED_CERTIFICATE,
    Client,
    Outcome,
    Wanted,
    metric,
)
from benchmarks.server_process import ServerProcess

pytestmark = pytest.mark.slow

BY_NAME = {client.name: client for client in (*CLIENTS, OWN_CERTIFICATE)}
SEEING = [client.name for client in CLIENTS if "recvonly" in client.directions]
BOTH_WAYS = [(name, codec) for name in SEEING for codec in BY_NAME[name].codecs]
SIZE = (256, 256)
CALL_S = 1.0
FEW = 5
"""Pictures that prove a stream: a second of it brings thirty, and far fewer on a machine that is busy."""

Call = Callable[[str, Wanted], Outcome]


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Camera:
    """The face that every client shows."""
    return make_camera(tmp_path_factory.mktemp("camera"), 3 * CALL_S)


@pytest.fixture(scope="module")
def server(face_model: Path) -> Iterator[str]:
    """The address of a real server."""
    with ServerProcess("--tier", "geometry", "--quality", "fixed") as process:
        yield process.url


@pytest.fixture(scope="module")
def call(camera: Camera, server: str) -> Iterator[Call]:
    """Lets a client, by its name, make a call; each is started once. Skips where it is not installed."""
    with ExitStack() as stack:
        callers: dict[str, Any] = {}

        def make(name: str, wanted: Wanted) -> Outcome:
            client: Client = BY_NAME[name]
            if (reason := client.missing()) is not None:
                pytest.skip(reason)
            if name not in callers:
                callers[name] = stack.enter_context(client.open(camera))
            return client.call(callers[name], camera, server, wanted)

        yield make


@pytest.mark.parametrize(("name", "codec"), BOTH_WAYS)
def test_a_client_sends_its_camera_and_sees_the_avatar(name: str, codec: Codec, call: Call) -> None:
    outcome = call(name, Wanted(codec, "sendrecv", CALL_S, channel=True))
    assert outcome.connected, outcome
    assert outcome.hello, "the data channel is open, and the server has said hello on it"
    assert outcome.camera_frames >= FEW
    assert len(outcome.picture_ms) >= FEW
    assert outcome.size == SIZE, "the avatar's size, not the camera's"


@pytest.mark.parametrize("name", SEEING)
def test_a_client_without_a_camera_watches_the_avatar(name: str, call: Call) -> None:
    outcome = call(name, Wanted("h264", "recvonly", CALL_S))
    assert outcome.connected, outcome
    assert outcome.camera_frames == 0
    assert len(outcome.picture_ms) >= FEW
    assert outcome.size == SIZE


def test_ffmpegs_whip_muxer_sends_its_camera_with_a_certificate_on_p256(call: Call) -> None:
    outcome = call("whip-muxer", Wanted("h264", "sendonly", CALL_S))
    assert outcome.connected, outcome
    assert outcome.camera_frames >= FEW


def test_a_certificate_that_cannot_be_used_fails_at_once_and_the_server_says_why(call: Call, server: str) -> None:
    before = metric(server, REFUSED_CERTIFICATE)
    outcome = call(OWN_CERTIFICATE.name, Wanted("h264", "sendonly", CALL_S))
    assert not outcome.connected
    assert "DTLS" in outcome.failure, "FFmpeg heard of it before its time was up"
    assert metric(server, REFUSED_CERTIFICATE) == before + 1
