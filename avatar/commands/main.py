"""The command line: `avatar serve | enroll | render | say | publish | camera | verify | token | ...`: see `parser`."""

from __future__ import annotations

import argparse
import difflib
import errno
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from avatar import __version__
from avatar.commands import (
    camera,
    cluster,
    config,
    doctor,
    enroll,
    info,
    models,
    publish,
    render,
    say,
    serve,
    sign,
    token,
    verify,
)
from avatar.commands.terminal import complain
from avatar.errors import AvatarError, SettingsError
from avatar.plain_text import PlainFormatter, plain_lines

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})


class _PlainParser(argparse.ArgumentParser):
    """A parser whose complaints are plain: what it does not understand may be the name of a stranger's file."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # argparse's own types are overloads
        """As argparse, but a command that is given what it does not know says so itself, with what may be meant."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown and self._subparsers is None:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._meant(unknown)}")
        return known, unknown

    def error(self, message: str) -> NoReturn:
        super().error(plain_lines(message))

    def _meant(self, unknown: Sequence[str]) -> str:
        """Return a question for the flags that are most like the unknown ones; empty where none is."""
        flags = [flag for flag in self._option_string_actions if flag.startswith("--")]
        near = [difflib.get_close_matches(word.split("=")[0], flags, n=1) for word in unknown if word.startswith("--")]
        meant = [flag for found in near for flag in found]
        return f" (did you mean {' '.join(meant)}?)" if meant else ""


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    top = _PlainParser(
        prog="avatar",
        description="A live face for anyone and any bot: a photo, moved by a camera and a voice, over WebRTC.",
        epilog="start here:\n"
        "  avatar serve                                   then open the address it prints\n"
        "  avatar enroll me.jpg -o me.avatar              an avatar of your own\n"
        "  avatar render --avatar me.avatar --driver clip.mp4 -o out.mp4\n"
        '  avatar say "Hello!" -o hello.mp4\n'
        "  avatar publish --audio speech.wav --to whip://live.example/whip/room\n"
        "  avatar camera --avatar me.avatar               a camera for Zoom and OBS\n"
        "  avatar verify clip.mp4                         is it an avatar's?\n"
        "  avatar sign recordings/*.mp4                   sign what a crash left unsigned\n"
        "  avatar cluster up                              several servers behind one address\n"
        "  avatar doctor                                  when something does not work\n\n"
        "Each command explains itself: avatar COMMAND --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"avatar {__version__}")
    top.add_argument("--debug", action="store_true", help="show where an error comes from")
    subparsers = top.add_subparsers(metavar="COMMAND", required=True)
    for command in (
        serve,
        cluster,
        enroll,
        info,
        render,
        say,
        publish,
        camera,
        verify,
        sign,
        doctor,
        models,
        config,
        token,
    ):
        command.add_command(subparsers)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    # Before numpy is loaded. Calls run side by side, each in threads of its own: matrices this small gain nothing from
    # being shared out, and on a busy machine the threads of OpenBLAS wait for each other far longer than they work.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if logging.lastResort is not None:  # writes what is logged by commands that set up no log
        logging.lastResort.setFormatter(PlainFormatter())
    args = parser().parse_args(argv)
    try:
        return int(args.run(args))
    except AvatarError as error:
        if args.debug:
            raise
        complain(f"avatar: {error}")
        return 2 if isinstance(error, SettingsError) else 1  # as for a flag that there is not
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone: `avatar models list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        sentence = no_room(error) or name_too_long(error)
        if args.debug or sentence is None:
            raise
        complain(f"avatar: {sentence}")
        return 1


def no_room(error: OSError) -> str | None:
    """Return what to tell of a full disk, None for any other error."""
    said = error.strerror or str(error)
    if said.startswith("No usable temporary directory"):
        return (
            "No folder for temporary files can be written to. Free some space there, or name another folder in the "
            "environment variable TMPDIR."
        )
    if error.errno in _NO_ROOM:
        return f"There is no room to write {error.filename or 'a file'} ({said}). Free some space, or write elsewhere."
    return None


def name_too_long(error: OSError) -> str | None:
    """Return what to tell of a path that is too long for a file, None for any other error."""
    if error.errno != errno.ENAMETOOLONG:
        return None
    return f"No file can have so long a name: {str(error.filename)[:60]}... Give a shorter path."


if __name__ == "__main__":
    raise SystemExit(main())
