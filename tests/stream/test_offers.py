"""Which offers a call takes and which it refuses: real clients' own, and each way in which one may be unusual or wrong.

The table in docs/protocol.md is this list. To make it anew: `.venv/bin/python tests/stream/test_offers.py`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest

from avatar.config import TransportSettings
from avatar.errors import OfferError
from avatar.server.problems import problem_of
from avatar.stream.peer import Peer
from avatar.stream.sdp.codecs import payload_types
from avatar.stream.sdp.offer import read_offer
from avatar.stream.sdp.text import parse_sdp
from avatar.stream.video_track import SentPicture
from avatar.types import CaptureStamp

pytestmark = pytest.mark.anyio

OFFERS = Path(__file__).with_name("offers")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
BEGIN, END = "<!-- offers: from tests/stream/test_offers.py -->\n", "<!-- end of offers -->\n"

VIDEO_SOUND_DATA = "201: video H264 sendrecv, audio opus sendrecv, data"
SOUND_VIDEO_DATA = "201: audio opus sendrecv, video H264 sendrecv, data"
SENDS_ONLY = "201: audio opus recvonly, video H264 recvonly"


def client(name: str) -> str:
    """The offer of a real client, its credentials and addresses invented."""
    return (OFFERS / f"{name}.sdp").read_bytes().decode()


def without(sdp: str, *beginnings: str) -> str:
    """An offer less the lines that begin so."""
    return "".join(line for line in sdp.splitlines(keepends=True) if not line.startswith(beginnings))


def section_of(sdp: str, kind: str) -> str:
    """One section's text."""
    return next(part for part in re.split(r"(?=^m=)", sdp, flags=re.MULTILINE) if part.startswith(f"m={kind}"))


def only(sdp: str, *kinds: str) -> str:
    """An offer less every section of another kind."""
    head, *sections = re.split(r"(?=^m=)", sdp, flags=re.MULTILINE)
    return head + "".join(section for section in sections if section.startswith(tuple(f"m={kind}" for kind in kinds)))


def h264(parameters: str) -> str:
    """OBS's offer with other parameters of its one video format."""
    return re.sub(r"(a=fmtp:96 )[^\r]*", rf"\g<1>{parameters}", client("obs"))


def in_video(sdp: str, change: Callable[[str], str]) -> str:
    """An offer with something changed in its video section."""
    video = section_of(sdp, "video")
    return sdp.replace(video, change(video))


@dataclass(frozen=True)
class Case:
    """An offer, and how the answer to it begins."""

    name: str
    sdp: str
    answer: str


STOPPED = "m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:9\r\na=rtpmap:96 VP8/90000\r\n"
IDLE = section_of(client("chromium"), "video").replace("a=mid:0", "a=mid:3").replace("a=sendrecv", "a=inactive")
TRANSPORT = ("a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup", "a=rtcp-mux", "a=candidate", "a=end-of-")
VIDEO_ONLY = only(client("werift"), "video").replace("BUNDLE 0 1 2", "BUNDLE 0")
SHA1 = "a=fingerprint:sha-1 " + ":".join(["AB"] * 20)
NO_CODEC = "406 no_common_codec: The offer's video has no format that a call can use. It takes H.264 with "
NO_CODEC += "packetization-mode=1 and a baseline profile (profile-level-id=42e01f or 42001f), or VP8"

