"""The process of a worker, which `avatar serve` starts with the number of the socket that they speak over."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from typing import TYPE_CHECKING

from avatar.call.workers.log_lines import LogLines
from avatar.call.workers.process import lifeline
from avatar.call.workers.serving import ServedCalls, Surrounded
from avatar.commands.options import chosen_voice_network
from avatar.commands.real_time import set_up_process
from avatar.errors import AvatarError
from avatar.server.memory import MemoryKeeper, trim_heap
from avatar.stream.codecs.encoders import try_encoders

if TYPE_CHECKING:
    from avatar.call.local_calls import LocalCalls
    from avatar.config import PictureSettings, ServerSettings


def main() -> None:
    """Hold calls until the server says that it is enough, or is gone."""
    for interruption in (signal.SIGINT, signal.SIGTERM):  # they are for the server, which tells us
        signal.signal(interruption, signal.SIG_IGN)
    lifeline()
    descriptor = sys.argv[1]
    set_up_process()
    asyncio.run(_serve(int(descriptor)))


async def _serve(descriptor: int) -> None:
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=descriptor))
    served = ServedCalls(reader, writer, _open_calls)
    root = logging.getLogger()
    root.addHandler(LogLines(served.link))
    encoders = asyncio.create_task(asyncio.to_thread(try_encoders))
    await served.run()
    await encoders


def _warm_up(picture: PictureSettings) -> None:
    """Have the networks ready that follow faces: half a second's work, which the first call else does by itself."""
    from avatar.models.store import get_model  # noqa: PLC0415
    from avatar.perception.tracker import FaceTracker  # noqa: PLC0415

    with contextlib.suppress(AvatarError):  # a call will say it to its user
        FaceTracker(get_model("face_landmarker"), engine=picture.tracker).close()


def _open_calls(settings: ServerSettings, surrounded: Surrounded) -> LocalCalls:
    from avatar.call.local_calls import LocalCalls  # noqa: PLC0415

    logging.getLogger().setLevel(logging.INFO if settings.verbose else logging.WARNING)
    calls = LocalCalls(
        settings,
        surrounded.get_avatar,
        get_background=surrounded.get_background,
        load=surrounded.load,
        count_calls=surrounded.count_calls,
        shared_level=surrounded.shared_level,
        voice_network=chosen_voice_network(settings.lip_sync),
        after_opening=trim_heap,
        after_call=MemoryKeeper().call_ended,
        on_end=surrounded.on_end,
    )
    calls.blocking_pool.submit(_warm_up, settings.picture)
    gc.freeze()  # what is loaded for the start stays: it is not looked through in the first call
    return calls
