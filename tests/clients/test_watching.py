"""From end to end: FFmpeg's WHIP muxer sends a camera, or an avatar; it drives another, and that is watched by WHEP."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import HTTPError

import av
import numpy as np
import pytest

from benchmarks.clients.camera import make_camera
from benchmarks.clients.client import CLIENTS, Wanted, metric
from benchmarks.fixed_media import turning, write_clip
from benchmarks.server_process import ServerProcess
from benchmarks.whip_follow import compare, watch_film, write_film

pytestmark = [
    pytest.mark.slow,
    pytest.mark.anyio,
    pytest.mark.skipif("whip" not in av.formats_available, reason="needs PyAV with FFmpeg's WHIP muxer (av>=18.1)"),
]

LINK = "a-name-nobody-guesses"
PLAYERS = {client.name: client for client in CLIENTS if "recvonly" in client.directions and client.name != "chromium"}
"""Chromium has a test of its own, with a public player: `tests/browser/test_whep_player.py`."""
TONE_HZ, RATE = 220, 48_000
END_S = 60.0
FILM_S = 5.0


@pytest.fixture(scope="module")
def server(face_model: Path) -> Iterator[str]:
    """The address of a real server."""
    with ServerProcess("--tier", "geometry", "--quality", "fixed", "--size", "256x256") as process:
        yield process.url


@pytest.fixture
def hum(tmp_path: Path) -> Path:
    """A sound with a pitch of its own."""
    path = tmp_path / "hum.wav"
    tone = (9000 * np.sin(2 * np.pi * TONE_HZ * np.arange(3 * RATE) / RATE)).astype(np.int16)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=RATE)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


async def test_a_published_avatar_drives_another_that_is_seen_and_heard_by_its_watch_link(
    server: str, hum: Path, loopback: ModuleType
) -> None:
    to = f"whip://{server.removeprefix('http://')}whip?avatar=mira&drive=both&watch={LINK}"
    command = [
        sys.executable, "-m", "avatar.commands.main", "publish", "--avatar", "tomas", "--tier", "geometry", "--size",
        "256x256", "--audio", str(hum), "--loop", "--to", to,
    ]  # fmt: skip
    publisher = subprocess.Popen(  # noqa: ASYNC220 - it takes a moment
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    client = loopback.Client(video="recvonly", channel=False)
    client.connection.addTransceiver("audio", direction="recvonly")
    try:
        await _until(lambda: _status(f"{server}whep/{LINK}") == 204, publisher)
        answer = await asyncio.to_thread(_post, f"{server}whep/{LINK}", await client.offer())
        await client.accept(answer)
        await _until(lambda: len(client.pictures) >= 30 and len(client.sounds) >= 100, publisher)
        assert (client.pictures[-1].width, client.pictures[-1].height) == (256, 256)
        assert metric(server, "avatar_camera_frames_total") > 10, "the published picture is the camera"
        assert _pitch_hz(client.sounds[-50:]) == pytest.approx(TONE_HZ, rel=0.05)
    finally:
        publisher.terminate()
        said = publisher.communicate(timeout=30)[1]
        await client.close()
    assert "Traceback" not in said, "it takes its leave, as after Ctrl-C"
    await _until(lambda: _status(f"{server}whep/{LINK}") == 404, None)


async def test_an_avatar_turns_as_the_camera_that_ffmpeg_sends_and_its_watcher_sees_and_hears_it(
    server: str, tmp_path: Path
) -> None:
    clip, film = tmp_path / "clip.mp4", tmp_path / "film.mkv"
    write_clip(clip, FILM_S, sound=True, act=turning)
    write_film(clip, film, FILM_S)
    watched = await watch_film(server, film, FILM_S)
    assert compare(film, watched, every=3).r_yaw >= 0.9
    heard = np.concatenate([block.ravel() for block in watched.sound]).astype(float)
    assert np.sqrt(np.mean(heard**2)) > 300, "the clip's voice"


@pytest.mark.parametrize("name", PLAYERS)
async def test_a_client_watches_somebodys_call_by_its_link(
    name: str, server: str, loopback: ModuleType, tmp_path: Path
) -> None:
    player, link = PLAYERS[name], f"watched-by-{name}"
    if (reason := player.missing()) is not None:
        pytest.skip(reason)
    caller = loopback.Client(video="recvonly", channel=False)
    try:
        offer = await caller.offer()
        answer = await asyncio.to_thread(_post, f"{server}whip?avatar=mira&drive=voice&watch={link}", offer)
        await caller.accept(answer)
        await _until(lambda: len(caller.pictures) >= 3, None)
        camera = await asyncio.to_thread(make_camera, tmp_path, 1.0)
        wanted = Wanted("h264", "recvonly", 1.0, path=f"whep/{link}")
        with player.open(camera) as call:
            outcome = await asyncio.to_thread(player.call, call, camera, server, wanted)
        assert outcome.connected, outcome
        assert len(outcome.picture_ms) >= 5 and outcome.size == caller_size(caller)
        await _until(lambda: metric(server, "avatar_watchers") == 0, None)
    finally:
        await caller.close()


def caller_size(caller: Any) -> tuple[int, int]:
    return caller.pictures[-1].width, caller.pictures[-1].height


async def _until(condition: Any, publisher: subprocess.Popen[str] | None) -> None:
    for _ in range(round(END_S / 0.05)):
        if await asyncio.to_thread(condition):
            return
        if publisher is not None and publisher.poll() is not None:
            raise AssertionError(f"the publisher has ended: {publisher.communicate()[1][-2000:]}")
        await asyncio.sleep(0.05)
    raise AssertionError("what was waited for has not happened")


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def _post(url: str, sdp: str) -> str:
    request = urllib.request.Request(url, sdp.encode(), {"Content-Type": "application/sdp"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(answer.read().decode())


def _pitch_hz(frames: list[av.AudioFrame]) -> float:
    sound = np.concatenate([frame.to_ndarray().reshape(-1, 2)[:, 0] for frame in frames]).astype(float)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.argmax(spectrum) * frames[0].sample_rate / len(sound))
