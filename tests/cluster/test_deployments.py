"""What Ray Serve is given: replicas that drain, a policy that goes by calls, and the whole of it where Ray is there."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from avatar.call.names import ChosenNames
from avatar.call.totals import CallsSnapshot
from avatar.cluster.deployments import DirectoryDeployment, ReplicaDeployment, ReplicaOptions
from avatar.cluster.replicas import Replica
from avatar.cluster.scaling import scale_on_calls
from avatar.commands.cluster import build
from avatar.errors import SettingsError

pytestmark = [
    pytest.mark.anyio,
    # Ray Serve awaits it; Python, which calls it too, does not.
    pytest.mark.filterwarnings("ignore:coroutine 'ReplicaDeployment.__del__' was never awaited"),
]

IDLE = CallsSnapshot(
    active=0, limit=4, started=0, refused=0, ended={}, pictures_sent=0, camera_frames=0, picture_bytes_sent=0,
    packets_dropped={}, latest=(), watchers=0, rooms=0, call_cores=0.5, workers=0,
)  # fmt: skip
NAME = "aaaaaaa1"


class FakeServer:
    """Stands in for the HTTP server of a replica."""

    def __init__(self) -> None:
        self.running, self.loop = True, asyncio.get_running_loop()

    def do(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work(), self.loop)

    def stop(self) -> None:
        self.running = False


class FakeDirectory:
    """Stands in for the handle of the directory."""

    def __init__(self) -> None:
        self.left: list[str] = []
        self.leave = SimpleNamespace(remote=self._leave)
        self.there, self.stopping = True, False
        self.tell = SimpleNamespace(remote=self._tell)

    async def _leave(self, name: str) -> None:
        self.left.append(name)

    async def _tell(self, replica: Replica) -> bool:
        if not self.there:
            raise RuntimeError("no such actor")
        return self.stopping


def replica_with(calls: Any, drain_s: float) -> Any:
    replica: Any = ReplicaDeployment.__new__(ReplicaDeployment)
    replica._name, replica._url, replica._calls, replica._draining = NAME, "http://127.0.0.1:1", calls, False
    replica._options = ReplicaOptions(lambda new_name: calls, "key", drain_s=drain_s)
    replica._server, replica._directory = FakeServer(), FakeDirectory()
    replica._state = Replica(NAME, "")
    replica._telling = asyncio.create_task(asyncio.sleep(3600))
    return replica


async def test_a_replica_that_is_to_end_waits_for_its_calls_and_then_says_that_it_has_gone() -> None:
    calls = SimpleNamespace(snapshot=lambda: replace(IDLE, active=active), chosen_names=ChosenNames())
    active = 2
    replica = replica_with(calls, drain_s=600)
    ending = asyncio.create_task(replica.__del__())
    while not replica._state.draining:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.01)
    assert replica._state.calls == 2 and replica._server.running and not ending.done()
    active = 0
    await ending
    assert not replica._server.running and replica._directory.left == [NAME]


async def test_calls_that_last_too_long_do_not_keep_a_replica_for_ever() -> None:
    calls = SimpleNamespace(snapshot=lambda: replace(IDLE, active=2), chosen_names=ChosenNames())
    replica = replica_with(calls, drain_s=0.05)
    await replica.__del__()
    assert not replica._server.running


async def test_a_replica_tells_of_the_names_that_others_have_chosen() -> None:
    names = ChosenNames(("a-room-of-three-people",), (f"{NAME}made-by-the-server", "chosen-by-a-caller-1"))
    replica = replica_with(SimpleNamespace(snapshot=lambda: IDLE, chosen_names=names), drain_s=1)
    told = await replica._look()
    assert told.rooms == {"a-room-of-three-people"} and told.watch == {"chosen-by-a-caller-1"}
    assert replica.record_autoscaling_stats() == {"calls": 0.0, "places": 4.0}
    replica._telling.cancel()


async def test_a_directory_that_is_begun_anew_keeps_no_replica_from_its_calls() -> None:
    replica = replica_with(SimpleNamespace(snapshot=lambda: IDLE, chosen_names=ChosenNames()), drain_s=1)
    replica._directory.there = False
    assert not await replica._tell()
    replica._directory.there = replica._directory.stopping = True
    await replica._keep_telling()
    assert not replica._server.running
    replica._telling.cancel()


async def test_who_has_told_the_directory_is_told_when_the_cluster_stops() -> None:
    directory = DirectoryDeployment()
    assert not await directory.tell(Replica(NAME, "http://127.0.0.1:1"))
    assert [replica.name for replica in await directory.replicas()] == [NAME]
    await directory.stop()
    assert await directory.tell(Replica(NAME, "http://127.0.0.1:1"))


def test_the_policy_goes_by_running_calls_and_not_by_requests() -> None:
    def wanted(calls: list[float], **more: Any) -> int:
        context = SimpleNamespace(
            aggregated_metrics={
                "calls": dict(enumerate(calls)),
                "places": dict.fromkeys(range(len(calls)), 4.0),
            },
            running_replicas=list(range(len(calls))),
            target_num_replicas=len(calls),
            capacity_adjusted_min_replicas=1,
            capacity_adjusted_max_replicas=10,
            total_num_requests=1000,
        )
        return scale_on_calls(SimpleNamespace(**{**vars(context), **more}))[0]

    assert wanted([3.0, 3.0]) == 2
    assert wanted([4.0, 3.0]) == 3
    assert wanted([0.0, 0.0, 0.0]) == 1
    assert wanted([4.0, 4.0, 4.0], running_replicas=[0]) == 2, "those that drain are not counted"
    assert wanted([1.0, 1.0], aggregated_metrics={}) == 2, "nobody has told yet"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"replica": 3}, "there is no 'replica'"),
        ({"replicas": "many"}, "cannot be 'many'"),
        ({"replicas": True}, "cannot be 'True'"),
        ({"replicas": 3}, "store is not set"),
    ],
)
def test_a_config_file_of_many_machines_is_checked(
    args: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=re.escape(said)):
        build(args)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_replicas_behind_one_address_start_and_stop(tmp_path: Path) -> None:
    pytest.importorskip("ray.serve")
    command = [sys.executable, "-m", "avatar.commands.main", "cluster", "up", "--loopback", "--port", "0"]
    with subprocess.Popen(
        [*command, "--tier", "geometry", "--store", str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as cluster:
        try:
            assert cluster.stdout is not None
            ready = next(found for line in cluster.stdout if (found := re.search(r"ready: (http://\S+)/", line)))
            told = json.load(urllib.request.urlopen(f"{ready[1]}/healthz", timeout=60))
            assert told["replicas"] == 2 and told["sessions"] == 0
        finally:
            cluster.send_signal(signal.SIGINT)
            assert cluster.wait(120) == 0
