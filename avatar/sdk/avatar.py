"""The API of an avatar: sound in as fast as it comes, pictures and sound out in step.

    async with Avatar.open("me.avatar") as avatar:
        await avatar.push_audio(pcm, 24_000)
        await avatar.end_of_speech()
        async for frame in avatar:
            show(frame) if isinstance(frame, VideoFrame) else play(frame)

`Avatar.connect` lets a server draw; all else is the same. Drawing happens in a thread of its own, the rest on the event
loop that opened the avatar.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from avatar.config import Background, PictureSettings, TrustSettings
from avatar.config.checks import check_whole, is_whole
from avatar.errors import ClosedError
from avatar.generator.identity import Identity
from avatar.media.pcm import I16, RATES, Pcm
from avatar.motion.cues import Cue, check_cue
from avatar.motion.idle import HIGHEST_SEED
from avatar.motion.voice_network import VoiceNetwork
from avatar.sdk.directed import Directed
from avatar.sdk.events import EventLog
from avatar.sdk.frame_queue import FrameQueue
from avatar.sdk.frame_stream import FrameStream
from avatar.sdk.frames import AvatarEvent, Frame
from avatar.sdk.renderer import LocalRenderer, Renderer, checked_picture, chosen_background, open_parts
from avatar.sdk.speech_intake import SpeechIntake
from avatar.sdk.speech_playout import SpeechPlayout
from avatar.timing.speech_events import SpeechInterrupted


class Avatar(Directed):
    """One live face. Use on one event loop; `async with` opens and closes it."""

    def __init__(
        self,
        renderer: Renderer,
        *,
        fps: int = 30,
        sample_rate: int = 48_000,
        on_event: Callable[[AvatarEvent], None] | None = None,
        seed: int = 0,
    ) -> None:
        """Prepare an avatar that `renderer` will draw; `open` and `connect` are the usual ways to one.

        Args:
            renderer: draws its pictures.
            fps: pictures a second, 1 to 60.
            sample_rate: of the sound given out, samples a second.
            on_event: called with each event at once, on the event loop; what it raises is logged. Frames of sound carry
                the events too.
            seed: another one, 0 to 2^63 - 1, is another temperament.

        Raises:
            ValueError: a rate that cannot be.
            SettingsError: an `on_event` that is no plain function, a seed that cannot be.
        """
        check_whole("seed", seed, 0, HIGHEST_SEED)
        if not (is_whole(fps, 1, 60) and is_whole(sample_rate, *RATES)):
            raise ValueError(
                f"{fps} pictures and {sample_rate} samples a second: 1-60 and {RATES[0]}-{RATES[1]} can be."
            )
        self.sample_rate = sample_rate
        self._renderer = renderer
        self._seed = seed
        self._events = EventLog(on_event)
        self._playout = SpeechPlayout(sample_rate, fps)
        self._queue = FrameQueue(self._playout)
        self._opened = False
        self._opening = asyncio.Lock()
        self._intake = SpeechIntake(self._playout, self._open)
        self._frames = FrameStream(self._queue, self._events, on_taken=self._intake.wake)

    @classmethod
    def open(
        cls,
        face: str | Path | Identity,
        *,
        picture: PictureSettings | None = None,
        sample_rate: int = 48_000,
        liveliness: float = 1.0,
        voice_network: str | Path | VoiceNetwork | None = None,
        on_event: Callable[[AvatarEvent], None] | None = None,
        seed: int = 0,
        trust: TrustSettings | None = None,
    ) -> Avatar:
        """Return an avatar of an `.avatar` file, a photo, a built-in face's id or an identity; `async with` opens it.

        Opening raises AvatarError (the subclass says why) where there is no such face or no model to move it with.

        Args:
            face: the file, photo, id or identity.
            picture: size, rate and what draws it; None: 512 x 512 pixels, 30 a second, the best that runs here.
            sample_rate: of the sound given out.
            liveliness: of the mouth, 0 calm, 1 as trained, 2 lively.
            voice_network: weights of one's own that move the mouth: their file, or what `load_voice_network` returned.
            on_event, seed: as for the class.
            trust: what has to be stated of whose face it is: `TrustSettings(require_consent=True)` refuses faces that
                do not say so (ConsentError); None: nothing.
        """
        settings = checked_picture(picture)

        renderer = LocalRenderer(
            lambda: open_parts(face, settings, liveliness=liveliness, voice_network=voice_network, trust=trust)
        )
        return cls(renderer, fps=settings.fps, sample_rate=sample_rate, on_event=on_event, seed=seed)

    @classmethod
    def connect(
        cls,
        url: str,
        face: str = "mira",
        *,
        token: str | None = None,
        picture: PictureSettings | None = None,
        sample_rate: int = 48_000,
        liveliness: float = 1.0,
        on_event: Callable[[AvatarEvent], None] | None = None,
        seed: int = 0,
        ice_servers: Sequence[str] | None = None,
        plain_http: bool = False,
        watch: str | None = None,
    ) -> Avatar:
        """Return an avatar that a server (`avatar serve`) draws; `async with` makes the call.

        Opening raises TokenError, ServerFullError (`retry_after_s` says when to try again), UnknownAvatarError or
        ServerGoneError. Where the server goes away later, iteration, pushes and all else raise ServerGoneError; where
        only the process has gone that drew it, in a cluster, the call comes back by itself in a few seconds, and sound
        goes on meanwhile.

        Args:
            url: of the server, such as https://host:8010.
            face: the id of a face on that server, built in or uploaded.
            token: the server's; it is sent to that server alone.
            picture: size and rate; None: 512 x 512 pixels, 30 a second. What draws it is the server's to choose.
            sample_rate, liveliness: as for `open`.
            on_event, seed: as for the class.
            ice_servers: STUN or TURN URLs (turn:NAME:PASSWORD@HOST), where there is no direct way to the server; None:
                those that the server names; (): none.
            plain_http: http to another machine will do, though anybody on the way can read the token.
            watch: the end of the link that others may watch the call by, 16 to 64 letters, digits, - or _ that nobody
                can guess; None: the server makes one.

        Raises:
            ServerGoneError: `url` is no address.
            AvatarError: http to another machine, code `insecure_url`; TokenError: a token that cannot be sent.
        """
        from avatar.sdk.remote_renderer import RemoteRenderer  # noqa: PLC0415 - WebRTC is not loaded where nobody connects
        from avatar.sdk.whip_client import WhipClient  # noqa: PLC0415

        settings = checked_picture(picture)
        client = WhipClient(url, token, plain_http=plain_http)
        renderer = RemoteRenderer(client, face, settings, liveliness=liveliness, ice_servers=ice_servers, watch=watch)
        return cls(renderer, fps=settings.fps, sample_rate=sample_rate, on_event=on_event, seed=seed)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Open the avatar; `async with` does it. Once open, it does nothing; a second call meanwhile waits for it.

        Raises:
            ClosedError: it was closed.
            AvatarError: the face or a model cannot be used.
        """
        async with self._opening:
            if self._queue.closed:
                raise ClosedError("This avatar was closed: open another.")
            if not self._opened:
                self._frames.attach()
                await self._renderer.open(self._queue, seed=self._seed)
                self._opened = True

    async def aclose(self) -> None:
        """Close the avatar: iteration ends, waiting pushes raise ClosedError. May be called again."""
        self._queue.close()
        self._intake.wake()
        await self._renderer.close()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the pictures in pixels. Raises ClosedError before it is open."""
        self._open()
        return self._renderer.picture_size

    @property
    def fps(self) -> int:
        """Pictures a second."""
        return self._playout.fps

    @property
    def waiting_s(self) -> float:
        """Seconds of sound that wait to be spoken."""
        return self._open().waiting_s

    @property
    def speaking(self) -> bool:
        """Whether something is being said, or waits to be. Raises ClosedError."""
        return self._open().speaking

    def unspoken(self) -> I16:
        """Remove and return the sound, (n,) at `sample_rate`, that an avatar which failed or was closed has not spoken.

        So that a program can play it without a face.
        """
        return self._playout.unspoken(self._queue.untaken())

    async def push_audio(self, pcm: Pcm, sample_rate: int, *, utterance: str | None = None) -> None:
        """Take sound to be spoken after what waits already; returns when it is queued, often long before it is heard.

        While more than `speech_intake.BUFFER_S` wait it does not return: frames have to be taken for sound to be
        spoken. A push that waits when the avatar is interrupted is dropped with the rest.

        Args:
            pcm: signed 16-bit samples (bytes are little-endian and of one channel) or 32-bit floats within -1..1, (n,)
                or (channels, n). It is read piece by piece: leave it as it is until this returns.
            sample_rate: samples a second, 8000 to 192000.
            utterance: a name of what is being said: its sound is known and dropped when it comes after an interruption.
                Another name than before ends what was said before.

        Raises:
            SoundError: a type, shape or rate that is not taken; nothing was queued.
            ClosedError: the avatar is not open, or closes meanwhile; `unspoken` has what was queued before.
            AvatarError: it was opened on another event loop.
        """
        self._open()
        self._frames.check_loop()
        await self._intake.push(pcm, sample_rate, utterance)

    async def end_of_speech(self, *, utterance: str | None = None) -> None:
        """Say that an utterance is complete; waits behind pushes that wait. Raises as `push_audio`."""
        self._open()
        self._frames.check_loop()
        await self._intake.end(utterance)

    def interrupt(self) -> float:
        """Be silent at once, close the mouth, forget what waits; return how much of the utterance was heard, ms.

        0 while nothing is said, and the second time. Raises ClosedError.
        """
        self._open()
        events = self._intake.interrupt(time.monotonic())
        for event in events:
            self._events.add(event)
        return next((event.heard_ms for event in events if isinstance(event, SpeechInterrupted)), 0.0)

    async def set_background(self, background: Background | str) -> None:
        """Put something else behind the avatar; returns when it is made, a tenth of a second later.

        Pictures go on meanwhile; those that are drawn already still show what was there before.

        Args:
            background: or its text: keep, blur, transparent, a colour as #RRGGBB or a picture's file.

        Raises:
            AvatarError: it cannot be there, code `bad_background`, or `bad_size`: of a server's pictures only small
                ones can be transparent; ImageError: the picture cannot be used.
            ClosedError, ServerGoneError.
        """
        self._open()
        await self._renderer.set_background(chosen_background(background))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        """Return the next frame when it is due, a picture and then its sound. The clock begins with the first call.

        Raises:
            StopAsyncIteration: the avatar was closed.
            ClosedError: it has not been opened.
            AvatarError: drawing has failed for good, or it was opened on another event loop.
        """
        if not self._opened:
            raise ClosedError("This avatar is not open: use `async with`, or await start().")
        return await self._frames.take(self._renderer.lead_s)

    def _open(self) -> SpeechPlayout:
        self._queue.raise_failure()
        if self._queue.closed or not self._opened:
            state = "closed" if self._queue.closed else "not open yet"
            raise ClosedError(f"This avatar is {state}: use it inside `async with Avatar.open(...)`.")
        return self._playout

    def _perform(self, cue: Cue) -> None:
        self._open()
        check_cue(cue)
        self._renderer.perform(cue)
