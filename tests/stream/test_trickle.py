"""Pieces of SDP with addresses, as clients send them after their offer."""

from __future__ import annotations

import pytest

from avatar.errors import TrickleError
from avatar.stream.sdp.transport import MAX_CANDIDATES
from avatar.stream.trickle import read_fragment

HOST = "1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1"
TCP = "3471623853 1 tcp 2122194687 198.51.100.2 9 typ host tcptype active"
NAME = "1 1 udp 2122260223 6c3ddd19-fe3a-4ed2-9a5e-6ab1a4a5b8a5.local 51000 typ host"


def test_the_addresses_of_all_sections_are_read_each_once() -> None:
    found = read_fragment(
        "a=ice-options:trickle ice2\r\na=group:BUNDLE 0 1\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
        f"a=candidate:{HOST}\r\na=candidate:{TCP}\r\n"
        f"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=candidate:{HOST}\r\na=candidate:{NAME}\r\n"
        "a=end-of-candidates\r\n"
    )
    assert found.users == {"EsAw"}
    assert found.addresses == ("1387637174 1 udp 2122260223 192.0.2.1 61764 typ host",)
    assert found.names == (NAME,)


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_piece_may_be_one_line(end: str) -> None:
    assert len(read_fragment(f"a=candidate:{HOST}{end}").addresses) == 1
    assert read_fragment(f"a=end-of-candidates{end}").addresses == ()


@pytest.mark.parametrize("address", ["0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "elsewhere.example", "999.1.1.1"])  # noqa: S104
def test_addresses_nobody_can_send_to_are_left_out(address: str) -> None:
    found = read_fragment(f"a=candidate:{HOST.replace('192.0.2.1', address)}\r\n")
    assert found.addresses == found.names == ()


@pytest.mark.parametrize("junk", ["", "junk", "v=0\r\n", "candidate:1", "\x00" * 100])
def test_what_is_no_piece_is_refused(junk: str) -> None:
    with pytest.raises(TrickleError, match="no piece"):
        read_fragment(junk)


def test_too_many_addresses_are_refused() -> None:
    lines = [f"a=candidate:1 1 udp 1 192.0.2.1 {number + 1} typ host" for number in range(MAX_CANDIDATES + 1)]
    with pytest.raises(TrickleError, match="addresses"):
        read_fragment("\r\n".join(lines))
