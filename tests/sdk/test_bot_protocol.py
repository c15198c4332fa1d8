"""What a program and its server tell each other survives the way, and nothing else is believed."""

from __future__ import annotations

import contextlib
import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar.errors import ControlError
from avatar.motion.cues import Attend, Feel, Gesture, Look, Mood
from avatar.motion.voice_cut import VoiceCut
from avatar.sdk.bot_protocol import (
    BOT_REQUESTS,
    MOST_SOUND_S,
    MOUTH_RATE,
    REPORT_BYTES,
    SERVER_REPORTS,
    Begin,
    BotRequest,
    Ping,
    ServerHello,
    TickRequest,
    read_bot_message,
    write_tick,
)
from avatar.sdk.speech_playout import MouthInput
from avatar.stream.page_reports import REPORTS, BackgroundMessage, Bye, Clock, ErrorMessage, FaceMessage, Hello, Pong

FPS = 30


def read(message: str | bytes) -> BotRequest | TickRequest:
    return read_bot_message(message, limit_bytes=4096, fps=FPS)


def tick(index: int = 90, *, count: int = 533, **changed: Any) -> TickRequest:
    values: dict[str, Any] = {
        "time_s": index / FPS,
        "begin_s": index / FPS + 0.2,
        "speaking": True,
        "cut": VoiceCut(2, 2.5),
    }
    return TickRequest(index, MouthInput(samples=np.arange(count, dtype=np.int16), **values | changed))


@pytest.mark.parametrize(
    "asked",
    [
        Begin(1.5, 7), Begin(0, 2**63 - 1), Ping(), Mood("happy", 0.6), Feel("warm", 1.4), Gesture("raise brows", 2.0),
        Look(-1.0, 0.25), Attend("thinking"),
    ],
)  # fmt: skip
def test_every_message_comes_back_as_it_was(asked: Any) -> None:
    assert read(BOT_REQUESTS.write(asked)) == asked


def test_numbers_of_numpy_travel_too() -> None:
    assert read(BOT_REQUESTS.write(Look(np.float32(0.5), np.int64(1)))) == Look(0.5, 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [0, 533, round(MOST_SOUND_S * MOUTH_RATE)])
def test_a_beat_comes_back_as_it_was(count: int) -> None:
    sent = tick(count=count)
    got = read(write_tick(sent))
    assert isinstance(got, TickRequest) and got.index == sent.index
    assert np.array_equal(got.mouth.samples, sent.mouth.samples) and got.mouth.samples.dtype == np.int16
    assert (got.mouth.time_s, got.mouth.begin_s, got.mouth.speaking, got.mouth.cut) == (
        3.0,
        3.2,
        True,
        VoiceCut(2, 2.5),
    )


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"\x01" * 25,
        write_tick(tick()) + b"\x00",
        write_tick(tick(count=round(MOST_SOUND_S * MOUTH_RATE) + 1)),
        b"\x02" + write_tick(tick())[1:],
        b"\x01\x02" + write_tick(tick())[2:],
        write_tick(tick(begin_s=float("nan"))),
        write_tick(tick(begin_s=float("inf"))),
        write_tick(tick(begin_s=9.0)),
        write_tick(tick(cut=VoiceCut(1, float("nan")))),
        write_tick(tick(cut=VoiceCut(1, 1e9))),
        write_tick(tick(cut=VoiceCut(1, -1.0))),
    ],
)
def test_a_beat_that_cannot_be_is_refused(wrong: bytes) -> None:
    with pytest.raises(ControlError):
        read(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "null",
        "[]",
        "[" * 4000,
        "1" * 4090,
        '{"v":1}',
        '{"v":2,"type":"ping"}',
        '{"v":1,"type":"__class__"}',
        '{"v":1,"type":["ping"]}',
        '{"v":1,"type":"ping","t":1}',
        '{"v":1,"type":"begin","liveliness":1}',
        '{"v":1,"type":"begin","liveliness":3,"seed":0}',
        '{"v":1,"type":"begin","liveliness":-0.1,"seed":0}',
        '{"v":1,"type":"begin","liveliness":1,"seed":-1}',
        '{"v":1,"type":"begin","liveliness":1,"seed":0.5}',
        '{"v":1,"type":"begin","liveliness":1,"seed":null}',
        '{"v":1,"type":"begin","liveliness":1,"seed":"1"}',
        '{"v":1,"type":"begin","liveliness":1,"seed":9223372036854775808}',
        '{"v":1,"type":"begin","liveliness":1,"seed":1e300}',
        '{"v":1,"type":"begin","liveliness":1,"seed":' + "9" * 40 + "}",
        '{"v":1,"type":"begin","liveliness":true,"seed":0}',
        '{"v":1,"type":"mood","emotion":"gleeful","strength":1}',
        '{"v":1,"type":"mood","emotion":["happy"],"strength":1}',
        '{"v":1,"type":"mood","emotion":"happy","strength":"1"}',
        '{"v":1,"type":"mood","emotion":"happy","strength":NaN}',
        '{"v":1,"type":"gesture","name":"' + "n" * 100 + '","strength":1}',
        '{"v":1,"type":"look","x":2,"y":0}',
        '{"v":1,"type":"look","x":Infinity,"y":0}',
        '{"v":1,"type":"attend","presence":"speaking"}',
        '{"v":1,"type":"ping"' + " " * 5000 + "}",
    ],
)
def test_text_that_is_no_message_is_refused(wrong: str) -> None:
    with pytest.raises(ControlError):
        read(wrong)


