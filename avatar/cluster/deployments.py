"""What Ray Serve places, watches over and scales: the directory, the replicas, the gateways.

Serve does not carry the requests: its own HTTP proxy brings a request to any replica, to none that drains, and cannot
send an offer to a second replica where the first is full. So each replica and each gateway has an HTTP server of its
own (`server_thread`), and Serve's proxy is not started.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from starlette.types import ASGIApp

from avatar.call.names import ChosenNames, NewName
from avatar.call.totals import CallsSnapshot
from avatar.cluster.gateway import Gateway
from avatar.cluster.gateway_only import GatewayOnly
from avatar.cluster.priority import niceness, take_niceness
from avatar.cluster.replicas import NAME_LETTERS, TELL_S, Replica, ReplicaTable
from avatar.cluster.server_thread import ServerThread
from avatar.config import ServerSettings
from avatar.server.admission import Admission

logger = logging.getLogger(__name__)

ANSWER_S: Final = 5.0
"""A server that has not answered its own replica by then is stuck."""
WARM_S: Final = 90.0
"""A replica that is not warm by then takes calls all the same."""
PORT_S: Final = 20.0
"""A gateway's port may still be held by the one before it."""


class HeldCalls(Protocol):
    """The calls of a replica. `avatar.call.registry.Calls` is the one in use."""

    @property
    def chosen_names(self) -> ChosenNames: ...

    def snapshot(self) -> CallsSnapshot:
        """Return how they do now."""


class OpenServer(Protocol):
    """An application with its calls. `avatar.commands.serving.OpenApplication` is the one in use."""

    @property
    def app(self) -> ASGIApp: ...

    @property
    def calls(self) -> HeldCalls: ...

    @property
    def warm(self) -> asyncio.Event: ...


@dataclass(frozen=True, slots=True)
class ReplicaOptions:
    """How each replica serves."""

    open_server: Callable[[NewName], OpenServer]
    """Makes the application. It takes seconds, and travels to other machines: a function that can be imported there, or
    a partial of one."""
    key: str
    """The cluster's: requests without it are refused."""
    drain_s: float
    """How long calls may go on once the replica is to end; then they are told, and come back elsewhere."""
    host: str | None = None
    """Address that gateways reach it at; None: that of its machine in Ray's network."""
    requests: int = 128
    """HTTP requests at once."""
    niceness: int = 0
    """Of the process, once it takes calls; it starts with what Ray gives it."""


class DirectoryDeployment:
    """Knows who is there. One of it; begun anew, it knows all again after half a second."""

    def __init__(self, wanted_niceness: int | None = None) -> None:
        """Begin empty; the process gets a niceness, if there is one to have."""
        if wanted_niceness is not None:
            _be_normal(wanted_niceness)
        self._table = ReplicaTable()
        self._stopping = False

    async def tell(self, replica: Replica) -> bool:
        """Take what a replica says of itself; return whether the cluster stops."""
        self._table.tell(replica, time.monotonic())
        return self._stopping

    async def leave(self, name: str) -> None:
        """Forget a replica."""
        self._table.leave(name)

    async def replicas(self) -> list[Replica]:
        """Return who is there."""
        return self._table.alive(time.monotonic())

    async def stop(self) -> None:
        """Let each replica say goodbye to its calls, and end."""
        self._stopping = True


