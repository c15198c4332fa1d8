"""Prometheus' text format of many replicas as one: each sample with a label that says whose it is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

LABEL = "replica"


def joined(texts: Mapping[str, str]) -> bytes:
    """Return the measurements of all replicas, by their names; what cannot be read of one is left out.

    A family's help and type are said once, as the format asks for.
    """
    families: dict[str, Metric] = {}
    for name, text in texts.items():
        for family in _read(text):
            into = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            for sample in family.samples:
                into.add_sample(
                    sample.name, {**sample.labels, LABEL: name}, sample.value, sample.timestamp, sample.exemplar
                )
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(families.values()))
    return generate_latest(registry)


class _Given(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _read(text: str) -> list[Metric]:
    try:
        return list(text_string_to_metric_families(text))
    except ValueError:
        return []
