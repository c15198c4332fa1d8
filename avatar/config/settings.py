"""Settings of the server and of conversation, with those of its calls, pictures and trust."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from avatar.config.call_settings import LimitSettings, TransportSettings
from avatar.config.declaration import setting
from avatar.config.kinds import API_KEY, BASE_URL, NETWORK
from avatar.config.picture_settings import LipSyncSettings, PictureSettings
from avatar.config.trust_settings import TrustSettings

OTHER_VARIABLES: Final[Mapping[str, str]] = {
    "AVATAR_CONFIG": "the settings file",
    "AVATAR_MODELS": "the folder that model files are kept in",
    "AVATAR_SERVER": "address of a server, for programs of the examples",
    "AVATAR_PUBLISH_TOKEN": "bearer token of the WHIP server that `avatar publish` sends to",
    "AVATAR_FUZZ": "how many damaged files the tests try",
    "AVATAR_FUZZ_EXAMPLES": "how many offers the tests try",
}
"""Variables of this name's family that are no settings."""

TTS_ENGINES: Final = ("auto", "hibari", "espeak")


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
