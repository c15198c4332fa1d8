"""From settings to the application: what `avatar serve` and each replica of a cluster do before they serve."""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from avatar.call.names import NewName, new_name
from avatar.commands.models import pull
from avatar.commands.options import chosen_voice_network
from avatar.commands.real_time import set_up_process
from avatar.commands.terminal import complain
from avatar.plain_text import PlainFormatter

if TYPE_CHECKING:
    from fastapi import FastAPI

    from avatar.call.registry import Calls
    from avatar.call.workers.pool import WorkerPool
    from avatar.config import ServerSettings
    from avatar.identities.backgrounds import BackgroundLibrary
    from avatar.identities.library import AvatarLibrary
    from avatar.identities.live_checks import LiveChecks
    from avatar.identities.store import UploadStore
    from avatar.motion.voice_network import VoiceNetwork

MOST_PROCESSES: Final = 8
"""That hold calls, where the user has not said how many: each takes memory of its own."""
SHORT_TOKEN: Final = 16
"""Letters: a shorter one is warned of."""
WORKER_COMMAND: Final = (sys.executable, "-P", "-c", "from avatar.commands.call_worker import main; main()")
"""Starts a worker; the number of its socket's file is to follow, and our own search path is handed on."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Settings that can be followed."""

    settings: ServerSettings
    voice_network: VoiceNetwork | None
    """Moves the mouths; None: the shipped one."""
    drawn_by: str = ""
    """The tier that draws, once it is known."""


@dataclass(frozen=True, slots=True)
class OpenApplication:
    """An application, and the calls that it holds."""

    app: FastAPI
    calls: Calls
    warm: asyncio.Event
    """Set once a first call would not have to wait for its face, or for what is tried out at the start."""


def set_up_logging(*, verbose: bool) -> None:
    """Log to standard error, plainly: names that visitors chose, and what others answered, stand in it."""
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler])
    if not verbose:  # requests that are no HTTP come from every scanner of the network
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


def check(settings: ServerSettings) -> Checked:
    """Set up this process to hold calls, and find out what of the settings cannot be followed: it is said now, not to
    each caller. Raises AvatarError."""
    from avatar.generator.background import background_picture  # noqa: PLC0415
    from avatar.media.fragmented_movie import make_folder  # noqa: PLC0415
    from avatar.motion.voice_network import require_live  # noqa: PLC0415
    from avatar.perception.speech.echo import open_canceller  # noqa: PLC0415
    from avatar.server.access import Gate  # noqa: PLC0415
    from avatar.server.page_files import page_folder  # noqa: PLC0415
    from avatar.stream.ice_servers import ice_servers  # noqa: PLC0415
    from avatar.trust.signing import FileSigner  # noqa: PLC0415

    set_up_process()
    Gate(
        settings.limits,
        token=settings.token,
        token_secret=settings.token_secret,
        guard_watching=settings.guard_watching,
    )
    page_folder()
    ice_servers(settings.transport)
    if settings.token is not None and len(settings.token) < SHORT_TOKEN:
        complain(
            f"avatar: AVATAR_TOKEN has {len(settings.token)} letters: who tries many finds it. avatar token "
            "--new-secret prints one that nobody finds."
        )
    if settings.recordings is not None:
        make_folder(settings.recordings)
    FileSigner.of(settings.trust)
    if settings.picture.background.kind == "picture":
        background_picture(settings.picture.background)
    if settings.transport.echo_cancel:
        open_canceller()
    voice_network = chosen_voice_network(settings.lip_sync)
    if voice_network is not None:
        require_live(voice_network)
    return Checked(settings, voice_network)


def make_ready(checked: Checked) -> Checked:
    """Fetch the models, and choose what draws. Takes seconds. Raises AvatarError."""
    from avatar.commands.diagnostics import require_system_libraries  # noqa: PLC0415
    from avatar.generator.picture_label import label_of  # noqa: PLC0415
    from avatar.generator.tiers import chosen_tier, live_tier  # noqa: PLC0415

    require_system_libraries()
    pull("face_landmarker")
    pull("selfie_segmentation")
    picture = checked.settings.picture
    if picture.label is not None:
        label_of(picture, (picture.width, picture.height))  # one that cannot be is said now, not in the first call
    picture = replace(picture, tier=live_tier(picture.tier, picture.engine))
    settings = replace(checked.settings, picture=picture)
    return replace(checked, settings=settings, drawn_by=chosen_tier(picture.tier, picture.engine))


