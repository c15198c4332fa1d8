"""The HTTP interface as a page, a WHIP client and an operator see it; calls are made by a fake."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from avatar.call.ice_session import Trickled
from avatar.call.limits import EndReason
from avatar.call.modes import Mode
from avatar.call.rooms import RoomWish
from avatar.call.totals import CallsSnapshot
from avatar.config import LimitSettings, ServerSettings, TransportSettings, TrustSettings
from avatar.errors import (
    AvatarError,
    EnrolError,
    OfferError,
    RecordingError,
    ServerFullError,
    TokenError,
    UnknownAvatarError,
)
from avatar.generator.identity import Identity
from avatar.identities.backgrounds import BackgroundLibrary
from avatar.identities.builtin import BuiltinFace
from avatar.identities.library import AvatarLibrary
from avatar.media.recording import RecordingState
from avatar.resources import resource_folder
from avatar.server.app import create_app
from avatar.stream.page_reports import Stats
from avatar.types import U8, Drive

HERE = "http://localhost:8010"
SDP = {"Content-Type": "application/sdp"}
OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n"


class TwoWatchers:
    async def count(self) -> int:
        return 2


@dataclass
class MadeCall:
    id: str
    answer_sdp: str = "v=0\r\nthe answer"
    ice_tag: str = "tag"
    recording: Any = None
    watch_token: str = "watch-token"  # noqa: S105
    watchers: Any = field(default_factory=TwoWatchers)


@dataclass
class FakeCalls:
    """Answers every offer, or raises `trouble`."""

    trouble: AvatarError | None = None
    made: list[tuple[str, str | None, int | None, int | None, Mode, Drive]] = field(default_factory=list)
    rates: list[int | None] = field(default_factory=list)
    backgrounds: list[str | None] = field(default_factory=list)
    running: dict[str, MadeCall] = field(default_factory=dict)
    latest: tuple[Stats, ...] = ()
    closed: bool = False
    expected: int = 0
    wishes: list[RoomWish | None] = field(default_factory=list)

    async def create(
        self,
        offer_sdp: str,
        avatar_id: str | None,
        *,
        width: int | None,
        height: int | None,
        fps: int | None,
        mode: Mode,
        drive: Drive,
        watch: str | None,
        background: str | None,
        room: RoomWish | None,
        avatar_fixed: bool = False,
    ) -> MadeCall:
        self.backgrounds.append(background)
        self.wishes.append(room)
        if self.trouble is not None:
            raise self.trouble
        self.rates.append(fps)
        self.made.append((offer_sdp, avatar_id, width, height, mode, drive))
        call = MadeCall(f"call{len(self.made)}", watch_token=watch or "watch-token")
        self.running[call.id] = call
        return call

    def __contains__(self, call_id: str) -> bool:
        return call_id in self.running

    def get(self, call_id: str) -> MadeCall | None:
        return self.running.get(call_id)

    async def watchers(self, watch_token: str) -> None:
        return None

    async def room_names(self, room_id: str) -> list[str]:
        return [wish.name for wish in self.wishes if wish is not None and wish.room == room_id]

    async def trickle(self, call_id: str, fragment: str, tags: object = None) -> Trickled | None:
        return Trickled("tag") if call_id in self.running else None

    async def end(self, call_id: str, reason: EndReason = "left") -> bool:
        return self.running.pop(call_id, None) is not None

    def expect_another(self) -> None:
        self.expected += 1

    async def close(self) -> None:
        self.closed = True

    def snapshot(self) -> CallsSnapshot:
        return CallsSnapshot(
            len(self.running), 4, len(self.made), 1, {"idle": 2}, 900, 890, 1_000_000, {}, latest=self.latest
        )


@pytest.fixture(scope="module")
def astronaut(astronaut: Identity) -> Identity:
    return replace(astronaut, name="Eileen")


@pytest.fixture(scope="module")
def photo_file(photo: U8) -> bytes:
    """The portrait, as the file a browser sends."""
    out = io.BytesIO()
    Image.fromarray(photo).save(out, "JPEG", quality=80)
    return out.getvalue()


@pytest.fixture
def calls() -> FakeCalls:
    return FakeCalls()


SETTINGS = ServerSettings(
    limits=LimitSettings(upload_bytes=500_000, offer_bytes=2_000, photos=3),
    transport=TransportSettings(ice_servers=("stun:stun.example.org",)),
)


def library_of(astronaut: Identity, tmp_path: Path, trust: TrustSettings | None = None) -> AvatarLibrary:
    image = tmp_path / "drawn.png"
    Image.fromarray(astronaut.rest.rgb).save(image)

    def fake_enrol(photos: Sequence[U8], name: str) -> Identity:
        if photos[0].max() < 10:
            raise EnrolError("No face is visible in the photo. Use one taken from the front in good light.")
        return replace(astronaut, name=name)

    face = BuiltinFace("drawn", "Drawn", image, "CC0", "this test")
    return AvatarLibrary((face,), SETTINGS.limits, enrol=fake_enrol, trust=trust)


@pytest.fixture
def client(astronaut: Identity, calls: FakeCalls, tmp_path: Path) -> Iterator[TestClient]:
    backgrounds = BackgroundLibrary(SETTINGS.limits)
    app = create_app(SETTINGS, library_of(astronaut, tmp_path), calls, backgrounds=backgrounds)
    with TestClient(app, base_url=HERE) as client:
        yield client


@pytest.fixture
def guarded(astronaut: Identity, calls: FakeCalls, tmp_path: Path) -> Iterator[TestClient]:
    app = create_app(
        SETTINGS,
        library_of(astronaut, tmp_path),
        calls,
        backgrounds=BackgroundLibrary(SETTINGS.limits),
        token="secret word",  # noqa: S106
    )
    with TestClient(app, base_url=HERE) as client:
        yield client


def problem(answer: httpx2.Response, status: int) -> str:
    """Check that an answer is a proper problem and return its code."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body.keys() == {"type", "title", "status", "detail", "code"}
    assert body["status"] == status
    assert len(body["detail"]) > 10
    return str(body["code"])