CASES = [
    Case("Chromium 156", client("chromium"), VIDEO_SOUND_DATA),
    Case("Firefox: names of the local network only, and an end of candidates", client("firefox"), SOUND_VIDEO_DATA),
    Case("Safari: High profile, baseline, H.265 and more", client("safari"), VIDEO_SOUND_DATA),
    Case("aiortc 1.16", client("aiortc"), VIDEO_SOUND_DATA),
    Case("GStreamer 1.22 `webrtcbin`, all in one bundle: port 0, `bundle-only`", client("gstreamer"), VIDEO_SOUND_DATA),
    Case("libdatachannel (npm `node-datachannel` 0.33)", client("libdatachannel"), VIDEO_SOUND_DATA),
    Case("werift 0.25: each section with addresses of its own", client("werift"), VIDEO_SOUND_DATA),
    Case("OBS: sends only, names no address", client("obs"), SENDS_ONLY),
    Case("OBS with simulcast: of several sizes at once, the first is taken", client("obs-simulcast"), SENDS_ONLY),
    Case("FFmpeg 8.1 `-f whip`: sends only", client("ffmpeg-8.1"), SENDS_ONLY),
    Case("FFmpeg 8.0 without sound: the bundle names a section that is not there", client("ffmpeg-8.0-silent"),
         "201: video H264 recvonly"),
    Case("a camera without sound and data", VIDEO_ONLY, "201: video H264 sendrecv"),
    Case("one section, neither bundle nor name (`a=mid`)", without(VIDEO_ONLY, "a=group", "a=mid"),
         "201: video H264 sendrecv"),
    Case("sound only: talk without a picture", only(client("werift"), "audio").replace("BUNDLE 0 1 2", "BUNDLE 1"),
         "201: audio opus sendrecv"),
    Case("watching only (`recvonly`)", client("chromium").replace("a=sendrecv", "a=recvonly"),
         "201: video H264 sendonly, audio opus sendonly, data"),
    Case("no direction: `sendrecv` is meant", without(client("chromium"), "a=sendrecv"), VIDEO_SOUND_DATA),
    Case("one direction for all, before the first section",
         without(client("obs"), "a=sendonly").replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n"),
         SENDS_ONLY),
    Case("VP8 only", without(client("werift").replace(" 97 98\r", " 98\r"), "a=rtpmap:97", "a=fmtp:97", "a=rtcp-fb:97"),
         "201: video VP8 sendrecv, audio opus sendrecv, data"),
    Case("H.264 with a blank after each `;`, as in RFC 6184",
         h264("profile-level-id=42e01f; packetization-mode=1; level-asymmetry-allowed=1"),
         SENDS_ONLY),
    Case("H.264 with names in capitals and a level that no list has",
         h264("Profile-Level-ID=42E03E;Packetization-Mode=1"), SENDS_ONLY),
    Case("PCMU without an `a=rtpmap`, as RFC 3551 allows",
         without(client("obs").replace("SAVPF 111", "SAVPF 0"), "a=rtpmap:111", "a=fmtp:111"),
         "201: audio PCMU recvonly, video H264 recvonly"),
    Case("a stopped section beside it (port 0, inactive, not bundled)", client("chromium") + STOPPED,
         f"{VIDEO_SOUND_DATA}, video port 0"),
    Case("a second, inactive video in the bundle",
         client("chromium").replace("BUNDLE 0 1 2", "BUNDLE 0 1 2 3") + IDLE,
         f"{VIDEO_SOUND_DATA}, video VP8 inactive"),
    Case("an inactive video that leads the bundle (bundle policy `max-bundle`)",
         client("chromium").replace("BUNDLE 0 1 2", "BUNDLE 3 0 1 2").replace("m=video", f"{IDLE}m=video"),
         "201: video VP8 inactive, video H264 sendrecv, audio opus sendrecv, data"),
    Case("sections of the bundle that leave the transport to the first (`bundle-only`, port 0)",
         client("chromium").replace(
             section_of(client("chromium"), "audio"),
             without(section_of(client("chromium"), "audio"), *TRANSPORT).replace("m=audio 9", "m=audio 0")
             + "a=bundle-only\r\n"), VIDEO_SOUND_DATA),
    Case("ICE credentials of its own for each section (bundle policy `balanced`)",
         client("firefox").replace("a=ice-ufrag:1a2b3c4d\r\na=mid:1", "a=ice-ufrag:ffffffff\r\na=mid:1"),
         SOUND_VIDEO_DATA),
    Case("data channels as before RFC 8841 (`DTLS/SCTP 5000`)",
         without(client("werift"), "a=sctp-port").replace("UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5000")
         + "a=sctpmap:5000 webrtc-datachannel 256\r\n", VIDEO_SOUND_DATA),
    Case("data that is no data channel", client("werift").replace("webrtc-datachannel", "bfcp"),
         "201: video H264 sendrecv, audio opus sendrecv, application port 0"),
    Case("addresses nobody can send to, and lines nobody knows",
         client("werift") + "a=candidate:x\r\na=candidate:1 1 udp 1 example.org 9 typ host\r\nb=AS:9\r\na=ssrc:x y\r\n",
         VIDEO_SOUND_DATA),
    Case("H.264 in Main or High profile only", h264("profile-level-id=640c1f;packetization-mode=1"), NO_CODEC),
    Case("H.264 with `packetization-mode=0` only", h264("profile-level-id=42e01f;packetization-mode=0"), NO_CODEC),
    Case("AV1, VP9 or H.265 only", client("obs").replace("H264/90000", "AV1/90000"), NO_CODEC),
    Case("sound in a format that nobody knows", client("obs").replace("opus/48000/2", "mpeg4-generic/44100"),
         "406 no_common_codec: The offer's audio has no format that a call can use. It takes Opus, G.722, PCMU or"),
    Case("two cameras", client("chromium").replace("BUNDLE 0 1 2", "BUNDLE 0 1 2 3")
         + section_of(client("chromium"), "video").replace("a=mid:0", "a=mid:3"),
         "400 bad_offer: The offer has more than one video section."),
    Case("data only", only(client("werift"), "application"), "400 bad_offer: The offer has no video and no sound."),
    Case("everything inactive", client("obs").replace("a=sendonly", "a=inactive"),
         "400 bad_offer: The offer's video is inactive"),
    Case("a section of another kind", client("werift").replace("m=application", "m=text"),
         "400 bad_offer: The offer has a section of kind 'text'"),
    Case("several sections and no bundle", without(client("werift"), "a=group"),
         "400 bad_offer: The offer's sections are not bundled."),
    Case("several sections and no names", without(client("werift"), "a=mid"),
         "400 bad_offer: Each section of the offer needs a name of its own"),
    Case("RTP and RTCP apart (no `a=rtcp-mux`)", without(client("werift"), "a=rtcp-mux"),
         "400 bad_offer: The offer does not multiplex RTP and RTCP"),
    Case("no ICE credentials", without(client("werift"), "a=ice-pwd"),
         "400 bad_offer: The offer has no ICE credentials"),
    Case("no fingerprint of a certificate, or no `a=setup`", without(client("werift"), "a=fingerprint"),
         "400 bad_offer: The offer has no DTLS fingerprint"),
    Case("a fingerprint by SHA-1 alone", re.sub("a=fingerprint:[^\r]*", SHA1, client("werift")),
         "400 bad_offer: The offer's DTLS fingerprint cannot be checked"),
    Case("more than 64 addresses",
         VIDEO_ONLY + "".join(f"a=candidate:{n} 1 udp 9 192.0.2.1 {n} typ host\r\n" for n in range(1, 99)),
         "400 bad_offer: The offer names more than 64 network addresses."),
    Case("carried by something that is not RTP over DTLS", client("obs").replace("UDP/TLS/RTP/SAVPF", "RTP/XYZ"),
         "400 bad_offer: The offer's audio is carried by 'RTP/XYZ'"),
    Case("anything else", "hello", "400 bad_offer: The offer is not valid SDP."),
]  # fmt: skip


