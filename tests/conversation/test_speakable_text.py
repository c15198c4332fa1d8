"""What of a text a voice of Latin letters can say."""

from __future__ import annotations

import pytest

from avatar.conversation.speakable_text import Speakable, named, speakable


@pytest.mark.parametrize(
    "text",
    [
        "Hello, world!",
        "Café déjà vu, señor Müller.",
        "Łódź, Þór, ß",
        "1ª µm 5º",
        "ｆｕｌｌ ﬁne",
        "$5 & 50% ½",
        "a\u0301",
    ],
)
def test_latin_letters_numbers_and_signs_stay_as_they_are(text: str) -> None:
    assert speakable(text) == Speakable(text, ())


@pytest.mark.parametrize(
    ("text", "said", "unspeakable_words"),
    [
        ("Hello 你好 world", "Hello world", ("你好",)),
        ("你好，今天。", "", ("你好", "今天")),
        ("नमस्ते Anna", "Anna", ("नमस्ते",)),
        ("Привет!\nHi.", "! Hi.", ("Привет",)),
        ("π-day", "-day", ("π",)),
        ("room ١٢٣ or １２", "room 123 or 12", ()),
        ("😀", "", ()),
        ("...", "", ()),
        ("", "", ()),
    ],
)
def test_other_scripts_are_left_out_and_named(text: str, said: str, unspeakable_words: tuple[str, ...]) -> None:
    assert speakable(text) == Speakable(said, unspeakable_words)


def test_a_long_text_is_named_by_its_first_words() -> None:
    assert named(("你" * 40, "好", "天", "气", "很")) == f"“{'你' * 20}”, “好”, “天” and 2 more"
