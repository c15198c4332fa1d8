"""One WebRTC connection: an offer in, an answer out, then pictures, sound and messages both ways until it is closed."""

from __future__ import annotations

import time
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime

import av
from aiortc import MediaStreamTrack, RTCRtpTransceiver
from aiortc.stats import RTCRemoteInboundRtpStreamStats, RTCTransportStats

from avatar.config import TransportSettings
from avatar.stream.answering_peer import AnsweringPeer
from avatar.stream.audio_track import AvatarAudioTrack
from avatar.stream.codecs.audio_encoder import AudioEncoder
from avatar.stream.codecs.encoders import open_video_encoder
from avatar.stream.codecs.picture_decoder import PictureDecoder
from avatar.stream.codecs.sound_decoder import SoundDecoder
from avatar.stream.codecs.video_encoder import CodecName
from avatar.stream.frame_size import SizeGate
from avatar.stream.listeners import ConnectionListener, MediaListener
from avatar.stream.message_channel import MessageChannel
from avatar.stream.rtp.one_layer import take_one_layer
from avatar.stream.rtp.paced_sender import PacedSender
from avatar.stream.rtp.playout_delay import PlayoutDelay, negotiate_playout_delay
from avatar.stream.rtp.rate_control import FULL_SOUND_BPS, RateLimits, RateState, is_sharp_fall, next_rate, sound_rate
from avatar.stream.sdp.offer import Offer
from avatar.stream.tuning.aiortc_tuning import negotiated_audio_codec, negotiated_video_codec
from avatar.stream.tuning.receiver_tuning import tune_receiver
from avatar.stream.tuning.sender_tuning import sent_wire_timestamp, tune_audio_sender, tune_video_sender
from avatar.stream.video_track import AvatarVideoTrack, SentPicture
from avatar.types import Picture


@dataclass(frozen=True, slots=True)
class PeerStats:
    """What the connection says about itself."""

    packets_received: int
    """Media and data packets since the start, ICE restarts, and ICE's packets of a peer that only watches; standing
    still means that the peer has vanished."""
    dropped: int
    """Pictures and sounds that were overtaken, or too late, before they could leave, and the camera's that were too
    large."""


@dataclass(frozen=True, slots=True)
class LineStats:
    """What is known of the way to the receiver of the pictures."""

    target_bps: int
    """Bit rate that its estimate and the losses allow."""
    loss: float | None = None
    """Share of packets lost, 0 to 1, as last reported."""
    round_trip_s: float | None = None


