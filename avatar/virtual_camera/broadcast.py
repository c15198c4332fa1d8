"""One avatar shown by the virtual camera: what moves it, what draws it, and where its pictures and its sound go.

camera, clip --> [newest frame] --> drawing --> [newest picture] --> virtual camera
microphone, clip --> mute ----------^      |
                          |                v  (how long pictures take)
                          +---> held as long ---> virtual microphone
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import av

from avatar.config import Background
from avatar.errors import AvatarError, DeviceError
from avatar.types import Picture
from avatar.virtual_camera.broadcast_state import BroadcastState, following
from avatar.virtual_camera.camera_input import CameraInput, CameraReader
from avatar.virtual_camera.clip_input import ClipReader
from avatar.virtual_camera.device_thread import DeviceState
from avatar.virtual_camera.drawing import Drawing
from avatar.virtual_camera.hot_keys import HELP, Action
from avatar.virtual_camera.microphone_input import MicrophoneReader
from avatar.virtual_camera.picture_output import OutputFigures, PictureOutput, PictureSink
from avatar.virtual_camera.sound_output import SoundOutput, SoundSink

MOST_NOTES: Final = 32
NOTES_SHOWN: Final = 6
"""The last ones, for who looks in now and then."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What moves the avatar."""

    camera: CameraInput | None = None
    microphone: str | None = None
    """Its name or number; empty: the system's own choice; None: there is none."""
    clip: Path | None = None


class OpenDrawing(Protocol):
    """Opens what draws. May block; raises AvatarError."""

    def __call__(
        self,
        *,
        on_picture: Callable[[Picture], None],
        on_failure: Callable[[str], None],
        on_note: Callable[[str], None],
    ) -> Drawing:
        """Return it; it is not started yet."""
        ...


