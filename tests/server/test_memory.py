"""What ended calls leave behind is given back."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator

import psutil
import pytest

from avatar.server.memory import MemoryKeeper, trim_heap

BLOCKS, BLOCK_BYTES = 10_000, 10_000
"""A hundred megabytes in pieces small enough to come from the heap."""


class Knot:
    """Something that knows itself, as aiortc's connections do."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def python_does_not_look_by_itself() -> Iterator[None]:
    gc.disable()
    yield
    gc.unfreeze()
    gc.enable()


def left_behind() -> weakref.ref[Knot]:
    return weakref.ref(Knot())


def test_circles_are_looked_for_once_nobody_is_there_and_then_always() -> None:
    keeper, circle = MemoryKeeper(), left_behind()
    keeper.call_ended(others_running=True)
    assert circle() is not None, "the first time takes long"
    keeper.call_ended(others_running=False)
    assert circle() is None
    later = left_behind()
    keeper.call_ended(others_running=True)
    assert later() is None
    assert gc.get_freeze_count() > 1000, "what is there to stay is not looked at any more"


def test_what_the_start_has_left_behind_is_given_back_too() -> None:
    circle = left_behind()
    gc.freeze()  # as the command does once it has started
    MemoryKeeper().call_ended(others_running=False)
    assert circle() is None


GLIBC = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")


@pytest.mark.skipif(not GLIBC, reason="another C library")
def test_the_system_gets_freed_memory_back() -> None:
    process = psutil.Process()
    blocks = [b"x" * BLOCK_BYTES for _ in range(BLOCKS)]
    highest = blocks[-1:]  # what lies above keeps all below from being given back
    full = process.memory_info().rss
    blocks.clear()
    trim_heap()
    assert full - process.memory_info().rss > 0.5 * BLOCKS * BLOCK_BYTES
    assert highest


@pytest.mark.skipif(not GLIBC, reason="another C library")
def test_threads_share_a_few_heaps() -> None:
    count = """
import ctypes, re, tempfile, threading
from avatar.server.memory import HEAPS, share_heaps
share_heaps()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
all_there = threading.Barrier(9)
def take():
    libc.malloc(ctypes.c_size_t(1000))
    all_there.wait()
threads = [threading.Thread(target=take) for _ in range(8)]
for thread in threads: thread.start()
all_there.wait()
libc.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile() as told:
    stream = ctypes.c_void_p(libc.fopen(told.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    heaps = len(re.findall(rb"<heap nr", told.read()))
print(heaps, HEAPS)
"""
    ran = subprocess.run([sys.executable, "-c", count], capture_output=True, text=True, check=True)
    heaps, allowed = map(int, ran.stdout.split())
    assert 1 <= heaps <= allowed
