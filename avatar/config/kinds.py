"""The kinds of settings that are more than a text or a number, and how each is read and bounded."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from avatar.config.checks import is_whole
from avatar.config.declaration import Kind
from avatar.errors import SettingsError

SHORT_SIDE_MIN: Final = 128
SHORT_SIDE_MAX: Final = 720
LONG_SIDE_MAX: Final = 1280
SQUARE_MAX: Final = 1024
SIDES: Final = (
    f"both sides even, from {SHORT_SIDE_MIN}x{SHORT_SIDE_MIN} to {LONG_SIDE_MAX}x{SHORT_SIDE_MAX}, "
    f"{SHORT_SIDE_MAX}x{LONG_SIDE_MAX} or {SQUARE_MAX}x{SQUARE_MAX}"
)
"""The sizes that a call's picture can have, in words."""


def can_be_sent(width: int, height: int) -> bool:
    """Return whether a call's picture can have this size in pixels."""
    short, long = sorted((width, height))
    fits = long <= SQUARE_MAX or (short <= SHORT_SIDE_MAX and long <= LONG_SIDE_MAX)
    return fits and short >= SHORT_SIDE_MIN and width % 2 == 0 and height % 2 == 0


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
    """Of `picture`: the file,"""
    data: bytes | None = field(default=None, repr=False)
    """or what is in it."""

    def __post_init__(self) -> None:
        """Raise SettingsError for a background that cannot be."""
        if self.kind not in get_args(BackgroundKind):
            raise SettingsError(
                f"There is no background {self.kind!r}: it is one of {', '.join(get_args(BackgroundKind))}."
            )
        if self.kind == "colour" and not _is_colour(self.rgb):
            raise SettingsError(f"A background of one colour takes rgb=(red, green, blue), 0 to 255, not {self.rgb!r}.")
        if self.kind == "picture" and not (isinstance(self.path, Path) or self.data):
            raise SettingsError(f"A background that is a picture takes path=Path(...), its file, not {self.path!r}.")

    def __str__(self) -> str:
        """Return the text that `read_background` reads."""
        if self.rgb is not None:
            return "#" + bytes(self.rgb).hex()
        return str(self.path) if self.path is not None else self.kind


def _is_colour(rgb: object) -> bool:
    return isinstance(rgb, tuple | list) and len(rgb) == 3 and all(is_whole(part, 0, 255) for part in rgb)


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


def consent_asked(text: str) -> bool | Literal["live"]:
    """Return what is asked of avatars: nothing, a statement, or a live check. Raises ValueError for any other text."""
    match text.lower():
        case "live":
            return "live"
        case "true" | "yes" | "on" | "1":
            return True
        case "false" | "no" | "off" | "0":
            return False
    raise ValueError(text)


LONGEST_LABEL: Final = 40


def picture_label(text: str) -> str:
    """Return a label without blanks around it. Raises ValueError for what is none."""
    if not text.strip() or not text.isprintable() or len(text) > LONGEST_LABEL:
        raise ValueError(text)
    return text.strip()


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


def network(text: str) -> str:
    """Return an address, or a network of addresses, as text. Raises ValueError for what is none."""
    return str(ipaddress.ip_network(text.strip(), strict=False))


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
LABEL: Final = Kind(picture_label, f"a text of 1 to {LONGEST_LABEL} letters in one line", "TEXT")
API_KEY: Final = Kind(api_key, "plain letters, digits and marks (ASCII), without spaces or line breaks", "KEY")
BASE_URL: Final = Kind(base_url, "a base URL such as http://localhost:11434/v1, without a key", "URL")
PORTS: Final = Kind(port_range, "a range of ports from 1024 to 65535, such as 40000-40100", "FIRST-LAST")
NETWORK: Final = Kind(network, "an IP address or network such as 127.0.0.1 or 10.0.0.0/8", "ADDRESS")
PUBLIC_ADDRESS: Final = Kind(public_address, "an IP address such as 203.0.113.7", "ADDRESS")
CONSENT_ASKED: Final = Kind(consent_asked, "true, false or live", "live", also_bool=True)
