"""The gateway before small stand-ins for replicas: what reaches whom, and what is said where a replica has gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

pytest.importorskip("aiohttp")

from avatar.cluster.gateway import Gateway
from avatar.cluster.gateway_only import GatewayOnly
from avatar.cluster.replicas import Replica
from avatar.cluster.server_thread import ServerThread
from avatar.config import LimitSettings, ServerSettings
from avatar.server.admission import Admission
from avatar.server.problems import problem

KEY = "the key of this cluster"
OFFER = {"Content-Type": "application/sdp"}
SETTINGS = ServerSettings(limits=LimitSettings(upload_bytes=100_000))


class FakeReplica:
    """Answers as a server would, and notes what it was asked."""

    def __init__(self, name: str) -> None:
        self.name, self.full, self.asked = name, False, []
        self.asked: list[tuple[str, str, int]] = []
        self.hold = asyncio.Event()
        listener = socket.create_server(("127.0.0.1", 0))
        self.state = Replica(name, f"http://127.0.0.1:{listener.getsockname()[1]}", places=4)
        self.server = ServerThread(lambda: GatewayOnly(self._app, KEY), listener, admission=Admission(100, 100))
        self.server.start()

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        request = Request(scope, receive)
        body = await request.body()
        self.asked.append((request.method, request.url.path, len(body)))
        await self._answer(request)(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        match request.method, request.url.path:
            case "POST", "/whip":
                if self.full:
                    return problem(503, "server_full", "full", {"Retry-After": "9"})
                return Response("v=0", 201, {"Location": f"/whip/{self.name}0123456789abcdef"}, "application/sdp")
            case "GET", "/metrics":
                return Response(f"# TYPE calls gauge\ncalls {len(self.name)}\n")
            case "GET", "/who":
                client = request.client
                return JSONResponse(
                    {"who": self.name, "client": client.host if client else "", "host": request.url.netloc}
                )
            case "GET", path if path.startswith("/whep/"):
                return problem(404, "unknown_call", "none")
        return Response(self.name)


class Cluster:
    """A gateway with its address, and its replicas."""

    def __init__(self) -> None:
        self.replicas = {name: FakeReplica(name) for name in ("aaaaaaa1", "bbbbbbb2")}
        listener = socket.create_server(("127.0.0.1", 0))
        self.gateway = Gateway(SETTINGS, KEY, self._ask)
        self.server = ServerThread(lambda: self.gateway, listener, admission=Admission(100, 100))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.server.start()
        self.client = httpx2.Client(base_url=self.url, timeout=60)
        while self.client.get("/healthz").status_code != 200:
            continue

    async def _ask(self) -> Sequence[Replica]:
        return [replica.state for replica in self.replicas.values()]

    def kill(self, name: str) -> None:
        """End a replica; the table goes on to name it."""
        self.replicas[name].server.stop()

    def close(self) -> None:
        self.client.close()
        for server in (self.server, *(replica.server for replica in self.replicas.values())):
            server.stop()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.close()


def test_a_call_is_made_on_one_replica_and_all_that_follows_goes_there(cluster: Cluster) -> None:
    answers = [cluster.client.post("/whip?avatar=mira", content="v=0 offer", headers=OFFER) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {201}
    for answer in answers:
        location = answer.headers["Location"]
        name = location.removeprefix("/whip/")[:8]
        for method in ("GET", "PATCH", "DELETE"):
            assert cluster.client.request(method, location).text == name
    assert all(("POST", "/whip", 9) in replica.asked for replica in cluster.replicas.values()), "spread over both"


def test_an_offer_that_one_replica_has_no_room_for_is_taken_by_another(cluster: Cluster) -> None:
    first, second = cluster.replicas.values()
    first.full = True
    for _ in range(3):
        answer = cluster.client.post("/whip?avatar=mira", content="v=0", headers=OFFER)
        assert answer.status_code == 201 and second.name in answer.headers["Location"]
    second.full = True
    refused = cluster.client.post("/whip?avatar=mira", content="v=0", headers=OFFER)
    assert refused.status_code == 503 and refused.json()["code"] == "server_full"
    assert refused.headers["Retry-After"] == "9"


def test_the_calls_of_a_replica_that_died_are_gone_and_new_ones_are_made_elsewhere(cluster: Cluster) -> None:
    answer = cluster.client.post("/whip?avatar=mira", content="v=0", headers=OFFER)
    location = answer.headers["Location"]
    assert cluster.client.get(location).status_code == 200
    dead = location.removeprefix("/whip/")[:8]
    cluster.kill(dead)
    gone = cluster.client.get(location)
    assert gone.status_code == 404 and gone.json()["code"] == "unknown_call"
    again = cluster.client.post("/whip?avatar=mira", content="v=0", headers=OFFER)
    assert again.status_code == 201 and dead not in again.headers["Location"]


def test_a_replica_that_dies_while_it_makes_an_avatar_is_said_so_and_the_upload_can_be_sent_again(
    cluster: Cluster,
) -> None:
    photo = bytes(50_000)
    asked_first = cluster.client.post("/api/avatars", content=photo).text
    cluster.kill(asked_first)
    answer = cluster.client.post("/api/avatars", content=photo)
    if answer.status_code != 200:  # its body had begun to be sent
        assert answer.json()["code"] == "replica_lost" and "Send it again" in answer.json()["detail"]
        assert answer.headers["Retry-After"] == "1"
        answer = cluster.client.post("/api/avatars", content=photo)
    assert answer.status_code == 200 and answer.text != asked_first


def test_more_than_is_taken_is_refused_before_a_replica_has_it(cluster: Cluster) -> None:
    answer = cluster.client.post("/api/avatars", content=bytes(200_000))
    assert answer.status_code == 413 and answer.json()["code"] == "too_many_bytes"
    chunked = cluster.client.post("/api/avatars", content=iter([bytes(60_000)] * 3))
    assert chunked.status_code == 413
    offer = cluster.client.post("/whip", content=bytes(100_000), headers=OFFER)
    assert offer.status_code == 413


def test_a_replica_is_told_whom_a_request_is_from_by_its_gateway_alone(cluster: Cluster) -> None:
    headers = {"X-Avatar-Visitor": "198.51.100.7", "X-Avatar-Gateway": "guessed"}
    said = cluster.client.get("/who", headers=headers).json()
    assert said["client"] == "127.0.0.1" and said["host"] == cluster.url.removeprefix("http://")
    state = cluster.replicas[said["who"]].state
    for given in ({}, {"X-Avatar-Gateway": "guessed"}):
        refused = httpx2.get(f"{state.url}/who", headers=given)
        assert refused.status_code == 403 and refused.json()["code"] == "gateway_only"


def test_health_and_measurements_are_of_all_replicas(cluster: Cluster) -> None:
    health = cluster.client.get("/healthz").json()
    assert (health["status"], health["replicas"], health["draining"]) == ("ok", 2, 0)
    text = cluster.client.get("/metrics").text
    for name in cluster.replicas:
        assert f'calls{{replica="{name}"}} 8.0' in text
    assert 'avatar_replicas{replica="gateway"} 2.0' in text


def test_a_watch_link_that_nobody_knows_is_looked_for_and_then_said_to_be_none(cluster: Cluster) -> None:
    answer = cluster.client.get("/whep/a-token-that-nobody-knows")
    assert answer.status_code == 404 and answer.json()["code"] == "unknown_call"
    assert all(("GET", "/whep/a-token-that-nobody-knows", 0) in replica.asked for replica in cluster.replicas.values())


def test_without_any_replica_the_answer_says_to_come_back(cluster: Cluster) -> None:
    for name in list(cluster.replicas):
        cluster.kill(name)
    answer = cluster.client.post("/whip?avatar=mira", content="v=0", headers=OFFER)
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "1"
    page = cluster.client.get("/")
    assert page.status_code == 503 and page.json()["code"] == "replica_lost"


def test_a_replica_that_drains_takes_no_call_but_keeps_those_it_has(cluster: Cluster) -> None:
    first, second = cluster.replicas.values()
    first.state = replace(first.state, draining=True, calls=1)
    while cluster.client.get("/healthz").json()["draining"] != 1:
        continue
    for _ in range(2):
        answer = cluster.client.post("/whip?avatar=mira", content="v=0", headers=OFFER)
        assert second.name in answer.headers["Location"]
    assert cluster.client.get(f"/whip/{first.name}0123456789abcdef").text == first.name


@pytest.mark.parametrize("target", ["@127.0.0.1:9/healthz", "http://127.0.0.1:9/who", "who"])
def test_no_address_leads_a_gateway_anywhere_but_to_its_replicas(cluster: Cluster, target: str) -> None:
    host, port = cluster.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 400"), answer
    assert not any(replica.asked for replica in cluster.replicas.values())


def test_nobody_says_to_a_gateway_who_asks(cluster: Cluster) -> None:
    made_up = {"X-Forwarded-For": "203.0.113.9", "X-Avatar-Visitor": "203.0.113.9"}
    assert cluster.client.get("/who", headers=made_up).json()["client"] == "127.0.0.1"