def upload(client: TestClient, *photos: bytes, **fields: str) -> httpx2.Response:
    return client.post("/api/avatars", files=[("photos", ("me.jpg", photo)) for photo in photos], data=fields)


# The page


def test_the_page_and_its_files_come_with_their_types_and_strict_headers(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "camera=(self)" in page.headers["permissions-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    for linked in re.findall(r'(?:src|href)="(/client/[^"]+)"', page.text):
        assert client.get(linked).status_code == 200, linked


def test_who_opens_the_page_is_expected_to_call_and_who_watches_is_not(client: TestClient, calls: FakeCalls) -> None:
    before = calls.expected
    client.get("/watch/token")
    client.get("/obs")
    assert calls.expected == before
    client.get("/")
    assert calls.expected == before + 1


def test_every_file_of_the_page_comes_with_its_type_whichever_folder_it_lies_in(client: TestClient) -> None:
    folder = resource_folder("client")
    types = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert len({file.parent for file in files}) > 5
    for file in files:
        answer = client.get(f"/client/{file.relative_to(folder).as_posix()}")
        assert answer.status_code == 200, file
        assert answer.headers["content-type"].startswith(types[file.suffix]), file
        assert answer.headers["cache-control"] == "no-cache", file


def test_the_page_loads_nothing_from_elsewhere_and_has_nothing_inline(client: TestClient) -> None:
    for path in ("/", "/docs"):
        text = client.get(path).text
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=", text)


@pytest.mark.parametrize("part", ["bytes=0-3", "bytes=999999999-", "bytes=z", "no range"])
@pytest.mark.parametrize("path", ["/", "/client/main.js"])
def test_files_come_whole_whatever_part_is_asked_for(client: TestClient, path: str, part: str) -> None:
    answer = client.get(path, headers={"Range": part})
    assert answer.status_code == 200 and answer.headers["accept-ranges"] == "none"
    assert answer.content == client.get(path).content


def test_files_outside_the_page_are_out_of_reach(client: TestClient) -> None:
    for path in ("/client/../pyproject.toml", "/client/%2e%2e/pyproject.toml", "/client//etc/passwd"):
        assert client.get(path).status_code == 404


def test_the_configuration_tells_the_page_its_limits(client: TestClient) -> None:
    config = client.get("/api/config").json()
    assert config["max_upload_bytes"] == 500_000
    assert config["limits"]["upload_pixels"] < config["limits"]["upload_pixels_together"]
    assert config["max_photos"] == 3
    assert config["ice_servers"] == [{"urls": "stun:stun.example.org"}]
    assert config["picture"] == {"width": 512, "height": 512, "fps": 30}


# Avatars


def test_built_in_faces_are_listed_with_a_preview(client: TestClient) -> None:
    (face,) = client.get("/api/avatars").json()["avatars"]
    assert (face["id"], face["name"], face["kind"]) == ("drawn", "Drawn", "builtin")
    preview = client.get(face["preview"])
    assert preview.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(preview.content)) as image:
        assert image.size == (face["width"], face["height"])
    assert problem(client.delete("/api/avatars/drawn"), 405) == "not_removable"


def test_a_photo_becomes_an_avatar_that_only_its_holder_knows(client: TestClient, photo_file: bytes) -> None:
    answer = upload(client, photo_file, photo_file, name="Zoë <b>")
    assert answer.status_code == 201
    avatar = answer.json()
    assert answer.headers["location"] == f"/api/avatars/{avatar['id']}"
    assert avatar["name"] == "Zoë <b>"
    assert avatar["kind"] == "uploaded"
    assert avatar["warnings"] == []
    assert client.get(answer.headers["location"]).json() == avatar
    assert len(client.get("/api/avatars").json()["avatars"]) == 1
    assert client.get(avatar["preview"]).content[:2] == b"\xff\xd8"
    file = client.get(f"/api/avatars/{avatar['id']}/file")
    assert file.headers["content-disposition"] == "attachment; filename*=UTF-8''Zo%C3%AB%20%3Cb%3E.avatar"
    assert client.delete(answer.headers["location"]).status_code == 204
    assert problem(client.get(answer.headers["location"]), 404) == "unknown_avatar"
    assert problem(client.get(avatar["preview"]), 404) == "unknown_avatar"


def test_a_server_may_ask_whose_face_it_is(
    astronaut: Identity, calls: FakeCalls, photo_file: bytes, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, trust=TrustSettings(require_consent=True, key_folder=tmp_path))
    with TestClient(
        create_app(settings, library_of(astronaut, tmp_path, settings.trust), calls), base_url=HERE
    ) as client:
        assert client.get("/api/config").json()["consent_required"] is True
        assert problem(upload(client, photo_file), 403) == "consent_required"
        assert problem(upload(client, photo_file, consent="perhaps"), 400) == "bad_consent"
        assert upload(client, photo_file, consent="permitted").json()["consent"] == "permitted"


def test_photos_that_will_not_do_are_refused_with_the_reason(client: TestClient, photo_file: bytes) -> None:
    dark = io.BytesIO()
    Image.new("RGB", (200, 200)).save(dark, "PNG")
    assert problem(upload(client, dark.getvalue()), 422) == "no_face"
    assert problem(upload(client, b"this is a text"), 415) == "not_an_image"
    assert problem(upload(client, photo_file[:2000]), 422) == "truncated_image"
    assert problem(upload(client, *[b"small"] * 4), 413) == "too_many_photos"
    assert problem(upload(client, *[b"small"] * 9), 413) == "too_many_photos"
    assert problem(client.post("/api/avatars", data={"name": "x"}), 415) == "wrong_type"
    assert problem(client.post("/api/avatars", json={}), 415) == "wrong_type"
    assert problem(client.post("/api/avatars", files={"other": b"x"}), 400) == "bad_request"
    broken = client.post("/api/avatars", content=b"x", headers={"Content-Type": "multipart/form-data"})
    assert problem(broken, 400) == "bad_request"


def test_an_upload_beyond_the_limit_is_refused_before_it_is_read(client: TestClient) -> None:
    assert problem(upload(client, bytes(600_000)), 413) == "too_many_bytes"
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="photos"; filename="a"\r\n\r\n'
        while sent < 100_000_000:
            sent += 10_000
            yield bytes(10_000)

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert problem(client.post("/api/avatars", content=endless(), headers=headers), 413) == "too_many_bytes"


def test_a_background_is_known_to_its_sender_until_it_is_removed(client: TestClient, photo_file: bytes) -> None:
    jpeg = {"Content-Type": "image/jpeg"}
    answer = client.post("/api/backgrounds", content=photo_file, headers=jpeg)
    assert answer.status_code == 201 and len(answer.json()["id"]) == 22
    assert client.delete(answer.headers["location"]).status_code == 204
    assert problem(client.delete(answer.headers["location"]), 404) == "unknown_background"
    assert problem(client.post("/api/backgrounds", content=bytes(600_000), headers=jpeg), 413) == "too_many_bytes"
    assert problem(client.post("/api/backgrounds", content=b"a text", headers=jpeg), 415) == "not_an_image"
    assert problem(client.post("/api/backgrounds", content=photo_file), 415) == "wrong_type"


def test_a_guarded_server_takes_backgrounds_only_with_its_token(guarded: TestClient, photo_file: bytes) -> None:
    headers = {"Content-Type": "image/jpeg"}
    assert problem(guarded.post("/api/backgrounds", content=photo_file, headers=headers), 401) == "unauthorized"
    headers["Authorization"] = "Bearer secret word"
    assert guarded.post("/api/backgrounds", content=photo_file, headers=headers).status_code == 201


# Calls


def test_an_offer_is_answered_and_the_call_ends_by_its_location(client: TestClient, calls: FakeCalls) -> None:
    answer = client.post("/whip?avatar=drawn&width=640&height=480&mode=echo", content=OFFER, headers=SDP)
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/sdp"
    assert answer.headers["location"] == "/whip/call1"
    assert answer.headers["link"] == '<stun:stun.example.org>; rel="ice-server"'
    assert answer.text.startswith("v=0")
    assert calls.made == [(OFFER, "drawn", 640, 480, "echo", "camera")]
    assert client.get("/healthz").json()["sessions"] == 1
    assert client.delete("/whip/call1").status_code == 200
    assert problem(client.delete("/whip/call1"), 404) == "unknown_call"


class FakeRecording:
    """Starts, or raises `trouble`."""

    trouble: AvatarError | None = None
    state: RecordingState | None = None

    async def start(self) -> RecordingState:
        if self.trouble is not None:
            raise self.trouble
        self.state = RecordingState(Path("/secret/folder/one.mp4"), 1.5, 45, 0, False, None)
        return self.state

    async def read(self) -> RecordingState | None:
        return self.state

    async def stop(self) -> RecordingState | None:
        return None if self.state is None else replace(self.state, ended=True)


def test_a_call_is_recorded_for_who_knows_its_id(client: TestClient, calls: FakeCalls) -> None:
    client.post("/whip?avatar=drawn", content=OFFER, headers=SDP)
    calls.running["call1"].recording = FakeRecording()
    address = "/api/calls/call1/recording"
    assert problem(client.get(address), 404) == problem(client.delete(address), 404) == "no_recording"
    begun = client.post(address)
    assert begun.status_code == 201
    assert begun.json() == {
        "file": "one.mp4",
        "seconds": 1.5,
        "pictures": 45,
        "dropped": 0,
        "state": "running",
        "failure": None,
    }
    assert client.get(address).json() == begun.json()
    assert client.delete(address).json()["state"] == "ended"
    for ask in (client.post, client.get, client.delete):
        assert problem(ask("/api/calls/call9/recording"), 404) == "unknown_call"


@pytest.mark.parametrize(
    ("code", "status"), [("recording_off", 403), ("recording_runs", 409), ("recording_failed", 507)]
)
def test_a_recording_that_cannot_be_is_refused_in_words(
    client: TestClient, calls: FakeCalls, code: str, status: int
) -> None:
    client.post("/whip?avatar=drawn", content=OFFER, headers=SDP)
    calls.running["call1"].recording = FakeRecording()
    calls.running["call1"].recording.trouble = RecordingError("It cannot be, for this reason.", code=code)
    assert problem(client.post("/api/calls/call1/recording"), status) == code


def test_a_guarded_server_lets_nobody_record_without_its_token(guarded: TestClient, calls: FakeCalls) -> None:
    calls.running["call1"] = MadeCall("call1")
    calls.running["call1"].recording = FakeRecording()
    assert problem(guarded.post("/api/calls/call1/recording"), 401) == "unauthorized"
    with_token = {"Authorization": "Bearer secret word"}
    assert guarded.post("/api/calls/call1/recording", headers=with_token).status_code == 201


def test_a_program_that_speaks_says_how_many_pictures_it_wants(client: TestClient, calls: FakeCalls) -> None:
    answer = client.post("/whip?avatar=drawn&mode=bot&fps=15", content=OFFER, headers=SDP)
    assert answer.status_code == 201
    assert calls.rates == [15] and calls.made[0][-2] == "bot"
    for fps in ("0", "61", "many"):
        refusal = client.post(f"/whip?avatar=drawn&mode=bot&fps={fps}", content=OFFER, headers=SDP)
        assert problem(refusal, 400) == "bad_request"


def test_an_offer_may_say_what_moves_the_avatar(client: TestClient, calls: FakeCalls) -> None:
    for drive in ("camera", "voice", "both"):
        answer = client.post(f"/whip?avatar=drawn&drive={drive}", content=OFFER, headers=SDP)
        assert answer.status_code == 201
    assert [made[-1] for made in calls.made] == ["camera", "voice", "both"]
    refusal = client.post("/whip?avatar=drawn&drive=telepathy", content=OFFER, headers=SDP)
    assert problem(refusal, 400) == "bad_request"
    assert "voice" in refusal.json()["detail"], "it says what there is"


def test_a_turn_server_is_told_with_its_credentials_to_who_may_call(
    astronaut: Identity, calls: FakeCalls, tmp_path: Path
) -> None:
    turn = TransportSettings(
        ice_servers=("stun:s.example", "turn:t.example:3478?transport=udp"),
        turn_username="me", turn_credential='pass"wo\\rd',
    )  # fmt: skip
    settings = replace(SETTINGS, transport=turn)
    page = {"Origin": "https://x.example", "Access-Control-Request-Method": "POST"}
    app = create_app(settings, library_of(astronaut, tmp_path), calls, token="word")  # noqa: S106
    with TestClient(app, base_url=HERE) as client:
        allowed = {"Authorization": "Bearer word"}
        answer = client.post("/whip?avatar=drawn", content=OFFER, headers={**SDP, **allowed})
        assert answer.headers["link"] == (
            '<stun:s.example>; rel="ice-server", <turn:t.example:3478?transport=udp>; rel="ice-server"; '
            'username="me"; credential="pass\\"wo\\\\rd"; credential-type="password"'
        )
        stun = {"urls": "stun:s.example"}
        relay = {"urls": turn.ice_servers[1], "username": "me", "credential": turn.turn_credential}
        assert client.get("/api/config", headers=allowed).json()["ice_servers"] == [stun, relay]
        for stranger in ({}, {"Authorization": "Bearer wrong"}):
            assert client.get("/api/config", headers=stranger).json()["ice_servers"] == [stun]
        for unasked in (client.options("/whip", headers=page), client.get("/whip"), client.post("/whip?avatar=drawn")):
            assert "link" not in unasked.headers
    assert "wo" not in repr(turn)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (TransportSettings(ice_servers=("nonsense",)), "no STUN or TURN server"),
        (TransportSettings(ice_servers=("https://stun.example",)), "no STUN or TURN server"),
        (TransportSettings(ice_servers=("turn:t.example",)), "AVATAR_TURN_USERNAME"),
        (TransportSettings(ice_servers=("turns:t.example",), turn_username="me", turn_credential="pässword"), "ASCII"),
    ],
)
def test_an_ice_server_that_cannot_be_used_is_refused_at_the_start(
    settings: TransportSettings, reason: str, astronaut: Identity, calls: FakeCalls, tmp_path: Path
) -> None:
    with pytest.raises(AvatarError, match=reason):
        create_app(replace(SETTINGS, transport=settings), library_of(astronaut, tmp_path), calls)


def test_offers_that_cannot_be_taken_are_refused_with_the_reason(client: TestClient, calls: FakeCalls) -> None:
    assert problem(client.post("/whip?avatar=drawn", json={}), 415) == "wrong_type"
    assert problem(client.post("/whip?avatar=drawn", content=b"v" * 3000, headers=SDP), 413) == "too_many_bytes"
    assert problem(client.post("/whip?avatar=drawn", content=b"\xff\xfe", headers=SDP), 400) == "bad_offer"
    assert problem(client.post("/whip", content=OFFER, headers=SDP), 400) == "bad_request"
    assert problem(client.post("/whip?avatar=drawn&mode=x", content=OFFER, headers=SDP), 400) == "bad_request"
    assert problem(client.post("/whip?avatar=drawn&width=x", content=OFFER, headers=SDP), 400) == "bad_request"
    calls.trouble = OfferError("The offer has no video.")
    assert problem(client.post("/whip?avatar=drawn", content="junk", headers=SDP), 400) == "bad_offer"
    calls.trouble = UnknownAvatarError("No such avatar.")
    assert problem(client.post("/whip?avatar=nobody", content=OFFER, headers=SDP), 404) == "unknown_avatar"


def test_a_full_server_says_when_to_come_back(client: TestClient, calls: FakeCalls) -> None:
    calls.trouble = ServerFullError("All places are taken.", retry_after_s=7)
    answer = client.post("/whip?avatar=drawn", content=OFFER, headers=SDP)
    assert problem(answer, 503) == "server_full"
    assert answer.headers["retry-after"] == "7"


def test_a_page_of_another_origin_may_call_with_the_token_and_nothing_else(guarded: TestClient) -> None:
    page = {"Origin": "https://x.example", "Sec-Fetch-Site": "cross-site", "Authorization": "Bearer secret word"}
    answer = guarded.post("/whip?avatar=drawn", content=OFFER, headers={**SDP, **page})
    assert answer.status_code == 201
    assert answer.headers["access-control-allow-origin"] == "*"
    assert {"Location", "ETag", "Link"} <= set(answer.headers["access-control-expose-headers"].split(", "))
    listed = guarded.get("/api/avatars", headers=page)
    assert "access-control-allow-origin" not in listed.headers, "avatars are for our own page"


def test_a_page_of_another_origin_can_do_nothing_on_an_unguarded_server(
    client: TestClient, calls: FakeCalls, photo_file: bytes
) -> None:
    mine = upload(client, photo_file).json()["id"]
    page = {"Origin": "https://x.example", "Sec-Fetch-Site": "cross-site"}
    for _ in range(SETTINGS.limits.uploaded_avatars + 1):
        answer = client.post("/api/avatars", files={"photos": photo_file}, headers=page)
        assert problem(answer, 403) == "foreign_origin"
        assert "access-control-allow-origin" not in answer.headers
    assert client.get(f"/api/avatars/{mine}").status_code == 200, "nobody has pushed it out"
    assert problem(client.delete(f"/api/avatars/{mine}", headers=page), 403) == "foreign_origin"
    refused = client.post("/whip?avatar=drawn", content=OFFER, headers={**SDP, **page})
    assert problem(refused, 403) == "foreign_origin"
    assert "--allow-origin https://x.example" in refused.json()["detail"], "it says what to do"
    assert calls.made == []


def test_a_guarded_server_takes_offers_and_uploads_only_with_its_token(guarded: TestClient, photo_file: bytes) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic secret word"}):
        answer = guarded.post("/whip?avatar=drawn", content=OFFER, headers={**SDP, **headers})
        assert problem(answer, 401) == "unauthorized"
        assert answer.headers["www-authenticate"] == "Bearer"
        assert (
            problem(guarded.post("/api/avatars", files={"photos": photo_file}, headers=headers), 401) == "unauthorized"
        )
        assert problem(guarded.get("/metrics", headers=headers), 401) == "unauthorized"
    wrong = guarded.get("/metrics", headers={"Authorization": "Bearer wrong"})
    assert "not the server's token" in wrong.json()["detail"]
    assert "asks for a token" in guarded.get("/metrics").json()["detail"]
    allowed = {"Authorization": "Bearer secret word"}
    assert guarded.post("/whip?avatar=drawn", content=OFFER, headers={**SDP, **allowed}).status_code == 201
    assert guarded.post("/api/avatars", files={"photos": photo_file}, headers=allowed).status_code == 201
    assert "avatar_sessions" in guarded.get("/metrics", headers=allowed).text
    assert guarded.get("/api/config").json()["token_required"] is True


@pytest.mark.parametrize("token", ["pässword", "a\nb", " blank", "blank ", "\x7f"])
def test_a_token_that_nobody_could_send_is_refused_at_the_start(
    token: str, astronaut: Identity, calls: FakeCalls, tmp_path: Path
) -> None:
    with pytest.raises(TokenError, match="AVATAR_TOKEN"):
        create_app(SETTINGS, library_of(astronaut, tmp_path), calls, token=token)


# The server itself


def test_unknown_addresses_and_methods_are_problems_too(client: TestClient) -> None:
    assert problem(client.get("/nowhere"), 404) == "not_found"
    assert problem(client.put("/whip"), 405) == "method_not_allowed"
    assert "content-security-policy" in client.get("/nowhere").headers


def test_a_bug_is_a_problem_without_details(astronaut: Identity, tmp_path: Path) -> None:
    class BrokenCalls(FakeCalls):
        async def end(self, call_id: str, reason: EndReason = "left") -> bool:
            raise RuntimeError("a secret detail")

    app = create_app(SETTINGS, library_of(astronaut, tmp_path), BrokenCalls())
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as client:
        answer = client.delete("/whip/x")
    assert problem(answer, 500) == "internal_error"
    assert "secret" not in answer.text


def test_the_access_log_shows_no_id_that_lets_its_holder_in(
    client: TestClient, photo_file: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "avatar")
    upload_id = upload(client, photo_file).json()["id"]
    client.get(f"/api/avatars/{upload_id}/preview.jpg")
    call = client.post(f"/whip?avatar={upload_id}", content=OFFER, headers=SDP).headers["location"]
    client.delete(call)
    client.get(f"/nowhere/{upload_id}")
    for line in ("GET /api/avatars/{avatar_id}/preview.jpg 200", "POST /whip 201", "DELETE /whip/{call_id} 200"):
        assert any(line in logged for logged in caplog.messages), line
    assert not any(upload_id in logged or call in logged for logged in caplog.messages)


def test_metrics_count_calls_offers_uploads_and_answers(
    client: TestClient, calls: FakeCalls, photo_file: bytes
) -> None:
    client.post("/whip?avatar=drawn", content=OFFER, headers=SDP)
    upload(client, photo_file)
    upload(client, b"junk")
    client.get("/somewhere/else")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = answer.text.splitlines()
    for line in (
        "avatar_sessions 1.0",
        "avatar_sessions_limit 4.0",
        'avatar_offers_total{result="ok"} 1.0',
        'avatar_uploads_total{result="ok"} 1.0',
        'avatar_uploads_total{result="not_an_image"} 1.0',
        'avatar_calls_ended_total{reason="idle"} 2.0',
        'avatar_http_requests_total{method="GET",route="other",status="404"} 1.0',
        'avatar_http_requests_total{method="POST",route="/whip",status="201"} 1.0',
    ):
        assert line in lines


def test_the_documentation_covers_every_operation_and_its_errors(client: TestClient) -> None:
    description = client.get("/openapi.json").json()
    page = client.get("/docs").text
    assert client.get("/docs/style.css").headers["content-type"].startswith("text/css")
    for path, methods in description["paths"].items():
        assert path in page
        for operation in methods.values():
            assert operation["description"], path
    assert "HTTPValidationError" not in str(description)
    post = description["paths"]["/whip"]["post"]
    assert "application/sdp" in post["requestBody"]["content"]
    assert {"201", "400", "401", "404", "415", "503"} <= post["responses"].keys()


def test_stopping_ends_every_call(astronaut: Identity, calls: FakeCalls, tmp_path: Path) -> None:
    with TestClient(create_app(SETTINGS, library_of(astronaut, tmp_path), calls)):
        assert not calls.closed
    assert calls.closed


def test_a_name_of_any_length_is_taken_and_cut(client: TestClient, calls: FakeCalls) -> None:
    for name, shown in (("Ada", "Ada"), ("Ada " * 100, ("Ada " * 10).strip()), ("x" * 3000, "x" * 40)):
        answer = client.post(
            "/whip", params={"avatar": "drawn", "room": "a-room-of-our-own", "name": name}, content=OFFER, headers=SDP
        )
        assert answer.status_code == 201
        assert calls.wishes[-1] == RoomWish("a-room-of-our-own", shown)


def test_what_an_id_has_to_be_like_is_said_in_words(client: TestClient) -> None:
    answer = client.get("/api/rooms/short")
    assert problem(answer, 400) == "bad_request"
    assert answer.json()["detail"] == "room_id: 16 to 64 letters, digits, - or _ are needed"
    answer = client.post("/whip", content=OFFER, headers=SDP)
    assert answer.json()["detail"] == "avatar: it is needed and was not given"
