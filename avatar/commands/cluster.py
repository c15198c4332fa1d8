"""`avatar cluster`: several server processes behind one address, placed and watched over by Ray Serve."""

from __future__ import annotations

import argparse
import importlib.util
import logging
import os
import signal
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from avatar.commands.flags import add_flags
from avatar.commands.options import Subparsers, settings_of
from avatar.commands.terminal import say
from avatar.errors import AvatarError, InstallationError

if TYPE_CHECKING:
    import socket
    import ssl

    from avatar.call.names import NewName
    from avatar.cluster.application import ClusterPlan
    from avatar.commands.serving import OpenApplication
    from avatar.config import ServerSettings

GOODBYE_S: Final = 6.0
"""How long calls may take to be told that the cluster stops."""
MOST_REPLICAS: Final = 10_000


def add_command(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "cluster",
        help="several servers behind one address (Ray Serve)",
        description="Run several server processes (replicas) behind one address: a call belongs to one of them, its\n"
        "media go straight there, and where one dies its calls come back on another by themselves.",
        usage="%(prog)s up [option ...]",
        epilog="examples:\n"
        "  pip install 'avatar[cluster]'\n"
        "  avatar cluster up --replicas 3\n"
        "  avatar cluster up --replicas 2 --most-replicas 8 --store /srv/avatars\n"
        "  avatar cluster up --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --store s3://faces/shared\n\n"
        "All options of `avatar serve` hold for each replica: --sessions 4 are 4 calls in each. Uploads are kept in a\n"
        "store that all replicas see: a folder of this machine unless --store names another (a bucket needs\n"
        "pip install 'avatar[s3]').\n\n"
        "GET /healthz tells how many replicas and calls there are, GET /metrics has the measurements of each with a\n"
        "label `replica`. Replicas are added while three quarters of the places are taken, and end when their last\n"
        "call has (--drain-s at the latest).\n\n"
        "For many machines: docs/cluster.md has a config file for `serve deploy`.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=("up",), help="start, and stop with Ctrl-C")
    parser.add_argument(
        "--replicas", type=partial(_count, MOST_REPLICAS), default=2, metavar="N", help="at least (default: 2)"
    )
    parser.add_argument(
        "--most-replicas",
        type=partial(_count, MOST_REPLICAS),
        metavar="N",
        help="at most: in between by running calls (default: as many as --replicas)",
    )
    parser.add_argument(
        "--drain-s",
        type=partial(_count, 7 * 86_400),
        default=900,
        metavar="SECONDS",
        help="how long calls may go on in a replica that is to end; then they move to another (default: 900)",
    )
    add_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the cluster until Ctrl-C or SIGTERM."""
    require_ray()
    from avatar.cluster.application import ClusterPlan  # noqa: PLC0415
    from avatar.cluster.priority import niceness  # noqa: PLC0415
    from avatar.commands.serving import check, make_ready, set_up_logging  # noqa: PLC0415

    settings = with_store(settings_of(args))
    set_up_logging(verbose=settings.verbose)
    most = args.most_replicas or args.replicas
    if most < args.replicas:
        raise AvatarError(f"--most-replicas {most} is less than --replicas {args.replicas}.")
    drawn_by = make_ready(check(settings)).drawn_by  # what is wrong is said here, not in the log of a replica
    listen(settings)[0].close()
    plan = ClusterPlan(
        replicas=args.replicas,
        most_replicas=most,
        cpus_each=1.0,
        drain_s=args.drain_s,
        one_machine=True,
        niceness=niceness(),
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return _run(settings, plan, drawn_by, stop)


def _run(settings: ServerSettings, plan: ClusterPlan, drawn_by: str, stop: threading.Event) -> int:
    from avatar.cluster.application import NAME, cluster_application  # noqa: PLC0415
    from avatar.cluster.priority import VARIABLE, starting_niceness  # noqa: PLC0415
    from avatar.commands.serve import welcome  # noqa: PLC0415

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nobody is told of this but whoever runs it
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    os.environ.setdefault(VARIABLE, str(starting_niceness()))
    import ray  # noqa: PLC0415 - an extra
    from ray import serve  # noqa: PLC0415

    level = "info" if settings.verbose else "error"
    logging.getLogger("ray.serve").setLevel(level.upper())
    ray.init(
        address="local",
        include_dashboard=False,
        num_cpus=plan.most_replicas + 2,  # a count for Ray to place by; how many calls fit is measured
        logging_level=level,
        log_to_driver=settings.verbose,
    )
    try:
        serve.start(proxy_location="Disabled", logging_config={"log_level": level.upper()})
        application = cluster_application(settings, plan, partial(open_server, settings), listen)
        try:
            gateway = serve.run(application, name=NAME, route_prefix=None)
        except RuntimeError as error:
            raise AvatarError(f"The cluster did not start: {error}") from error
        host, port = gateway.where.remote().result(timeout_s=30)
        say(*welcome(host, port, tls=settings.tls_cert is not None, drawn_by=drawn_by).split("\n"))
        say(f"Replicas: {plan.replicas} to {plan.most_replicas}. Uploads are kept in {settings.store}.")
        stop.wait()
        serve.get_deployment_handle("Directory", NAME).stop.remote().result(timeout_s=5)
        stop.clear()
        stop.wait(GOODBYE_S)
        return 0
    finally:
        serve.shutdown()
        ray.shutdown()


def require_ray() -> None:
    """Raise InstallationError where the extra `cluster` is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise InstallationError("A cluster needs Ray Serve: pip install 'avatar[cluster]'.")


def open_server(settings: ServerSettings, new_name: NewName) -> OpenApplication:
    """Return the application of one replica."""
    from avatar.commands.serving import check, make_ready, open_application, set_up_logging  # noqa: PLC0415

    set_up_logging(verbose=settings.verbose)
    return open_application(make_ready(check(settings)), new_name=new_name, alone=False)


def listen(settings: ServerSettings) -> tuple[socket.socket, ssl.SSLContext | None]:
    """Return a gateway's listening socket, and its certificate where there is one. Raises AvatarError."""
    from avatar.commands.serve import listening_socket, load_certificate  # noqa: PLC0415

    tls = None
    if settings.tls_cert is not None and settings.tls_key is not None:
        tls = load_certificate(settings.tls_cert, settings.tls_key)
    return listening_socket(settings.host, settings.port), tls


def with_store(settings: ServerSettings) -> ServerSettings:
    """Return the settings with a store that all replicas of this machine see, where none is named."""
    from dataclasses import replace  # noqa: PLC0415

    from platformdirs import user_data_path  # noqa: PLC0415

    if settings.store is not None:
        return settings
    return replace(settings, store=str(user_data_path("avatar", appauthor=False) / "uploads"))


def build(args: dict[str, Any]) -> Any:
    """Return the application for a config file of Ray Serve (`serve deploy`): docs/cluster.md has one.

    `args` are the fields of `ClusterPlan` but `one_machine` and `niceness`, and `settings`: the path of a settings
    file. Raises SettingsError.
    """
    from dataclasses import fields  # noqa: PLC0415

    from avatar.cluster.application import ClusterPlan, cluster_application  # noqa: PLC0415
    from avatar.commands.settings import read_settings  # noqa: PLC0415
    from avatar.errors import SettingsError  # noqa: PLC0415

    known = {field.name for field in fields(ClusterPlan)} - {"one_machine", "niceness"}
    numbers = {name: value for name, value in args.items() if name != "settings"}
    for name, value in numbers.items():
        if name not in known:
            raise SettingsError(f"args: there is no {name!r}; there are: settings, {', '.join(sorted(known))}.")
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise SettingsError(f"args: {name} cannot be {str(value)[:100]!r}: it takes a number.")
    file = args.get("settings")
    parser = argparse.ArgumentParser()
    add_flags(parser)
    settings = read_settings(parser.parse_args([] if file is None else ["--config", str(file)])).server
    if settings.store is None:
        raise SettingsError("store is not set: the replicas of several machines need one that all of them see.")
    plan = ClusterPlan(**numbers)
    return cluster_application(settings, plan, partial(open_server, settings), listen)


def _count(most: int, text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is no whole number from 1 to {most}")
    return int(text)
