"""`avatar models`: the public model files, listed, fetched and checked."""

from __future__ import annotations

import argparse
from pathlib import Path

from avatar.commands.options import Subparsers
from avatar.commands.progress import ProgressBar
from avatar.commands.terminal import say


def add_command(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "models",
        help="list, fetch or check the model files",
        description="The public model files this product uses. They are fetched when first needed; `pull` fetches them "
        "now, for a machine that will be offline.",
        epilog="The folder is that of the environment variable AVATAR_MODELS, or the user's cache folder.",
    )
    parser.add_argument("action", choices=("list", "pull", "verify"), help="what to do")
    parser.add_argument(
        "names",
        nargs="*",
        default=[],
        metavar="NAME",
        help="only these models (default: all that every installation needs)",
    )
    parser.add_argument(
        "--accept-licence",
        action="store_true",
        help="the licence of a model by others is accepted: do not ask (for scripts that `pull` such a model)",
    )
    parser.add_argument(
        "--onnx",
        type=Path,
        metavar="DIR",
        help="for `pull liveportrait`: fetch nothing, use the ONNX files of this folder (FasterLivePortrait's layout)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from avatar.commands.published_models import is_fetched, pull_published_model, state_of  # noqa: PLC0415
    from avatar.errors import ModelError  # noqa: PLC0415
    from avatar.models.hub import PUBLISHED  # noqa: PLC0415
    from avatar.models.store import ModelStore  # noqa: PLC0415

    store = ModelStore()
    by_others = [name for name in args.names if name in PUBLISHED]
    names = [name for name in args.names if name not in PUBLISHED] if args.names else list(store.specs)
    known = (*store.specs, *PUBLISHED)
    for name in args.names:
        if name not in known:
            raise ModelError(f"There is no model named {name!r}; there are: {', '.join(known)}.")
    if args.action == "pull":
        for name in names:
            pull(name)
            say(f"{name}: {store.path(name)}")
        for name in by_others:
            pull_published_model(name, accepted=args.accept_licence, onnx=args.onnx)
        return 0
    states = {name: store.state(name) for name in names}
    for name, state in states.items():
        spec = store.specs[name]
        say(f"{name}: {state}, {spec.size / 1e6:.1f} MB, {spec.licence}")
        if args.action == "list":
            say(f"  {spec.origin}", f"  {store.path(name)}", f"  sha256 {spec.sha256}")
            say(*(f"  from {source}" for source in spec.sources))
    for model in PUBLISHED.values():
        if model.name in by_others or (args.action == "list" and not args.names):
            say(*state_of(model).split("\n"))
    if args.action == "list":
        return 0
    bad = any(state != "present" for state in states.values())
    if bad:
        say("Fetch what is missing or damaged: avatar models pull")
    return int(bad or not all(is_fetched(name) for name in by_others))


def pull(name: str) -> None:
    """Fetch a model unless it is here, with a progress bar. Raises ModelError."""
    from avatar.models.store import get_model  # noqa: PLC0415

    with ProgressBar(f"Fetching {name}", "B") as bar:
        get_model(name, progress=lambda _, done, total: bar.update(done, total))
