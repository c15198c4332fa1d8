"""Replicas start without taking time from calls that run, and take their own calls at the normal priority."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from avatar.cluster import priority
from avatar.cluster.priority import may_rise, niceness, starting_niceness, take_niceness

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="niceness of threads is Linux'")


def test_finding_out_whether_it_may_rise_leaves_this_process_as_it_was() -> None:
    before = niceness()
    may_rise()
    assert niceness() == before


def test_where_it_may_not_rise_again_a_replica_starts_at_the_normal_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "may_rise", lambda: False)
    assert starting_niceness() == 0
    monkeypatch.setattr(priority, "may_rise", lambda: True)
    monkeypatch.setattr(priority, "niceness", lambda: 0)
    assert starting_niceness() == 5
    monkeypatch.setattr(priority, "niceness", lambda: 15)
    assert starting_niceness() == 0, "there is nothing below 19"


def test_a_refused_change_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    monkeypatch.setattr(priority, "niceness", lambda: 15)
    assert not take_niceness(0) and take_niceness(15)
    assert not may_rise()


def test_every_thread_gets_the_niceness() -> None:
    # In a process of its own: what is made less important may have to stay so.
    program = """
import os, threading
from avatar.cluster.priority import niceness, take_niceness
stop, seen = threading.Event(), []
def wait():
    stop.wait(30)
    seen.append(niceness())
threads = [threading.Thread(target=wait) for _ in range(2)]
for thread in threads: thread.start()
wanted = min(niceness() + 3, 19)
assert take_niceness(wanted)
stop.set()
for thread in threads: thread.join()
assert seen == [wanted, wanted] and niceness() == wanted
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
