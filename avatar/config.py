"""Every setting of the product, each documented where it is defined."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """The outgoing picture."""

    width: int = 512
    """Pixels, even, 128 to 1280."""
    height: int = 512
    """Pixels, even, 128 to 720 (or 1280 when portrait)."""
    fps: int = 30
    """Pictures a second: the most a camera may drive and what idle life runs at."""
    tier: str = "auto"
    """What draws it, one of `generator.tiers.TIERS`; auto: the best that runs here."""
    engine: str = "auto"
    """What runs the tier's network, one of `generator.engines.choice.ENGINES`; auto: the fastest that works here."""


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """WebRTC."""

    ice_servers: tuple[str, ...] = ()
    """STUN or TURN URLs. Empty: host candidates only, no outside server is contacted."""
    turn_username: str | None = None
    """The name at the TURN servers among them."""
    turn_credential: str | None = field(default=None, repr=False)
    loopback_only: bool = False
    """Offer 127.0.0.1 as the only candidate (tests, benchmarks, a server behind a local browser)."""
    echo_cancel: bool = False
    """Take what the avatar plays out of what the microphone hears; a browser does that by itself."""
    min_bitrate_bps: int = 200_000
    start_bitrate_bps: int = 1_500_000
    max_bitrate_bps: int = 3_000_000
    largest_camera: int = 1920
    """Longest side in pixels of a camera's pictures; larger ones are not decoded, and the page is told."""
    connect_timeout_s: float = 15.0
    """A peer that has not connected by then is dropped."""
    lost_timeout_s: float = 10.0
    """A peer from which not one packet has come for this long has vanished; a live one sends reports every second."""


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """What one visitor, or all of them, may use."""

    sessions: int = 4
    """Calls at once; one more is answered 503 with Retry-After."""
    upload_bytes: int = 10_000_000
    upload_pixels: int = 40_000_000
    """Of one photo."""
    upload_pixels_together: int = 100_000_000
    """Of all photos of one upload: eight of a telephone's camera."""
    photos: int = 8
    """Photos in one upload."""
    uploaded_avatars: int = 64
    """Uploaded avatars kept in memory; the one unused for longest goes first."""
    offer_bytes: int = 64_000
    control_bytes: int = 4_096
    """One data-channel message."""
    idle_s: float = 120.0
    """A call in which neither camera nor microphone has sent anything for this long ends."""
    call_s: float = 4 * 3600.0
    """Longest call."""
    requests: int = 128
    """HTTP requests at once; twice as many connections. Beyond, idle connections and slow senders make room."""
    requests_per_address: int = 32
    """Of these, from one address (of IPv6, one network of 64 bits); a proxy in front is one address."""


@dataclass(frozen=True, slots=True)
class ConversationSettings:
    """Talking with the avatar."""

    voice: str = "auto"
    """What it speaks with, one of `speech_synthesis.VOICES`; auto: the most natural that is installed."""
    brain_url: str | None = None
    """Base URL of an OpenAI-compatible chat endpoint; None: the small scripted brain."""
    brain_model: str = "default"
    brain_key: str | None = field(default=None, repr=False)
    ears_url: str | None = None
    """Base URL of an OpenAI-compatible transcription endpoint; None: nobody listens for words."""
    ears_model: str = "default"
    ears_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The HTTP server."""

    host: str = "127.0.0.1"
    port: int = 8010
    tls_cert: Path | None = None
    tls_key: Path | None = None
    allow_hosts: tuple[str, ...] = ()
    """Names this server goes by beside the machine's own, for plain HTTP without a token; `*`: any."""
    allow_origins: tuple[str, ...] = ()
    """Other sites whose pages may call, upload and remove, such as https://site.example; `*`: all."""
    picture: PictureSettings = field(default_factory=PictureSettings)
    transport: TransportSettings = field(default_factory=TransportSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    conversation: ConversationSettings = field(default_factory=ConversationSettings)
