"""The server's end of one watcher's connection: it is sent a call's broadcast, and nothing is taken from it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

from aiortc import MediaStreamTrack, RTCDataChannel, RTCRtpTransceiver
from aiortc.stats import RTCRemoteInboundRtpStreamStats

from avatar.config import TransportSettings
from avatar.errors import OfferError
from avatar.stream.answering_peer import AnsweringPeer
from avatar.stream.broadcast import Broadcast
from avatar.stream.codecs.video_encoder import CodecName
from avatar.stream.message_channel import CHANNELS_REFUSED
from avatar.stream.relay_track import RelayTrack
from avatar.stream.rtp.playout_delay import negotiate_playout_delay
from avatar.stream.sdp.offer import Offer
from avatar.stream.tuning.aiortc_tuning import negotiated_audio_codec, negotiated_video_codec
from avatar.stream.tuning.sender_tuning import tune_audio_sender, tune_video_sender
from avatar.stream.watch_rates import WatchRateState, next_watch_rate


class WatchPeer(AnsweringPeer):
    """Used on the event loop only."""

    def __init__(self, settings: TransportSettings, broadcast: Broadcast, *, matte: bool = False) -> None:
        """Prepare a connection that is sent `broadcast`, with the pictures' matte beside them where it wants that."""
        super().__init__(settings)
        self._broadcast, self._matte = broadcast, matte
        self._rate = WatchRateState(time.monotonic())
        self._codec: CodecName | None = None
        self._video: RelayTrack | None = None
        self._audio: RelayTrack | None = None
        self._last_report: datetime | None = None
        self._channels = 0

    async def answer(self, offer: Offer, on_state: Callable[[str], None]) -> str:
        """Return the SDP answer, complete with every candidate; from then on tell `on_state` aiortc's states.

        Once. Raises OfferError, and ServerFullError where no port is free; the peer is then closed.
        """
        self._connection.on("datachannel", self._on_channel)

        def start(video: RTCRtpTransceiver | None, audio: RTCRtpTransceiver | None) -> None:
            if video is not None:
                negotiate_playout_delay(video, offer.sdp)
                self._start_video(video)
            if audio is not None:
                self._audio = self._broadcast.watch_sound(negotiated_audio_codec(audio))
                audio.sender.replaceTrack(self._audio)
                tune_audio_sender(audio.sender)

        answer = await self._answer_with(offer, "sendonly", on_state, start)
        if not any("send" in way for _, way in self._directions()):
            await self.close()
            raise OfferError("The offer receives nothing. Who watches offers a=recvonly: addTransceiver('video').")
        return answer

    async def packets_received(self) -> int:
        """Return how many packets have come, ICE's too, and let the bit rate follow what the watcher reports."""
        report = await self._connection.getStats()
        for entry in report.values():
            # The same report is read again until the next one comes; it must not count twice.
            if (
                isinstance(entry, RTCRemoteInboundRtpStreamStats)
                and entry.kind == "video"
                and entry.timestamp != self._last_report
            ):
                self._last_report = entry.timestamp
                self._follow(fraction_lost=entry.fractionLost / 256)
        self._follow()
        return await self._packets_received() + self._guard.ice_packets

    def _start_video(self, transceiver: RTCRtpTransceiver) -> None:
        self._codec = negotiated_video_codec(transceiver)
        self._video = track = self._broadcast.watch_pictures(self._codec, self._rate.rate, matte=self._matte)
        transceiver.sender.replaceTrack(track)
        tune_video_sender(
            transceiver.sender,
            self._codec,
            on_estimate=lambda estimate_bps: self._follow(estimate_bps=estimate_bps),
            on_key_frame_request=lambda: track.ask_for_key(),  # noqa: PLW0108 - of the stream it then has
        )

    def _follow(self, *, estimate_bps: float | None = None, fraction_lost: float | None = None) -> None:
        before = self._rate.rate
        self._rate = next_watch_rate(
            self._rate, time.monotonic(), estimate_bps=estimate_bps, fraction_lost=fraction_lost
        )
        if self._rate.rate != before and self._video is not None and self._codec is not None:
            self._broadcast.move(self._video, self._codec, self._rate.rate, matte=self._matte)

    def _on_channel(self, channel: RTCDataChannel) -> None:
        channel.close()
        self._channels += 1
        if self._channels == CHANNELS_REFUSED:
            self._leaving = asyncio.create_task(self.close())

    def _tracks(self) -> list[MediaStreamTrack]:
        tracks = [track for track in (self._video, self._audio) if track is not None]
        for track in tracks:
            self._broadcast.leave(track)
        return list(tracks)
