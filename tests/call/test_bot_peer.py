"""What a program is told that speaks out of turn: never a call that ends without a word."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from avatar.call.bot_peer import BotPeer
from avatar.sdk.bot_protocol import BOT_REQUESTS, Begin, Ping
from avatar.stream.page_reports import Clock, ErrorMessage, Pong, Report
from avatar.stream.video_track import SentPicture
from avatar.types import Picture


class Session:
    """Takes everything."""

    fps = 30

    def __init__(self) -> None:
        self.taken: list[Any] = []

    def take(self, asked: Any) -> None:
        self.taken.append(asked)


class Program:
    """A program's side of a call: what it was told, and why its call ended."""

    def __init__(self) -> None:
        self.session = Session()
        self.told: list[Report] = []
        self.endings: list[str] = []
        session: Any = self.session
        host: Any = SimpleNamespace(send=self.told.append, fail=self.endings.append)
        unused: Any = None
        self.bot = BotPeer(session, host, avatar_id="ada", drive="voice", limit_bytes=4096, backgrounds=unused)


def message(kind: str, **fields: object) -> str:
    values = {"v": 1, "type": kind, **fields}
    return "{" + ",".join(f'"{name}":{value!r}'.replace("'", '"') for name, value in values.items()) + "}"


def test_good_messages_reach_the_session() -> None:
    program = Program()
    for asked in (Begin(1.0, 2**63 - 1), Ping()):
        program.bot.on_message(BOT_REQUESTS.write(asked))
    assert program.session.taken == [Begin(1.0, 2**63 - 1)] and program.told == [Pong()]
    assert program.endings == []


@pytest.mark.parametrize(
    "bad",
    [
        message("begin", liveliness=1, seed=-1),
        message("begin", liveliness=1, seed=2**63),
        message("begin", liveliness=1, seed=10**400),
        message("begin", liveliness=10**400, seed=0),
        message("begin", liveliness=-1, seed=0),
        message("mood", emotion="happy", strength=10**400),
        message("mood", emotion="happy", strength=-1),
        message("feel", emotion="", strength=1),
        message("gesture", name="nod", strength=1e308),
        message("look", x=-1e308, y=0),
        message("attend", presence="speaking"),
        "\ud800",
        b"",
    ],
    ids=lambda bad: str(bad[:60].encode("ascii", "replace") if isinstance(bad, str) else bad),
)
def test_a_bad_message_is_answered_and_ends_the_call_with_its_reason(bad: str | bytes) -> None:
    program = Program()
    program.bot.on_message(bad)
    (error,) = program.told
    assert isinstance(error, ErrorMessage) and error.code == "bad_message"
    assert program.endings == [error.detail]
    assert program.session.taken == []


def test_a_cue_in_words_is_a_persons_and_a_program_is_told_which_messages_it_has() -> None:
    program = Program()
    program.bot.on_message(message("cue", text="nod"))
    (refusal,) = program.told
    assert isinstance(refusal, ErrorMessage) and "gesture" in refusal.detail
    assert program.session.taken == []


def test_a_program_is_told_once_which_timestamp_its_first_picture_has() -> None:
    """The picture of 2 s has 1000 on the wire, which is beyond where 32 bits wrap: tick 0 was 2 s before it."""
    program = Program()
    picture = Picture(2.0, np.zeros((96, 48), np.uint8))
    for rtp_time in (None, 1000, 4000):
        program.bot.on_picture_sent(SentPicture(picture, rtp_time, 0.001, 5000, False, 7.0))
    assert program.told == [Clock(rtp=2**32 + 1000 - 180_000)]
