"""Calls through a real TURN server, Debian's coturn: by a name and a password, and by names that expire."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from avatar.config import TransportSettings
from avatar.stream.ice_servers import ice_servers
from avatar.stream.peer import Peer
from avatar.stream.sdp.offer import read_offer
from avatar.stream.tuning.aiortc_tuning import ice_agents
from tests.stream.tuning.test_transport_tuning import Listener

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("turnserver") is None, reason="needs coturn (apt-get install coturn)"),
]

SECRET = "north"  # noqa: S105
RELAY_PORTS = range(41_000, 41_101)
BINDING_REQUEST = bytes.fromhex("000100002112a442") + 12 * b"\x01"


class Coturn:
    """A TURN server on the loopback interface."""

    def __init__(self, folder: Path, *options: str) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"turn:127.0.0.1:{self.port}"
        self._process = subprocess.Popen(
            ["turnserver", "-n", "--no-cli", "--no-tls", "--no-dtls", "--no-tcp", "--log-file=stdout",
             "--listening-ip=127.0.0.1", f"--listening-port={self.port}", "--relay-ip=127.0.0.1",
             "--allow-loopback-peers", "--realm=test", f"--min-port={RELAY_PORTS.start}",
             f"--max-port={RELAY_PORTS.stop - 1}", f"--userdb={folder / 'db'}", f"--pidfile={folder / 'pid'}",
             *options],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def wait_ready(self) -> None:
        """Wait until it answers a STUN request."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.1)
            for _ in range(300):
                try:
                    asking.sendto(BINDING_REQUEST, ("127.0.0.1", self.port))
                    asking.recv(1500)
                except (TimeoutError, ConnectionRefusedError):
                    time.sleep(0.02)
                else:
                    return
        raise AssertionError(f"coturn does not answer; it has ended with {self._process.poll()}")

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)


@pytest.fixture(scope="module")
def by_secret(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    """One that makes names from a secret."""
    yield from _running(
        Coturn(tmp_path_factory.mktemp("coturn"), "--use-auth-secret", f"--static-auth-secret={SECRET}")
    )


@pytest.fixture(scope="module")
def by_name(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    """One that knows a user."""
    yield from _running(Coturn(tmp_path_factory.mktemp("coturn"), "--lt-cred-mech", "--user=me:w@rd"))


def _running(coturn: Coturn) -> Iterator[Coturn]:
    coturn.wait_ready()
    yield coturn
    coturn.stop()


@pytest.fixture
async def pool() -> AsyncIterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


async def call_through(
    settings: TransportSettings, loopback: ModuleType, pool: ThreadPoolExecutor, *, peer_settings: TransportSettings
) -> tuple[str, str]:
    """Make a call in which the client sends through its TURN server alone; return offer and answer."""
    client = loopback.Client(video="clip", relays=ice_servers(settings))
    peer = Peer(peer_settings, fps=30, encode_pool=pool)
    listener = Listener()
    try:
        offer = await client.offer()
        answer = await peer.answer(read_offer(offer, limit_bytes=64_000), listener, listener)
        await client.accept(answer)
        await loopback.wait_for(lambda: client.connection.connectionState == "connected")
        (agent,) = ice_agents(peer._connection)
        (pair,) = agent._nominated.values()
        assert pair.remote_addr[1] in RELAY_PORTS, "what comes, comes from the TURN server"
        before = (await peer.stats()).packets_received
        for _ in range(500):
            if (await peer.stats()).packets_received > before + 20:
                break
            await asyncio.sleep(0.01)
        else:
            raise AssertionError("the camera's packets do not come")
        return offer, answer
    finally:
        await client.close()
        await peer.close()


async def test_a_call_is_made_through_it_alone_with_a_name_that_expires(
    by_secret: Coturn, loopback: ModuleType, pool: ThreadPoolExecutor
) -> None:
    settings = TransportSettings(ice_servers=(by_secret.url,), turn_secret=SECRET)
    offer, answer = await call_through(settings, loopback, pool, peer_settings=replace(settings, loopback_only=True))
    assert "typ relay" in offer and "typ host" not in offer
    assert "typ relay" in answer, "the server has an address there too"


async def test_a_call_is_made_with_a_name_and_a_password_in_the_address(
    by_name: Coturn, loopback: ModuleType, pool: ThreadPoolExecutor
) -> None:
    settings = TransportSettings(ice_servers=(by_name.url.replace("turn:", "turn:me:w%40rd@"),))
    offer, _ = await call_through(settings, loopback, pool, peer_settings=TransportSettings(loopback_only=True))
    assert "typ host" not in offer


async def test_an_expired_name_is_refused_by_it_and_the_next_call_has_a_new_one(
    by_secret: Coturn, loopback: ModuleType, pool: ThreadPoolExecutor
) -> None:
    settings = TransportSettings(ice_servers=(by_secret.url,), turn_secret=SECRET, turn_name_s=60)
    client = loopback.Client(video="recvonly", relays=ice_servers(settings, now_s=time.time() - 120))
    assert "a=candidate" not in await client.offer(), "coturn lets nobody in by it"
    await client.close()
    await call_through(settings, loopback, pool, peer_settings=TransportSettings(loopback_only=True))
