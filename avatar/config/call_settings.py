"""Settings of how calls travel, and of what they and all other visitors may use."""

from __future__ import annotations

from dataclasses import dataclass

from avatar.config.declaration import setting
from avatar.config.kinds import PORTS, PUBLIC_ADDRESS, PortRange


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """WebRTC: how sound and pictures travel."""

    ice_servers: tuple[str, ...] = setting(
        (),
        "STUN or TURN server, as stun:HOST:3478 or turn:NAME:PASSWORD@HOST:3478; without one, no outside server is "
        "contacted",
        metavar="URL",
        holds_password=True,
    )
    turn_username: str | None = setting(
        None, "the name at the TURN servers among them that are given without one", metavar="NAME"
    )
    turn_credential: str | None = setting(None, "the password at them", name="turn_password", secret=True)
    turn_secret: str | None = setting(
        None,
        "in its place, the secret of TURN servers that take names which expire (coturn: use-auth-secret)",
        secret=True,
    )
    turn_name_s: float = setting(
        86_400.0, "how long such a name is good for, seconds; each call gets a new one", at_least=60, at_most=7 * 86_400
    )
    udp_ports: PortRange | None = setting(
        None, "UDP ports of calls, of which each takes one (default: the system's choice)", kind=PORTS
    )
    public_address: str | None = setting(
        None, "address that callers reach this machine at, where it stands behind NAT", kind=PUBLIC_ADDRESS
    )
    loopback_only: bool = setting(False, "media over 127.0.0.1 only: for a browser on this machine", name="loopback")
    echo_cancel: bool = setting(
        False, "keep the avatar from hearing itself (browsers do so anyway; pip install 'avatar[echo]')"
    )
    min_bitrate_bps: int = setting(
        200_000, "least that the picture is squeezed to, bits a second", at_least=50_000, at_most=20_000_000
    )
    start_bitrate_bps: int = setting(
        1_500_000, "what a call begins with, bits a second", at_least=50_000, at_most=20_000_000
    )
    max_bitrate_bps: int = setting(
        3_000_000, "most that a call may use for the picture, bits a second", at_least=50_000, at_most=20_000_000
    )
    largest_camera: int = setting(
        1920,
        "longest side of a camera's pictures, pixels; larger ones are not decoded, and the page is told",
        at_least=128,
        at_most=4096,
    )
    connect_timeout_s: float = setting(
        15.0, "a caller that has not connected by then is dropped, seconds", at_least=1, at_most=300
    )
    lost_timeout_s: float = setting(
        10.0,
        "a caller from whom not one packet has come for this long has vanished, seconds (one sends every second)",
        at_least=2,
        at_most=300,
    )


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """What one visitor, or all of them, may use."""

    sessions: int = setting(4, "calls at once; one more is answered 503 with Retry-After", at_least=1, at_most=1000)
    overbook: bool = setting(
        False, "take calls up to `sessions` though the processor is measured to have no time for them: they come late"
    )
    watchers: int = setting(
        16, "watchers of one call, by its watch link; one more is answered 503", at_least=0, at_most=1000
    )
    rooms: int = setting(
        16, "rooms at once, in which several people call each other; 0: none", at_least=0, at_most=1000
    )
    room_members: int = setting(4, "people in one room; one more is answered 503", at_least=2, at_most=4)
    upload_bytes: int = setting(10_000_000, "largest photo, bytes", at_least=10_000, at_most=100_000_000)
    upload_pixels: int = setting(40_000_000, "largest photo, pixels", at_least=16_384, at_most=89_000_000)
    upload_pixels_together: int = setting(
        100_000_000, "all photos of one upload, pixels (eight of a telephone)", at_least=16_384, at_most=800_000_000
    )
    photos: int = setting(8, "photos in one upload", at_least=1, at_most=8)
    uploaded_avatars: int = setting(
        64, "uploaded avatars kept in memory; the one unused for longest goes first", at_least=1, at_most=10_000
    )
    uploads_s: float = setting(
        86_400.0,
        "an uploaded avatar or background that has not been used for so long is forgotten, seconds",
        at_least=60,
        at_most=366 * 86_400,
    )
    offers_per_minute: int = setting(
        240,
        "offers of calls and of watchers that one address, or one token, may send in a minute",
        at_least=1,
        at_most=100_000,
    )
    uploads_per_minute: int = setting(
        60, "photos and backgrounds that one address, or one token, may send in a minute", at_least=1, at_most=100_000
    )
    rooms_per_minute: int = setting(
        120,
        "rooms that one address, or one token, may enter or ask for in a minute: their links cannot be guessed",
        at_least=1,
        at_most=100_000,
    )
    sessions_per_address: int | None = setting(
        None, "calls at once from one address (default: as many as there may be)", at_least=1, at_most=1000
    )
    stored_uploads: int = setting(
        10_000,
        "uploaded avatars, and as many backgrounds, that the store keeps; of the visitor who has most, the oldest goes "
        "first",
        at_least=10,
        at_most=1_000_000,
    )
    offer_bytes: int = setting(64_000, "largest offer of a call (SDP), bytes", at_least=8_000, at_most=1_000_000)
    control_bytes: int = setting(4_096, "largest message on the data channel, bytes", at_least=1_024, at_most=65_536)
    idle_s: float = setting(
        120.0, "a call ends when camera and microphone have been silent this long, seconds", at_least=1, at_most=86_400
    )
    call_s: float = setting(4 * 3600.0, "longest call, seconds", at_least=1, at_most=7 * 86_400)
    recordings_per_call: int = setting(20, "recordings of one call; another is refused", at_least=1, at_most=10_000)
    recorded_mb_per_call: int = setting(
        4000, "MB that one call's recordings may take; then the one that runs ends", at_least=1, at_most=10_000_000
    )
    recorded_files: int = setting(
        1000, "recordings that the folder may hold; another is refused", at_least=1, at_most=1_000_000
    )
    recorded_mb: int = setting(
        20_000, "MB that all recordings may take; then those that run end", at_least=1, at_most=1_000_000_000
    )
    requests: int = setting(
        128,
        "HTTP requests at once; twice as many connections. Beyond, idle connections and slow senders make room",
        at_least=1,
        at_most=10_000,
    )
    requests_per_address: int = setting(
        32,
        "of these, from one address (of IPv6, one network of 64 bits); behind a proxy, all users are one address",
        at_least=1,
        at_most=10_000,
    )
