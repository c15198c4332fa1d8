"""Opens the pipeline of a call from its parts: tracker, generator and speech network."""

from __future__ import annotations

from collections.abc import Callable

from avatar.config import PictureSettings
from avatar.generator.adaptive import AdaptiveRenderer
from avatar.generator.identity import Identity
from avatar.generator.tiers import open_generator
from avatar.models.store import get_model
from avatar.motion.speech import SpeechMotion
from avatar.motion.voice_network import VoiceNetwork
from avatar.perception.tracker import FaceTracker
from avatar.session.live import Session
from avatar.session.protocol import SessionEvent
from avatar.types import Drive, Picture


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

    return Session(
        _open_renderer(identity, picture),
        _open_renderer,
        FaceTracker(get_model("face_landmarker"), engine=picture.tracker),
        SpeechMotion(voice_network),
        picture=picture,
        on_picture=on_picture,
        on_event=on_event,
        drive=drive,
    )


def _open_renderer(identity: Identity, picture: PictureSettings) -> AdaptiveRenderer:
    size = (picture.width, picture.height)
    return AdaptiveRenderer(
        open_generator(identity, size, picture.tier, picture.engine, picture.background), picture.fps
    )
