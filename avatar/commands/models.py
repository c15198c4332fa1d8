"""`avatar models`: the public model files, listed, fetched and checked."""

from __future__ import annotations

import argparse

from avatar.commands.options import Subparsers
from avatar.commands.progress import ProgressBar


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
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these models (default: all)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from avatar.models.store import ModelStore  # noqa: PLC0415

    store = ModelStore()
    names = args.names or list(store.specs)
    if args.action == "pull":
        for name in names:
            pull(name)
            print(f"{name}: {store.path(name)}")
        return 0
    states = {name: store.state(name) for name in names}
    for name, state in states.items():
        spec = store.specs[name]
        print(f"{name}: {state}, {spec.size / 1e6:.1f} MB, {spec.licence}")
        if args.action == "list":
            print(f"  {spec.origin}\n  {store.path(name)}\n  sha256 {spec.sha256}")
            print("\n".join(f"  from {source}" for source in spec.sources))
    if args.action == "verify" and any(state != "present" for state in states.values()):
        print("Fetch what is missing or damaged: avatar models pull")
        return 1
    return 0


def pull(name: str) -> None:
    """Fetch a model unless it is here, with a progress bar. Raises ModelError."""
    from avatar.models.store import get_model  # noqa: PLC0415

    with ProgressBar(f"Fetching {name}", "B") as bar:
        get_model(name, progress=lambda _, done, total: bar.update(done, total))
