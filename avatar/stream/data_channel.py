"""Codec of the data channel: one JSON object a message, version 1, checked before anything acts on it.

    {"v": 1, "type": "ping", "t": 12.5}  <->  Ping(t=12.5)

A `Vocabulary` is a table from a message's `type` to a frozen dataclass, whose annotations pydantic enforces strictly.
Every message that is refused is refused by a ControlError: a code (`bad_message`, `message_too_large`) and a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Final, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from avatar.errors import ControlError

VERSION: Final = 1
LONGEST_REFUSAL: Final = 400
"""Letters of a sentence that refuses a message: it may quote the message."""

MessageT = TypeVar("MessageT")


@dataclass(frozen=True, slots=True)
class _Kind(Generic[MessageT]):
    """One type of message, and how it is read."""

    name: str
    adapter: TypeAdapter[MessageT]
    required: tuple[str, ...]
    optional: tuple[str, ...]
    """Fields that are None by default: left out of the text where they are None."""


class Vocabulary(Generic[MessageT]):
    """The messages that one side of a channel sends."""

    def __init__(self, messages: Mapping[str, type[MessageT]]) -> None:
        """Take a dataclass for each `type`. Only fields whose default is None may be left out of a message's text."""
        self._kinds = {name: _kind(name, message) for name, message in messages.items()}
        self._by_class = {message: self._kinds[name] for name, message in messages.items()}

    def read(self, text: str | bytes, *, limit_bytes: int) -> MessageT:
        """Return the message that a text says.

        Raises:
            ControlError: `message_too_large`, in UTF-8; `bad_message`: bytes, no JSON object, another version, a type
                that is not in the vocabulary, or fields that are not its type's.
        """
        data, given = _parse(text, limit_bytes)
        kind = self._kinds.get(str(given.get("type")))
        if kind is None:
            known = ", ".join(self._kinds)
            raise ControlError(f"The message is of no known version and type: version {VERSION}, {known}.")
        names = given.keys() - {"v", "type"}
        if not names.issuperset(kind.required) or not names.issubset((*kind.required, *kind.optional)):
            wanted = ", ".join(kind.required) or "none"
            also = f"; and, where wanted, {', '.join(kind.optional)}" if kind.optional else ""
            raise ControlError(f"The message {kind.name!r} takes exactly these fields: {wanted}{also}.")
        return _checked(kind, data)

    def read_known(self, text: str | bytes, *, limit_bytes: int) -> MessageT | None:
        """Return the message that a text of a newer sender says: without fields that are not known here.

        None for a type that is not in the vocabulary. Raises ControlError as `read` does for all else.
        """
        data, given = _parse(text, limit_bytes)
        if not isinstance(given.get("type"), str):
            raise ControlError("The message has no type.")
        kind = self._kinds.get(given["type"])
        return None if kind is None else _checked(kind, data)

    def write(self, message: MessageT) -> str:
        """Return the JSON text of a message; numbers that are none (NaN, infinities) become null."""
        kind = self._by_class[type(message)]
        values = {name: getattr(message, name) for name in (*kind.required, *kind.optional)}
        said = {name: value for name, value in values.items() if value is not None or name in kind.required}
        text = to_json({"v": VERSION, "type": kind.name, **said}, inf_nan_mode="null", fallback=float)
        return text.decode()


def _kind(name: str, message: type[MessageT]) -> _Kind[MessageT]:
    known: tuple[Any, ...] = fields(message)  # type: ignore[arg-type]  # a dataclass, as `Vocabulary` says
    optional = tuple(field.name for field in known if field.default is None)
    if any(field.default_factory is not MISSING for field in known):
        raise TypeError(f"{message.__name__}: a field of a message cannot have a default factory.")
    required = tuple(field.name for field in known if field.default is not None)
    return _Kind(name, TypeAdapter(message), required, optional)


def _parse(text: str | bytes, limit_bytes: int) -> tuple[bytes, dict[str, Any]]:
    """Return a message's text in UTF-8 and its fields, of which only the version has been checked."""
    if isinstance(text, bytes):
        raise ControlError("Messages are JSON text, not bytes.")
    try:
        data = text[: limit_bytes + 1].encode()
        if len(data) > limit_bytes:
            raise ControlError(f"The message is longer than {limit_bytes} bytes.", code="message_too_large")
        given = from_json(data)
    except ValueError as error:
        raise ControlError("The message is not JSON.") from error
    if not isinstance(given, dict):
        raise ControlError("The message is not a JSON object.")
    version = given.get("v")
    if isinstance(version, bool) or version != VERSION:
        raise ControlError(f"The message is of another version than {VERSION}.")
    return data, given


def _checked(kind: _Kind[MessageT], data: bytes) -> MessageT:
    try:
        return kind.adapter.validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        sentence = f"The message {kind.name!r} is not valid{f' at {where}' if where else ''}: {first['msg']}."
        raise ControlError(sentence[:LONGEST_REFUSAL]) from error
