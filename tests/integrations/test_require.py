"""A plug-in says what it needs: missing, too old, too new."""

from __future__ import annotations

from importlib import metadata

import pytest

from avatar.errors import IntegrationError
from avatar.integrations import require


def test_a_framework_that_is_missing_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(IntegrationError, match=r"pip install 'avatar\[pipecat\]'"):
        require("no-such-framework", ((1, 0), 2), "pipecat")


@pytest.mark.parametrize(("version", "fits"), [("1.13.9", False), ("1.14.0", True), ("1.99", True), ("2.0.0", False)])
def test_only_versions_it_was_written_for_are_taken(version: str, fits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda package: version)
    if fits:
        require("pipecat-ai", ((1, 14), 2), "pipecat")
    else:
        with pytest.raises(IntegrationError, match=f"pipecat-ai {version} is not known"):
            require("pipecat-ai", ((1, 14), 2), "pipecat")
