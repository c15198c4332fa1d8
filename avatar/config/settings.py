"""The settings themselves, by what they are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from avatar.config.declaration import setting
from avatar.config.kinds import (
    API_KEY,
    BACKGROUND,
    BASE_URL,
    CONSENT_ASKED,
    LABEL,
    NETWORK,
    PORTS,
    PUBLIC_ADDRESS,
    SIZE,
    Background,
    PortRange,
)

OTHER_VARIABLES: Final[Mapping[str, str]] = {
    "AVATAR_CONFIG": "the settings file",
    "AVATAR_MODELS": "the folder that model files are kept in",
    "AVATAR_SERVER": "address of a server, for programs of the examples",
    "AVATAR_PUBLISH_TOKEN": "bearer token of the WHIP server that `avatar publish` sends to",
    "AVATAR_FUZZ": "how many damaged files the tests try",
    "AVATAR_FUZZ_EXAMPLES": "how many offers the tests try",
}
"""Variables of this name's family that are no settings."""


TIERS: Final = ("auto", "geometry", "lite", "standard", "musetalk", "portrait")
ENGINES: Final = (
    "auto",
    "openvino",
    "onnxruntime",
    "onnxruntime-cuda",
    "onnxruntime-tensorrt",
    "torch",
    "torch-cuda",
    "torch-cuda-compiled",
)
QUALITIES: Final = ("auto", "fixed")
LABEL_PLACES: Final = ("top-left", "top", "top-right", "bottom-left", "bottom", "bottom-right")
SWITCH: Final = ("on", "off")
TRACKERS: Final = ("auto", "openvino", "mediapipe")
TTS_ENGINES: Final = ("auto", "hibari", "espeak")
ADDRESS_RULES: Final = ("shortened", "hashed", "none")
CONSENTS: Final = ("unstated", "self", "permitted", "nobody", "live")


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """The outgoing picture."""

    width: int = setting(
        512, "size of the picture; a call may ask for another", name="size", kind=SIZE, fills=("width", "height")
    )
    """Pixels; `can_be_sent` says which."""
    height: int = 512
    fps: int = setting(
        30, "pictures a second: the most a camera may drive, and what idle life runs at", at_least=1, at_most=60
    )
    tier: str = setting(
        "auto",
        "what draws the avatar: geometry (the photo, warped), lite (with a small network), standard (a larger one, for "
        "GPUs; train it yourself), musetalk (MuseTalk draws the mouth from the voice, for GPUs; docs/musetalk.md), "
        "portrait (LivePortrait, for GPUs; docs/portrait.md) or auto, the best that runs here (in calls: that keeps "
        "up)",
        choices=TIERS,
        metavar="TIER",
    )
    engine: str = setting(
        "auto",
        f"what runs the network: {', '.join(ENGINES[1:])} or auto, the fastest that works here",
        choices=ENGINES,
        metavar="ENGINE",
    )
    quality: str = setting(
        "auto",
        "auto: in a call that the machine or the line is too slow for, the picture gets smaller and simpler until it "
        "is in time (docs/how-it-works.md); fixed: never",
        choices=QUALITIES,
        metavar="MODE",
    )
    tracker: str = setting(
        "auto",
        "what follows the driver's face: openvino, mediapipe or auto, which is openvino wherever it works",
        choices=TRACKERS,
        metavar="TRACKER",
    )
    background: Background = setting(
        Background(),
        "what is seen behind the avatar: keep (its photo's own), blur, a colour as #RRGGBB, a picture's file, or "
        "transparent (for programs and for OBS: docs/sdk.md, docs/obs.md)",
        kind=BACKGROUND,
    )
    label: str | None = setting(
        None, 'a label in every picture, such as "AI avatar" (docs/trust.md; default: none)', kind=LABEL
    )
    label_place: str = setting(
        "bottom", "where it is; the page lays nothing over it at the bottom", choices=LABEL_PLACES, metavar="PLACE"
    )
    label_font: Path | None = setting(
        None, "a font (TrueType, OpenType) for its letters (default: one for Latin letters)", metavar="FILE"
    )
    watermark: str = setting(
        "on",
        "on: an invisible mark in every picture that says that it is generated (docs/trust.md); off: none",
        choices=SWITCH,
        metavar="on|off",
    )
    watermark_server: int = setting(0, "which of your servers the mark names", at_least=0, at_most=127)
    watermark_key: str | None = setting(
        None,
        "a key of your own that the mark is made and found by (default: a public one, so that anybody can find it)",
        secret=True,
    )


@dataclass(frozen=True, slots=True)
class LipSyncSettings:
    """Which network moves the mouth to a voice."""

    voice_network: Path | None = setting(
        None,
        "weights of your own that move the mouth (docs/speech.md; default: those that come with avatar)",
        metavar="FILE",
    )
    voice_encoder: str | None = setting(
        None,
        "where the speech encoder lies that they were trained with, in place of what the file says; a folder, or a "
        "name on the hub (pip install 'avatar[encoder]')",
        metavar="DIR",
    )


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


