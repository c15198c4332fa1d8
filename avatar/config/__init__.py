"""Every setting of the product, each documented and bounded where it is defined.

One declaration serves all who ask for a setting: its flag (`--idle-s`), its environment variable (`AVATAR_IDLE_S`), its
line in the settings file (`idle_s` in the section `[limits]`), the help, `avatar config` and docs/configuration.md.
`avatar.commands.settings` reads them; the rest of the code is handed the frozen values.
"""

from avatar.config.call_settings import LimitSettings, TransportSettings
from avatar.config.declaration import Declaration
from avatar.config.kinds import (
    BACKGROUND,
    BASE_URL,
    LONG_SIDE_MAX,
    SHORT_SIDE_MAX,
    SHORT_SIDE_MIN,
    SIDES,
    SQUARE_MAX,
    Background,
    PortRange,
    base_url,
    can_be_sent,
    picture_size,
    read_background,
)
from avatar.config.picture_settings import ENGINES, TIERS, LipSyncSettings, PictureSettings
from avatar.config.settings import OTHER_VARIABLES, TTS_ENGINES, ConversationSettings, ServerSettings
from avatar.config.trust_settings import TrustSettings

__all__ = [
    "BACKGROUND",
    "BASE_URL",
    "ENGINES",
    "LONG_SIDE_MAX",
    "OTHER_VARIABLES",
    "SHORT_SIDE_MAX",
    "SHORT_SIDE_MIN",
    "SIDES",
    "SQUARE_MAX",
    "TIERS",
    "TTS_ENGINES",
    "Background",
    "ConversationSettings",
    "Declaration",
    "LimitSettings",
    "LipSyncSettings",
    "PictureSettings",
    "PortRange",
    "ServerSettings",
    "TransportSettings",
    "TrustSettings",
    "base_url",
    "can_be_sent",
    "picture_size",
    "read_background",
]
