"""The process of a worker: a real one is started and ended, and none is left behind by a server that is gone."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import ModuleType

import pytest

from avatar.call.workers import process as process_module
from avatar.call.workers import worker as worker_module
from avatar.call.workers.file_supply import FileSupply
from avatar.call.workers.link import LinkClosedError
from avatar.call.workers.pool import WorkerPool
from avatar.call.workers.process import WorkerProcess
from avatar.call.workers.worker import Worker
from avatar.commands.serving import WORKER_COMMAND
from avatar.errors import AvatarError

pytestmark = pytest.mark.anyio

ASLEEP = "import time; time.sleep(300)"


class NoAvatars:
    """A library of which nothing is asked here."""

    async def fetch(self, avatar_id: str) -> None:
        pass

    def info(self, avatar_id: str) -> object:
        raise AvatarError(avatar_id)

    async def file(self, avatar_id: str) -> bytes:
        raise AvatarError(avatar_id)


def program(code: str) -> tuple[str, ...]:
    """Return what runs a program of our own in place of a worker."""
    return (sys.executable, "-P", "-c", code)


@pytest.mark.slow
async def test_a_real_worker_starts_tells_its_log_and_ends_when_told(
    loopback: ModuleType, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(process_module, "GOODBYE_S", 60.0)  # a busy machine takes longer than a server waits
    settings = replace(loopback.SETTINGS, verbose=True)
    pool = WorkerPool(settings, NoAvatars(), partial(WorkerProcess.start, WORKER_COMMAND), most=1)
    number = pool._begin_start()
    worker = await pool._starting[number]
    assert worker is not None and len(pool) == 1 and worker.ended is None
    await loopback.wait_for(lambda: "worker 1: the encoder libx264 works" in caplog.text)
    await pool.close()
    assert worker.ended == 0, "by itself, not killed"


@pytest.mark.slow
async def test_a_worker_ends_by_itself_when_its_server_is_gone(loopback: ModuleType) -> None:
    process = await WorkerProcess.start(WORKER_COMMAND)
    worker = Worker(1, process, FileSupply(NoAvatars()))
    running = asyncio.create_task(worker.run())
    await worker.start(loopback.SETTINGS)
    # As the system does with what a process held that was killed.
    process.writer.close()
    process._process.stdin.close()
    await loopback.wait_for(lambda: process.ended is not None)
    assert process.ended == 0
    await running


async def test_even_one_that_is_stuck_ends_with_its_server(loopback: ModuleType) -> None:
    stuck = f"from avatar.call.workers import process; process.GOODBYE_S = 0.05; process.lifeline(); {ASLEEP}"
    process = await WorkerProcess.start(program(stuck))
    process._process.stdin.close()
    await loopback.wait_for(lambda: process.ended is not None)
    assert process.ended == 1


@pytest.mark.parametrize(
    ("code", "why"), [(ASLEEP, "not ready after"), ("raise SystemExit(3)", "has ended while it was being started")]
)
async def test_a_process_that_becomes_no_worker_is_not_waited_for(
    code: str, why: str, monkeypatch: pytest.MonkeyPatch, loopback: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker_module, "START_S", 0.5)
    process: list[WorkerProcess] = []

    async def start() -> WorkerProcess:
        process.append(await WorkerProcess.start(program(code)))
        return process[0]

    pool = WorkerPool(loopback.SETTINGS, NoAvatars(), start, most=1)
    assert await pool._starting[pool._begin_start()] is None
    assert why in caplog.text and len(pool) == 0
    await loopback.wait_for(lambda: process[0].ended is not None)
    await pool.close()


@pytest.mark.slow
async def test_one_that_says_nothing_any_more_is_ended(
    monkeypatch: pytest.MonkeyPatch, loopback: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker_module, "SILENT_S", 0.5)
    ready = (
        "import socket, sys; from avatar.call.workers.from_worker import FROM_WORKER, Ready; "
        "text = FROM_WORKER.write(Ready()).encode(); link = socket.socket(fileno=int(sys.argv[1])); "
        f"link.sendall(len(text).to_bytes(4, 'big') + bytes(4) + text); {ASLEEP}"
    )
    process = await WorkerProcess.start(program(ready))
    worker = Worker(1, process, FileSupply(NoAvatars()))
    running = asyncio.create_task(worker.run())
    await worker.start(loopback.SETTINGS)
    with pytest.raises(LinkClosedError):
        await worker.ask(_asked(), worker_module.Found)
    await running
    assert process.ended == -9 and "has not said anything" in caplog.text


def _asked() -> Callable[[int], worker_module.EndCall]:
    return lambda number: worker_module.EndCall(number, "a call", "left")
