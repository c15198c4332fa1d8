"""Each refusal has the status that tells whose fault it is."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import avatar
from avatar.errors import AvatarError, StoreError
from avatar.server.problems import problem_of

FROM_REQUESTS = (
    "call/registry.py",
    "media/photo.py",
    "identities",
    "generator/enrol.py",
    "server",
    "stream/sdp/offer.py",
)
"""Where the errors arise that a request can meet."""


def codes_of(path: Path) -> set[str]:
    """Return the codes that are written out in a module's raised errors."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        keyword.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str)
    }


def request_codes() -> list[str]:
    root = Path(avatar.__file__).parent
    found: set[str] = set()
    for place in FROM_REQUESTS:
        for path in (root / place).rglob("*.py") if (root / place).is_dir() else [root / place]:
            found |= codes_of(path)
    return sorted(found)


@pytest.mark.parametrize("code", request_codes())
def test_no_refusal_looks_like_a_failure_of_the_server(code: str) -> None:
    status = problem_of(AvatarError("Some sentence.", code=code)).status_code
    assert status != 500, f"{code} has no status of its own in avatar/server/problems.py"


def test_a_store_that_is_gone_is_said_with_when_to_try_again() -> None:
    answer = problem_of(StoreError("The store of uploads cannot be reached just now.", retry_after_s=5))
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "5"
    assert json.loads(answer.body)["code"] == "store_gone"
