"""The pictures and the sound of one call, both ways: from the connection to the session, and back in step."""

from __future__ import annotations

import time
from collections.abc import Callable

import av

from avatar.call.call_recording import CallRecording
from avatar.call.limits import CallTimes
from avatar.call.participant import Participant
from avatar.call.quality import CallQuality
from avatar.call.statistics import CallStatistics
from avatar.perception.speech.echo import EchoCanceller
from avatar.session.protocol import LiveSession
from avatar.stream.broadcast import Broadcast
from avatar.stream.codecs.received_opus import received_payload
from avatar.stream.page_reports import REPORTS, ErrorMessage
from avatar.stream.peer import Peer
from avatar.stream.video_track import SentPicture
from avatar.timing import av_sync
from avatar.types import CaptureStamp


class CallMedia:
    """A `MediaListener` of its peer. Used on the event loop only; nothing here blocks it."""

    def __init__(
        self,
        peer: Peer,
        statistics: CallStatistics,
        times: CallTimes,
        *,
        broadcast: Broadcast,
        echo: EchoCanceller | None,
        largest_camera: int,
        quality: CallQuality | None = None,
        on_sound: Callable[[av.AudioFrame], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is taken before `join`.

        Args:
            peer: the connection.
            statistics: counts what comes and leaves.
            times: is told when something came.
            broadcast: sends sound to who watches.
            echo: takes what the avatar plays out of what the microphone hears; None: the browser does.
            largest_camera: longest side of a camera's pictures that the peer lets through, pixels.
            quality: watches what comes and leaves; None: nobody does.
            on_sound: is told what the participant says, or the avatar by itself.
            clock: seconds, as time.monotonic().
        """
        self._peer, self._statistics, self._times = peer, statistics, times
        self._broadcast = broadcast
        self._echo, self._largest_camera, self._clock = echo, largest_camera, clock
        self._quality, self._on_sound = quality, on_sound
        self._session: LiveSession | None = None
        self._participant: Participant | None = None
        self._sound_delay = av_sync.SoundDelay()
        self._sound_age_s = 0.0
        self._reported_size: tuple[int, int] | None = None
        self._recording: CallRecording | None = None

    def record(self, recording: CallRecording) -> None:
        """Give what leaves to this, too."""
        self._recording = recording

    def join(self, session: LiveSession, participant: Participant) -> None:
        """Hand pictures and sound to these from now on."""
        self._session, self._participant = session, participant

    def leave(self) -> None:
        """Let go of the session and the participant."""
        self._session = self._participant = None

    def on_camera(self, frame: av.VideoFrame, capture: CaptureStamp, skipped: int) -> None:
        """Give a camera picture to the session."""
        self._times.last_media_s = self._clock()
        self._statistics.camera_frame(skipped)
        if self._quality is not None:
            self._quality.camera_frame(capture.arrival_s, skipped)
        if self._session is not None:
            self._session.push_camera(frame, capture)

    def on_microphone(self, frame: av.AudioFrame, arrival_s: float) -> None:
        """Give a piece of the participant's sound to its side of the call, without the avatar's own in it."""
        self._times.last_media_s = self._clock()
        clean = frame if self._echo is None else self._echo.clean(frame)
        if clean is not None and self._participant is not None:
            self._participant.on_audio(clean, arrival_s)

    def send_audio(self, frame: av.AudioFrame, arrival_s: float) -> float:
        """Let sound move the mouth and leave with its picture; return how many seconds later that is."""
        if self._session is None:
            return 0.0
        self._session.push_audio(frame, arrival_s)
        encoded_again = received_payload(frame) is None
        self._sound_age_s = av_sync.sound_age_s(frame.samples / frame.sample_rate, encoded_again=encoded_again)
        hold_s = av_sync.hold_s(self._sound_delay, self._sound_age_s)
        self._peer.send_audio(frame, arrival_s, hold_s)
        self._broadcast.send_audio(frame, arrival_s, hold_s)
        self._on_sound(frame)
        return hold_s

    def on_picture_sent(self, sent: SentPicture) -> None:
        """Count a picture, and learn from it how long sound has to wait."""
        self._statistics.picture_sent(sent)
        if self._quality is not None:
            self._quality.picture_sent(sent)
        if sent.picture.sound_s is not None:
            self._sound_delay = av_sync.observe_picture(self._sound_delay, sent.picture.sound_s, sent.sent_s)
        if self._participant is not None:
            self._participant.on_picture_sent(sent)
        if self._recording is not None:
            self._recording.picture_sent(sent)

    def on_broadcast(self, sent: SentPicture) -> None:
        """Learn the same of a picture that only others than the participant are sent."""
        if self._peer.sends_video:
            return
        self._statistics.picture_sent(sent)
        if sent.picture.sound_s is not None:
            self._sound_delay = av_sync.observe_picture(self._sound_delay, sent.picture.sound_s, sent.sent_s)

    def on_audio_sent(self, frame: av.AudioFrame, delay_s: float) -> None:
        """Count a piece of sound."""
        if self._echo is not None:
            self._echo.played(frame)
        self._statistics.sound_sent(delay_s + self._sound_age_s)
        if self._recording is not None:
            self._recording.sound_sent(frame, self._clock())

    def on_second(self) -> None:
        """Tell the participant, once, of a camera whose pictures are too large to be looked at."""
        size = self._peer.camera_too_large
        if size is not None:
            self._times.last_media_s = self._clock()  # it sends, in vain
        if size == self._reported_size:
            return
        if size is not None:
            report = ErrorMessage(
                code="camera_too_large",
                detail=f"The camera sends {size[0]} x {size[1]} pixels; at most {self._largest_camera} on each side "
                "are looked at. Choose a smaller picture for the camera.",
            )
            if not self._peer.send(REPORTS.write(report)):  # no channel yet: it is told in a second
                return
        self._reported_size = size
