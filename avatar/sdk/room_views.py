"""The others in a room as a program is sent them: a connection to each, made again where it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import av
import numpy as np

from avatar.errors import AvatarError, FrameError
from avatar.media.audio_format import AudioFormatter
from avatar.media.colour import camera_rgb
from avatar.sdk.room_events import Heard, Seen
from avatar.sdk.whip_client import Answer, WhipClient
from avatar.stream.ice_servers import IceServer
from avatar.stream.room_connections import ViewPeer
from avatar.timing.backoff import wait_before_retry_s

RATE: Final = 48_000
GOOD_S: Final = 10.0
"""A connection that has lasted so long was a good one: the next is made soon."""


class RoomViews:
    """Keeps a connection to each of the others. Used on one event loop."""

    def __init__(
        self,
        client: WhipClient,
        ice_servers: Sequence[IceServer],
        on_event: Callable[[Heard | Seen], None],
        *,
        pictures: bool,
    ) -> None:
        """Prepare.

        Args:
            client: knows the server.
            ice_servers: STUN and TURN servers.
            on_event: is told what is heard and seen.
            pictures: whether anything is to be seen.
        """
        self._client, self._ice_servers, self._on_event, self._pictures = client, ice_servers, on_event, pictures
        self._following: dict[str, asyncio.Task[None]] = {}

    def follow(self, addresses: Mapping[str, str]) -> None:
        """Be sent these and nobody else: WHEP addresses by the members' ids."""
        for gone in self._following.keys() - addresses.keys():
            self._following.pop(gone).cancel()
        for new in addresses.keys() - self._following.keys():
            self._following[new] = asyncio.create_task(self._follow(new, addresses[new]))

    async def close(self) -> None:
        """Be sent nobody."""
        tasks = list(self._following.values())
        self._following = {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, member: str, address: str) -> None:
        failures = 0
        while True:
            began_s = time.monotonic()
            with contextlib.suppress(AvatarError):  # who has left is known by the server's messages
                await self._view(member, address)
            failures = 0 if time.monotonic() - began_s > GOOD_S else failures + 1
            await asyncio.sleep(wait_before_retry_s(failures))

    async def _view(self, member: str, address: str) -> None:
        """Be sent somebody until the connection is lost. Raises AvatarError where none can be made."""
        formatter = AudioFormatter(RATE, 1)

        def on_sound(frame: av.AudioFrame) -> None:
            with contextlib.suppress(ValueError):
                samples = np.round(formatter.take(frame)[0] * 32767).astype(np.int16)
                if len(samples):
                    self._on_event(Heard(member, samples, RATE))

        def on_picture(frame: av.VideoFrame) -> None:
            with contextlib.suppress(FrameError):
                self._on_event(Seen(member, camera_rgb(frame)))

        shown = on_picture if self._pictures else None
        peer = ViewPeer(on_sound=on_sound, on_picture=shown, ice_servers=self._ice_servers)
        answer: Answer | None = None
        try:
            offer = await peer.offer(loopback=self._client.on_this_machine)
            answer = await asyncio.to_thread(self._client.watch, offer, address)
            await peer.accept(answer.sdp)
            await peer.ended()
        finally:
            await peer.close()
            if answer is not None:
                with contextlib.suppress(AvatarError):  # it has ended by itself, or with its server
                    await asyncio.to_thread(self._client.end, answer)