class Silence:
    """Hears what a peer tells and does nothing."""

    def on_state(self, state: str) -> None: ...
    def on_camera(self, frame: av.VideoFrame, capture: CaptureStamp, skipped: int) -> None: ...
    def on_microphone(self, frame: av.AudioFrame, arrival_s: float) -> None: ...
    def on_picture_sent(self, sent: SentPicture) -> None: ...
    def on_audio_sent(self, frame: av.AudioFrame, delay_s: float) -> None: ...
    def on_channel_open(self) -> None: ...
    def on_message(self, message: str | bytes) -> None: ...
    def on_failure(self, reason: str) -> None: ...


@pytest.fixture(scope="module")
def pool() -> Any:
    with ThreadPoolExecutor(1) as made:
        yield made


@pytest.fixture
async def peer(pool: ThreadPoolExecutor) -> AsyncIterator[Peer]:
    made = Peer(TransportSettings(loopback_only=True), fps=30, encode_pool=pool)
    yield made
    await made.close()


async def answer_to(sdp: str, peer: Peer) -> tuple[str, str]:
    """Return status and substance of the answer, and all of it."""
    try:
        answer = await peer.answer(read_offer(sdp, limit_bytes=64_000), Silence(), Silence())
    except OfferError as error:
        return f"{problem_of(error).status_code} {error.code}: {error}", ""
    parts = []
    for section in parse_sdp(answer).sections:
        if section.port == 0:
            parts.append(f"{section.kind} port 0")
        elif section.kind == "application":
            parts.append("data")
        else:
            parts.append(f"{section.kind} {payload_types(section)[0].encoding} {section.direction()}")
    return "201: " + ", ".join(parts), answer


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_each_offer_is_answered_as_the_table_says(case: Case, peer: Peer) -> None:
    found, answer = await answer_to(case.sdp, peer)
    if case.answer.startswith("201"):
        assert found == case.answer
        check_answer(case.sdp, answer)
    else:
        assert found.startswith(case.answer)


def check_answer(offer_sdp: str, answer_sdp: str) -> None:
    """An answer has every section of the offer, in its place, carried as offered (RFC 3264, RFC 8829, RFC 9143)."""
    offer, answer = parse_sdp(offer_sdp), parse_sdp(answer_sdp)
    assert [(section.kind, section.mid, section.profile) for section in answer.sections] == [
        (section.kind, section.mid, section.profile) for section in offer.sections
    ]
    taken = [section for section in answer.sections if section.port]
    offered = {mid for group in offer.groups("BUNDLE") for mid in group}
    (bundle,) = answer.groups("BUNDLE") or ((),)
    assert set(bundle) == {section.mid for section in taken if section.mid in offered}
    for section in taken:
        assert section.values("candidate"), "complete, with every address"
        assert section.value("setup") in ("active", "passive")
        (fingerprint,) = section.values("fingerprint")
        assert fingerprint.startswith("sha-256 "), "libdatachannel may hash our certificate before it reads the answer"
        if section.kind != "application":
            assert section.has("rtcp-mux")
            mine = next(other for other in offer.sections if (other.kind, other.mid) == (section.kind, section.mid))
            assert set(section.formats) <= set(mine.formats), "no format that was not offered"
    for section in answer.sections:
        if not section.port:
            assert section.direction() == "inactive"
            assert not section.values("candidate")


def test_the_page_has_the_table_that_this_list_makes() -> None:
    assert PAGE.read_text(encoding="utf-8") == with_table(PAGE.read_text(encoding="utf-8")), (
        "make the table anew: .venv/bin/python tests/stream/test_offers.py"
    )


def with_table(page: str) -> str:
    """Return the page with the table that the list makes."""
    rows = [f"| {case.name} | `{case.answer.replace(': ', '`: ', 1)} |\n" for case in CASES]
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}| offer | answer |\n|---|---|\n{''.join(rows)}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
