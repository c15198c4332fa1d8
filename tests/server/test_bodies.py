"""Request bodies that come slowly, or not to their end."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request

from avatar.config import LimitSettings
from avatar.server import bodies
from avatar.server.bodies import read_body, read_photo_form
from avatar.server.problems import RequestError

pytestmark = pytest.mark.anyio


def request(
    messages: Sequence[dict[str, Any]], content_type: str = "application/sdp", *, then_hang: bool = False
) -> Request:
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        if not waiting and then_hang:
            await asyncio.sleep(3600)
        return waiting.pop(0)

    headers = [(b"content-type", content_type.encode())]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


def block(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


FORM = "multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="photos"; filename="a.jpg"\r\n\r\n'


async def code_of(reading: Awaitable[object]) -> str:
    with pytest.raises(RequestError) as caught:
        await reading
    return caught.value.code


async def test_a_body_in_pieces_comes_out_whole() -> None:
    assert await read_body(request([block(b"v="), block(b"0", more=False)]), 100) == b"v=0"
    form = await read_photo_form(
        request([block(PART), block(b"jpeg"), block(b"\r\n--b--\r\n", more=False)], FORM), LimitSettings()
    )
    assert form.photos == (b"jpeg",)


async def test_a_body_that_grows_beyond_the_limit_is_given_up_on_the_way() -> None:
    endless = request([block(bytes(60))] * 3, then_hang=True)
    assert await code_of(read_body(endless, 100)) == "too_many_bytes"


@pytest.mark.parametrize(("limit", "said"), [(64_000, "64 kB"), (10_000_000, "10 MB")])
async def test_the_limit_is_said_in_a_unit_that_reads_well(limit: int, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        await read_body(request([block(bytes(limit + 1), more=False)]), limit)


@pytest.mark.parametrize(
    "read", [lambda asked: read_body(asked, 100), lambda asked: read_photo_form(asked, LimitSettings())]
)
async def test_a_sender_that_stalls_or_goes_away_holds_nothing(
    read: Callable[[Request], Awaitable[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "RECEIVE_S", 0.05)
    assert await code_of(read(request([block(PART)], FORM, then_hang=True))) == "request_timeout"
    gone = request([block(PART), {"type": "http.disconnect"}], FORM)
    assert await code_of(read(gone)) == "request_timeout"


async def test_photos_are_taken_where_no_temporary_file_can_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "there is no such folder"))
    photo = bytes(range(256)) * 8_000  # two megabytes
    pieces = [block(PART), *(block(photo[at : at + 64_000]) for at in range(0, len(photo), 64_000))]
    form = await read_photo_form(request([*pieces, block(b"\r\n--b--\r\n", more=False)], FORM), LimitSettings())
    assert form.photos == (photo,)
