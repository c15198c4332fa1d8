"""A list of cues with times: read in either form, and an error that says which line and what would be understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar.errors import CueError
from avatar.motion.cue_list import MOST_BYTES, MOST_CUES, parse_cue_list, read_cue_list
from avatar.motion.cues import NEUTRAL, Feel, Gesture


def test_lines_are_a_time_and_a_cue_in_any_order_with_notes_between() -> None:
    text = "# a greeting\n\n0:03.2\tnod  # yes\n1.5  smile warmly and nod\n  1:02 neutral\n"
    assert [(one.time_s, one.cues) for one in parse_cue_list(text, "cues.txt")] == [
        (1.5, (Feel("warm"), Gesture("nod"))),
        (3.2, (Gesture("nod"),)),
        (62.0, NEUTRAL),
    ]


def test_json_says_the_same() -> None:
    text = ' [{"time_s": 3, "cue": "nod"}, {"cue": "smile warmly", "time_s": 1.5}]'
    assert parse_cue_list(text, "cues.json") == parse_cue_list("1.5 smile warmly\n3 nod", "cues.txt")


def test_cues_of_one_moment_keep_their_order_and_a_list_may_be_empty() -> None:
    assert [one.text for one in parse_cue_list("1 nod\n1 wink\n0 blink", "x")] == ["blink", "nod", "wink"]
    assert parse_cue_list("# nothing yet\n", "x") == () == parse_cue_list("[]", "x")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 nod\nsmile", "line 2: 'smile' is no time and cue"),
        ("1 nod\n\n-2 nod", "line 3"),
        ("1:2:3 nod", "line 1"),
        ("nan nod", "line 1"),
        ("5", "line 1"),
        ("1 nod\n2 smle warmly", "line 2: .*Did you mean 'smile warmly'.*Understood: "),
        ("1 " + "nod " * 60, "line 1: .*too long"),
        ("[\n{]", "line 2: not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[3]", 'entry 1: an entry is {"time_s": 1.5, "cue": "nod"}'),
        ('[{"time_s": 1, "cue": "nod", "loud": 1}]', "entry 1"),
        ('[{"time_s": -1, "cue": "nod"}]', "entry 1: .*seconds"),
        ('[{"time_s": true, "cue": "nod"}]', "entry 1: .*seconds"),
        ('[{"time_s": NaN, "cue": "nod"}]', "entry 1: .*seconds"),
        ('[{"time_s": 1' + "0" * 400 + ', "cue": "nod"}]', "entry 1: .*seconds"),
        ('[{"time_s": 1, "cue": 7}]', "entry 1: A cue is text"),
        ("1 nod\n" * (MOST_CUES + 1), "10,001 cues: at most 10,000"),
    ],
)
def test_what_is_not_understood_is_named_with_its_place(text: str, said: str) -> None:
    with pytest.raises(CueError, match=said) as raised:
        parse_cue_list(text, "cues.txt")
    assert "cues.txt" in str(raised.value)


def test_a_file_is_read_whatever_editor_wrote_it_and_never_beyond_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "cues.txt"
    path.write_bytes("\ufeff1 nod\r\n2 wink\r\n".encode())
    assert [one.text for one in read_cue_list(path)] == ["nod", "wink"]
    path.write_bytes(b"\xff\xfe1\x00")
    with pytest.raises(CueError, match="no text in UTF-8"):
        read_cue_list(path)
    path.write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(CueError, match="more than 1,000,000 bytes"):
        read_cue_list(path)
    with pytest.raises(CueError, match="cannot be read"):
        read_cue_list(tmp_path)