def test_a_message_that_lacks_a_field_is_told_which_there_are() -> None:
    with pytest.raises(ControlError, match=r"'begin' takes exactly these fields: liveliness, seed\."):
        read_bot_message('{"v":1,"type":"begin","seed":0}', limit_bytes=1000, fps=30)


@pytest.mark.slow
@given(
    st.one_of(
        st.binary(max_size=200), st.text(max_size=200), st.builds(json.dumps, st.dictionaries(st.text(), st.floats()))
    )
)
def test_rubbish_is_refused_or_understood_and_nothing_else(rubbish: str | bytes) -> None:
    with contextlib.suppress(ControlError):
        read(rubbish)


@given(st.binary(min_size=26, max_size=26))
def test_any_head_of_a_beat_is_refused_or_makes_sense(head: bytes) -> None:
    try:
        got = read(b"\x01\x01" + head[2:])
    except ControlError:
        return
    assert isinstance(got, TickRequest) and abs(got.mouth.begin_s - got.mouth.time_s) <= MOST_SOUND_S


def test_a_head_is_as_long_as_the_protocol_says() -> None:
    assert len(write_tick(tick(count=0))) == 26
    assert struct.unpack_from("<BBId", write_tick(tick())) == (1, 1, 90, 3.2)


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        "",
        "3",
        "{}",
        '{"v":1}',
        '{"v":"1","type":"bye"}',
        '{"v":1,"type":"' + "x" * REPORT_BYTES,
        '{"v":1,"type":"hello","width":1,"height":512}',
        '{"v":1,"type":"hello","width":512}',
    ],
)
def test_what_is_no_report_is_refused(wrong: str | bytes) -> None:
    with pytest.raises(ControlError):
        SERVER_REPORTS.read_known(wrong, limit_bytes=REPORT_BYTES)


@pytest.mark.parametrize("value", [None, True, "5", 1.5, -1, 2**32])
def test_a_clock_that_is_no_rtp_timestamp_is_refused(value: Any) -> None:
    with pytest.raises(ControlError, match="rtp"):
        SERVER_REPORTS.read_known(json.dumps({"v": 1, "type": "clock", "rtp": value}), limit_bytes=1000)


def test_what_a_server_reports_is_what_a_program_looks_at() -> None:
    reports = [
        Hello(session="s", avatar="a", drive="voice", width=512, height=256, fps=30), Clock(rtp=2**32 - 1),
        Pong(), Bye(reason="idle", detail="x"), ErrorMessage(code="c", detail="d"), BackgroundMessage("blur"),
        FaceMessage("lost"),
    ]  # fmt: skip
    read = [SERVER_REPORTS.read_known(REPORTS.write(report), limit_bytes=REPORT_BYTES) for report in reports]
    assert read == [
        ServerHello(512, 256),
        Clock(2**32 - 1),
        Pong(),
        Bye("idle", "x"),
        ErrorMessage("c", "d"),
        BackgroundMessage("blur"),
        None,
    ]