def open_application(ready: Checked, *, new_name: NewName = new_name, alone: bool = True) -> OpenApplication:
    """Return the application of settings that `make_ready` has returned.

    Args:
        ready: the settings.
        new_name: names calls and ways to watch them.
        alone: this server may spread its calls over processes; a replica of a cluster is one process.

    Raises:
        AvatarError: a folder or a store cannot be used.
    """
    from avatar.call.registry import Calls  # noqa: PLC0415
    from avatar.identities.backgrounds import BackgroundLibrary  # noqa: PLC0415
    from avatar.identities.builtin import builtin_faces  # noqa: PLC0415
    from avatar.identities.library import AvatarLibrary  # noqa: PLC0415
    from avatar.server.app import create_app  # noqa: PLC0415
    from avatar.server.memory import MemoryKeeper, trim_heap  # noqa: PLC0415

    settings, faces = ready.settings, builtin_faces()
    stores = _open_stores(settings)
    live_checks = _live_checks(settings)
    library = AvatarLibrary(
        faces,
        settings.limits,
        folder=settings.avatars,
        store=stores.get("avatars"),
        trust=settings.trust,
        recognition=live_checks.recognition if live_checks is not None else None,
    )
    backgrounds = BackgroundLibrary(settings.limits, store=stores.get("backgrounds"))
    calls = Calls(
        settings,
        library.identity,
        get_background=backgrounds.get,
        voice_network=ready.voice_network,
        after_opening=trim_heap,
        after_call=MemoryKeeper().call_ended,
        workers=_worker_pool(settings, library, backgrounds) if alone else None,
        new_name=new_name,
    )
    warm = asyncio.Event()
    app = create_app(
        settings,
        library,
        calls,
        backgrounds=backgrounds,
        live_checks=live_checks,
        token=settings.token,
        on_start=partial(_try_machine, calls, faces[-1].id if faces else None, warm),
    )
    return OpenApplication(app, calls, warm)


def _live_checks(settings: ServerSettings) -> LiveChecks | None:
    """Return what checks people before their camera; None where face recognition is not installed."""
    from avatar.identities.live_checks import LiveChecks  # noqa: PLC0415
    from avatar.trust.likeness import why_not_installed  # noqa: PLC0415

    reason = why_not_installed()
    if reason is not None and settings.trust.require_consent == "live":
        logging.getLogger(__name__).warning(
            "nobody can make a face here, as --require-consent live asks for a check: %s", reason
        )
    return LiveChecks(settings.limits) if reason is None else None


def _open_stores(settings: ServerSettings) -> dict[str, UploadStore]:
    """Return what keeps the uploads of each kind; nothing where they are kept in memory only."""
    if settings.store is None:
        return {}
    from avatar.identities.store import open_store  # noqa: PLC0415

    most, lives_s = settings.limits.stored_uploads, settings.limits.uploads_s
    kinds = {"avatars": ".avatar", "backgrounds": ".jpg"}
    return {
        kind: open_store(settings.store, kind, suffix, most=most, lives_s=lives_s) for kind, suffix in kinds.items()
    }


def default_processes(tier: str, fitting: int) -> int:
    """Return how many processes hold calls by default: as many as are `fitting`, since more would share the cores.

    Calls that LivePortrait or MuseTalk draws are drawn together, in one process; each more would load its networks once
    more.
    """
    return 1 if tier in ("portrait", "musetalk") else min(fitting, MOST_PROCESSES)


def _worker_pool(settings: ServerSettings, library: AvatarLibrary, backgrounds: BackgroundLibrary) -> WorkerPool | None:
    """Return the processes that hold calls beside this one, none of which is started yet; None: there are none."""
    from avatar.call.workers.process import SUPPORTED, WorkerProcess  # noqa: PLC0415
    from avatar.timing.call_capacity import INTERPRETER_CORES  # noqa: PLC0415
    from avatar.timing.machine_load import usable_cores  # noqa: PLC0415

    most = settings.workers
    if most is None:
        most = default_processes(settings.picture.tier, int(len(usable_cores()) / INTERPRETER_CORES))
    others = min(most, settings.limits.sessions) - 1
    if others < 1:
        return None
    if not SUPPORTED:
        if settings.workers is not None:
            complain("avatar: on this system one process holds all calls: --workers is not followed.")
        return None
    from avatar.call.workers.pool import WorkerPool  # noqa: PLC0415

    start = partial(WorkerProcess.start, WORKER_COMMAND)
    return WorkerPool(settings, library, start, others, get_background=backgrounds.get)


async def _try_machine(calls: Calls, face: str | None, warm: asyncio.Event) -> None:
    """Find out, beside the server's first moments, how this machine encodes, and what a call costs.

    `face` is the last of those that are made at the start; then it is `warm`.
    """
    from avatar.stream.codecs.encoders import try_encoders  # noqa: PLC0415

    try:
        await asyncio.to_thread(try_encoders)
        if face is not None:
            await calls.try_call(face)
    finally:
        warm.set()
