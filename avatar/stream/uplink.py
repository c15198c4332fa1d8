"""The camera and the microphone of a caller on their way to the server: the newest picture, every piece of sound."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

import av
from aiortc import RTCRtpTransceiver

from avatar.stream.audio_track import AvatarAudioTrack
from avatar.stream.codecs.audio_encoder import AudioEncoder
from avatar.stream.codecs.encoders import open_video_encoder, preferred_video_codecs
from avatar.stream.rtp.rate_control import RateLimits, RateState, next_rate
from avatar.stream.tuning.aiortc_tuning import negotiated_audio_codec, negotiated_video_codec
from avatar.stream.tuning.sender_tuning import sent_wire_timestamp, tune_audio_sender, tune_video_sender
from avatar.stream.video_track import AvatarVideoTrack, SentPicture
from avatar.types import Picture

RATES_BPS: Final = RateLimits(200_000, 1_500_000)
"""What a camera's picture may take, as the page's may; a face is followed well in it."""
START_BPS: Final = 1_000_000


class Uplink:
    """What one call sends. `show` from any thread; all else on the event loop."""

    def __init__(self, fps: int, *, pool: Executor, on_sent: Callable[[SentPicture], None]) -> None:
        """Send about `fps` pictures a second, encoded in `pool`; `on_sent` is told each one that leaves."""
        self._fps, self._pool, self._on_sent = fps, pool, on_sent
        self._rate = RateState(START_BPS, time.monotonic())
        self._transceivers: tuple[RTCRtpTransceiver, RTCRtpTransceiver] | None = None
        self._video: AvatarVideoTrack | None = None
        self._audio: AvatarAudioTrack | None = None

    def offer(self, video: RTCRtpTransceiver, audio: RTCRtpTransceiver) -> None:
        """Take the sections of an offer that is being made."""
        video.setCodecPreferences(preferred_video_codecs())
        self._transceivers = video, audio

    def start(self) -> None:
        """Begin to send, in the codecs that the answer has chosen."""
        if self._transceivers is None:
            return
        video, audio = self._transceivers
        codec = negotiated_video_codec(video)
        self._video = AvatarVideoTrack(
            open_video_encoder(codec, max_bitrate_bps=RATES_BPS.max_bps, fps=self._fps),
            pool=self._pool,
            target_bps=lambda: int(self._rate.target_bps),
            last_rtp_time=lambda: sent_wire_timestamp(video.sender),
            on_sent=self._on_sent,
        )
        video.sender.replaceTrack(self._video)
        tune_video_sender(
            video.sender, codec, on_estimate=self._on_estimate, on_key_frame_request=self._video.request_key_frame
        )
        encoder = AudioEncoder(negotiated_audio_codec(audio))
        self._audio = AvatarAudioTrack(encoder, pool=self._pool, on_sent=lambda *_: None)
        audio.sender.replaceTrack(self._audio)
        tune_audio_sender(audio.sender)

    def show(self, picture: Picture) -> None:
        """Send a picture next; a newer one replaces it. Never blocks."""
        if self._video is not None:
            self._video.show(picture)

    def push_audio(self, frame: av.AudioFrame, arrival_s: float) -> None:
        """Send a piece of sound that came at `arrival_s` (time.monotonic())."""
        if self._audio is not None:
            self._audio.push(frame, arrival_s, 0.0)

    def stop(self) -> None:
        """End. May be called again."""
        for track in (self._video, self._audio):
            if track is not None:
                track.stop()

    def _on_estimate(self, estimate_bps: int) -> None:
        self._rate = next_rate(self._rate, time.monotonic(), RATES_BPS, estimate_bps=estimate_bps)