class Peer(AnsweringPeer):
    """The server's end of one call. Used on the event loop only, but for `show`."""

    def __init__(self, settings: TransportSettings, *, fps: int, encode_pool: Executor) -> None:
        """Prepare a connection that sends at most `fps` pictures a second, encoded in `encode_pool`."""
        super().__init__(settings)
        self._fps = fps
        self._pool = encode_pool
        self._messages = MessageChannel(self._connection)
        self._limits = RateLimits(settings.min_bitrate_bps, settings.max_bitrate_bps)
        self._rate = RateState(settings.start_bitrate_bps, time.monotonic())
        self._loss: float | None = None
        self._round_trip_s: float | None = None
        self._video: AvatarVideoTrack | None = None
        self._audio: AvatarAudioTrack | None = None
        self._audio_encoder: AudioEncoder | None = None
        self._playout: PlayoutDelay | None = None
        self._paced: PacedSender | None = None
        self._sounds_passed_over = 0
        self._camera: PictureDecoder | None = None
        self._received: list[MediaStreamTrack] = []
        self._last_report: datetime | None = None
        self._camera_gate = SizeGate(settings.largest_camera)
        self.codec: CodecName | None = None
        """What the avatar's picture is sent as; known once the offer has been answered."""
        self.sends_video = self.sends_audio = False
        """Whether the avatar's picture, and its sound, are sent; known once the offer has been answered."""
        self.only_watched = False
        """Whether the peer sends neither picture nor sound; known once the offer has been answered."""

    async def answer(self, offer: Offer, listener: ConnectionListener, media: MediaListener) -> str:
        """Return the SDP answer, complete with every candidate; from then on tell the listeners what happens.

        Once. Raises OfferError, and ServerFullError where no port is free; the peer is then closed.
        """
        self._messages.listen(listener)

        def start(video: RTCRtpTransceiver | None, audio: RTCRtpTransceiver | None) -> None:
            if video is not None:
                self._playout = negotiate_playout_delay(video, offer.sdp)
                if offer.layer is not None:
                    take_one_layer(video, offer.layer)
                self._start_video(video, listener, media)
            if audio is not None:
                self._start_audio(audio, media)

        answer = await self._answer_with(offer, "sendrecv", listener.on_state, start)
        self._read_directions()
        return answer

    def show(self, picture: Picture) -> None:
        """Send this picture next. Any thread; never blocks; a newer one replaces it."""
        if self._video is not None and self.sends_video:
            self._video.show(picture)

    def show_at_once(self, at_once: bool) -> None:
        """Have the receiver show pictures as they come, not when their sound is played; where it knows how to."""
        if self._playout is not None:
            self._playout.show_at_once(at_once)

    def send_audio(self, frame: av.AudioFrame, arrival_s: float, hold_s: float) -> None:
        """Send this piece of sound `hold_s` after `arrival_s`."""
        if self._audio is not None and self.sends_audio:
            self._audio.push(frame, arrival_s, hold_s)

    def send(self, message: str) -> bool:
        """Send a message; False where it cannot be (`MessageChannel.send`)."""
        return self._messages.send(message)

    async def flush(self, timeout_s: float) -> None:
        """Wait until the messages sent so far have left, but no longer than `timeout_s`."""
        await self._messages.flush(timeout_s)

    async def stats(self) -> PeerStats:
        """Read the counters, and let the bitrate follow what the receiver has reported."""
        report = await self._connection.getStats()
        packets = sum(s.packetsReceived for s in report.values() if isinstance(s, RTCTransportStats))
        packets += self._restarts.begun
        if self.only_watched:
            packets += self._guard.ice_packets  # there may be no others
        fraction_lost = None
        for entry in report.values():
            # The same report is read again until the next one comes; it must not count twice.
            if (
                isinstance(entry, RTCRemoteInboundRtpStreamStats)
                and entry.kind == "video"
                and entry.timestamp != self._last_report
            ):
                fraction_lost, self._last_report = entry.fractionLost / 256, entry.timestamp
                self._loss, self._round_trip_s = fraction_lost, entry.roundTripTime
        self._change_rate(fraction_lost=fraction_lost)
        tracks = [track for track in (self._video, self._audio) if track is not None]
        dropped = sum(track.dropped for track in tracks) + self._sounds_passed_over + self._camera_gate.kept_out
        return PeerStats(packets, dropped)

    @property
    def line(self) -> LineStats:
        """The way to the receiver, as `stats` has last read it."""
        return LineStats(int(self._rate.target_bps), self._loss, self._round_trip_s)

    @property
    def camera_frames_waiting(self) -> int:
        """How many of the camera's frames wait to be decoded."""
        return 0 if self._camera is None else self._camera.waiting

    def limit_bitrate(self, most_bps: int) -> None:
        """Let the picture take at most so much from now on, within the settings."""
        least_bps = self._settings.min_bitrate_bps
        most_bps = min(max(most_bps, least_bps), self._settings.max_bitrate_bps)
        self._limits = RateLimits(least_bps, most_bps)
        self._change_rate()

    @property
    def camera_too_large(self) -> tuple[int, int] | None:
        """(width, height) of the camera's pictures while they are too large to be decoded."""
        return self._camera_gate.too_large

    def _read_directions(self) -> None:
        ways = self._directions()
        self.sends_video = any(kind == "video" and "send" in way for kind, way in ways)
        self.sends_audio = any(kind == "audio" and "send" in way for kind, way in ways)
        self.only_watched = not any("recv" in way for _, way in ways)

    def _start_video(self, transceiver: RTCRtpTransceiver, listener: ConnectionListener, media: MediaListener) -> None:
        codec = negotiated_video_codec(transceiver)
        encoder = open_video_encoder(codec, max_bitrate_bps=self._settings.max_bitrate_bps, fps=self._fps)
        track = AvatarVideoTrack(
            encoder,
            pool=self._pool,
            target_bps=lambda: int(self._rate.target_bps),
            last_rtp_time=lambda: sent_wire_timestamp(transceiver.sender),
            on_sent=lambda sent: self._on_picture_sent(sent, media),
            wait_s=lambda: 0.0 if self._paced is None else self._paced.wait_s(),
        )
        track.on("ended", lambda: listener.on_failure(track.failure) if track.failure else None)
        transceiver.sender.replaceTrack(track)
        direct = tune_video_sender(
            transceiver.sender, codec, on_estimate=self._on_estimate, on_key_frame_request=track.request_key_frame
        )
        self._paced = PacedSender(
            transceiver.sender,
            direct,
            rate_bps=lambda: self._rate.target_bps,
            round_trip_s=lambda: self._round_trip_s,
            on_narrow=self._on_narrow,
        )
        self.codec, self._video = codec, track
        if transceiver.receiver.track is not None:
            tap = tune_receiver(transceiver.receiver, may_decode=self._camera_gate.lets_through)
            self._reading.add(transceiver.receiver)
            self._received.append(transceiver.receiver.track)
            self._camera = PictureDecoder(transceiver.receiver, tap, media.on_camera)

    def _start_audio(self, transceiver: RTCRtpTransceiver, media: MediaListener) -> None:
        self._audio_encoder = encoder = AudioEncoder(negotiated_audio_codec(transceiver))
        self._audio = AvatarAudioTrack(encoder, pool=self._pool, on_sent=media.on_audio_sent)
        transceiver.sender.replaceTrack(self._audio)
        tune_audio_sender(transceiver.sender)
        if transceiver.receiver.track is not None:
            tune_receiver(transceiver.receiver)
            self._reading.add(transceiver.receiver)
            SoundDecoder(transceiver.receiver, media.on_microphone, self._on_sound_passed_over)
            self._received.append(transceiver.receiver.track)

    def _on_sound_passed_over(self) -> None:
        self._sounds_passed_over += 1

    def _on_estimate(self, estimate_bps: int) -> None:
        before = self._rate
        self._change_rate(estimate_bps=estimate_bps)
        if self._paced is not None and is_sharp_fall(before, self._rate, self._paced.sent_bps()):
            self._make_room()

    def _on_narrow(self, carried_bps: float | None) -> None:
        self._change_rate(carried_bps=carried_bps)
        self._make_room()
        if self._video is not None:
            self._video.request_key_frame()

    def _make_room(self) -> None:
        if self._paced is not None and self._video is not None and self._paced.make_room():
            self._video.request_key_frame()

    def _on_picture_sent(self, sent: SentPicture, media: MediaListener) -> None:
        if sent.key and self._paced is not None:
            self._paced.forget()
        media.on_picture_sent(sent)

    def _change_rate(
        self,
        *,
        estimate_bps: float | None = None,
        fraction_lost: float | None = None,
        carried_bps: float | None = None,
    ) -> None:
        self._rate = next_rate(
            self._rate,
            time.monotonic(),
            self._limits,
            estimate_bps=estimate_bps,
            fraction_lost=fraction_lost,
            sent_bps=None if self._paced is None else self._paced.sent_bps(),
            carried_bps=carried_bps,
        )
        if self._audio_encoder is not None:
            present_bps = self._audio_encoder.bitrate_bps or FULL_SOUND_BPS
            wanted_bps = sound_rate(present_bps, self._rate.target_bps)
            if wanted_bps != present_bps:
                self._audio_encoder.bitrate_bps = wanted_bps

    def _tracks(self) -> list[MediaStreamTrack]:
        return [track for track in (self._video, self._audio, *self._received) if track is not None]
