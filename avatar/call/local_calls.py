"""The calls that this process holds: made, found by what names them, and ended."""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from avatar.call.backgrounds import GetBackground, no_uploads
from avatar.call.browser_peer import GetAvatar
from avatar.call.call import Call
from avatar.call.capacity import Standing
from avatar.call.factory import CallFactory
from avatar.call.ice_session import Trickled, check_tags
from avatar.call.limits import EndReason
from avatar.call.modes import Mode, adapts, session_makers, weight
from avatar.call.names import ChosenNames, NewName, new_name
from avatar.call.room import Seat
from avatar.call.rooms import Rooms
from avatar.call.running import CallRequest
from avatar.call.totals import CallFigures, CallTotals
from avatar.call.upkeep import Upkeep
from avatar.call.watchers import Watchers
from avatar.config import PictureSettings, ServerSettings
from avatar.conversation.services import ServiceFactory, open_services
from avatar.motion.voice_network import VoiceNetwork
from avatar.session.protocol import MakeSession
from avatar.stream.sdp.offer import Offer, read_offer
from avatar.stream.trickle import read_fragment
from avatar.timing.machine_load import LoadMeter

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """A call that can be made."""

    request: CallRequest
    offer: Offer
    picture: PictureSettings
    usual: PictureSettings
    """What the server's own is like."""

    @property
    def standing(self) -> Standing:
        """How the call does while it is on its way."""
        mode = self.request.mode
        return Standing(0 if adapts(self.picture, mode) else None, False, 0.0, weight(mode, self.picture, self.usual))


