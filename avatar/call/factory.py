"""Puts a call together from its parts: connection, media, statistics, session, and who takes part."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import get_args

from avatar.call.backgrounds import BackgroundChanges, GetBackground, call_background, check_size
from avatar.call.bot_peer import BotPeer
from avatar.call.browser_peer import BrowserPeer, GetAvatar
from avatar.call.call import Call
from avatar.call.limits import CallTimes
from avatar.call.media import CallMedia
from avatar.call.modes import Mode, adapts, weight
from avatar.call.names import NewName
from avatar.call.participant import CallHost, Participant
from avatar.call.quality import CallQuality
from avatar.call.room import Seat
from avatar.call.statistics import CallStatistics
from avatar.config import Background, PictureSettings, ServerSettings
from avatar.conversation.services import ServiceFactory
from avatar.errors import AvatarError, OfferError
from avatar.generator.identity import Identity
from avatar.perception.speech.echo import EchoCanceller
from avatar.sdk.bot_session import BotSession
from avatar.session.protocol import LiveSession, MakeSession, SessionEvent
from avatar.stream.broadcast import Broadcast
from avatar.stream.peer import Peer
from avatar.stream.sdp.offer import Offer
from avatar.timing.machine_load import LoadMeter
from avatar.trust.watermark import Marker, marker_of
from avatar.trust.watermark_numbers import call_number
from avatar.types import Drive, Picture


class CallFactory:
    """Makes calls that are not open yet. Used on the event loop only; nothing here blocks it."""

    def __init__(
        self,
        settings: ServerSettings,
        get_avatar: GetAvatar,
        service_factory: ServiceFactory,
        *,
        get_background: GetBackground,
        sessions: Mapping[Mode, MakeSession],
        encode_pool: Executor,
        blocking_pool: Executor,
        load: LoadMeter,
        count_calls: Callable[[], int],
        shared_level: Callable[[], int],
        new_name: NewName,
    ) -> None:
        """Make calls of these parts.

        Args:
            settings: of the server.
            get_avatar: returns the identity with an id and raises AvatarError.
            service_factory: opens the services of a conversation.
            get_background: returns the uploaded picture with an id and raises AvatarError.
            sessions: makes the pipeline of each mode.
            encode_pool: its threads encode pictures and sound, and do nothing else.
            blocking_pool: its threads do what blocks.
            load: of the machine.
            count_calls: returns how many calls run.
            shared_level: returns the level of quality that all of them are asked to be at, at least.
            new_name: names calls and watch links.
        """
        self._settings, self._new_name = settings, new_name
        self._get_avatar, self._service_factory, self._sessions = get_avatar, service_factory, sessions
        self._get_background = get_background
        self._encode_pool, self._blocking_pool = encode_pool, blocking_pool
        self._load, self._count_calls, self._shared_level = load, count_calls, shared_level

    def check(self, offer: Offer, mode: str, drive: str, *, in_room: bool = False) -> None:
        """Raise AvatarError (bad_mode, bad_drive) or OfferError where no such call can be made."""
        if mode not in self._sessions:
            raise AvatarError(f"There is no mode '{mode}'. Use one of: {', '.join(self._sessions)}.", code="bad_mode")
        if in_room and mode != "avatar":
            raise AvatarError(
                f"In a room everybody is seen as an avatar and heard: a call in mode={mode} is not.", code="bad_mode"
            )
        if not offer.has_video and mode != "avatar":
            raise OfferError(f"The offer has no video. A call in mode={mode} needs it: addTransceiver('video').")
        if drive not in get_args(Drive):
            raise AvatarError(f"'{drive}' moves no avatar. Use one of: {', '.join(get_args(Drive))}.", code="bad_drive")

    async def picture(
        self, width: int | None, height: int | None, fps: int | None, background: str | None = None
    ) -> PictureSettings:
        """Return the picture of a call that asks for this; None: as the server's.

        Raises AvatarError (bad_size, bad_rate, bad_background, unknown_background).
        """
        default = self._settings.picture
        if background is not None:
            default = replace(default, background=await call_background(background, self._get_background))
        width, height, fps = width or default.width, height or default.height, fps or default.fps
        if not 1 <= fps <= default.fps:
            raise AvatarError(f"{fps} pictures a second cannot be sent: 1 to {default.fps} can.", code="bad_rate")
        check_size((width, height), default.background)
        return replace(default, width=width, height=height, fps=fps)

    def make(
        self,
        picture: PictureSettings,
        mode: Mode,
        on_end: Callable[[Call], None],
        *,
        watch_token: str | None = None,
        seat: Seat | None = None,
    ) -> Call:
        """Return a call; `on_end` is told once nothing of it is left. `watch_token`, `seat`: see `Call`."""
        transport, now_s = self._settings.transport, time.monotonic()
        peer = Peer(transport, fps=picture.fps, encode_pool=self._encode_pool)
        statistics, times = CallStatistics((picture.width, picture.height), now_s), CallTimes(created_s=now_s)
        quality = None
        if adapts(picture, mode):
            quality = CallQuality(
                peer,
                picture,
                transport,
                self._load,
                count_calls=self._count_calls,
                shared_level=self._shared_level,
            )
        broadcast = Broadcast(
            fps=picture.fps,
            encode_pool=self._encode_pool,
            max_bitrate_bps=transport.max_bitrate_bps,
            on_picture_sent=lambda sent: media.on_broadcast(sent),  # noqa: PLW0108 - it is made below
        )
        media = CallMedia(
            peer,
            statistics,
            times,
            broadcast=broadcast,
            echo=EchoCanceller() if transport.echo_cancel else None,
            largest_camera=transport.largest_camera,
            quality=quality,
            on_sound=_ignore if seat is None else seat.hear,
        )
        return Call(
            self._new_name(),
            peer=peer,
            media=media,
            broadcast=broadcast,
            statistics=statistics,
            times=times,
            picture=picture,
            transport=transport,
            limits=self._settings.limits,
            blocking_pool=self._blocking_pool,
            on_end=on_end,
            watch_token=watch_token or self._new_name(),
            quality=quality,
            weight=weight(mode, picture, self._settings.picture),
            seat=seat,
            recordings=self._settings.recordings,
            trust=self._settings.trust,
        )

    async def open(
        self,
        call: Call,
        offer: Offer,
        avatar_id: str | None,
        identity: Identity | None,
        mode: Mode,
        drive: Drive,
        *,
        avatar_fixed: bool = False,
    ) -> None:
        """Open a call of `make`, which never shows another avatar where that is `avatar_fixed`.

        Raises AvatarError, OfferError; the caller then ends the call.
        """
        limit_bytes, make_session = self._settings.limits.control_bytes, self._sessions[mode]
        if identity is not None:
            call.recording.shown.add(identity)

        async def read_background(text: str) -> Background:
            background = await call_background(text, self._get_background)
            check_size((call.picture.width, call.picture.height), background)
            return background

        async def get_avatar(asked: str) -> Identity:
            if avatar_fixed and asked != avatar_id:
                raise AvatarError(
                    f"This call may show the avatar {avatar_id} only: its token says so.", code="insufficient_scope"
                )
            identity = await self._get_avatar(asked)
            call.recording.shown.add(identity)
            return identity

        def open_session(
            on_picture: Callable[[Picture], None], on_event: Callable[[SessionEvent], None]
        ) -> LiveSession:
            marker = marker_of(call.picture, call=call_number(call.id)) if mode != "echo" else Marker(None)

            def show(picture: Picture) -> None:
                on_picture(marker.mark_picture(picture))

            return make_session(identity, call.picture, drive=drive, on_picture=show, on_event=on_event)

        def make_participant(session: LiveSession, host: CallHost) -> Participant:
            backgrounds = BackgroundChanges(session, host, read_background)
            if isinstance(session, BotSession):
                return BotPeer(
                    session,
                    host,
                    avatar_id=avatar_id,
                    drive=drive,
                    limit_bytes=limit_bytes,
                    backgrounds=backgrounds,
                )
            return BrowserPeer(
                session,
                host,
                avatar_id=avatar_id,
                drive=drive,
                limit_bytes=limit_bytes,
                get_avatar=get_avatar,
                backgrounds=backgrounds,
                service_factory=self._service_factory,
                send_audio=call.media.send_audio,
                on_devices=_ignore if call.seat is None else call.seat.show_devices,
            )

        await call.open(offer, open_session, make_participant)


def _ignore(_: object) -> None:
    """Do nothing with what only those in a room are shown."""
