"""The best tier that runs here draws; where no network can, the plain geometry does."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from avatar.errors import ModelError
from avatar.generator import network_files, tiers
from avatar.generator.engines import choice
from avatar.generator.engines.speed import measure_frame_ms
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.generator.network_generator import NetworkGenerator

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def fresh_choice() -> Iterator[None]:
    tiers.choose_engine.cache_clear()
    choice.load_engine.cache_clear()
    yield
    tiers.choose_engine.cache_clear()
    choice.load_engine.cache_clear()


def test_a_tier_can_be_forced(astronaut: Identity) -> None:
    assert isinstance(tiers.open_generator(astronaut, (256, 256), "geometry"), GeometryGenerator)
    assert isinstance(tiers.open_generator(astronaut, (256, 256), "lite"), NetworkGenerator)


def test_the_network_draws_where_it_can(astronaut: Identity) -> None:
    assert isinstance(tiers.open_generator(astronaut, (256, 256)), NetworkGenerator)
    assert tiers.chosen_tier("auto", "auto").startswith("lite (network on ")


def test_without_weights_the_geometry_draws_and_the_reason_is_told_once(
    astronaut: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(network_files, "resource_folder", lambda name: tmp_path)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert isinstance(tiers.open_generator(astronaut, (256, 256)), GeometryGenerator)
    assert len(caplog.records) == 1 and "no weights for tier 'lite'" in caplog.text
    with pytest.raises(ModelError, match="no weights"):
        tiers.open_generator(astronaut, (256, 256), "lite")


def test_an_unknown_tier_is_refused_with_the_list(astronaut: Identity) -> None:
    with pytest.raises(ModelError, match="geometry, lite, standard"):
        tiers.open_generator(astronaut, (256, 256), "ultra")


def test_calls_are_drawn_by_what_keeps_up_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers, "measure_frame_ms", lambda engine: 15.0)
    assert tiers.live_tier("auto", "openvino") == "geometry"
    assert tiers.live_tier("lite", "openvino") == "lite", "whoever asks for it gets it"
    monkeypatch.setattr(tiers, "measure_frame_ms", lambda engine: 7.0)
    assert tiers.live_tier("auto", "openvino") == "lite"


def test_the_pace_is_measured_on_whatever_engine_runs() -> None:
    assert 0 < measure_frame_ms(choice.load_engine("lite")) < 10_000
