"""A server that draws for the virtual camera: the camera goes there, pictures come back with its own times."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import av
import numpy as np
import pytest
import uvicorn

from avatar.call.registry import Calls
from avatar.config import LimitSettings, PictureSettings, ServerSettings, TransportSettings
from avatar.errors import AvatarError, ServerGoneError, TokenError, UnknownAvatarError
from avatar.identities.library import AvatarLibrary
from avatar.sdk.whip_client import WhipClient
from avatar.server.app import create_app
from avatar.session.loopback import LoopbackSession
from avatar.types import CaptureStamp, Picture
from avatar.virtual_camera.remote_drawing import RemoteDrawing, camera_i420

pytestmark = pytest.mark.slow

TOKEN = "the server's token"  # noqa: S105 - it guards nothing
SIZE = (160, 128)


class KeptSession(LoopbackSession):
    """Sends the camera's pictures back, and keeps what else it is asked."""

    made: list[KeptSession]

    def __init__(self, identity: Any, _: PictureSettings, *, drive: Any, on_picture: Any, on_event: Any) -> None:
        super().__init__(on_picture=on_picture, on_event=on_event)
        self.asked: list[Any] = [identity]
        self.sounds: list[av.AudioFrame] = []
        self.made.append(self)

    def calibrate(self) -> None:
        self.asked.append("rest")

    def set_identity(self, identity: Any) -> None:
        self.asked.append(identity)

    def direct(self, cue: Any) -> None:
        self.asked.append(cue)

    def push_audio(self, frame: av.AudioFrame, received_s: float) -> None:
        self.sounds.append(frame)


@contextmanager
def serving() -> Iterator[tuple[str, list[KeptSession], Any]]:
    settings = ServerSettings(
        picture=PictureSettings(*SIZE, 30), transport=TransportSettings(loopback_only=True), limits=LimitSettings()
    )

    async def get_avatar(avatar_id: str) -> Any:
        if avatar_id == "nobody":
            raise UnknownAvatarError("The server does not know this avatar.")
        return avatar_id

    KeptSession.made = []
    calls = Calls(settings, get_avatar, sessions={"avatar": KeptSession})  # type: ignore[dict-item]
    app = create_app(settings, AvatarLibrary((), settings.limits), calls, token=TOKEN)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        while not running.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", KeptSession.made, running
        running.should_exit = True
        thread.join(10)


def drawing_at(
    url: str, *, face: str = "mira", token: str | None = TOKEN, drive: Any = "both", notes: list[str] | None = None
) -> tuple[RemoteDrawing, list[tuple[float, Picture]]]:
    pictures: list[tuple[float, Picture]] = []
    drawing = RemoteDrawing(
        WhipClient(url, token),
        face,
        PictureSettings(*SIZE, 30),
        drive,
        on_picture=lambda picture: pictures.append((time.monotonic(), picture)),
        on_note=(notes if notes is not None else []).append,
    )
    return drawing, pictures


@contextmanager
def camera(drawing: RemoteDrawing) -> Iterator[None]:
    """A camera of 30 pictures a second, each lighter than the one before."""
    stopping = threading.Event()

    def send() -> None:
        level = 0
        while not stopping.wait(1 / 30):
            frame = av.VideoFrame.from_ndarray(np.full((128, 160, 3), 60 + level % 120, np.uint8), format="rgb24")
            drawing.push_camera(frame, CaptureStamp(time.monotonic(), 0))
            level += 3

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def wait_for(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end_s, "what was waited for has not happened"
        time.sleep(0.02)


def test_a_server_draws_and_does_what_the_keys_ask() -> None:
    with serving() as (url, sessions, _):
        drawing, pictures = drawing_at(url)
        with camera(drawing):
            drawing.start()
            wait_for(lambda: sum(picture.capture is not None for _, picture in pictures) > 10)
            sound = av.AudioFrame.from_ndarray(np.full((1, 960), 3000, np.int16), format="s16", layout="mono")
            sound.sample_rate = 48_000
            for number in range(10):
                drawing.push_audio(sound, time.monotonic() + number * 0.02)
            drawing.calibrate()
            drawing.direct("nod")
            drawing.show_face("leo")
            (session,) = sessions
            wait_for(lambda: {"rest", "leo"} <= {one for one in session.asked if isinstance(one, str)})
            wait_for(lambda: len(session.sounds) >= 5)
        drawing.stop()
    assert session.asked[0] == "mira" and len(session.asked) == 4
    delays = [at_s - picture.capture.arrival_s for at_s, picture in pictures if picture.capture is not None]
    assert min(delays) >= 0 and max(delays) < 5.0
    assert pictures[-1][1].size == SIZE


def test_a_server_that_goes_away_is_called_again() -> None:
    notes: list[str] = []
    with serving() as (url, sessions, _):
        drawing, pictures = drawing_at(url, notes=notes)
        with camera(drawing):
            drawing.start()
            count = len(pictures)
            # As after a server's restart: the call is ended, the address is the same.
            assert drawing._call is not None
            drawing._call._fail(ServerGoneError("The server has ended the call."))
            wait_for(lambda: len(sessions) == 2 and len(pictures) > count + 10)
        drawing.stop()
    assert notes == ["The server has ended the call. Trying again."]


@pytest.mark.parametrize(("how", "error"), [({"token": None}, TokenError), ({"face": "nobody"}, UnknownAvatarError)])
def test_what_a_server_refuses_at_the_start_is_an_error(how: dict[str, Any], error: type[AvatarError]) -> None:
    with serving() as (url, _, _running):
        drawing, _ = drawing_at(url, **how)
        with pytest.raises(error):
            drawing.start()
        drawing.stop()


def test_where_there_is_no_server_that_is_said() -> None:
    drawing, _ = drawing_at("http://127.0.0.1:9")
    with pytest.raises(ServerGoneError, match="does not answer"):
        drawing.start()
    drawing.stop()


@pytest.mark.parametrize("form", ["rgb24", "yuyv422", "yuv420p", "nv12"])
def test_a_cameras_picture_of_any_form_is_made_small_enough_for_a_face(form: str) -> None:
    frame = av.VideoFrame.from_ndarray(np.full((720, 1280, 3), 99, np.uint8), format="rgb24").reformat(format=form)
    assert camera_i420(frame).shape == (540, 640)
