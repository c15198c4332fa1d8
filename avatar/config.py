"""Every setting of the product, each documented and bounded where it is defined.

One declaration serves all who ask for a setting: its flag (`--idle-s`), its environment variable (`AVATAR_IDLE_S`), its
line in the settings file (`idle_s` in the section `[limits]`), the help, `avatar config` and docs/configuration.md.
`avatar.commands.settings` reads them; the rest of the code is handed the frozen values.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

OTHER_VARIABLES: Final[Mapping[str, str]] = {
    "AVATAR_CONFIG": "the settings file",
    "AVATAR_MODELS": "the folder that model files are kept in",
    "AVATAR_SERVER": "address of a server, for programs of the examples",
    "AVATAR_PUBLISH_TOKEN": "bearer token of the WHIP server that `avatar publish` sends to",
    "AVATAR_FUZZ": "how many damaged files the tests try",
    "AVATAR_FUZZ_EXAMPLES": "how many offers the tests try",
}
"""Variables of this name's family that are no settings."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of text that is more than a text."""

    parse: Callable[[str], Any]
    """Returns the value of a text. Raises ValueError for any other."""
    takes: str
    """What can be parsed, in words."""
    metavar: str


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is said of a setting beside its type and default."""

    doc: str
    name: str = ""
    """In files and, in capitals, in the environment; empty: that of its field."""
    formerly: str = ""
    """The flag's old name, which still works."""
    variable_formerly: str = ""
    """The environment variable's old name, which still works."""
    metavar: str = ""
    at_least: float | None = None
    at_most: float | None = None
    choices: tuple[str, ...] = ()
    kind: Kind | None = None
    secret: bool = False
    """Never shown, and no flag: command lines can be read by every user of the machine."""
    holds_password: bool = False
    """It may hold a password beside what is no secret: not shown where values are logged."""
    fills: tuple[str, ...] = ()
    """The fields its value is spread over; empty: its own."""


def setting(default: T, doc: str, **declared: Any) -> T:
    """Return a dataclass field that is a setting; `declared` are further fields of its `Declaration`."""
    made = Declaration(doc, **declared)
    return field(default=default, repr=not (made.secret or made.holds_password), metadata={"setting": made})


SHORT_SIDE_MIN: Final = 128
SHORT_SIDE_MAX: Final = 720
LONG_SIDE_MAX: Final = 1280
SIDES: Final = (
    f"both sides even, from {SHORT_SIDE_MIN}x{SHORT_SIDE_MIN} to {LONG_SIDE_MAX}x{SHORT_SIDE_MAX} or "
    f"{SHORT_SIDE_MAX}x{LONG_SIDE_MAX}"
)
"""The sizes that a call's picture can have, in words."""


def can_be_sent(width: int, height: int) -> bool:
    """Return whether a call's picture can have this size in pixels."""
    short, long = sorted((width, height))
    in_bounds = SHORT_SIDE_MIN <= short <= SHORT_SIDE_MAX and long <= LONG_SIDE_MAX
    return in_bounds and width % 2 == 0 and height % 2 == 0


def picture_size(text: str) -> tuple[int, int]:
    """Return (width, height) in pixels of a text such as `512x512`. Raises ValueError for what no picture can have."""
    match = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text)
    if match is None:
        raise ValueError(text)
    width, height = int(match[1]), int(match[2])
    if not can_be_sent(width, height):
        raise ValueError(text)
    return width, height


BackgroundKind: TypeAlias = Literal["keep", "blur", "colour", "picture", "transparent"]


@dataclass(frozen=True, slots=True)
class Background:
    """What is seen behind the avatar."""

    kind: BackgroundKind = "keep"
    """The photo's own, the same out of focus, one colour, a picture, or nothing."""
    rgb: tuple[int, int, int] | None = None
    """Of `colour`: 0..255 each."""
    path: Path | None = None
    """Of `picture`: the file."""

    def __str__(self) -> str:
        """Return the text that `read_background` reads."""
        if self.rgb is not None:
            return "#" + bytes(self.rgb).hex()
        return str(self.path) if self.path is not None else self.kind


PLAIN_BACKGROUNDS: Final[tuple[BackgroundKind, ...]] = ("keep", "blur", "transparent")
PICTURES: Final = (".jpg", ".jpeg", ".png", ".webp")
"""How the names of pictures end that may be a background."""


def read_background(text: str) -> Background:
    """Return what is put behind the avatar, of a text. Raises ValueError where it is nothing that can be."""
    for kind in PLAIN_BACKGROUNDS:
        if text == kind:
            return Background(kind)
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        red, green, blue = bytes.fromhex(text[1:])
        return Background("colour", rgb=(red, green, blue))
    if not text.lower().endswith(PICTURES):
        raise ValueError(text)
    try:
        return Background("picture", path=Path(text).expanduser())
    except RuntimeError as error:  # ~name of nobody
        raise ValueError(text) from error


