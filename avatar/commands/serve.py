"""`avatar serve`: the server, from its options to its last goodbye."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import socket
import ssl
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from avatar import __version__
from avatar.commands.models import pull
from avatar.commands.options import Subparsers, add_drawing, add_voice_network, chosen_voice_network, picture_size
from avatar.config import ConversationSettings, LimitSettings, PictureSettings, ServerSettings, TransportSettings
from avatar.conversation.openai_http import check_url
from avatar.errors import AvatarError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from avatar.motion.voice_network import VoiceNetwork

LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})
VOICE_NAMES: Final = ("auto", "hibari", "espeak")
"""`speech_synthesis.VOICES` by name, without loading what these need."""
_GOODBYE_S: Final = 2
"""How long open requests may take once the server is told to stop."""
_DEFAULTS: Final = ServerSettings()


def add_command(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "serve",
        help="start the server with its page",
        description="Start the server and print the address of its page: choose a face, join, and be it.",
        epilog="examples:\n"
        "  avatar serve\n"
        "  avatar serve --avatars ~/avatars --size 720x720 --sessions 2\n"
        "  avatar serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem\n\n"
        "Browsers give camera and microphone to a page on localhost or over HTTPS only, so other machines need the\n"
        "last form. A certificate to try it with (browsers will warn of it):\n"
        "  openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=avatar -keyout key.pem -out cert.pem\n\n"
        "On the page, choose Conversation to talk with the avatar. It works without a network: a small script\n"
        "answers, and goes by the sound of your voice alone. Models that answer and that hear words plug in:\n"
        "  avatar serve --brain http://localhost:11434/v1 --brain-model llama3.2\n"
        "  avatar serve --brain URL --brain-model NAME --ears URL --ears-model NAME\n"
        "Keys come from the environment only: AVATAR_BRAIN_KEY, AVATAR_EARS_KEY. What is said goes to those URLs.\n\n"
        "A TURN server helps where networks let no UDP through:\n"
        "  AVATAR_TURN_USERNAME=NAME AVATAR_TURN_PASSWORD=PASSWORD avatar serve --ice-server turn:HOST:3478\n\n"
        "Programs give a face on this server a voice of theirs with Avatar.connect(URL, FACE): see docs/sdk.md.\n\n"
        "With the environment variable AVATAR_TOKEN set, calls, uploads and /metrics need it as a bearer token.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default=_DEFAULTS.host, help="address to listen on (default: %(default)s, this machine only)")
    add("--port", type=int, default=_DEFAULTS.port, help="default: %(default)s; 0 chooses a free one")
    add("--allow-host", action="append", default=[], metavar="NAME", help="a name this server goes by; may be repeated")
    add("--allow-origin", action="append", default=[], metavar="ORIGIN", help="a site whose pages may use this server")
    add("--tls-cert", type=Path, metavar="FILE", help="certificate (chain) in PEM, for HTTPS")
    add("--tls-key", type=Path, metavar="FILE", help="its private key in PEM")
    add("--sessions", type=int, default=_DEFAULTS.limits.sessions, help="calls at once (default: %(default)s)")
    add(
        "--requests-per-address",
        type=int,
        default=_DEFAULTS.limits.requests_per_address,
        metavar="N",
        help="HTTP requests at once from one address (default: %(default)s); behind a proxy, all users are one address",
    )
    add("--size", type=picture_size, metavar="WxH", help="usual picture of a call (default: 512x512)")
    add_drawing(parser)
    add_voice_network(parser)
    add("--avatars", type=Path, metavar="DIR", help="offer the .avatar files of this folder too")
    add("--voice", default="auto", choices=VOICE_NAMES, help="what the avatar speaks with in a conversation")
    add("--brain", metavar="URL", help="OpenAI-compatible chat endpoint that answers (default: a small script)")
    add("--brain-model", default="default", metavar="NAME", help="the model to ask there")
    add("--ears", metavar="URL", help="OpenAI-compatible endpoint that turns speech into words (default: none)")
    add("--ears-model", default="default", metavar="NAME", help="the model to ask there")
    add("--echo-cancel", action="store_true", help="keep the avatar from hearing itself (browsers do so anyway)")
    add("--ice-server", action="append", default=[], metavar="URL", help="STUN or TURN server; may be repeated")
    add("--loopback", action="store_true", help="media over 127.0.0.1 only: for a browser on this machine")
    add("--verbose", action="store_true", help="log requests and calls")
    parser.set_defaults(run=run)


def settings_of(args: argparse.Namespace) -> ServerSettings:
    """Return the settings the options say. Raises AvatarError for options that cannot be."""
    if not 0 <= args.port <= 65535:
        raise AvatarError(f"Port {args.port} does not exist: use one from 1 to 65535.")
    if not 1 <= args.sessions <= 1000:
        raise AvatarError("--sessions takes a number from 1 to 1000.")
    if not 1 <= args.requests_per_address <= 10_000:
        raise AvatarError("--requests-per-address takes a number from 1 to 10000.")
    if (args.tls_cert is None) != (args.tls_key is None):
        raise AvatarError("HTTPS needs both --tls-cert and --tls-key.")
    for url in (args.brain, args.ears):
        if url is not None:
            check_url(url)
    width, height = args.size or (_DEFAULTS.picture.width, _DEFAULTS.picture.height)
    picture = PictureSettings(width, height, tier=args.tier, engine=args.engine)
    return ServerSettings(
        host=args.host,
        port=args.port,
        tls_cert=args.tls_cert,
        tls_key=args.tls_key,
        allow_hosts=tuple(args.allow_host),
        allow_origins=tuple(args.allow_origin),
        picture=picture,
        transport=TransportSettings(
            ice_servers=tuple(args.ice_server),
            turn_username=os.environ.get("AVATAR_TURN_USERNAME") or None,
            turn_credential=os.environ.get("AVATAR_TURN_PASSWORD") or None,
            loopback_only=args.loopback,
            echo_cancel=args.echo_cancel,
        ),
        limits=LimitSettings(
            sessions=args.sessions,
            requests=max(args.requests_per_address, _DEFAULTS.limits.requests),
            requests_per_address=args.requests_per_address,
        ),
        conversation=ConversationSettings(
            voice=args.voice,
            brain_url=args.brain,
            brain_model=args.brain_model,
            brain_key=os.environ.get("AVATAR_BRAIN_KEY") or None,
            ears_url=args.ears,
            ears_model=args.ears_model,
            ears_key=os.environ.get("AVATAR_EARS_KEY") or None,
        ),
    )


def run(args: argparse.Namespace) -> int:
    """Run the command until Ctrl-C or SIGTERM; 0 after a clean stop."""
    # uvicorn stops cleanly at either signal and then raises it again for its caller.
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    try:
        return _serve(args)
    except KeyboardInterrupt:
        return 0


def _serve(args: argparse.Namespace) -> int:
    import uvicorn  # noqa: PLC0415

    from avatar.commands.diagnostics import require_system_libraries  # noqa: PLC0415
    from avatar.generator.tiers import chosen_tier, live_tier  # noqa: PLC0415
    from avatar.motion.voice_network import require_live  # noqa: PLC0415
    from avatar.perception.speech.echo import open_canceller  # noqa: PLC0415
    from avatar.server.admission import Admission  # noqa: PLC0415
    from avatar.server.auth import check_token  # noqa: PLC0415
    from avatar.server.connection import connection_class  # noqa: PLC0415
    from avatar.stream.ice_servers import ice_servers  # noqa: PLC0415

    settings = settings_of(args)
    token = os.environ.get("AVATAR_TOKEN") or None
    if token is not None:
        check_token(token)
    ice_servers(settings.transport)  # what cannot be used is said now, not to each caller
    logging.basicConfig(level=logging.INFO if args.verbose else logging.WARNING, format="%(levelname)s %(message)s")
    if not args.verbose:  # requests that are no HTTP come from every scanner of the network
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    certificate = None
    if settings.tls_cert is not None and settings.tls_key is not None:
        certificate = _load_certificate(settings.tls_cert, settings.tls_key)
    if settings.transport.echo_cancel:
        open_canceller()  # where it cannot, that is said now, not in the first call
    voice_network = chosen_voice_network(args)
    if voice_network is not None:
        require_live(voice_network)
    with _listening_socket(settings.host, settings.port) as listener:
        require_system_libraries()
        pull("face_landmarker")
        pull("selfie_segmentation")
        picture = settings.picture
        settings = replace(settings, picture=replace(picture, tier=live_tier(picture.tier, picture.engine)))
        drawn_by = chosen_tier(settings.picture.tier, settings.picture.engine)
        config = uvicorn.Config(
            _application(settings, args.avatars, voice_network, token),
            log_config=None,
            access_log=False,  # it would show ids; ours does not
            http=connection_class(
                Admission(settings.limits.requests, settings.limits.requests_per_address), tls=certificate
            ),
            timeout_graceful_shutdown=_GOODBYE_S,
            server_header=False,
            ws="none",
        )
        host, port = listener.getsockname()[:2]

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                if self.started:
                    print(welcome(host, port, tls=settings.tls_cert is not None, drawn_by=drawn_by), flush=True)

        server = Server(config)
        with contextlib.suppress(KeyboardInterrupt):
            server.run([listener])
        return 0 if server.started else 1


def _application(
    settings: ServerSettings, avatars: Path | None, voice_network: VoiceNetwork | None, token: str | None
) -> FastAPI:
    from avatar.call.registry import Calls  # noqa: PLC0415
    from avatar.identities.builtin import builtin_faces  # noqa: PLC0415
    from avatar.identities.library import AvatarLibrary  # noqa: PLC0415
    from avatar.server.app import create_app  # noqa: PLC0415
    from avatar.server.memory import MemoryKeeper  # noqa: PLC0415

    library = AvatarLibrary(builtin_faces(), settings.limits, folder=avatars)
    calls = Calls(settings, library.identity, voice_network=voice_network, after_call=MemoryKeeper().call_ended)
    return create_app(settings, library, calls, token=token)


def welcome(host: str, port: int, *, tls: bool, drawn_by: str) -> str:
    """Return what is printed once the server is ready."""
    everywhere = host in ("0.0.0.0", "::")  # noqa: S104
    shown = "localhost" if everywhere or host in LOCAL_HOSTS else host
    shown = f"[{shown}]" if ":" in shown else shown
    lines = [f"Avatar {__version__} is ready: {'https' if tls else 'http'}://{shown}:{port}/"]
    if everywhere and tls:
        lines.append(f"From other machines: https://{socket.gethostname()}:{port}/")
    elif not tls:
        lines.append(
            "Browsers give a page the camera on localhost or over HTTPS only. For other machines add: "
            "--host 0.0.0.0 --tls-cert CERT.pem --tls-key KEY.pem (how to get these: avatar serve --help)"
        )
    return "\n".join([*lines, f"Avatars are drawn by: {drawn_by}.", "Stop with Ctrl-C."])


def _listening_socket(host: str, port: int) -> socket.socket:
    """Take the port first: everything after it takes seconds, and a taken port is the likeliest trouble."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise AvatarError(f"There is no address {host!r} to listen on: {error.strerror}.") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise AvatarError(
            f"Cannot listen on {host}:{port} ({error.strerror}). Stop the other program there, or choose another port: "
            f"avatar serve --port {port + 1 if port < 65535 else 8011}"
        ) from error
    return listener


def _load_certificate(cert: Path, key: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise AvatarError(
            f"The certificate {cert} with the key {key} cannot be used: {error.strerror or error}."
        ) from error
    return context


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt
