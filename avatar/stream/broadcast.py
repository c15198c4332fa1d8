"""A call's picture and sound for many: encoded once for each codec and bit rate, however many watch.

Who asks for the matte gets it beside every picture; the others see an avatar that has nothing behind it before black.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final, cast

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from avatar.media.matte_beside import with_matte, without_matte
from avatar.stream.audio_track import AvatarAudioTrack
from avatar.stream.codecs.audio_encoder import AudioEncoder
from avatar.stream.codecs.encoders import open_video_encoder
from avatar.stream.codecs.video_encoder import CodecName
from avatar.stream.relay_track import PICTURES_WAITING, SOUNDS_WAITING, RelayTrack
from avatar.stream.video_track import AvatarVideoTrack, SentPicture
from avatar.stream.watch_rates import BITRATES, WatchRate
from avatar.timing.rtp_clock import video_ticks
from avatar.types import Picture

KEY_EVERY_S: Final = 1.0
"""From one key picture that was asked for to the next, at least: each costs all watchers a softer second."""


class Broadcast:
    """Encodes while anybody watches. Used on the event loop only, but for `show`."""

    def __init__(
        self,
        *,
        fps: int,
        encode_pool: Executor,
        max_bitrate_bps: int,
        on_picture_sent: Callable[[SentPicture], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to send at most `fps` pictures a second.

        Args:
            fps: pictures a second.
            encode_pool: its threads encode.
            max_bitrate_bps: no picture stream takes more bits a second.
            on_picture_sent: is told each picture once, when it has been encoded at the highest rate in use.
            clock: seconds, as time.monotonic().
        """
        self._fps, self._pool, self._max_bitrate_bps = fps, encode_pool, max_bitrate_bps
        self._on_picture_sent, self._clock = on_picture_sent, clock
        self._pictures: dict[tuple[CodecName, WatchRate, bool], _PictureStream] = {}
        self._shown: tuple[_PictureStream, ...] = ()
        """The same, replaced as a whole, for the thread that shows pictures."""
        self._sounds: dict[str, _SoundStream] = {}
        self._origin_s: float | None = None

    def show(self, picture: Picture) -> None:
        """Send this picture next. Any thread; never blocks; a newer one replaces it."""
        if self._origin_s is None:
            self._origin_s = picture.time_s
        for stream in self._shown:
            stream.source.show(picture)

    def send_audio(self, frame: av.AudioFrame, arrival_s: float, hold_s: float) -> None:
        """Send this piece of sound `hold_s` after `arrival_s` (time.monotonic())."""
        for stream in self._sounds.values():
            stream.source.push(frame, arrival_s, hold_s)

    def watch_pictures(self, codec: CodecName, rate: WatchRate, *, matte: bool = False) -> RelayTrack:
        """Return a track of pictures, with their matte beside them or without; `leave` ends it."""
        track = RelayTrack("video", PICTURES_WAITING)
        self.move(track, codec, rate, matte=matte)
        return track

    def move(self, track: RelayTrack, codec: CodecName, rate: WatchRate, *, matte: bool = False) -> None:
        """Send a track of pictures this rate from its next key picture on, and until then the one it has."""
        stream = self._pictures.get((codec, rate, matte))
        if stream is None or stream.ended:
            stream = self._pictures[codec, rate, matte] = self._open_pictures(codec, rate, matte)
            self._shown = tuple(self._pictures.values())
        stream.join(track)

    def watch_sound(self, codec: RTCRtpCodecParameters) -> RelayTrack:
        """Return a track of sound; `leave` ends it."""
        stream = self._sounds.get(codec.mimeType)
        if stream is None or stream.ended:
            source = AvatarAudioTrack(AudioEncoder(codec), pool=self._pool, on_sent=lambda _, __: None)
            stream = self._sounds[codec.mimeType] = _SoundStream(source)
        track = RelayTrack("audio", SOUNDS_WAITING)
        stream.tracks.append(track)
        return track

    def leave(self, track: RelayTrack) -> None:
        """End a track; what nobody watches any more is no longer encoded."""
        track.stop()
        for stream in (*self._pictures.values(), *self._sounds.values()):
            stream.drop(track)
        self._end_unwatched()

    def close(self) -> None:
        """End every track."""
        for stream in (*self._pictures.values(), *self._sounds.values()):
            for track in tuple(stream.tracks):
                self.leave(track)

    @property
    def dropped(self) -> int:
        """Pictures that were overtaken before they could be encoded."""
        return sum(stream.source.dropped for stream in self._pictures.values())

    def _open_pictures(self, codec: CodecName, rate: WatchRate, matte: bool) -> _PictureStream:
        bitrate_bps = min(BITRATES[rate], self._max_bitrate_bps)
        encoder = open_video_encoder(codec, max_bitrate_bps=bitrate_bps, fps=self._fps)

        def on_sent(sent: SentPicture) -> None:
            stream.sent = sent
            if self._shown[:1] == (stream,):  # none is shown any more where the last has left while it was encoded
                self._on_picture_sent(sent)

        source = AvatarVideoTrack(
            encoder,
            pool=self._pool,
            target_bps=lambda: bitrate_bps,
            last_rtp_time=lambda: 0,
            on_sent=on_sent,
            pixels=with_matte if matte else without_matte,
        )
        stream = _PictureStream(source, ticks=self._ticks, on_moved=self._on_moved, clock=self._clock)
        return stream

    def _ticks(self, time_s: float) -> int:
        """Return a time on the pictures' RTP clock, which every stream shares, so that a track can change streams."""
        return video_ticks(time_s - (self._origin_s or 0.0))

    def _on_moved(self, stream: _PictureStream, track: RelayTrack) -> None:
        """A track has begun with a stream: it leaves the one it had."""
        for other in self._pictures.values():
            if other is not stream:
                other.drop(track)
        self._end_unwatched()

    def _end_unwatched(self) -> None:
        for stream in (*self._pictures.values(), *self._sounds.values()):
            if stream.unwatched:
                stream.end()
        self._pictures = {key: stream for key, stream in self._pictures.items() if not stream.unwatched}
        self._sounds = {key: stream for key, stream in self._sounds.items() if not stream.unwatched}
        self._shown = tuple(self._pictures.values())


