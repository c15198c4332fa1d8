"""Messages of the data channel: good ones are understood, bad ones answered with a reason."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar.errors import ControlError
from avatar.stream.page_reports import (
    REPORTS,
    Bye,
    CameraMessage,
    DriveMessage,
    ErrorMessage,
    Hello,
    Quality,
    Stats,
    TraceMessage,
)
from avatar.stream.page_requests import REQUESTS, Calibrate, GiveCue, Ping, SetAvatar, SetDrive, Trace


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"v":1,"type":"calibrate"}', Calibrate()),
        ('{"v":1,"type":"set_avatar","avatar":"a1","id":"q"}', SetAvatar(avatar="a1", id="q")),
        ('{"v":1,"type":"set_drive","drive":"both","id":"q"}', SetDrive(drive="both", id="q")),
        ('{"v":1,"type":"cue","text":"smile warmly"}', GiveCue(text="smile warmly")),
        ('{"v":1,"type":"cue","text":""}', GiveCue(text="")),
        ('{"v":1,"type":"trace","enabled":true}', Trace(enabled=True)),
        ('{"v":1,"type":"ping","t":1.5}', Ping(t=1.5)),
        ('{"v":1,"type":"ping","t":1732300000000}', Ping(t=1732300000000)),
    ],
)
def test_each_request_is_understood(text: str, expected: object) -> None:
    assert REQUESTS.read(text, limit_bytes=4096) == expected


@pytest.mark.parametrize(
    "text",
    ["", "hello", "[]", "null", "{}", '{"type":"calibrate"}',
     '{"v":2,"type":"calibrate"}', '{"v":"1","type":"calibrate"}',
     '{"v":1,"type":"dance"}', '{"v":1,"type":"trace","enabled":"yes"}', '{"v":1,"type":"trace","enabled":1}',
     '{"v":1,"type":"ping","t":NaN}', '{"v":1,"type":"calibrate","more":1}', '{"v":1,"type":"set_avatar"}',
     '{"v":1,"type":"set_avatar","avatar":""}', '{"v":1,"type":"calibrate","id":"' + "x" * 65 + '"}',
     '{"v":1,"type":"cue"}', '{"v":1,"type":"cue","text":7}', '{"v":1,"type":"cue","text":"' + "x" * 201 + '"}',
     '{"v":1,"type":"set_drive"}', '{"v":1,"type":"set_drive","drive":"Voice"}',
     '{"v":1,"type":"set_drive","drive":["camera","voice"]}', '{"v":1,"type":"set_drive","drive":null}',
     "[" * 3000, '{"v":1,"v":1,"type":"trace","enabled":true', "\ud800"],
)  # fmt: skip
def test_junk_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(ControlError) as refusal:
        REQUESTS.read(text, limit_bytes=4096)
    assert refusal.value.code == "bad_message"
    assert str(refusal.value)


def test_bytes_and_giants_are_refused() -> None:
    with pytest.raises(ControlError):
        REQUESTS.read(b'{"v":1,"type":"calibrate"}', limit_bytes=4096)
    for giant in ("x" * 5000, "é" * 2500):
        with pytest.raises(ControlError) as refusal:
            REQUESTS.read(giant, limit_bytes=4096)
        assert refusal.value.code == "message_too_large"


@given(
    st.text(max_size=200) | st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8)).map(json.dumps)
)
def test_nothing_a_page_sends_breaks_the_reader(text: str) -> None:
    with pytest.raises(ControlError):
        REQUESTS.read(text, limit_bytes=4096)


def test_reports_are_the_messages_the_page_expects() -> None:
    hello = json.loads(REPORTS.write(Hello(session="s", avatar="a", drive="voice", width=512, height=512, fps=30)))
    assert hello == {
        "v": 1, "type": "hello", "session": "s", "avatar": "a", "drive": "voice",
        "width": 512, "height": 512, "fps": 30,
    }  # fmt: skip
    drive = json.loads(REPORTS.write(DriveMessage(drive="both", reply_to="7")))
    assert drive == {"v": 1, "type": "drive", "drive": "both", "reply_to": "7"}
    assert "reply_to" not in json.loads(REPORTS.write(DriveMessage(drive="camera")))
    stats = Stats(
        fps=30.0, camera_fps=29.9, latency_ms=None, stage_ms={"encode": 1.0}, bitrate_bps=1, width=2, height=2,
        dropped=0, face="tracked", av_offset_ms=None,
    )  # fmt: skip
    assert json.loads(REPORTS.write(stats))["latency_ms"] is None
    assert "quality" not in json.loads(REPORTS.write(stats))
    lowered = replace(stats, quality=Quality(level=2, why="cpu"))
    assert json.loads(REPORTS.write(lowered))["quality"] == {"level": 2, "why": "cpu"}
    camera = json.loads(REPORTS.write(CameraMessage(width=640, height=480, fps=15, max_bitrate_bps=600_000)))
    assert camera == {
        "v": 1, "type": "camera", "width": 640, "height": 480, "fps": 15, "max_bitrate_bps": 600_000,
    }  # fmt: skip
    error = json.loads(REPORTS.write(ErrorMessage(code="c", detail="d")))
    assert error == {"v": 1, "type": "error", "code": "c", "detail": "d"}
    assert json.loads(REPORTS.write(ErrorMessage(code="c", detail="d", reply_to="7")))["reply_to"] == "7"
    assert json.loads(REPORTS.write(TraceMessage(frames=[(1, 2)])))["frames"] == [[1, 2]]
    assert json.loads(REPORTS.write(Bye(reason="idle", detail="x")))["reason"] == "idle"
