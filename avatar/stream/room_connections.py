"""A program's connections in a room: by one its voice goes out, and by one for each of the others they come in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, Protocol

import av
from aiortc.mediastreams import MediaStreamError

from avatar.stream.audio_track import AvatarAudioTrack
from avatar.stream.codecs.audio_encoder import AudioEncoder
from avatar.stream.codecs.sound_decoder import SoundDecoder
from avatar.stream.ice_servers import IceServer
from avatar.stream.offering_peer import OfferingPeer
from avatar.stream.tuning.aiortc_tuning import negotiated_audio_codec
from avatar.stream.tuning.receiver_tuning import tune_receiver


class VoiceListener(Protocol):
    """Whom a `VoicePeer` tells what happens. Every method is called on the event loop and must not block."""

    def on_state(self, state: str) -> None:
        """aiortc's connection state: connecting, connected, failed or closed."""

    def on_message(self, message: str | bytes) -> None:
        """A message came over the data channel."""


class VoicePeer(OfferingPeer):
    """A call that speaks, and sees and hears nothing. Used on the event loop only."""

    def __init__(self, listener: VoiceListener, *, pool: Executor, ice_servers: Sequence[IceServer] = ()) -> None:
        """Prepare a call whose sound is encoded in `pool`."""
        super().__init__(listener.on_state, ice_servers)
        self._pool = pool
        self._section = self._connection.addTransceiver("audio", direction="sendonly")
        self._open_channel(lambda: None, listener.on_message)
        self._track: AvatarAudioTrack | None = None

    async def accept(self, answer_sdp: str) -> None:
        """Take the answer. Raises ServerGoneError where it is none."""
        await super().accept(answer_sdp)
        encoder = AudioEncoder(negotiated_audio_codec(self._section))
        self._track = AvatarAudioTrack(encoder, pool=self._pool, on_sent=lambda *_: None)
        self._section.sender.replaceTrack(self._track)

    def push(self, frame: av.AudioFrame, arrival_s: float) -> None:
        """Send a piece of sound that is heard at `arrival_s` (time.monotonic())."""
        if self._track is not None:
            self._track.push(frame, arrival_s, 0.0)

    async def close(self) -> None:
        """Leave nothing running."""
        if self._track is not None:
            self._track.stop()
        await super().close()


class ViewPeer(OfferingPeer):
    """One other in the room, as they come in. Used on the event loop only."""

    def __init__(
        self,
        *,
        on_sound: Callable[[av.AudioFrame], None],
        on_picture: Callable[[av.VideoFrame], None] | None,
        ice_servers: Sequence[IceServer] = (),
    ) -> None:
        """Prepare; pictures are neither asked for nor decoded where nobody is to be told of them."""
        super().__init__(self._note_state, ice_servers)
        self._on_sound, self._on_picture = on_sound, on_picture
        self._ended = asyncio.Event()
        self._audio = self._connection.addTransceiver("audio", direction="recvonly")
        self._video = None if on_picture is None else self._connection.addTransceiver("video", direction="recvonly")
        self._reading: asyncio.Task[None] | None = None

    async def accept(self, answer_sdp: str) -> None:
        """Take the answer. Raises ServerGoneError where it is none."""
        await super().accept(answer_sdp)
        tune_receiver(self._audio.receiver)
        SoundDecoder(self._audio.receiver, lambda frame, _: self._on_sound(frame), lambda: None)
        if self._video is not None and self._on_picture is not None:
            tune_receiver(self._video.receiver)
            self._reading = asyncio.create_task(self._read(self._video.receiver.track, self._on_picture))

    async def ended(self) -> None:
        """Wait until the connection is lost, or was ended by the server."""
        await self._ended.wait()

    async def close(self) -> None:
        """Leave nothing running."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await super().close()

    def _note_state(self, state: str) -> None:
        if state in ("failed", "closed"):
            self._ended.set()

    async def _read(self, track: Any, on_picture: Callable[[av.VideoFrame], None]) -> None:
        while True:
            try:
                on_picture(await track.recv())
            except MediaStreamError:
                return
