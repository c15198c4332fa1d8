"""A device that fails is tried again, and its user is told once that it was lost and once that it is back."""

from __future__ import annotations

import threading

import pytest

from avatar.errors import DeviceError
from avatar.virtual_camera.device_thread import DeviceState, DeviceThread, retry_in_s


def run(outcomes: list[Exception | None]) -> list[tuple[DeviceState, str]]:
    """Return what is told of a device whose uses end so; None: it works and then ends in an unplugging."""
    states: list[tuple[DeviceState, str]] = []
    left, done = list(outcomes), threading.Event()

    def use(thread: DeviceThread) -> None:
        if not left:
            done.set()
            thread.stopping.wait()
            return
        outcome = left.pop(0)
        if outcome is None:
            thread.works()
            thread.works()
            raise DeviceError("unplugged")
        raise outcome

    thread = DeviceThread("test", use, lambda state, why: states.append((state, why)), retry_after=lambda _: 0.0)
    thread.start()
    assert done.wait(10)
    thread.stop()
    return states


def test_it_is_told_once_that_a_device_is_lost_however_often_it_is_tried() -> None:
    assert run([DeviceError("not there")] * 3) == [("lost", "not there")]


def test_a_device_that_is_plugged_in_again_works_again() -> None:
    states = run([None, DeviceError("not there"), None])
    assert states == [("working", ""), ("lost", "unplugged"), ("working", ""), ("lost", "unplugged")]


def test_whatever_a_driver_stumbles_over_does_not_end_the_thread() -> None:
    assert run([IndexError("of a driver"), None])[0] == ("lost", "IndexError: of a driver")


def test_it_is_tried_less_and_less_often_up_to_a_limit() -> None:
    waits = [retry_in_s(failures) for failures in range(1, 9)]
    assert waits[0] == pytest.approx(0.5)
    assert waits == sorted(waits)
    assert waits[-1] == waits[-2] == 5.0
