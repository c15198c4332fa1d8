"""Every call of a server: who may begin one, what all of them did, and the end of them all."""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from avatar.call.backgrounds import GetBackground, no_uploads
from avatar.call.browser_peer import GetAvatar
from avatar.call.call import Call
from avatar.call.capacity import Capacity, Standing
from avatar.call.cost_trial import try_call
from avatar.call.factory import CallFactory, Mode, adapts, session_makers, weight
from avatar.call.limits import EndReason
from avatar.call.places import Places
from avatar.call.room import Seat
from avatar.call.rooms import Rooms, RoomWish
from avatar.call.totals import CallsSnapshot, CallTotals
from avatar.call.upkeep import Upkeep
from avatar.call.watchers import Watchers
from avatar.config import PictureSettings, ServerSettings
from avatar.conversation.services import ServiceFactory, open_services
from avatar.errors import AvatarError, NoCommonCodecError, TrickleError
from avatar.motion.voice_network import VoiceNetwork
from avatar.session.protocol import MakeSession
from avatar.stream.offer import Offer, read_offer
from avatar.stream.trickle import read_fragment
from avatar.timing.machine_load import LoadMeter
from avatar.types import Drive

logger = logging.getLogger(__name__)


class Calls:
    """The running calls. Used on the event loop only; slow work runs in its own threads, never on the loop."""

    def __init__(
        self,
        settings: ServerSettings,
        get_avatar: GetAvatar,
        *,
        get_background: GetBackground = no_uploads,
        sessions: Mapping[Mode, MakeSession] | None = None,
        service_factory: ServiceFactory | None = None,
        voice_network: VoiceNetwork | None = None,
        after_opening: Callable[[], None] | None = None,
        after_call: Callable[[bool], None] | None = None,
    ) -> None:
        """Prepare for calls.

        Args:
            settings: of the server.
            get_avatar: returns the identity with an id and raises AvatarError.
            get_background: returns the uploaded picture with an id and raises AvatarError.
            sessions: makes the pipelines; None: the real ones.
            service_factory: opens the services of a conversation; None: as the settings say.
            voice_network: moves the mouths of the real pipelines to sound; None: the shipped one.
            after_opening: does, in a thread, what there is to do once a call, or several, have opened.
            after_call: does, in a thread, what there is to do soon after a call or several have ended; it is told
                whether others are running.
        """
        self._settings = settings
        self._get_avatar = get_avatar
        self._calls: dict[str, Call] = {}
        self._rooms = Rooms(settings.limits.rooms, settings.limits.room_members)
        self._closing = False
        self._totals = CallTotals()
        # Encoding has threads of its own: work that blocks (loading, joining) must never hold up picture or sound.
        self._encode_pool = ThreadPoolExecutor(max(2, os.cpu_count() or 1), thread_name_prefix="avatar-encode")
        self._blocking_pool = ThreadPoolExecutor(
            min(8, settings.limits.sessions + 1), thread_name_prefix="avatar-blocking"
        )
        load = LoadMeter()
        self._capacity = Capacity(load)
        self._places = Places(
            self._capacity, settings.limits.sessions, lambda: [call.standing for call in self._calls.values()]
        )
        self._upkeep = Upkeep(
            self._blocking_pool,
            after_opening=after_opening,
            after_call=after_call,
            others_run=lambda: self._active > 0,
        )
        self._factory = CallFactory(
            settings,
            get_avatar,
            service_factory or partial(open_services, settings.conversation),
            get_background=get_background,
            sessions=sessions or session_makers(voice_network),
            encode_pool=self._encode_pool,
            blocking_pool=self._blocking_pool,
            load=load,
            count_calls=lambda: len(self._calls),
            shared_level=lambda: self._capacity.shared_level,
        )

    async def create(
        self,
        offer_sdp: str,
        avatar_id: str | None,
        *,
        width: int | None = None,
        height: int | None = None,
        fps: int | None = None,
        mode: Mode = "avatar",
        drive: Drive = "camera",
        watch: str | None = None,
        background: str | None = None,
        room: RoomWish | None = None,
    ) -> Call:
        """Answer an offer and begin a call; `id` and `answer_sdp` of what is returned go back to the visitor.

        `watch` is the token that it may be watched by; None: one is made. `room` lets it join, or begin, a room. Raises
        OfferError, ServerFullError, RoomFullError, AvatarError (bad_size, bad_rate, bad_background, unknown_background,
        bad_mode, bad_drive, bad_room, rooms_off, watch_taken, unknown_avatar and whatever `get_avatar` or the session
        raises).
        """
        try:
            offer = read_offer(offer_sdp, limit_bytes=self._settings.limits.offer_bytes)
        except NoCommonCodecError as error:  # a client that was set up wrongly: who runs the server is asked about it
            logger.warning("an offer was refused: %s", error)
            raise
        picture = self._factory.picture(width, height, fps, background)
        self._factory.check(offer, mode, drive, in_room=room is not None)
        if watch is not None and self.watchers(watch) is not None:
            raise AvatarError("Another call has this watch link. Choose another, or end that call.", code="watch_taken")
        seat = None if room is None else self._rooms.take_seat(room)
        try:
            return await self._create(offer, avatar_id, picture, mode, drive, watch, seat)
        except BaseException:
            if seat is not None:
                seat.leave()
            raise

    async def _create(
        self,
        offer: Offer,
        avatar_id: str | None,
        picture: PictureSettings,
        mode: Mode,
        drive: Drive,
        watch: str | None,
        seat: Seat | None,
    ) -> Call:
        opening = Standing(0 if adapts(picture, mode) else None, False, 0.0, weight(mode))
        self._places.take(opening, exhausted=any(call.exhausted for call in self._calls.values()))
        try:
            identity = await self._get_avatar(avatar_id) if avatar_id is not None else None
            call = self._factory.make(picture, mode, self._forget, watch_token=watch, seat=seat)
            self._calls[call.id] = call
        finally:
            self._places.opened(opening)
        try:
            await self._factory.open(call, offer, avatar_id, identity, mode, drive)
        except BaseException:  # a visitor who has gone away cancels this: nothing of the call may stay
            await asyncio.shield(call.end("failed"))
            raise
        self._totals.call_began()
        self._places.watch()
        self._upkeep.call_began()
        return call

    def __contains__(self, call_id: str) -> bool:
        """Return whether this call is running."""
        return call_id in self._calls

    def get(self, call_id: str) -> Call | None:
        """Return a running call; None where there is none with this id."""
        return self._calls.get(call_id)

    def watchers(self, watch_token: str) -> Watchers | None:
        """Return who watches the running call with this token, by its link or in its room; None where there is none."""
        # Every token is compared, and in the same time: it is a secret.
        asked = watch_token.encode()
        found = [call for call in self._calls.values() if hmac.compare_digest(call.watch_token.encode(), asked)]
        if found and found[0].answer_sdp:
            return found[0].watchers
        return self._rooms.find_watchers(watch_token)

    async def room_names(self, room_id: str) -> list[str]:
        """Return who is in a room, "" for those who gave no name; nobody where there is no such room (yet)."""
        return self._rooms.names(room_id)

    async def trickle(self, call_id: str, fragment: str, tags: Collection[str] | None = None) -> bool:
        """Try more addresses of a call's peer; False when there is no call with this id.

        `tags` are those of the ICE session that the sender means, `*` any; None: it does not say. Raises TrickleError
        (bad_fragment, ice_restart, stale_tag).
        """
        call = self._calls.get(call_id)
        if call is None:
            return False
        if tags is not None and not {call.ice_tag, "*"} & set(tags):
            raise TrickleError("The call has another ETag than If-Match says.", code="stale_tag")
        await call.trickle(read_fragment(fragment))
        return True

    async def end(self, call_id: str, reason: EndReason = "left") -> bool:
        """End a call and wait until nothing of it is left; False when there is none with this id."""
        call = self._calls.get(call_id)
        if call is None:
            return False
        await asyncio.shield(call.end(reason))
        return True

    async def try_call(self, avatar_id: str) -> None:
        """Measure what a call with an avatar costs here, in the background: the server takes calls meanwhile.

        Where one has come before that, nothing is tried: it needs the time, and will tell what calls cost.
        """
        try:
            identity = await self._get_avatar(avatar_id)
            if self._active or self._closing:
                return
            loop = asyncio.get_running_loop()
            cores = await loop.run_in_executor(self._blocking_pool, try_call, identity, self._settings.picture)
        except AvatarError as error:  # a call will say it to its user
            logger.warning("what a call costs here could not be measured: %s", error)
            return
        self._capacity.tried(cores)
        logger.info("a call at full quality costs %.2f processor cores", cores)

    async def close(self) -> None:
        """End every call and every thread. No call can begin any more."""
        self._closing = True
        self._places.close()
        self._upkeep.close()
        while self._active:
            endings = [call.end("server_stopping") for call in list(self._calls.values())]
            await asyncio.gather(*endings, return_exceptions=True)
            await asyncio.sleep(0.01)
        loop = asyncio.get_running_loop()
        for pool in (self._encode_pool, self._blocking_pool):
            await loop.run_in_executor(None, pool.shutdown)

    def snapshot(self) -> CallsSnapshot:
        """Return the figures of now."""
        return self._totals.snapshot(
            list(self._calls.values()),
            opening=self._places.opening,
            refused=self._places.refused,
            limit=self._places.limit(adapting=adapts(self._settings.picture, "avatar")),
            call_cores=self._capacity.call_cores,
            rooms=len(self._rooms),
        )

    @property
    def _active(self) -> int:
        """How many calls run or are on their way."""
        return len(self._calls) + self._places.opening

    def _forget(self, call: Call) -> None:
        if self._calls.pop(call.id, None) is None:
            return
        self._totals.call_ended(call)
        logger.info("call %s ended: %s", call.log_name, call.reason)
        self._upkeep.call_ended()
