"""A call that is held while a server is tried with junk, and the junk that is sent into it."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from avatar.identities.builtin import builtin_faces
from benchmarks.call_media import still_packets
from benchmarks.light_caller import LightCaller, opus_packets
from benchmarks.server_process import ServerProcess

MESSAGES_PER_SECOND = 25
"""Half of what ends a call."""
MESSAGE_TYPES = (
    *("calibrate", "set_avatar", "set_drive", "set_background", "cue", "sound", "devices", "trace", "ping", "begin"),
)

_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=40)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
_fields = st.sampled_from(("avatar", "drive", "background", "text", "played", "microphone", "camera", "enabled", "t"))
messages = st.one_of(
    st.text(max_size=200),
    _values.map(json.dumps),
    st.builds(
        lambda kind, said, version: json.dumps({"v": version, "type": kind, **said}),
        st.sampled_from(MESSAGE_TYPES),
        st.dictionaries(st.one_of(_fields, st.just("id"), st.text(max_size=8)), _values, max_size=4),
        st.sampled_from((1, 1, 1, 2, None)),
    ),
)
"""What a page might send, and what it would not."""


@dataclass
class Findings:
    """What was tried and what came of it."""

    tried: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By kind and outcome."""
    bad: list[dict[str, str]] = field(default_factory=list)

    def note(self, kind: str, outcome: str, *, bad: bool = False, said: str = "") -> None:
        """Take down one more."""
        self.tried[kind, outcome] += 1
        if bad:
            self.bad.append({"kind": kind, "outcome": outcome, "said": said[:4000]})


class HeldCall:
    """A call that takes messages all the while, and is made again where it has ended."""

    def __init__(self, server: ServerProcess, findings: Findings, waiting: deque[str]) -> None:
        """Send what is in `waiting`."""
        self._server, self._findings, self._waiting = server, findings, waiting
        face = builtin_faces()[0]
        with Image.open(face.image) as image:
            self._camera = still_packets(np.asarray(image.convert("RGB")), 1.0)
        self._sound = opus_packets(np.zeros(48_000, np.int16))
        self._query = f"avatar={face.id}&width=256&height=256"
        self.lost = 0
        self.made: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """The id of the first call."""

    async def run(self, until_s: float) -> None:
        """Send messages until then (time.monotonic)."""
        while time.monotonic() < until_s:
            caller = LightCaller(self._server.url, self._camera, self._sound)
            await caller.join(self._query)
            if not self.made.done():
                self.made.set_result(caller.call_id)
            ended = await self._send(caller, until_s)
            await caller.leave()
            if ended:
                self.lost += 1
                self._findings.note("messages", "the call ended", bad=True, said=ended)

    async def _send(self, caller: LightCaller, until_s: float) -> str:
        """Return why the call ended before its time; empty where it has not."""
        while time.monotonic() < until_s:
            before = len(caller.received.messages)
            message = self._waiting.popleft() if self._waiting else None
            if message is not None:
                caller.say(message)
                self._findings.note("messages", "sent")
            await asyncio.sleep(1 / MESSAGES_PER_SECOND)
            for answer in caller.received.messages[before:]:
                if answer["type"] == "bye":
                    return f"{answer} after {message}"
        return ""
