"""What draws the pictures of a virtual camera: a session of this process, or a server's over WebRTC."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import av

from avatar.config import Background, PictureSettings, TrustSettings
from avatar.errors import AvatarError
from avatar.identities.open import open_identity
from avatar.motion.cues import NEUTRAL, understand
from avatar.motion.voice_network import VoiceNetwork
from avatar.session.live import Session
from avatar.session.opening import open_session
from avatar.session.protocol import FaceSight, SessionEvent, SessionFailed
from avatar.trust.watermark import marker_of
from avatar.types import CaptureStamp, Drive, Picture


class Drawing(Protocol):
    """Draws one avatar. `start` and `stop` once each; every other method from any thread, without blocking."""

    def start(self) -> None:
        """Begin to draw. May block; raises AvatarError."""

    def push_camera(self, frame: av.VideoFrame, capture: CaptureStamp) -> None:
        """Take a camera's picture; the newest wins."""

    def push_audio(self, frame: av.AudioFrame, received_s: float) -> None:
        """Take sound that moves the mouth and came at `received_s` (time.monotonic())."""

    def calibrate(self) -> None:
        """Take the driver's resting face anew."""

    def show_face(self, face: str) -> None:
        """Show another avatar as soon as it is open."""

    def show_background(self, background: Background) -> None:
        """Put something else behind the avatar as soon as it is made. Raises AvatarError where it cannot."""

    def direct(self, words: str) -> None:
        """Show what a cue says, in words of `motion.cues`; "neutral" ends it. Raises CueError."""

    @property
    def face_seen(self) -> FaceSight:
        """What the camera shows."""
        ...

    def stop(self) -> None:
        """End. May block; may be called again."""


class LocalDrawing:
    """Draws in this process."""

    def __init__(
        self,
        face: str,
        picture: PictureSettings,
        drive: Drive,
        *,
        on_picture: Callable[[Picture], None],
        on_failure: Callable[[str], None],
        on_note: Callable[[str], None],
        voice_network: VoiceNetwork | None = None,
        trust: TrustSettings | None = None,
    ) -> None:
        """Open a face; blocks while models load.

        Args:
            face: an `.avatar` file, a photo, or a built-in face's id.
            picture: size, rate and what draws it.
            drive: what moves it.
            on_picture: is told each picture, in the session's thread.
            on_failure: is told why drawing has ended for good.
            on_note: is told what the user should know, such as a face that cannot be opened.
            voice_network: moves the mouth to sound; None: the shipped one.
            trust: what has to be stated of whose face it is; None: nothing.

        Raises:
            AvatarError: there is no such face, or a model cannot be used.
        """
        self._on_failure, self._on_note, self._trust = on_failure, on_note, trust
        marker = marker_of(picture)
        self._session: Session = open_session(
            open_identity(face, trust),
            picture,
            on_picture=lambda shown: on_picture(marker.mark_picture(shown)),
            on_event=self._on_event,
            drive=drive,
            voice_network=voice_network,
        )
        self.push_camera = self._session.push_camera
        self.push_audio = self._session.push_audio
        self.calibrate = self._session.calibrate
        self._opening = threading.Lock()

    def start(self) -> None:
        """Begin to draw."""
        self._session.start()

    def show_face(self, face: str) -> None:
        """Open another face in a thread; pictures go on meanwhile."""
        self._open(face, lambda: self._session.set_identity(open_identity(face, self._trust)))

    def show_background(self, background: Background) -> None:
        """Put another background behind the avatar, made in a thread; pictures go on meanwhile."""
        self._open(str(background), lambda: self._session.set_background(background))

    def direct(self, words: str) -> None:
        """Show what a cue says. Raises CueError."""
        for cue in understand(words) if words != "neutral" else NEUTRAL:
            self._session.direct(cue)

    @property
    def face_seen(self) -> FaceSight:
        """What the camera shows."""
        return self._session.stats().face

    def stop(self) -> None:
        """End the session."""
        self._session.stop()

    def _open(self, name: str, change: Callable[[], None]) -> None:
        """Change what is shown, in a thread."""

        def work() -> None:
            with self._opening:
                try:
                    change()
                except AvatarError as error:
                    self._on_note(f"{name} cannot be shown: {error}")

        threading.Thread(target=work, name="avatar-opening", daemon=True).start()

    def _on_event(self, event: SessionEvent) -> None:
        if isinstance(event, SessionFailed):
            self._on_failure(event.message)
