"""The Ray Serve application: what is deployed, how many of it, and where."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from avatar.call.names import NewName
from avatar.cluster.deployments import (
    DirectoryDeployment,
    GatewayDeployment,
    OpenServer,
    ReplicaDeployment,
    ReplicaOptions,
)
from avatar.config import ServerSettings

NAME: Final = "avatar"
"""Of the application in Ray Serve."""
STOP_S: Final = 30.0
"""That a replica may take beyond its draining."""
HEALTH_S: Final = 2
"""Between two questions of Ray Serve whether what it has placed is well."""
QUIET: Final = {"enable_access_log": False}
"""Ray Serve's own log: each answer of the directory would be a line."""


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """How many of what there is to be."""

    replicas: int = 2
    """At least."""
    most_replicas: int = 2
    """At most: in between by running calls."""
    gateways: int = 1
    """One a machine, all on the same port."""
    cpus_each: float = 1.3
    """Cores that Ray sets aside for a replica: what one interpreter can use."""
    gpus_each: float = 0.0
    """Share of a GPU that Ray sets aside for a replica."""
    drain_s: float = 900.0
    """How long calls may go on in a replica that is to end."""
    one_machine: bool = False
    """Gateways and replicas are on one machine, and talk over 127.0.0.1."""
    niceness: int = 0
    """Of gateways, and of replicas that take calls."""


def cluster_application(
    settings: ServerSettings,
    plan: ClusterPlan,
    open_server: Callable[[NewName], OpenServer],
    listen: Callable[[ServerSettings], Any],
) -> Any:
    """Return the application for `serve.run`, or for a config file.

    Args:
        settings: of every replica and gateway; they and what they name (folders, certificates) are there on each
            machine.
        plan: how many.
        open_server: makes a replica's application; importable on each machine.
        listen: returns a gateway's listening socket and its TLS context; importable on each machine.
    """
    key = secrets.token_urlsafe(24)
    options = ReplicaOptions(
        open_server,
        key,
        drain_s=plan.drain_s,
        host="127.0.0.1" if plan.one_machine else None,
        requests=settings.limits.requests,
        niceness=plan.niceness,
    )
    directory = _deployed_directory().bind(plan.niceness)
    replicas = _deployed_replicas(plan).bind(directory, options)
    return _deployed_gateways(plan).bind(directory, settings, key, listen, plan.niceness, replicas)


def _deployed_directory() -> Any:
    from ray import serve  # noqa: PLC0415 - an extra

    return serve.deployment(
        DirectoryDeployment,
        name="Directory",
        num_replicas=1,
        max_ongoing_requests=10_000,
        health_check_period_s=HEALTH_S,
        ray_actor_options={"num_cpus": 0.1},
        logging_config=QUIET,
    )


def _deployed_replicas(plan: ClusterPlan) -> Any:
    from ray import serve  # noqa: PLC0415

    return serve.deployment(
        ReplicaDeployment,
        name="Replica",
        autoscaling_config={
            "min_replicas": plan.replicas,
            "max_replicas": plan.most_replicas,
            "initial_replicas": plan.replicas,
            "upscale_delay_s": 2.0,
            "downscale_delay_s": 300.0,
            "policy": {"policy_function": "avatar.cluster.scaling:scale_on_calls"},
        },
        health_check_period_s=HEALTH_S,
        health_check_timeout_s=20,
        graceful_shutdown_wait_loop_s=0.1,
        graceful_shutdown_timeout_s=plan.drain_s + STOP_S,
        ray_actor_options={"num_cpus": plan.cpus_each, "num_gpus": plan.gpus_each},
        logging_config=QUIET,
    )


def _deployed_gateways(plan: ClusterPlan) -> Any:
    from ray import serve  # noqa: PLC0415

    return serve.deployment(
        GatewayDeployment,
        name="Gateway",
        num_replicas=plan.gateways,
        max_replicas_per_node=1,
        health_check_period_s=HEALTH_S,
        graceful_shutdown_wait_loop_s=0.1,
        ray_actor_options={"num_cpus": 0.2},
        logging_config=QUIET,
    )
