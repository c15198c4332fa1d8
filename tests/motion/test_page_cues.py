"""The feelings and gestures that the page offers."""

from __future__ import annotations

import re

from avatar.motion.cues import understand
from avatar.resources import resource_folder


def test_every_feeling_and_gesture_of_the_page_is_understood() -> None:
    page = (resource_folder("client") / "index.html").read_text(encoding="utf-8")
    offered = re.findall(r'class="feeling" value="([^"]+)"', page)
    assert len(offered) >= 6
    for text in offered:
        assert understand(text)