class Broadcast:
    """Runs from the beginning to the end of `running`; every other method from any thread."""

    def __init__(
        self,
        inputs: Inputs,
        open_drawing: OpenDrawing,
        sink: PictureSink,
        fps: int,
        *,
        faces: Sequence[str],
        backgrounds: Sequence[Background] = (),
        sound_sink: SoundSink | None = None,
    ) -> None:
        """Prepare.

        Args:
            inputs: what moves the avatar.
            open_drawing: opens what draws it.
            sink: takes the pictures.
            fps: what it was opened for.
            faces: what `Action("face")` goes through; the first one is shown.
            backgrounds: what `Action("background")` goes through, the first one being shown.
            sound_sink: takes the sound; closed at the end. None: there is nobody to hear it.
        """
        self._inputs, self._open_drawing, self._faces = inputs, open_drawing, tuple(faces)
        self._backgrounds = tuple(backgrounds)
        self._output = PictureOutput(sink, fps, on_sent=self._on_sent, on_failure=self._fail)
        self._sound = None if sound_sink is None else SoundOutput(sound_sink, self._on_sound_failure)
        self._drawing: Drawing | None = None
        self._notes: deque[str] = deque(maxlen=MOST_NOTES)
        self._noted: deque[tuple[int, str]] = deque(maxlen=NOTES_SHOWN)
        self._face, self._background = 0, self._backgrounds[0] if self._backgrounds else Background()
        self._muted = False
        self._ended = threading.Event()
        self._failure: str | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run within the `with` block; nothing is left of it afterwards. Raises AvatarError where it cannot begin."""
        with contextlib.ExitStack() as stack:
            if self._sound is not None:
                stack.callback(self._sound.stop)
            stack.callback(self._output.stop)
            drawing = self._open_drawing(on_picture=self._output.show, on_failure=self._fail, on_note=self._note)
            stack.callback(drawing.stop)
            readers = self._readers(drawing)
            self._output.start()
            if self._sound is not None:
                self._sound.start()
            drawing.start()
            self._drawing = drawing
            for reader in readers:
                reader.start()
                stack.callback(reader.stop)
            yield

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the end; return whether it goes on. Raises DeviceError where it has failed."""
        self._ended.wait(seconds)
        if self._failure is not None:
            raise DeviceError(self._failure, code="camera_failed")
        return not self._ended.is_set()

    def act(self, action: Action) -> None:
        """Do what a key asks for; what it did, or why it cannot, is in `notes`."""
        drawing = self._drawing
        if drawing is None:
            return
        try:
            self._act(action, drawing)
        except AvatarError as error:
            self._note(str(error))

    def show_face(self, index: int) -> None:
        """Show one of the faces. Raises AvatarError: there is none of this number."""
        if not 0 <= index < len(self._faces):
            raise AvatarError("There is no such face: name it by --avatar.", code="unknown_avatar")
        self._running().show_face(self._faces[index])
        self._face = index
        self._note(f"Face: {self._faces[index]}")

    def show_background(self, background: Background) -> None:
        """Put something else behind the avatar. Raises AvatarError where it cannot be."""
        if background.kind == "transparent":
            raise AvatarError(
                "No camera carries transparency: docs/obs.md has a page that does.", code="bad_background"
            )
        self._running().show_background(background)
        self._background = background
        self._note(f"Background: {background}")

    def calibrate(self) -> None:
        """Take the driver's resting face anew."""
        self._running().calibrate()

    def direct(self, words: str) -> None:
        """Show what a cue says. Raises CueError."""
        self._running().direct(words or "neutral")

    def mute(self, muted: bool) -> None:
        """Let nobody hear the driver, and no voice move the lips; or let them."""
        self._muted = muted
        self._note("Muted: nobody hears you, and no voice moves the lips." if muted else "Heard.")

    def state(self) -> BroadcastState:
        """Return how it goes."""
        drawing, inputs = self._drawing, self._inputs
        heard = inputs.microphone is not None or inputs.clip is not None
        return BroadcastState(
            faces=self._faces,
            face=self._face,
            background=str(self._background),
            muted=self._muted if heard else None,
            follows_face=inputs.camera is not None or inputs.clip is not None,
            sight="none" if drawing is None else drawing.face_seen,
            figures=self._output.figures(),
            notes=tuple(self._noted),
        )

    def notes(self) -> list[str]:
        """Remove and return what the user should know, in its order."""
        taken = []
        while self._notes:
            taken.append(self._notes.popleft())
        return taken

    def figures(self) -> OutputFigures:
        """Return how pictures leave."""
        return self._output.figures()

    @property
    def last_picture(self) -> Picture | None:
        """The picture that the device shows."""
        return self._output.last

    def status(self) -> str:
        """Return one line about how it goes."""
        figures = self._output.figures()
        parts = [f"{figures.fps:.0f} pictures a second"]
        if figures.latency_ms is not None:
            p95 = "" if figures.latency_ms_p95 is None else f" (95 of 100 within {figures.latency_ms_p95:.0f})"
            parts.append(f"{figures.latency_ms:.0f} ms from camera to device{p95}")
        if self._drawing is not None and (self._inputs.camera or self._inputs.clip):
            sight = self._drawing.face_seen
            parts.append({"tracked": "face followed", "held": "face held"}.get(sight, "no face seen"))
        return ", ".join([*parts, *(["muted"] if self._muted else [])])

    def _act(self, action: Action, drawing: Drawing) -> None:
        match action.verb:
            case "face":
                if len(self._faces) < 2:
                    self._note("There is one face only: name more by giving --avatar several times.")
                    return
                self.show_face((self._face + 1) % len(self._faces))
            case "rest":
                drawing.calibrate()
                self._note("Rest for a second: your face is taken as it is then.")
            case "background":
                if len(self._backgrounds) > 1:
                    self.show_background(following(self._backgrounds, self._background))
            case "mute":
                self.mute(not self._muted)
            case "feel":
                drawing.direct(action.words)
            case "help":
                self._note(HELP)
            case "quit":
                self._ended.set()

    def _readers(self, drawing: Drawing) -> list[CameraReader | MicrophoneReader | ClipReader]:
        inputs = self._inputs
        readers: list[CameraReader | MicrophoneReader | ClipReader] = []
        if inputs.clip is not None:
            readers.append(ClipReader(inputs.clip, drawing.push_camera, self._hear, self._on_input("clip")))
        if inputs.camera is not None:
            readers.append(CameraReader(inputs.camera, drawing.push_camera, self._on_input("camera")))
        if inputs.microphone is not None:
            readers.append(MicrophoneReader(inputs.microphone or None, self._hear, self._on_input("microphone")))
        return readers

    def _on_input(self, name: str) -> Callable[[DeviceState, str], None]:
        lost_before = threading.Event()

        def on_state(state: DeviceState, why: str) -> None:
            if state == "lost":
                lost_before.set()
                self._note(f"{why} The avatar rests meanwhile; trying again.")
            elif lost_before.is_set():
                self._note(f"The {name} works again.")

        return on_state

    def _hear(self, frame: av.AudioFrame, arrival_s: float) -> None:
        """Give sound to what draws and to whoever listens, unless it is muted."""
        drawing = self._drawing
        if self._muted or drawing is None:
            return
        drawing.push_audio(frame, arrival_s)
        if self._sound is not None:
            self._sound.push(frame, arrival_s)

    def _on_sent(self, picture: Picture, sent_s: float) -> None:
        if self._sound is not None:
            self._sound.picture_sent(picture, sent_s)

    def _on_sound_failure(self, why: str) -> None:
        self._note(f"{why} Pictures go on without sound.")

    def _running(self) -> Drawing:
        if self._drawing is None:
            raise AvatarError("The camera is only just beginning. Try again in a moment.", code="busy")
        return self._drawing

    def _note(self, text: str) -> None:
        number = self._noted[-1][0] + 1 if self._noted else 1
        self._notes.append(text)
        self._noted.append((number, text))

    def _fail(self, why: str) -> None:
        self._failure = why
        self._ended.set()
