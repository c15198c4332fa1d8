"""Renderers of an avatar's ticks: the protocol, and the one that draws in this process."""

from __future__ import annotations

import asyncio
import atexit
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Final, Protocol

from avatar.config import BACKGROUND, Background, PictureSettings, TrustSettings, read_background
from avatar.errors import AvatarError, SettingsError
from avatar.generator.adaptive import AdaptiveRenderer
from avatar.generator.identity import Identity
from avatar.generator.picture_label import labelled
from avatar.generator.protocol import Generator
from avatar.generator.tiers import open_generator, open_listener
from avatar.identities.open import checked_consent, face_warnings, open_identity
from avatar.motion.cues import Cue
from avatar.motion.idle import HIGHEST_SEED
from avatar.motion.speech import SpeechMotion
from avatar.motion.voice_network import VoiceNetwork, load_voice_network, require_live
from avatar.sdk.animator import Animator
from avatar.sdk.frame_queue import FrameQueue
from avatar.timing.concurrency_limit import picture_work
from avatar.timing.stage_thread import StageThread
from avatar.trust.watermark import Marker, marker_of

logger = logging.getLogger(__name__)

READY: Final = 2
"""Ticks that may be drawn and wait to be taken."""


@dataclass(frozen=True, slots=True)
class RenderParts:
    """What renders one avatar: the generator of its pictures and the motion of its mouth."""

    generator: Generator
    speech: SpeechMotion
    open_before: Callable[[Background], Generator] | None = None
    """Opens what draws the same avatar before another background; None: nothing can."""
    marker: Marker = field(default_factory=lambda: Marker(None))
    """Marks its pictures."""

    def before(self, background: Background) -> Generator:
        """Return what draws the avatar before a background. Blocks; raises AvatarError."""
        if self.open_before is None:
            raise AvatarError("What is behind this avatar cannot be changed.", code="bad_background")
        return self.open_before(background)


def parts_of(identity: Identity, settings: PictureSettings, speech: SpeechMotion) -> RenderParts:
    """Return what renders an identity; blocks while models load. Raises ModelError, ImageError."""
    size = (settings.width, settings.height)

    def open_before(background: Background) -> Generator:
        return labelled(open_generator(identity, size, settings.tier, settings.engine, background), settings)

    return RenderParts(open_before(settings.background), speech, open_before, marker_of(settings))


def open_parts(
    face: str | Path | Identity,
    settings: PictureSettings,
    *,
    liveliness: float = 1.0,
    voice_network: str | Path | VoiceNetwork | None = None,
    trust: TrustSettings | None = None,
) -> RenderParts:
    """Return what renders a face; blocks while models load. What is wrong with its photo is logged.

    Args:
        face: an `.avatar` file, a photo, a built-in face's id or an identity.
        settings: size, and what draws it.
        liveliness: of the mouth, 0..2.
        voice_network: weights that move the mouth, or their file; None: the shipped ones.
        trust: what has to be stated of whose face it is; None: nothing.

    Raises:
        ConsentError: that is not stated, or what is stated does not hold.
        AvatarError: there is no such face, or a model cannot be used.
    """
    wanted = TrustSettings() if trust is None else trust
    if isinstance(face, Identity):
        identity = checked_consent(face, face.name or "This avatar", wanted)
    else:
        identity = open_identity(str(face), wanted)
    for warning in () if isinstance(face, Identity) else face_warnings(str(face), identity):
        logger.warning("%s: %s", face, warning)
    network = load_voice_network(voice_network) if isinstance(voice_network, (str, Path)) else voice_network
    if network is not None:
        require_live(network)
    listener = open_listener(settings.tier, settings.engine)
    return parts_of(
        identity, settings, SpeechMotion(network, liveliness=checked_liveliness(liveliness), listener=listener)
    )


class Renderer(Protocol):
    """Plans and draws the ticks of one avatar. Its methods are called on the avatar's event loop."""

    @property
    def picture_size(self) -> tuple[int, int]:
        """(width, height) in pixels, once it is open."""
        ...

    @property
    def lead_s(self) -> float:
        """How long before it is due a tick is planned now."""
        ...

    async def open(self, queue: FrameQueue, *, seed: int) -> None:
        """Get ready, and from then on draw the ticks of `queue` as they become due. Raises AvatarError."""

    def perform(self, cue: Cue) -> None:
        """Follow a cue that `check_cue` has accepted. Never blocks."""

    async def set_background(self, background: Background) -> None:
        """Put something else behind the avatar; returns when it is there. Raises AvatarError where it cannot be."""

    async def close(self) -> None:
        """End; the queue has been closed. Also where it never opened."""


