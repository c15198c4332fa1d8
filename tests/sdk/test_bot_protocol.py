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
from avatar.sdk.bot_protocol import (
    ASKED,
    MOST_TOLD_S,
    MOUTH_RATE,
    REPORT_BYTES,
    SERVER_REPORTS,
    Asked,
    BeatToDraw,
    Begin,
    Ping,
    ServerHello,
    read_asked,
    write_beat,
)
from avatar.sdk.speech_playout import Cut, Told
from avatar.stream.browser_messages import REPORTS, Bye, Clock, ErrorMessage, Hello, Pong

FPS = 30


def read(message: str | bytes) -> Asked | BeatToDraw:
    return read_asked(message, limit_bytes=4096, fps=FPS)


def beat(index: int = 90, *, count: int = 533, **changed: Any) -> BeatToDraw:
    values: dict[str, Any] = {"time_s": index / FPS, "begin_s": index / FPS + 0.2, "speaking": True, "cut": Cut(2, 2.5)}
    return BeatToDraw(index, Told(samples=np.arange(count, dtype=np.int16), **values | changed))


@pytest.mark.parametrize(
    "asked",
    [
        Begin(1.5, 7), Begin(0, 2**63 - 1), Ping(), Mood("happy", 0.6), Feel("warm", 1.4), Gesture("raise brows", 2.0),
        Look(-1.0, 0.25), Attend("thinking"),
    ],
)  # fmt: skip
def test_every_message_comes_back_as_it_was(asked: Any) -> None:
    assert read(ASKED.write(asked)) == asked


def test_numbers_of_numpy_travel_too() -> None:
    assert read(ASKED.write(Look(np.float32(0.5), np.int64(1)))) == Look(0.5, 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [0, 533, round(MOST_TOLD_S * MOUTH_RATE)])
def test_a_beat_comes_back_as_it_was(count: int) -> None:
    sent = beat(count=count)
    got = read(write_beat(sent))
    assert isinstance(got, BeatToDraw) and got.index == sent.index
    assert np.array_equal(got.told.samples, sent.told.samples) and got.told.samples.dtype == np.int16
    assert (got.told.time_s, got.told.begin_s, got.told.speaking, got.told.cut) == (3.0, 3.2, True, Cut(2, 2.5))


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"\x01" * 25,
        write_beat(beat()) + b"\x00",
        write_beat(beat(count=round(MOST_TOLD_S * MOUTH_RATE) + 1)),
        b"\x02" + write_beat(beat())[1:],
        b"\x01\x02" + write_beat(beat())[2:],
        write_beat(beat(begin_s=float("nan"))),
        write_beat(beat(begin_s=float("inf"))),
        write_beat(beat(begin_s=9.0)),
        write_beat(beat(cut=Cut(1, float("nan")))),
        write_beat(beat(cut=Cut(1, 1e9))),
        write_beat(beat(cut=Cut(1, -1.0))),
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
        read_asked('{"v":1,"type":"begin","seed":0}', limit_bytes=1000, fps=30)


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
    assert isinstance(got, BeatToDraw) and abs(got.told.begin_s - got.told.time_s) <= MOST_TOLD_S


def test_a_head_is_as_long_as_the_protocol_says() -> None:
    assert len(write_beat(beat(count=0))) == 26
    assert struct.unpack_from("<BBId", write_beat(beat())) == (1, 1, 90, 3.2)


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
        Pong(), Bye(reason="idle", detail="x"), ErrorMessage(code="c", detail="d"),
    ]  # fmt: skip
    read = [SERVER_REPORTS.read_known(REPORTS.write(report), limit_bytes=REPORT_BYTES) for report in reports]
    assert read == [ServerHello(512, 256), Clock(2**32 - 1), Pong(), Bye("idle", "x"), None]