@dataclass(frozen=True, slots=True)
class ConversationSettings:
    """Talking with the avatar; what is said goes to the services that these name, and nowhere else."""

    tts: str = setting(
        "auto",
        "what the avatar speaks with: hibari, espeak or auto, the most natural that is installed",
        choices=TTS_ENGINES,
        formerly="--voice",
        metavar="NAME",
    )
    llm_url: str | None = setting(
        None, "OpenAI-compatible chat service that answers (default: a small script)", kind=BASE_URL, formerly="--brain"
    )
    llm_model: str = setting("default", "the model to ask there", metavar="NAME", formerly="--brain-model")
    llm_api_key: str | None = setting(
        None, "the key for it", kind=API_KEY, secret=True, variable_formerly="AVATAR_BRAIN_KEY"
    )
    stt_url: str | None = setting(
        None, "OpenAI-compatible service that turns speech into words (default: none)", kind=BASE_URL, formerly="--ears"
    )
    stt_model: str = setting("default", "the model to ask there", metavar="NAME", formerly="--ears-model")
    stt_api_key: str | None = setting(
        None, "the key for it", kind=API_KEY, secret=True, variable_formerly="AVATAR_EARS_KEY"
    )


@dataclass(frozen=True, slots=True)
class TrustSettings:
    """Whose face an avatar is, and how that is said (docs/trust.md)."""

    consent: str = setting(
        "unstated",
        "what is stated of a photo's face where nobody says it: self (one's own), permitted (the person has agreed), "
        "nobody (no real person's) or unstated; for avatar enroll also live (one's own, as a check before the camera "
        "finds)",
        choices=CONSENTS,
        metavar="WHOSE",
    )
    require_consent: bool | Literal["live"] = setting(
        False,
        "refuse avatars that do not state whose face they show, or whose statement does not hold; live: also those "
        "whose person was not checked before a camera",
        kind=CONSENT_ASKED,
    )
    consent_keys: tuple[str, ...] = setting(
        (),
        "a public key whose statements count, as `avatar info` shows it (default: anybody's)",
        metavar="KEY",
    )
    sign: bool = setting(
        False,
        "write content credentials (C2PA) into recordings and movies: that they are generated, by what and from what "
        "(pip install 'avatar[trust]')",
    )
    sign_cert: Path | None = setting(
        None,
        "your certificate (chain) in PEM to sign them with (default: a self-made one, to try it)",
        metavar="FILE",
    )
    sign_key: Path | None = setting(None, "its private key in PEM", metavar="FILE")
    audit_log: Path | None = setting(
        None, "log who did what when into this file, as JSON, without content (docs/trust.md)", metavar="FILE"
    )
    audit_addresses: str = setting(
        "shortened",
        "how addresses are written there: shortened (to 24 bits, of IPv6 48), hashed (with a key of the day) or none",
        choices=ADDRESS_RULES,
        metavar="HOW",
    )
    key_folder: Path | None = setting(
        None, "folder of the keys that avatar makes for itself (default: the user's folder of settings)", metavar="DIR"
    )

    @property
    def stated(self) -> str | None:
        """What is stated where nobody says it; None: nothing. What a check finds cannot be stated without one."""
        return None if self.consent in ("unstated", "live") else self.consent


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The HTTP server."""

    host: str = setting("127.0.0.1", "address to listen on; 127.0.0.1 is for this machine only")
    port: int = setting(8010, "port to listen on; 0 chooses a free one", at_least=0, at_most=65_535)
    tls_cert: Path | None = setting(None, "certificate (chain) in PEM, for HTTPS", metavar="FILE")
    tls_key: Path | None = setting(None, "its private key in PEM", metavar="FILE")
    allow_hosts: tuple[str, ...] = setting(
        (),
        "a name this server goes by beside the machine's own, for plain HTTP without a token; '*': any",
        metavar="NAME",
    )
    allow_origins: tuple[str, ...] = setting(
        (),
        "another site whose pages may call, upload and remove, such as https://site.example; '*': all",
        metavar="ORIGIN",
    )
    trusted_proxy: tuple[str, ...] = setting(
        (),
        "a proxy in front of the server that says in X-Forwarded-For who asks: limits and the audit log then tell its "
        "users apart; it has to set that header itself (default: nobody's word is taken)",
        kind=NETWORK,
    )
    token: str | None = setting(None, "calls, uploads and /metrics need it as a bearer token", secret=True)
    token_secret: str | None = setting(
        None,
        "what tokens are signed with that `avatar token` makes and that expire; with it, calls, uploads and /metrics "
        "need one of these, or the token above",
        secret=True,
    )
    guard_watching: bool = setting(False, "a watch link alone lets nobody watch: a token is needed too")
    avatars: Path | None = setting(None, "offer the .avatar files of this folder too", metavar="DIR")
    store: str | None = setting(
        None,
        "keep what visitors upload in this folder, or at a URL such as s3://bucket/avatars, so that it outlives the "
        "server and others that have the same store know it (default: in memory; pip install 'avatar[cluster]')",
        metavar="DIR",
    )
    recordings: Path | None = setting(
        None, "let calls be recorded into this folder, as docs/recording.md says (default: none is)", metavar="DIR"
    )
    workers: int | None = setting(
        None,
        "processes that hold calls, the server's own among them: a call after the first gets one of its own as long as "
        "there are any; 0 or 1: the server's own holds all (default: one for each 1.3 cores, 8 at most; one for the "
        "tiers portrait and musetalk, whose calls are drawn together)",
        at_least=0,
        at_most=64,
    )
    telemetry_url: str | None = setting(
        None,
        "send traces and metrics to this OpenTelemetry collector, such as http://localhost:4318 (OTLP over HTTP; pip "
        "install 'avatar[telemetry]')",
        kind=BASE_URL,
    )
    verbose: bool = setting(False, "log requests and calls")
    picture: PictureSettings = field(default_factory=PictureSettings)
    lip_sync: LipSyncSettings = field(default_factory=LipSyncSettings)
    transport: TransportSettings = field(default_factory=TransportSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    conversation: ConversationSettings = field(default_factory=ConversationSettings)
    trust: TrustSettings = field(default_factory=TrustSettings)