def base_url(text: str) -> str:
    """Return a base URL without a slash at its end. Raises ValueError for what is none."""
    parts = urlsplit(text)
    usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
    if not usable or parts.username is not None or parts.port == 0:
        raise ValueError(text)
    return text.rstrip("/")


@dataclass(frozen=True, slots=True)
class PortRange:
    """Ports from the first to the last, both included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    def __len__(self) -> int:
        return self.last - self.first + 1


def port_range(text: str) -> PortRange:
    """Return the ports of a text such as `40000-40100`. Raises ValueError for what is none."""
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)
    if match is None or not 1024 <= int(match[1]) <= int(match[2]) <= 65_535:
        raise ValueError(text)
    return PortRange(int(match[1]), int(match[2]))


def public_address(text: str) -> str:
    """Return an address that others can send to. Raises ValueError for what is none."""
    address = ipaddress.ip_address(text.strip().removeprefix("[").removesuffix("]"))
    if address.is_unspecified or address.is_multicast or address.is_link_local:
        raise ValueError(text)
    return str(address)


def api_key(text: str) -> str:
    """Return a key that an HTTP header can carry. Raises ValueError for any other."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(text)
    return text


SIZE: Final = Kind(picture_size, f"a size such as 512x512: {SIDES}", "WxH")
BACKGROUND: Final = Kind(
    read_background,
    f"keep, blur, transparent, a colour such as #2a6496, or a picture ({', '.join(PICTURES)})",
    "WHAT",
)
API_KEY: Final = Kind(api_key, "plain letters, digits and marks (ASCII), without spaces or line breaks", "KEY")
BASE_URL: Final = Kind(base_url, "a base URL such as http://localhost:11434/v1, without a key", "URL")
PORTS: Final = Kind(port_range, "a range of ports from 1024 to 65535, such as 40000-40100", "FIRST-LAST")
PUBLIC_ADDRESS: Final = Kind(public_address, "an IP address such as 203.0.113.7", "ADDRESS")
TIERS: Final = ("auto", "geometry", "lite", "standard")
ENGINES: Final = ("auto", "openvino", "onnxruntime", "onnxruntime-cuda", "onnxruntime-tensorrt", "torch", "torch-cuda")
QUALITIES: Final = ("auto", "fixed")
TRACKERS: Final = ("auto", "openvino", "mediapipe")
TTS_ENGINES: Final = ("auto", "hibari", "espeak")


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
        "GPUs; train it yourself) or auto, the best that runs here (in calls: that keeps up)",
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
        "transparent (for programs: docs/sdk.md)",
        kind=BACKGROUND,
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
    watchers: int = setting(
        16, "watchers of one call, by its watch link; one more is answered 503", at_least=0, at_most=1000
    )
    upload_bytes: int = setting(10_000_000, "largest photo, bytes", at_least=10_000, at_most=100_000_000)
    upload_pixels: int = setting(40_000_000, "largest photo, pixels", at_least=16_384, at_most=89_000_000)
    upload_pixels_together: int = setting(
        100_000_000, "all photos of one upload, pixels (eight of a telephone)", at_least=16_384, at_most=800_000_000
    )
    photos: int = setting(8, "photos in one upload", at_least=1, at_most=8)
    uploaded_avatars: int = setting(
        64, "uploaded avatars kept in memory; the one unused for longest goes first", at_least=1, at_most=10_000
    )
    offer_bytes: int = setting(64_000, "largest offer of a call (SDP), bytes", at_least=8_000, at_most=1_000_000)
    control_bytes: int = setting(4_096, "largest message on the data channel, bytes", at_least=1_024, at_most=65_536)
    idle_s: float = setting(
        120.0, "a call ends when camera and microphone have been silent this long, seconds", at_least=1, at_most=86_400
    )
    call_s: float = setting(4 * 3600.0, "longest call, seconds", at_least=1, at_most=7 * 86_400)
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
    token: str | None = setting(None, "calls, uploads and /metrics need it as a bearer token", secret=True)
    avatars: Path | None = setting(None, "offer the .avatar files of this folder too", metavar="DIR")
    recordings: Path | None = setting(
        None, "let calls be recorded into this folder, as docs/recording.md says (default: none is)", metavar="DIR"
    )
    verbose: bool = setting(False, "log requests and calls")
    picture: PictureSettings = field(default_factory=PictureSettings)
    lip_sync: LipSyncSettings = field(default_factory=LipSyncSettings)
    transport: TransportSettings = field(default_factory=TransportSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    conversation: ConversationSettings = field(default_factory=ConversationSettings)
