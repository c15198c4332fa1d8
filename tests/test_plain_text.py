"""Text that others wrote moves no terminal and fakes no entry of a log."""

from __future__ import annotations

import io
import logging

import pytest

from avatar.plain_text import PlainFormatter, in_bytes, plain, plain_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë's 脸 🙂.mp4", "Zoë's 脸 🙂.mp4"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("one\r\nERROR two", "one\\r\\nERROR two"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("bytes that are no text: \udcff", "bytes that are no text: \\udcff"),
    ],
)
def test_letters_that_are_no_print_are_written_out(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_lines_stay_lines_but_begin_no_entry() -> None:
    assert plain_lines("not fetched:\n\x1b[2Jone") == "not fetched:\n    \\x1b[2Jone"


def test_an_entry_of_a_log_looks_like_one_entry() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(PlainFormatter("%(levelname)s %(message)s"))
    logger = logging.Logger("of its own")
    logger.addHandler(handler)
    try:
        raise ValueError("a name\nERROR \x1b[31mnobody said this")
    except ValueError:
        logger.exception("%s cannot be read", "me\nERROR you.avatar")
    lines = written.getvalue().splitlines()
    assert lines[0] == "ERROR me"
    assert all(line.startswith("    ") for line in lines[1:])
    assert any("ValueError: a name" in line for line in lines) and "\x1b" not in written.getvalue()


def test_bytes_are_said_as_people_read_them() -> None:
    assert [in_bytes(count) for count in (16_384, 250_000, 1_500_000, 10_000_000, 100_000_000)] == [
        "16 kB", "250 kB", "1.5 MB", "10 MB", "100 MB",
    ]  # fmt: skip
