"""What a page is told of its pictures, from what each picture carries."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from avatar.call.browser_peer import BrowserPeer
from avatar.stream.page_reports import TRACE_PAIRS, Report, TraceMessage
from avatar.stream.video_track import SentPicture
from avatar.types import CaptureStamp, Picture

I420 = np.zeros((96, 48), np.uint8)


def page(sent: list[Report], at_once: list[bool] | None = None) -> BrowserPeer:
    host: Any = SimpleNamespace(send=sent.append, show_at_once=(at_once if at_once is not None else []).append)
    unused: Any = None
    return BrowserPeer(
        unused,
        host,
        avatar_id="ada",
        drive="camera",
        limit_bytes=4096,
        get_avatar=unused,
        backgrounds=unused,
        service_factory=unused,
        send_audio=unused,
    )


def picture(camera: int | None, shown: int | None) -> SentPicture:
    capture = None if camera is None else CaptureStamp(1.0, camera)
    return SentPicture(Picture(0.0, I420, capture), shown, 0.001, 1000, False, 2.0)


def test_a_page_that_traces_is_told_which_picture_answers_which_camera_frame() -> None:
    sent: list[Report] = []
    visitor = page(sent)
    visitor.on_picture_sent(picture(1, 2))
    visitor.on_second()
    assert sent == [], "nobody has asked"
    visitor.on_message('{"v":1,"type":"trace","enabled":true}')
    for one in (picture(3000, 9000), picture(None, 12_000), picture(6000, None), picture(9000, 15_000)):
        visitor.on_picture_sent(one)
    visitor.on_second()
    visitor.on_second()
    assert sent == [TraceMessage(frames=[(3000, 9000), (9000, 15_000)])], "of pictures whose two ends are known"


def test_pairs_are_told_before_a_message_grows_too_long() -> None:
    sent: list[Report] = []
    visitor = page(sent)
    visitor.on_message('{"v":1,"type":"trace","enabled":true}')
    for index in range(2 * TRACE_PAIRS):
        visitor.on_picture_sent(picture(index, index))
    assert all(isinstance(report, TraceMessage) and len(report.frames) <= TRACE_PAIRS for report in sent)
    assert sum(len(report.frames) for report in sent if isinstance(report, TraceMessage)) == 2 * TRACE_PAIRS


def test_pictures_wait_for_their_sound_only_while_the_page_plays_it() -> None:
    at_once: list[bool] = []
    visitor = page([], at_once)
    for played in ("false", "true", "false"):
        visitor.on_message(f'{{"v":1,"type":"sound","played":{played}}}')
    assert at_once == [True, False, True]
