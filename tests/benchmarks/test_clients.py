"""What the clients' cameras send, how what comes back is counted, and when a call counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.clients.__main__ import came_through
from benchmarks.clients.camera import CODECS, FPS, HEIGHT, WIDTH, Camera, make_camera
from benchmarks.clients.client import Outcome, Wanted
from benchmarks.clients.rtp_dump import decoded_pictures, read_rtp_dump

SECONDS = 1.5
GOOD = Outcome("", 100.0, True, (200.0, 900.0, 950.0, 1000.0), (256, 256), 30)


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Camera:
    return make_camera(tmp_path_factory.mktemp("camera"), SECONDS)


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_every_picture_of_the_camera_can_be_decoded_from_its_packets(camera: Camera, codec: str) -> None:
    pictures = list(decoded_pictures(read_rtp_dump(camera.rtp(codec)), codec, 0))
    assert [picture.at_ms for picture in pictures] == [1000 * index // FPS for index in range(round(SECONDS * FPS))]
    assert {(picture.width, picture.height) for picture in pictures} == {(WIDTH, HEIGHT)}


def test_a_picture_that_lacks_a_packet_does_not_count(camera: Camera) -> None:
    packets = list(read_rtp_dump(camera.rtp("vp8")))
    lost = next(index for index, packet in enumerate(packets) if packet.at_ms == 500)
    seen = [picture.at_ms for picture in decoded_pictures([*packets[:lost], *packets[lost + 1 :]], "vp8", 0)]
    assert 500 not in seen
    assert [at_ms for at_ms in seen if at_ms >= 1000] == [1000 * index // FPS for index in range(FPS, 45)], (
        "from the next key frame on, every picture is whole"
    )


def test_a_recording_that_breaks_off_is_read_to_its_last_whole_packet(camera: Camera, tmp_path: Path) -> None:
    whole = camera.rtp("h264").read_bytes()
    (tmp_path / "cut.rtp").write_bytes(whole[:-5])
    kept, all_of_it = read_rtp_dump(tmp_path / "cut.rtp"), read_rtp_dump(camera.rtp("h264"))
    assert list(kept) == list(all_of_it)[:-1]


def test_a_call_counts_when_media_came_through_in_each_direction_it_has() -> None:
    both = Wanted("h264", "sendrecv", channel=True)
    assert came_through(GOOD, both)
    for lacking in (
        {"failure": "x"},
        {"connected_ms": None},
        {"hello": False},
        {"picture_ms": ()},
        {"camera_frames": 0},
    ):
        assert not came_through(replace(GOOD, **lacking), both), lacking
    assert came_through(replace(GOOD, hello=False, camera_frames=0), Wanted("vp8", "recvonly"))
    assert came_through(replace(GOOD, hello=False, picture_ms=()), Wanted("vp8", "sendonly"))


def test_the_bunch_of_pictures_that_comes_first_is_not_part_of_the_rate() -> None:
    assert GOOD.pictures_per_s == pytest.approx(20.0)
