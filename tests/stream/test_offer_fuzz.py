"""Real clients' offers, damaged at random: each is answered or refused with a reason, and nothing of it stays.

`AVATAR_FUZZ_EXAMPLES` sets how many there are: the default takes some 20 seconds, a long run may have a million.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType

import httpx2
import psutil
import pytest
from hypothesis import HealthCheck, given, settings

from avatar.call.registry import Calls
from avatar.config import ServerSettings
from avatar.errors import OfferError
from avatar.generator.identity import Identity
from avatar.identities.builtin import BuiltinFace
from avatar.identities.library import AvatarLibrary
from avatar.server.app import create_app
from avatar.stream.sdp.offer import read_offer
from avatar.stream.sdp.text import parse_sdp
from benchmarks.damaged_offers import OFFERS, damaged_offers

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("AVATAR_FUZZ_EXAMPLES", "500"))


class Server:
    """The whole server over ASGI, with sessions that draw nothing, on an event loop of its own."""

    def __init__(self, loopback: ModuleType, library: AvatarLibrary) -> None:
        often = replace(loopback.SETTINGS.limits, offers_per_minute=100_000)  # all of them come from one address
        settings: ServerSettings = replace(loopback.SETTINGS, limits=often)

        def make(identity: object, picture: object, *, drive: object, on_picture: object, on_event: object) -> object:
            return loopback.FakeSession(on_picture, on_event, (256, 256), identity, drive)

        self._loopback = loopback
        self.runner = asyncio.Runner()
        self.calls = self.runner.run(self._made(settings, make))
        app = create_app(settings, library, self.calls)
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://localhost")

    async def _made(self, settings: ServerSettings, make: object) -> Calls:
        async def get_avatar(avatar_id: str) -> str:
            return avatar_id

        return Calls(settings, get_avatar, sessions={"avatar": make})  # type: ignore[dict-item]

    async def visit(self, offer: str) -> None:
        """Send an offer; where it makes a call, end that."""
        answer = await self.client.post(
            "/whip?avatar=ada", content=offer.encode("utf-8", "replace"), headers={"Content-Type": "application/sdp"}
        )
        if answer.status_code == 201:
            offered, answered = parse_sdp(offer), parse_sdp(answer.text)
            assert [s.kind for s in answered.sections] == [s.kind for s in offered.sections]
            assert (await self.client.delete(answer.headers["location"])).status_code == 200
        else:
            assert answer.status_code in (400, 406), answer.text
            assert len(answer.json()["detail"]) > 20
        assert self.calls.snapshot().active == 0
        # aioice looks up from its checks each 20 ms: a task of its own may be that late.
        await self._loopback.wait_for(lambda: asyncio.all_tasks() == {asyncio.current_task()})

    async def close(self) -> None:
        await self.client.aclose()
        await self.calls.close()


@pytest.fixture(scope="module")
def server(loopback: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    def no_enrolment(photos: object, name: str) -> Identity:
        raise AssertionError("these tests enrol nobody")

    face = BuiltinFace("ada", "Ada", tmp_path_factory.mktemp("faces") / "none.png", "CC0", "this test")
    made = Server(loopback, AvatarLibrary((face,), loopback.SETTINGS.limits, enrol=no_enrolment))
    yield made
    made.runner.run(made.close())
    made.runner.close()


def test_real_offers_make_calls_of_which_nothing_stays(server: Server) -> None:
    for offer in OFFERS:
        server.runner.run(server.visit(offer))
    assert server.calls.snapshot().started == len(OFFERS)


def test_damaged_offers_are_answered_or_refused_and_leave_nothing(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    process = psutil.Process()
    server.runner.run(server.visit(OFFERS[0]))
    gc.collect()
    files, threads = process.num_fds(), threading.active_count()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
    @given(damaged_offers())
    def visit(offer: str) -> None:
        server.runner.run(server.visit(offer))
        warnings = [record for record in caplog.records if record.exc_info or record.levelno >= logging.WARNING]
        found = [record.getMessage() for record in warnings]
        assert not [text for text in found if not text.startswith("an offer was refused: The offer's")], found
        caplog.clear()

    with caplog.at_level(logging.INFO):
        visit()
    gc.collect()
    assert process.num_fds() <= files + 2, "sockets stay open"
    assert threading.active_count() <= threads + 4, "threads stay: more than those of the pools"


@settings(max_examples=3 * EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
@given(damaged_offers())
def test_whatever_an_offer_says_aiortc_is_given_what_it_can_read(offer: str) -> None:
    try:
        read = read_offer(offer, limit_bytes=64_000)
    except OfferError as error:
        assert len(str(error)) > 20
        return
    again = read_offer(read.sdp, limit_bytes=64_000)
    assert again.sdp == read.sdp, "what is written for aiortc is an offer that says the same"
