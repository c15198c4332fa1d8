"""Consent to send: an answer that comes late is an answer, and nobody is sent to who has not answered for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from aioice import stun
from aiortc import RTCPeerConnection

from avatar.stream.tuning.aiortc_tuning import ice_agents
from avatar.stream.tuning.consent import EXPIRES_S, REPEATS, keep_consent, said_goodbye

pytestmark = pytest.mark.anyio


class Agent:
    """Stands where aioice's agent does, with one pair whose checks `answer` answers."""

    def __init__(self, answer: Callable[[int], bool]) -> None:
        self._nominated = {1: SimpleNamespace(protocol=self, remote_addr=("192.0.2.1", 1))}
        self._query_consent_task: object = "running"
        self.remote_password = "password"  # noqa: S105 - a stand-in
        self.closed = False
        self.asked = 0
        self._answer = answer

    def build_request(self, pair: object, *, nominate: bool) -> str:
        return "request"

    async def request(self, *_: object, integrity_key: bytes, retransmissions: int) -> None:
        assert retransmissions == REPEATS
        self.asked += 1
        if not self._answer(self.asked):
            raise stun.TransactionTimeout

    async def query_consent(self) -> None:
        """What aioice does."""

    async def close(self) -> None:
        assert self._query_consent_task is None, "closing must not cancel who closes"
        self.closed = True


async def ask(answer: Callable[[int], bool], monkeypatch: pytest.MonkeyPatch, most: int = 200) -> Agent:
    agent, now_s = Agent(answer), 0.0

    async def moved(seconds: float) -> None:
        nonlocal now_s
        assert 4 <= seconds <= 6
        now_s += seconds
        if agent.asked >= most:
            raise asyncio.CancelledError

    monkeypatch.setattr("avatar.stream.tuning.consent.asyncio.sleep", moved)
    keep_consent([agent], clock=lambda: now_s)
    try:
        await agent.query_consent()
    except asyncio.CancelledError:
        assert not agent.closed
    return agent


async def test_a_peer_that_answers_now_and_then_keeps_its_call(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not (await ask(lambda number: number % 4 == 0, monkeypatch)).closed


async def test_a_peer_that_answers_no_more_is_not_sent_to(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = await ask(lambda number: number <= 10, monkeypatch)
    assert agent.closed and EXPIRES_S / 6 <= agent.asked - 10 <= EXPIRES_S / 4 + 1


async def test_the_parts_it_touches_are_there() -> None:
    """Fails when aiortc or aioice has changed; without a connection nobody has said goodbye."""
    connection = RTCPeerConnection()
    connection.createDataChannel("avatar")
    (agent,) = ice_agents(connection)
    keep_consent([agent])
    assert agent.query_consent.func.__module__ == "avatar.stream.tuning.consent"
    assert hasattr(agent, "_nominated") and hasattr(agent, "build_request")
    assert not said_goodbye(connection)
    await connection.close()