class LocalCalls:
    """This process's calls. Used on the event loop only; slow work runs in threads of their own."""

    def __init__(
        self,
        settings: ServerSettings,
        get_avatar: GetAvatar,
        *,
        load: LoadMeter,
        count_calls: Callable[[], int],
        shared_level: Callable[[], int],
        get_background: GetBackground = no_uploads,
        sessions: Mapping[Mode, MakeSession] | None = None,
        service_factory: ServiceFactory | None = None,
        voice_network: VoiceNetwork | None = None,
        after_opening: Callable[[], None] | None = None,
        after_call: Callable[[bool], None] | None = None,
        on_end: Callable[[Call], None] = lambda _: None,
        new_name: NewName = new_name,
    ) -> None:
        """Prepare for calls.

        Args:
            settings: of the server.
            get_avatar: returns the identity with an id and raises AvatarError.
            load: of the machine.
            count_calls: returns how many calls the server holds, in all its processes.
            shared_level: returns the level of quality that all of them are asked to be at, at least.
            get_background: returns the uploaded picture with an id and raises AvatarError.
            sessions: makes the pipelines; None: the real ones.
            service_factory: opens the services of a conversation; None: as the settings say.
            voice_network: moves the mouths of the real pipelines to sound; None: the shipped one.
            after_opening: does, in a thread, what there is to do once a call, or several, have opened.
            after_call: does, in a thread, what there is to do soon after a call or several have ended; it is told
                whether others are running.
            on_end: is told once nothing of a call is left.
            new_name: names calls and ways to watch them.
        """
        self._settings, self._get_avatar, self._on_end = settings, get_avatar, on_end
        self._calls: dict[str, Call] = {}
        self._opening: list[float] = []
        """The weight of each call on its way."""
        self.rooms = Rooms(settings.limits.rooms, settings.limits.room_members, new_name=new_name)
        """In which people call each other."""
        self._totals = CallTotals()
        # Encoding has threads of its own: work that blocks (loading, joining) must never hold up picture or sound.
        self._encode_pool = ThreadPoolExecutor(max(2, os.cpu_count() or 1), thread_name_prefix="avatar-encode")
        self.blocking_pool = ThreadPoolExecutor(
            min(8, settings.limits.sessions + 1), thread_name_prefix="avatar-blocking"
        )
        """Its threads do what blocks."""
        self._upkeep = Upkeep(
            self.blocking_pool, after_opening=after_opening, after_call=after_call, others_run=lambda: self.active > 0
        )
        self._factory = CallFactory(
            settings,
            get_avatar,
            service_factory or partial(open_services, settings.conversation),
            get_background=get_background,
            sessions=sessions or session_makers(voice_network),
            encode_pool=self._encode_pool,
            blocking_pool=self.blocking_pool,
            load=load,
            count_calls=count_calls,
            shared_level=shared_level,
            new_name=new_name,
        )

    @property
    def active(self) -> int:
        """How many calls run or are on their way."""
        return len(self._calls) + len(self._opening)

    @property
    def weight(self) -> float:
        """Of all calls, and those on their way, where one that a camera drives is 1."""
        return sum(call.standing.weight for call in self._calls.values()) + sum(self._opening)

    @property
    def standings(self) -> dict[str, Standing]:
        """How each call does, by its id."""
        return {call.id: call.standing for call in self._calls.values()}

    @property
    def chosen_names(self) -> ChosenNames:
        """Names by which others find rooms and calls."""
        return ChosenNames(self.rooms.ids, tuple(call.watch_token for call in self._calls.values()))

    @property
    def exhausted(self) -> bool:
        """Whether there is a call that comes late though it is as simple as can be."""
        return any(call.exhausted for call in self._calls.values())

    async def check(self, request: CallRequest) -> CheckedRequest:
        """Return a request that can be followed.

        Raises OfferError, AvatarError (bad_size, bad_rate, bad_background, unknown_background, bad_mode, bad_drive).
        """
        offer = read_offer(request.offer_sdp, limit_bytes=self._settings.limits.offer_bytes)
        picture = await self._factory.picture(request.width, request.height, request.fps, request.background)
        self._factory.check(offer, request.mode, request.drive, in_room=request.room is not None)
        return CheckedRequest(request, offer, picture, self._settings.picture)

    async def create(self, checked: CheckedRequest, *, on_made: Callable[[], object] = lambda: None) -> Call:
        """Answer an offer and begin a call; `on_made` is told once `standings` counts it.

        Raises AvatarError: `rooms_off`, `bad_room`, what `get_avatar` or the session raises; RoomFullError,
        ServerFullError where there are too many rooms; OfferError where the answer shows what is wrong.
        """
        seat = None if checked.request.room is None else self.rooms.take_seat(checked.request.room)
        try:
            return await self._create(checked, seat, on_made)
        except BaseException:
            if seat is not None:
                seat.leave()
            raise

    async def _create(self, checked: CheckedRequest, seat: Seat | None, on_made: Callable[[], object]) -> Call:
        request, weight = checked.request, checked.standing.weight
        self._opening.append(weight)
        try:
            identity = await self._get_avatar(request.avatar_id) if request.avatar_id is not None else None
            call = self._factory.make(checked.picture, request.mode, self._forget, watch_token=request.watch, seat=seat)
            self._calls[call.id] = call
        finally:
            self._opening.remove(weight)
        on_made()
        try:
            await self._factory.open(
                call,
                checked.offer,
                request.avatar_id,
                identity,
                request.mode,
                request.drive,
                avatar_fixed=request.avatar_fixed,
            )
        except BaseException:  # a visitor who has gone away cancels this: nothing of the call may stay
            await asyncio.shield(call.end("failed"))
            raise
        self._totals.call_began()
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
        return self.rooms.find_watchers(watch_token)

    async def trickle(self, call_id: str, fragment: str, tags: Collection[str] | None = None) -> Trickled | None:
        """Try more addresses of a call's peer, or restart its ICE; None when there is no call with this id.

        `tags` are those of the ICE session that the sender means, `*` any; None: it does not say. Raises TrickleError
        (bad_fragment, stale_tag, busy), and ServerFullError where no port is free.
        """
        call = self._calls.get(call_id)
        if call is None:
            return None
        check_tags(call.ice_tag, tags)
        return await call.trickle(read_fragment(fragment))

    async def end(self, call_id: str, reason: EndReason = "left") -> bool:
        """End a call and wait until nothing of it is left; False when there is none with this id."""
        call = self._calls.get(call_id)
        if call is None:
            return False
        await asyncio.shield(call.end(reason))
        return True

    async def close(self) -> None:
        """End every call and every thread."""
        self._upkeep.close()
        while self.active:
            endings = [call.end("server_stopping") for call in list(self._calls.values())]
            await asyncio.gather(*endings, return_exceptions=True)
            await asyncio.sleep(0.01)
        loop = asyncio.get_running_loop()
        for pool in (self._encode_pool, self.blocking_pool):
            await loop.run_in_executor(None, pool.shutdown)

    def figures(self) -> CallFigures:
        """Return what all calls of this process did and do."""
        return self._totals.figures(list(self._calls.values()))

    def _forget(self, call: Call) -> None:
        if self._calls.pop(call.id, None) is None:
            return
        self._totals.call_ended(call)
        logger.info("call %s ended: %s", call.log_name, call.reason)
        self._upkeep.call_ended()
        self._on_end(call)
