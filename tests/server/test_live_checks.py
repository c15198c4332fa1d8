"""Checks before the camera, as a page makes them: photos, pictures, and the avatar that says so."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import httpx2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from avatar.config import LimitSettings, ServerSettings, TrustSettings
from avatar.errors import AvatarError, ConsentError
from avatar.generator.identity import Identity, Portrait
from avatar.generator.identity_file import identity_from_bytes
from avatar.identities.library import AvatarLibrary
from avatar.identities.live_checks import GOOD_S, MOST, MOST_EACH, UNSEEN_S, LiveChecks
from avatar.identities.live_consent import LiveCheck
from avatar.resources import resource_folder
from avatar.server.app import create_app
from avatar.trust.live_check import ASKED, HINTS, REASONS, Check, begin
from avatar.trust.live_gestures import GESTURES
from avatar.types import F32, U8

from .test_app import HERE, FakeCalls, problem

FIRST = begin(lambda among: among[0], lambda: 0.0)
PASSED = replace(FIRST, phase="passed", done=ASKED, likenesses=(0.96,))


class OneLook(LiveCheck):
    """A check that one picture decides: it succeeds where that is bright."""

    def __init__(self, portraits: Sequence[Portrait]) -> None:
        self.portraits, self.check, self.closed = portraits, FIRST, False

    def look(self, rgb: U8, time_s: float) -> Check:
        light = float(rgb.mean())
        if light > 200:
            self.check = PASSED
        elif light < 20:
            self.check = replace(FIRST, phase="refused", reason="not_alike")
        else:
            self.check = replace(FIRST, phase="gesture", since_s=time_s)
        return self.check

    def close(self) -> None:
        self.closed = True


class Clock:
    time_s = 1000.0

    def __call__(self) -> float:
        self.time_s += 0.1
        return self.time_s


@pytest.fixture(scope="module")
def photo_file(photo: U8) -> bytes:
    return picture_of(photo)


def picture_of(rgb: U8) -> bytes:
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=80)
    return out.getvalue()


def plain(light: int) -> bytes:
    return picture_of(np.full((240, 320, 3), light, np.uint8))


@pytest.fixture
def serve(astronaut: Identity, tmp_path: Path) -> Iterator[Callable[[TrustSettings], TestClient]]:
    opened: list[TestClient] = []

    def open_server(trust: TrustSettings) -> TestClient:
        settings = ServerSettings(trust=trust)
        library = AvatarLibrary((), settings.limits, enrol=lambda _, name: replace(astronaut, name=name), trust=trust)
        checks = LiveChecks(settings.limits, open_check=OneLook, clock=Clock())
        client = TestClient(create_app(settings, library, FakeCalls(), live_checks=checks), base_url=HERE)
        client.__enter__()
        opened.append(client)
        return client

    yield open_server
    for client in opened:
        client.__exit__(None, None, None)


def send(client: TestClient, address: str, *photos: bytes, **fields: str) -> httpx2.Response:
    return client.post(address, files=[("photos", ("me.jpg", photo)) for photo in photos], data=fields)


def look(client: TestClient, check: str, picture: bytes, kind: str = "image/jpeg") -> httpx2.Response:
    return client.post(f"/api/live-checks/{check}/pictures", content=picture, headers={"Content-Type": kind})


def test_who_is_found_before_the_camera_gets_an_avatar_that_says_so(
    serve: Callable[[TrustSettings], TestClient], photo_file: bytes, tmp_path: Path
) -> None:
    client = serve(TrustSettings(require_consent="live", key_folder=tmp_path))
    assert client.get("/api/config").json()["live_check"] == "required"
    assert problem(send(client, "/api/avatars", photo_file, consent="self"), 403) == "consent_required"
    assert problem(send(client, "/api/avatars", photo_file, consent="live"), 400) == "bad_consent"
    begun = send(client, "/api/live-checks", photo_file)
    assert begun.status_code == 201
    check = begun.json()["id"]
    assert begun.headers["location"] == f"/api/live-checks/{check}"
    early = send(client, "/api/avatars", photo_file, consent="live", check=check)
    assert problem(early, 403) == "not_checked"
    asked = look(client, check, plain(100)).json()
    assert (asked["phase"], asked["gesture"], asked["needed"]) == ("gesture", "turn_left", ASKED)
    assert 0 < asked["seconds_left"] <= 6
    assert look(client, check, plain(250)).json()["phase"] == "passed"
    other = send(client, "/api/avatars", plain(100), consent="live", check=check)
    assert problem(other, 403) == "not_checked"
    assert problem(send(client, "/api/avatars", photo_file, consent="self", check=check), 400) == "bad_consent"


def test_the_statement_has_the_likeness_and_a_check_is_good_for_one_avatar(
    serve: Callable[[TrustSettings], TestClient], photo_file: bytes, tmp_path: Path
) -> None:
    client = serve(TrustSettings(key_folder=tmp_path))
    assert client.get("/api/config").json()["live_check"] == "offered"
    check = send(client, "/api/live-checks", photo_file).json()["id"]
    look(client, check, plain(250))
    made = send(client, "/api/avatars", photo_file, consent="live", check=check)
    assert made.json()["consent"] == "live"
    consent = identity_from_bytes(client.get(f"{made.headers['location']}/file").content).consent
    assert consent is not None and consent.statement is not None
    assert (consent.claim, consent.statement.likeness) == ("live", 0.96)
    again = send(client, "/api/avatars", photo_file, consent="live", check=check)
    assert problem(again, 403) == "not_checked"


def test_what_is_no_picture_or_too_large_is_refused_and_a_refused_check_is_over(
    serve: Callable[[TrustSettings], TestClient], photo_file: bytes, tmp_path: Path
) -> None:
    client = serve(TrustSettings(key_folder=tmp_path))
    check = send(client, "/api/live-checks", photo_file).json()["id"]
    assert problem(look(client, check, b"x", kind="text/plain"), 415) == "wrong_type"
    assert problem(look(client, check, b"this is a text"), 415) == "not_an_image"
    assert problem(look(client, check, bytes(400_000)), 413) == "too_many_bytes"
    assert problem(look(client, check, picture_of(np.zeros((1100, 1000, 3), np.uint8))), 413) == "too_many_pixels"
    assert problem(look(client, "another", plain(250)), 404) == "unknown_check"
    assert look(client, check, plain(0)).json()["reason"] == "not_alike"
    assert problem(look(client, check, plain(250)), 404) == "unknown_check"
    assert problem(send(client, "/api/live-checks", plain(100)), 422) == "no_face"
    check = send(client, "/api/live-checks", photo_file).json()["id"]
    assert client.delete(f"/api/live-checks/{check}").status_code == 204
    assert problem(look(client, check, plain(250)), 404) == "unknown_check"


@pytest.mark.anyio
async def test_checks_are_bounded_for_a_visitor_and_for_all_and_expire(
    photo_file: bytes, astronaut: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avatar.identities.live_checks.portraits_of", lambda _: astronaut.portraits)
    now_s = 1000.0
    opened: list[OneLook] = []

    def open_check(portraits: Sequence[Portrait]) -> OneLook:
        opened.append(OneLook(portraits))
        return opened[-1]

    checks = LiveChecks(LimitSettings(), open_check=open_check, clock=lambda: now_s)
    try:
        first, *_ = [await checks.begin([photo_file], visitor="one") for _ in range(MOST_EACH + 1)]
        with pytest.raises(AvatarError, match="no such check"):
            await checks.look(first.id, plain(100))
        others = [await checks.begin([photo_file], visitor=f"{number}") for number in range(MOST - MOST_EACH)]
        with pytest.raises(AvatarError, match="Several people"):
            await checks.begin([photo_file], visitor="late")
        now_s += 1.0
        await checks.look(others[0].id, plain(250))
        with pytest.raises(AvatarError, match="faster than they are looked at"):
            await checks.look(others[0].id, plain(250))
        now_s += UNSEEN_S + 1.0
        await checks.begin([photo_file], visitor="late")
        assert checks.take(others[0].id, [photo_file]) == pytest.approx(0.96)
        late = await checks.begin([photo_file], visitor="late")
        now_s += 1.0
        await checks.look(late.id, plain(250))
        now_s += GOOD_S + 1.0
        with pytest.raises(ConsentError, match="too long ago"):
            checks.take(late.id, [photo_file])
    finally:
        checks.close()
    assert all(check.closed for check in opened)


class TwoPeople:
    """Sees another person in a dark photo."""

    def embed(self, rgb: U8, landmarks_px: F32) -> F32:
        return np.array([0, 1] if rgb.mean() < 50 else [1, 0], np.float32)

    def close(self) -> None:
        pass


def test_photos_of_two_people_are_refused(astronaut: Identity) -> None:
    dark = replace(astronaut.rest, rgb=np.zeros_like(astronaut.rest.rgb))
    with pytest.raises(ConsentError, match="Photo 2 does not look like") as refused:
        LiveCheck([astronaut.rest, dark], TwoPeople(), check=FIRST)
    assert refused.value.code == "other_person"


def test_the_page_has_words_for_all_that_a_check_says() -> None:
    texts = (resource_folder("client") / "views" / "texts" / "live-check-texts.js").read_text()
    for code in (*GESTURES, *HINTS, "comparing", *REASONS):
        assert f"  {code}: " in texts, code