class _Stream:
    """A source's packets for the tracks of many."""

    def __init__(self, source: MediaStreamTrack) -> None:
        self.tracks: list[RelayTrack] = []
        self.end = source.stop
        self._pump = asyncio.create_task(self._run(source))

    @property
    def unwatched(self) -> bool:
        return not self.tracks

    @property
    def ended(self) -> bool:
        return self._pump.done()

    def drop(self, track: RelayTrack) -> None:
        with contextlib.suppress(ValueError):
            self.tracks.remove(track)

    def hand_on(self, packet: av.Packet[Any]) -> None:
        for track in self.tracks:
            track.offer(packet, starts=True)

    async def _run(self, source: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                packet = cast("av.Packet[Any]", await source.recv())
                self.hand_on(packet)
        for track in tuple(self.tracks):  # its encoder has failed for good
            track.stop()


class _SoundStream(_Stream):
    def __init__(self, source: AvatarAudioTrack) -> None:
        super().__init__(source)
        self.source = source


class _PictureStream(_Stream):
    def __init__(
        self,
        source: AvatarVideoTrack,
        *,
        ticks: Callable[[float], int],
        on_moved: Callable[[_PictureStream, RelayTrack], None],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(source)
        self.source = source
        self.sent: SentPicture | None = None
        """The picture whose packet comes next."""
        self._ticks, self._on_moved, self._clock = ticks, on_moved, clock
        self._joining: list[RelayTrack] = []
        self._last_pts = -1
        self._key_s = float("-inf")
        self._key_wanted = False

    @property
    def unwatched(self) -> bool:
        return not self.tracks and not self._joining

    def join(self, track: RelayTrack) -> None:
        """Let a track begin with the next key picture."""
        if track not in self._joining and track not in self.tracks:
            self._joining.append(track)
            track.ask_for_key = self.ask_for_key
            self.ask_for_key()

    def drop(self, track: RelayTrack) -> None:
        super().drop(track)
        with contextlib.suppress(ValueError):
            self._joining.remove(track)

    def ask_for_key(self) -> None:
        """Have one made as soon as `KEY_EVERY_S` allows."""
        self._key_wanted = True
        self._allow_key()

    def hand_on(self, packet: av.Packet[Any]) -> None:
        """Hand a picture to every track; those that wait for a key picture begin with one."""
        sent = self.sent
        if sent is None:
            return
        packet.pts = self._last_pts = max(self._ticks(sent.picture.time_s), self._last_pts + 1)
        if sent.key:
            self._key_s, self._key_wanted = self._clock(), False
            beginning, self._joining = self._joining, []
            for track in beginning:
                self.tracks.append(track)
                self._on_moved(self, track)
                track.restart()
        for track in self.tracks:
            track.offer(packet, starts=sent.key)
        self._allow_key()

    def _allow_key(self) -> None:
        if self._key_wanted and self._clock() - self._key_s >= KEY_EVERY_S:
            self._key_wanted = False
            self.source.request_key_frame()