class ReplicaDeployment:
    """One server process with calls, and UDP sockets, of its own."""

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self, directory: Any, options: ReplicaOptions
    ) -> None:
        """Start the server; ready once it answers. `directory` is the handle of the `DirectoryDeployment`."""
        from ray import serve, util  # noqa: PLC0415 - an extra

        self._name = serve.get_replica_context().replica_id.unique_id[:NAME_LETTERS].lower()
        self._directory, self._options = directory, options
        self._state = Replica(self._name, "")
        self._draining = False
        host = options.host or util.get_node_ip_address()
        listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        shown = f"[{host}]" if ":" in host else host
        self._url = f"http://{shown}:{listener.getsockname()[1]}"
        admission = Admission(options.requests, options.requests)  # to a replica all gateways are few addresses
        self._server = ServerThread(self._open, listener, admission=admission)
        await asyncio.to_thread(self._server.start)
        await self._warm_up()
        gc.collect()
        gc.freeze()  # what is loaded for the start stays, and is not looked through in calls
        _be_normal(options.niceness)
        await self._tell()  # whoever is told that the cluster is ready finds it there
        self._telling = asyncio.create_task(self._keep_telling())

    def _open(self) -> ASGIApp:
        opened = self._options.open_server(lambda: self._name + secrets.token_urlsafe(16))
        self._calls, self._warm = opened.calls, opened.warm
        return GatewayOnly(opened.app, self._options.key)

    async def _warm_up(self) -> None:
        """Wait until a first call would be as quick as any other: calls that come back have no time to lose."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WARM_S):
                await asyncio.wrap_future(self._server.do(self._warm.wait))

    async def check_health(self) -> None:
        """Ray Serve replaces a replica where this raises, or takes too long."""
        if not self._server.running:
            raise RuntimeError("the HTTP server has ended")
        await self._look()

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Tell Ray Serve what `scaling.scale_on_calls` goes by."""
        return {"calls": float(self._state.calls), "places": float(self._state.places)}

    async def __del__(self) -> None:
        """Drain: take no new calls, wait until those that run have ended, then end. Ray Serve waits for it."""
        self._draining = True
        end_s = time.monotonic() + self._options.drain_s
        while self._server.running and time.monotonic() < end_s:
            if (await self._look()).calls == 0:
                break
            await asyncio.sleep(TELL_S)
        await self._end()

    async def _end(self) -> None:
        self._telling.cancel()
        await asyncio.to_thread(self._server.stop)
        await self._directory.leave.remote(self._name)

    async def _keep_telling(self) -> None:
        while self._server.running:
            if await self._tell():
                self._draining = True
                await asyncio.to_thread(self._server.stop)
                return
            await asyncio.sleep(TELL_S)

    async def _tell(self) -> bool:
        """Tell the directory how the calls do; return whether the cluster stops."""
        try:
            return bool(await self._directory.tell.remote(await self._look()))
        except Exception as error:  # the directory is begun anew; it is told as soon as it is there
            logger.warning("the directory cannot be told just now: %s", error)
            return False

    async def _look(self) -> Replica:
        """Ask the server's own loop how its calls do."""

        async def look() -> tuple[CallsSnapshot, ChosenNames]:
            return self._calls.snapshot(), self._calls.chosen_names

        async with asyncio.timeout(ANSWER_S):
            snapshot, names = await asyncio.wrap_future(self._server.do(look))
        chosen = frozenset(token for token in names.watch if not token.startswith(self._name))
        self._state = Replica(
            self._name, self._url, snapshot.active, snapshot.limit, self._draining, frozenset(names.rooms), chosen
        )
        return self._state


class GatewayDeployment:
    """The cluster's own address: one on each machine that is to be asked."""

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self,
        directory: Any,
        settings: ServerSettings,
        key: str,
        listen: Callable[..., Any],
        wanted_niceness: int,
        _replicas: Any,
    ) -> None:
        """Start to listen.

        `directory`, and `_replicas`, which Serve deploys with it, are handles; `listen` returns a listening socket
        and a TLS context from the settings; the process gets `wanted_niceness`.
        """
        _be_normal(wanted_niceness)
        self._directory = directory
        listener, tls = await _as_soon_as_free(lambda: listen(settings))
        limits = settings.limits
        self._gateway = Gateway(settings, key, self._ask)
        self._server = ServerThread(
            lambda: self._gateway,
            listener,
            admission=Admission(limits.requests, limits.requests_per_address),
            tls=tls,
            proxies=settings.trusted_proxy,
        )
        self._loop = asyncio.get_running_loop()
        self.address: tuple[str, int] = listener.getsockname()[:2]
        await asyncio.to_thread(self._server.start)

    async def where(self) -> tuple[str, int]:
        """Return the address and port it listens on, once it knows the replicas that are there."""
        await asyncio.wrap_future(self._server.do(self._gateway.refresh))
        return self.address

    async def check_health(self) -> None:
        """Ray Serve replaces a gateway where this raises."""
        if not self._server.running:
            raise RuntimeError("the HTTP server has ended")

    async def __del__(self) -> None:
        await asyncio.to_thread(self._server.stop)

    async def _ask(self) -> list[Replica]:
        """On the gateway's loop: handles of Ray Serve are used on the loop they were made on."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._ask_here(), self._loop))

    async def _ask_here(self) -> list[Replica]:
        replicas: list[Replica] = await self._directory.replicas.remote()
        return replicas


def _be_normal(wanted: int) -> None:
    """Make this process as important as it should be, or say how to."""
    if niceness() > wanted and not take_niceness(wanted):
        logger.warning(
            "this process runs at niceness %d and may not change that: calls give way to all else on this machine. "
            "Start Ray with RAY_worker_niceness=0.",
            niceness(),
        )


async def _as_soon_as_free(listen: Callable[[], Any]) -> Any:
    """Return what `listen` returns; a port that is taken is tried again for a while."""
    end_s = time.monotonic() + PORT_S
    while True:
        try:
            return await asyncio.to_thread(listen)
        except Exception:
            if time.monotonic() > end_s:
                raise
        await asyncio.sleep(0.5)
