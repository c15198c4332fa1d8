"""Checks of values that a program gives to settings; those of flags and files are checked as they are read."""

from __future__ import annotations

from dataclasses import fields
from numbers import Integral
from typing import TYPE_CHECKING, Any

from avatar.config.declaration import Declaration
from avatar.errors import SettingsError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def check_declared(settings: DataclassInstance) -> None:
    """Accept settings whose choices and numbers are among those that they declare.

    Raises:
        SettingsError: one is not; names it and says what it can be.
    """
    for field in fields(settings):
        declared = field.metadata.get("setting")
        if isinstance(declared, Declaration):
            _check(field.name, getattr(settings, field.name), declared)


def check_whole(name: str, value: object, at_least: float, at_most: float) -> None:
    """Accept a whole number of a range. Raises SettingsError, which names it and says what it can be."""
    if not is_whole(value, at_least, at_most):
        raise SettingsError(f"{name} cannot be {value!r}: it is a whole number from {int(at_least)} to {int(at_most)}.")


def is_whole(value: object, at_least: float, at_most: float) -> bool:
    """Return whether something is a whole number, Python's or NumPy's, of a range."""
    return isinstance(value, Integral) and not isinstance(value, bool) and at_least <= int(value) <= at_most


def _check(name: str, value: Any, declared: Declaration) -> None:
    if declared.choices and value not in declared.choices:
        raise SettingsError(f"{name} cannot be {value!r}: it is one of {', '.join(declared.choices)}.")
    low, high = declared.at_least, declared.at_most
    if low is not None and high is not None and declared.kind is None:
        check_whole(name, value, low, high)
