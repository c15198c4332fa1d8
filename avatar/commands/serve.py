"""`avatar serve`: the server, from its options to its last goodbye."""

from __future__ import annotations

import argparse
import contextlib
import errno
import gc
import signal
import socket
import ssl
from pathlib import Path
from types import FrameType
from typing import Final

from avatar import __version__
from avatar.commands.flags import add_flags, secret_variables
from avatar.commands.options import Subparsers, settings_of
from avatar.commands.serving import check, make_ready, open_application, set_up_logging
from avatar.commands.terminal import say
from avatar.errors import AvatarError

LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_GOODBYE_S: Final = 2
"""How long open requests may take once the server is told to stop."""


def add_command(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "serve",
        help="start the server with its page",
        description="Start the server and print the address of its page: choose a face, join, and be it.",
        usage="%(prog)s [option ...]",
        epilog="examples:\n"
        "  avatar serve\n"
        "  avatar serve --avatars ~/avatars --size 720x720 --sessions 2\n"
        "  avatar serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem\n\n"
        "Browsers give camera and microphone to a page on localhost or over HTTPS only, so other machines need the\n"
        "last form. A certificate to try it with (browsers will warn of it):\n"
        "  openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=avatar -keyout key.pem -out cert.pem\n\n"
        "On the page, choose Conversation to talk with the avatar. It works without a network: a small script\n"
        "answers, and goes by the sound of your voice alone. Models that answer and that hear words plug in:\n"
        "  avatar serve --llm-url http://localhost:11434/v1 --llm-model llama3.2\n"
        "  avatar serve --llm-url URL --llm-model NAME --stt-url URL --stt-model NAME\n\n"
        "A TURN server helps where networks let no UDP through, and so do ports that a firewall lets in (NAT too):\n"
        "  AVATAR_TURN_USERNAME=NAME AVATAR_TURN_PASSWORD=PASSWORD avatar serve --ice-server turn:HOST:3478\n"
        "  AVATAR_TURN_SECRET=SECRET avatar serve --ice-server turn:HOST:3478\n"
        "  avatar serve --udp-ports 40000-40100 --public-address 203.0.113.7\n\n"
        "Programs give a face on this server a voice of theirs with Avatar.connect(URL, FACE): see docs/sdk.md.\n\n"
        "Each option can also be said by an environment variable (--llm-url: AVATAR_LLM_URL) or by a line of the\n"
        "settings file (llm_url in the section [conversation]): `avatar config` shows what is in force, and writes\n"
        f"such a file. Secrets have no option: {', '.join(secret_variables())}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command until Ctrl-C or SIGTERM; 0 after a clean stop."""
    # uvicorn stops cleanly at either signal and then raises it again for its caller.
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    gc.disable()  # what is loaded for the start stays: looking through it for garbage is a tenth of the start's work
    try:
        return _serve(args)
    except KeyboardInterrupt:
        return 0
    finally:
        gc.enable()


def _serve(args: argparse.Namespace) -> int:
    import uvicorn  # noqa: PLC0415

    from avatar.server.admission import Admission  # noqa: PLC0415
    from avatar.server.connection import connection_class  # noqa: PLC0415
    from avatar.server.visitors import proxy_options  # noqa: PLC0415

    settings = settings_of(args)
    set_up_logging(verbose=settings.verbose)
    checked = check(settings)
    certificate = None
    if settings.tls_cert is not None and settings.tls_key is not None:
        certificate = load_certificate(settings.tls_cert, settings.tls_key)
    with listening_socket(settings.host, settings.port) as listener:
        ready = make_ready(checked)
        config = uvicorn.Config(
            open_application(ready).app,
            loop="asyncio",  # whatever other packages have brought along: it is the one that calls are tuned for
            log_config=None,
            access_log=False,  # it would show ids; ours does not
            http=connection_class(
                Admission(settings.limits.requests, settings.limits.requests_per_address), tls=certificate
            ),
            timeout_graceful_shutdown=_GOODBYE_S,
            server_header=False,
            ws="none",
            **proxy_options(settings.trusted_proxy),
        )
        host, port = listener.getsockname()[:2]

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                gc.freeze()  # nor is it looked through in the first call, which would stand still for so long
                gc.enable()
                if self.started:
                    shown = welcome(host, port, tls=settings.tls_cert is not None, drawn_by=ready.drawn_by)
                    say(*shown.split("\n"))

        server = Server(config)
        with contextlib.suppress(KeyboardInterrupt):
            server.run([listener])
        return 0 if server.started else 1


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


def listening_socket(host: str, port: int) -> socket.socket:
    """Take the port first: everything after it takes seconds, and a taken port is the likeliest trouble."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:  # the latter for what no name can be
        why = getattr(error, "strerror", None) or "it is no name"
        raise AvatarError(f"There is no address {host[:100]!r} to listen on: {why}.") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        advice = _listening_advice(error, port)
        raise AvatarError(f"Cannot listen on {host}:{port} ({error.strerror}). {advice}") from error
    return listener


def _listening_advice(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return "Name an address of this machine, or 0.0.0.0 for all that it has."
    if error.errno == errno.EACCES:
        return "Ports below 1024 are for the system's own programs. Choose another one: avatar serve --port 8010"
    other = port + 1 if port < 65535 else 8011
    return f"Stop the other program there, or choose another port: avatar serve --port {other}"


def load_certificate(cert: Path, key: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise AvatarError(
            f"The certificate {cert} with the key {key} cannot be used: {error.strerror or error}. How to get "
            "both: avatar serve --help"
        ) from error
    return context


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt
