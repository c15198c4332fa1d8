"""What an avatar can be published to, and what is said of what it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar.errors import PublishError
from avatar.media.publish_target import read_target


@pytest.mark.parametrize(
    ("text", "url", "container", "sound"),
    [
        ("whip://live.example/whip/room?x=1", "https://live.example/whip/room?x=1", "whip", "libopus"),
        ("whip://127.0.0.1:8010/whip?avatar=mira", "http://127.0.0.1:8010/whip?avatar=mira", "whip", "libopus"),
        ("whips://localhost/whip", "https://localhost/whip", "whip", "libopus"),
        ("http://live.example/whip", "http://live.example/whip", "whip", "libopus"),
        ("rtmp://live.example/app/KEY", "rtmp://live.example/app/KEY", "flv", "aac"),
        ("srt://live.example:9000?streamid=KEY", "srt://live.example:9000?streamid=KEY", "mpegts", "aac"),
    ],
)
def test_each_scheme_has_its_muxer(text: str, url: str, container: str, sound: str) -> None:
    target = read_target(text)
    assert (target.url, target.container, target.sound) == (url, container, sound)
    assert "KEY" not in target.shown and "KEY" not in repr(target), "a stream key is a secret"


def test_a_file_is_told_by_its_name_and_can_be_played_while_it_is_written(tmp_path: Path) -> None:
    target = read_target(str(tmp_path / "10:20.mp4"))
    assert (
        target.url == f"file:{tmp_path}/10:20.mp4" and target.is_file and "frag_keyframe" in target.options["movflags"]
    )


def test_a_whip_token_goes_to_whip_alone() -> None:
    assert read_target("whip://live.example/x", token="word").options == {"authorization": "word"}  # noqa: S106
    assert "word" not in str(read_target("rtmp://live.example/x", token="word").options)  # noqa: S106


@pytest.mark.parametrize(
    "text", ["ftp://a/b", "rtmp://", "whip://a b/c", "out.txt", "nowhere/out.mp4", "whip://[::1/x"]
)
def test_anything_else_is_refused_with_what_can_be(text: str) -> None:
    with pytest.raises(PublishError) as refused:
        read_target(text)
    assert refused.value.code == "bad_target" and len(str(refused.value)) > 20
