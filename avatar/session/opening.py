"""Opens the pipeline of a call from its parts: tracker, generator and speech network."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from avatar.config import PictureSettings
from avatar.generator.adaptive import AdaptiveRenderer
from avatar.generator.identity import Identity
from avatar.generator.picture_label import labelled
from avatar.generator.tiers import open_generator, open_listener, smaller_tiers
from avatar.models.store import get_model
from avatar.motion.speech import SpeechMotion
from avatar.motion.voice_network import VoiceNetwork
from avatar.perception.tracker import FaceTracker
from avatar.session.live import Session
from avatar.session.protocol import SessionEvent, TierLowered
from avatar.types import Drive, Picture

_ONE_AT_A_TIME: Final = threading.Lock()
"""Opening takes an interpreter's whole attention for a tenth of a second. Calls that were all asked to be simpler
opened what draws them at the same moment, and their pictures came 0.3 to 0.5 s late meanwhile."""


def open_session(
    identity: Identity,
    picture: PictureSettings,
    *,
    on_picture: Callable[[Picture], None],
    on_event: Callable[[SessionEvent], None],
    drive: Drive = "camera",
    voice_network: VoiceNetwork | None = None,
) -> Session:
    """Return a session that is not started yet. Blocks while models load.

    `voice_network` moves the mouth to sound; None: the shipped one.

    Raises:
        ModelError: a tier or an engine was asked for by name that cannot run here.
        ModelError, PerceptionError: the face tracker cannot start.
    """

    renderers = _Renderers(on_event)
    return Session(
        renderers.open(identity, picture),
        renderers.open,
        FaceTracker(get_model("face_landmarker"), engine=picture.tracker),
        SpeechMotion(voice_network, listener=open_listener(picture.tier, picture.engine)),
        picture=picture,
        on_picture=on_picture,
        on_event=on_event,
        drive=drive,
    )


class _Renderers:
    """Opens what draws a session's pictures, and remembers the tier that there is memory for."""

    def __init__(self, on_event: Callable[[SessionEvent], None]) -> None:
        self._on_event = on_event
        self._tiers: tuple[str, ...] = ()
        """The one that draws in place of a larger one, and all smaller ones; empty: nothing was lacking yet."""

    def open(self, identity: Identity, picture: PictureSettings) -> AdaptiveRenderer:
        """Return what draws a picture; blocks for a moment. Raises ModelError, ImageError."""
        tier = picture.tier if not self._tiers or picture.tier in self._tiers else self._tiers[0]
        engine = picture.engine if tier == picture.tier else "auto"
        size = (picture.width, picture.height)
        with _ONE_AT_A_TIME:
            generator = open_generator(identity, size, tier, engine, picture.background, self._lowered)
        return AdaptiveRenderer(labelled(generator, picture), picture.fps)

    def _lowered(self, tier: str, why: str) -> None:
        self._tiers = (tier, *smaller_tiers(tier))
        self._on_event(TierLowered(tier, why))