class LocalRenderer:
    """Draws in a thread of this process."""

    def __init__(self, make_parts: Callable[[], RenderParts]) -> None:
        """Draw with what `make_parts` makes, in a thread, when it is opened."""
        self._make_parts = make_parts
        self._worker: StageThread | None = None

    @property
    def picture_size(self) -> tuple[int, int]:
        """(width, height) in pixels, once it is open."""
        return self._parts.generator.picture_size

    @property
    def lead_s(self) -> float:
        """One picture's time: work on a tick begins when the one before it is due."""
        return 1 / self._queue.playout.fps

    async def open(self, queue: FrameQueue, *, seed: int) -> None:
        """Make the parts and start the thread. Raises AvatarError: the face, a model or the seed cannot be used."""
        if not 0 <= seed <= HIGHEST_SEED:
            raise AvatarError(f"The seed {seed} cannot be used: 0 to {HIGHEST_SEED} can.")
        self._queue = queue
        self._parts = await asyncio.to_thread(self._make_parts)
        self._drawing = AdaptiveRenderer(self._parts.generator, queue.playout.fps)
        self._animator = Animator(queue.playout.rate, self._parts.speech, seed=seed)
        self._worker = StageThread("sdk", self._draw_ticks, lambda why: queue.fail(stopped(why)))
        self._worker.start()
        atexit.register(self._leave)

    def perform(self, cue: Cue) -> None:
        """Follow a cue from the next tick on."""
        self._animator.perform(cue)

    async def set_background(self, background: Background) -> None:
        """Put this behind the avatar from the next tick on that is drawn when it is made, in a tenth of a second."""
        generator = await asyncio.to_thread(self._parts.before, background)
        self._drawing = AdaptiveRenderer(generator, self._queue.playout.fps)

    async def close(self) -> None:
        """Wait for the thread's end."""
        worker, self._worker = self._worker, None
        if worker is not None:
            atexit.unregister(self._leave)
            await asyncio.to_thread(worker.join)

    def _leave(self) -> None:
        """End with a program that has not closed its avatar: a thread that still draws then would abort it."""
        self._queue.close()
        if self._worker is not None:
            self._worker.join()

    def _draw_ticks(self) -> None:
        queue, skipped = self._queue, 0
        while (now_s := self._wait()) is not None:
            tick = queue.plan()
            drawn, rgb = queue.clock is None or queue.clock.worth_drawing(tick.index, now_s, skipped), None
            listening = drawn and self._drawing.generator.needs_heard
            motion = self._animator.animate(tick.mouth, listening=listening)
            if drawn:
                with picture_work().held():
                    rgb, skipped = self._parts.marker.mark_rgb(self._drawing.render(motion)), 0
            else:
                skipped += 1
            queue.settle(tick.index, rgb)

    def _wait(self) -> float | None:
        """Return the time when a tick should be worked on, as soon as it has come; None once closed."""
        queue = self._queue
        with queue.changed:
            while not queue.closed:
                wait_s = queue.plan_in_s(self.lead_s, READY)
                if wait_s <= 0:
                    return time.monotonic()
                queue.changed.wait(None if math.isinf(wait_s) else wait_s)
        return None


def checked_liveliness(liveliness: float) -> float:
    """Return how lively a mouth is to be. Raises SettingsError where it is no number from 0 to 2."""
    if not (isinstance(liveliness, Real) and 0 <= liveliness <= 2):
        raise SettingsError(f"liveliness cannot be {liveliness!r}: it is a number from 0 (calm) to 2 (lively).")
    return float(liveliness)


def checked_picture(asked: object) -> PictureSettings:
    """Return what a program asked for, the usual where it is None. Raises SettingsError where it is something else."""
    if asked is None:
        return PictureSettings()
    if not isinstance(asked, PictureSettings):
        raise SettingsError(
            f"picture cannot be {asked!r}: it is a PictureSettings, such as PictureSettings(width=256, height=256)."
        )
    return asked


def chosen_background(asked: object) -> Background:
    """Return a background, or the one that a text names. Raises AvatarError (bad_background) for anything else."""
    if isinstance(asked, Background):
        return asked
    try:
        return read_background(asked if isinstance(asked, str) else "")
    except ValueError as error:
        shown = asked[:80] if isinstance(asked, str) else asked
        raise AvatarError(f"{shown!r} is no background: {BACKGROUND.takes}.", code="bad_background") from error


def stopped(why: str) -> AvatarError:
    """Return the error that a program gets when another one has ended the drawing."""
    return AvatarError(f"The avatar has stopped: {why}")
