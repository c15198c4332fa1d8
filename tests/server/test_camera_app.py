"""The control page of a virtual camera: it shows and asks what the keys do, and only who has its link may."""

from __future__ import annotations

import io
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from avatar.commands.camera_page import serving_page
from avatar.config import Background, LimitSettings
from avatar.errors import AvatarError, CueError
from avatar.identities.backgrounds import BackgroundLibrary
from avatar.server.camera_app import create_camera_app
from avatar.virtual_camera.broadcast_state import BroadcastState, following
from avatar.virtual_camera.picture_output import OutputFigures

TOKEN = {"Authorization": "Bearer the-token"}
STATE = BroadcastState(
    faces=("mira", "/home/me/Old Friend.avatar"),
    face=0,
    background="keep",
    muted=False,
    follows_face=True,
    sight="tracked",
    figures=OutputFigures(29.96, 41.0, 55.0, 900, 3, 1),
    notes=((1, "Face: mira"),),
)


@dataclass
class Controls:
    """A camera that does what it is asked."""

    shown: BroadcastState = STATE
    asked: list[Any] = field(default_factory=list)

    def state(self) -> BroadcastState:
        return self.shown

    def show_face(self, index: int) -> None:
        if index >= len(self.shown.faces):
            raise AvatarError("There is no such face.", code="unknown_avatar")
        self.shown = replace(self.shown, face=index)

    def show_background(self, background: Background) -> None:
        self.asked.append(background)
        self.shown = replace(self.shown, background=str(background))

    def calibrate(self) -> None:
        self.asked.append("calibrate")

    def direct(self, words: str) -> None:
        if words == "moonwalk":
            raise CueError("'moonwalk' is nothing that an avatar does.")
        self.asked.append(words)

    def mute(self, muted: bool) -> None:
        self.shown = replace(self.shown, muted=muted)


@pytest.fixture
def controls() -> Controls:
    return Controls()


@pytest.fixture
def client(controls: Controls) -> Iterator[TestClient]:
    def preview(face: str) -> bytes:
        if face != "mira":
            raise AvatarError("There is no such face here.", code="unknown_avatar")
        return b"a picture"

    backgrounds = BackgroundLibrary(LimitSettings())
    app = create_camera_app(controls, backgrounds, LimitSettings(), "the-token", preview)
    with TestClient(app, base_url="http://127.0.0.1:8011") as made:
        yield made
    backgrounds.close()


def ask(client: TestClient, **message: Any) -> tuple[int, str]:
    answer = client.post("/api/camera", json={"v": 1, **message}, headers=TOKEN)
    return answer.status_code, answer.json()["code"] if answer.content else ""


def test_it_does_what_a_call_is_asked_in_the_same_words(client: TestClient, controls: Controls) -> None:
    for message in (
        {"type": "set_avatar", "avatar": "face-1"},
        {"type": "set_background", "background": "#00c83c"},
        {"type": "calibrate"},
        {"type": "cue", "text": "smile warmly"},
        {"type": "devices", "microphone": False, "camera": True},
    ):
        assert ask(client, **message) == (204, "")
    assert controls.asked == [Background("colour", rgb=(0, 200, 60)), "calibrate", "smile warmly"]
    state = client.get("/api/camera", headers=TOKEN).json()
    assert (state["face"], state["background"], state["muted"]) == ("face-1", "#00c83c", True)
    assert (state["fps"], state["latency_ms"], state["latency_ms_p95"]) == (30.0, 41.0, 55.0)
    assert state["notes"] == [{"number": 1, "text": "Face: mira"}]


def test_a_picture_is_sent_and_put_behind_the_avatar(client: TestClient, controls: Controls) -> None:
    photo = io.BytesIO()
    Image.new("RGB", (320, 200), (1, 2, 3)).save(photo, "PNG")
    sent = client.post("/api/backgrounds", content=photo.getvalue(), headers={**TOKEN, "Content-Type": "image/png"})
    assert ask(client, type="set_background", background=sent.json()["id"]) == (204, "")
    assert controls.asked[0].kind == "picture" and controls.asked[0].data


def test_what_cannot_be_is_said(client: TestClient) -> None:
    assert ask(client, type="set_avatar", avatar="face-7") == (404, "unknown_avatar")
    assert ask(client, type="set_background", background="/etc/room.png") == (400, "bad_background")
    assert ask(client, type="set_background", background="A" * 22) == (404, "unknown_background")
    assert ask(client, type="cue", text="moonwalk") == (400, "unknown_cue")
    for wrong in ({"type": "ping", "t": 1}, {"type": "nonsense"}, {"v": 9, "type": "calibrate"}):
        assert ask(client, **wrong) == (400, "bad_message")
    assert client.get("/api/avatars/face-9/preview.jpg").status_code == 404
    assert client.get("/api/avatars/..%2f/preview.jpg").status_code == 404


def test_only_who_has_the_link_controls_it_and_no_other_site_does(client: TestClient) -> None:
    assert client.get("/").status_code == 200
    assert client.get("/api/camera").status_code == 401
    assert client.get("/api/camera", headers={"Authorization": "Bearer guess"}).status_code == 401
    assert client.post("/api/camera", json={"v": 1, "type": "calibrate"}).status_code == 401
    assert client.get("/api/camera", headers={**TOKEN, "Host": "rebound.example:8011"}).status_code == 421
    foreign = {**TOKEN, "Origin": "https://elsewhere.example"}
    assert client.post("/api/camera", json={"v": 1, "type": "calibrate"}, headers=foreign).status_code == 403


def test_faces_are_shown_by_name_and_picture_without_their_folder(client: TestClient) -> None:
    assert client.get("/api/avatars").status_code == 401, "photos are the user's own"
    faces = client.get("/api/avatars", headers=TOKEN).json()["avatars"]
    assert [(face["id"], face["name"]) for face in faces] == [("face-0", "mira"), ("face-1", "Old Friend")]
    assert client.get(faces[0]["preview"]).content == b"a picture"
    assert client.get(faces[1]["preview"]).status_code == 404
    without, _, _ = faces[0]["preview"].partition("?")
    assert [client.get(f"{without}{key}").status_code for key in ("", "?key=guess", "?key=%C3%A4")] == [404, 404, 404]


def test_the_page_is_served_while_the_camera_runs(controls: Controls) -> None:
    with serving_page(controls, 0, LimitSettings()) as link:
        address, _, token = link.partition("#token=")
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(f"{address}api/camera", headers={"Authorization": f"Bearer {token}"})
        assert b'"fps":30.0' in direct.open(request, timeout=10).read()
        assert address.startswith("http://127.0.0.1:")
    with pytest.raises(OSError, match="refused"):
        direct.open(address, timeout=5)


def test_the_key_goes_on_from_whatever_the_page_has_chosen() -> None:
    keep, blur, own = Background(), Background("blur"), Background("colour", rgb=(9, 9, 9))
    assert following((keep, blur), keep) == blur and following((keep, blur), blur) == keep
    assert following((keep, blur), own) == keep
