"""Every call of a server, whatever process holds it: who may begin one, where it is held, and the end of them all."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from avatar.call.backgrounds import GetBackground, no_uploads
from avatar.call.browser_peer import GetAvatar
from avatar.call.capacity import Capacity, Standing
from avatar.call.cost_trial import try_call
from avatar.call.ice_session import Trickled
from avatar.call.limits import EndReason
from avatar.call.local_calls import CheckedRequest, LocalCalls
from avatar.call.modes import Mode, adapts
from avatar.call.names import ChosenNames, NewName, new_name
from avatar.call.places import Places, company
from avatar.call.rooms import RoomWish, too_many_rooms
from avatar.call.running import CallRequest, CallWatchers, RunningCall
from avatar.call.totals import CallsSnapshot, joined
from avatar.config import ServerSettings
from avatar.conversation.services import ServiceFactory
from avatar.errors import AvatarError, NoCommonCodecError, ServerFullError
from avatar.motion.voice_network import VoiceNetwork
from avatar.session.protocol import MakeSession
from avatar.timing.machine_load import LoadMeter
from avatar.types import Drive

if TYPE_CHECKING:
    from avatar.call.workers.pool import WorkerPool

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
        workers: WorkerPool | None = None,
        new_name: NewName = new_name,
    ) -> None:
        """Prepare for calls.

        Args:
            settings: of the server.
            get_avatar: returns the identity with an id and raises AvatarError.
            get_background: returns the uploaded picture with an id and raises AvatarError.
            sessions: makes the pipelines of this process; None: the real ones.
            service_factory: opens the services of a conversation; None: as the settings say.
            voice_network: moves the mouths of the real pipelines to sound; None: the shipped one.
            after_opening: does, in a thread, what there is to do once a call, or several, have opened.
            after_call: does, in a thread, what there is to do soon after a call or several have ended; it is told
                whether others are running.
            workers: hold calls in processes of their own; None: this process holds all.
            new_name: names the calls that this process holds, and ways to watch them.
        """
        self._settings, self._get_avatar, self._workers = settings, get_avatar, workers
        self._closing = False
        self._load = LoadMeter(siblings=lambda: 0.0 if workers is None else workers.cores)
        self._capacity = Capacity(self._load, interpreters=1 if workers is None else 1 + workers.most)
        self._places = Places(
            self._capacity,
            settings.limits.sessions,
            lambda: self._standings,
            overbook=settings.limits.overbook,
            on_look=self._tell_workers,
        )
        self._local = LocalCalls(
            settings,
            get_avatar,
            load=self._load,
            count_calls=lambda: len(self._standings),
            shared_level=lambda: self._capacity.shared_level,
            get_background=get_background,
            sessions=sessions,
            service_factory=service_factory,
            voice_network=voice_network,
            after_opening=after_opening,
            after_call=after_call,
            new_name=new_name,
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
        avatar_fixed: bool = False,
    ) -> RunningCall:
        """Answer an offer and begin a call; `id` and `answer_sdp` of what is returned go back to the visitor.

        `watch` is the token that it may be watched by; None: one is made. `room` lets it join, or begin, a room.
        `avatar_fixed`: it never shows another avatar. Raises OfferError, ServerFullError, RoomFullError, AvatarError
        (bad_size, bad_rate, bad_background, unknown_background, bad_mode, bad_drive, bad_room, rooms_off, watch_taken,
        unknown_avatar and whatever `get_avatar` or the session raises).
        """
        request = CallRequest(
            offer_sdp, avatar_id, width, height, fps, mode, drive, watch, background, room, avatar_fixed
        )
        try:
            checked = await self._local.check(request)
        except NoCommonCodecError as error:  # a client that was set up wrongly: who runs the server is asked about it
            logger.warning("an offer was refused: %s", error)
            raise
        if watch is not None and await self.watchers(watch) is not None:
            raise AvatarError("Another call has this watch link. Choose another, or end that call.", code="watch_taken")
        who_waits = company(None if room is None else room.room, self._people)
        opened = self._places.take(checked.standing, exhausted=self._exhausted, company=who_waits)
        try:
            call = await self._begin(checked, opened)
        finally:
            opened()
        self._places.watch()
        return call

    def __contains__(self, call_id: str) -> bool:
        """Return whether this call is running."""
        return self.get(call_id) is not None

    def get(self, call_id: str) -> RunningCall | None:
        """Return a running call; None where there is none with this id."""
        call = self._local.get(call_id)
        return call if call is not None or self._workers is None else self._workers.get(call_id)

    async def watchers(self, watch_token: str) -> CallWatchers | None:
        """Return who watches the running call with this token, by its link or in its room; None where there is none."""
        watchers = self._local.watchers(watch_token)
        return watchers if watchers is not None or self._workers is None else await self._workers.watchers(watch_token)

    async def room_names(self, room_id: str) -> list[str]:
        """Return who is in a room, "" for those who gave no name; nobody where there is no such room (yet)."""
        names = self._local.rooms.names(room_id)
        return names if names or self._workers is None else await self._workers.room_names(room_id)

    async def trickle(self, call_id: str, fragment: str, tags: Collection[str] | None = None) -> Trickled | None:
        """Try more addresses of a call's peer, or restart its ICE; None when there is no call with this id.

        `tags` are those of the ICE session that the sender means, `*` any; None: it does not say. Raises TrickleError
        (bad_fragment, stale_tag, busy), and ServerFullError where no port is free.
        """
        worker = None if self._workers is None else self._workers.holding(call_id)
        return await (self._local if worker is None else worker).trickle(call_id, fragment, tags)

    async def end(self, call_id: str, reason: EndReason = "left") -> bool:
        """End a call and wait until nothing of it is left; False when there is none with this id."""
        worker = None if self._workers is None else self._workers.holding(call_id)
        return await (self._local if worker is None else worker).end(call_id, reason)

    async def try_call(self, avatar_id: str) -> None:
        """Measure what a call with an avatar costs here, in the background: the server takes calls meanwhile.

        Where one has come before that, nothing is tried: it needs the time, and will tell what calls cost.
        """
        try:
            identity = await self._get_avatar(avatar_id)
            if self._active or self._closing:
                return
            loop = asyncio.get_running_loop()
            cores = await loop.run_in_executor(self._local.blocking_pool, try_call, identity, self._settings.picture)
        except AvatarError as error:  # a call will say it to its user
            logger.warning("what a call costs here could not be measured: %s", error)
            return
        self._capacity.tried(cores)
        logger.info("a call at full quality costs %.2f processor cores", cores)

    def expect_another(self) -> None:
        """Prepare for a call that may come soon beside those that run: a process that is to hold it takes seconds."""
        room_for_more = self._active < self._places.limit(adapting=adapts(self._settings.picture, "avatar"))
        if self._workers is not None and self._active and room_for_more and not self._closing:
            self._workers.prepare(self._local.weight)

    async def close(self) -> None:
        """End every call, every thread and every worker. No call can begin any more."""
        self._closing = True
        self._places.close()
        await asyncio.gather(self._local.close(), *([] if self._workers is None else [self._workers.close()]))

    def snapshot(self) -> CallsSnapshot:
        """Return the figures of now."""
        workers = self._workers
        figures = joined([self._local.figures(), *([] if workers is None else workers.figures)])
        return CallsSnapshot(
            active=self._active,
            limit=self._places.limit(adapting=adapts(self._settings.picture, "avatar")),
            started=figures.started,
            refused=self._places.refused,
            ended=figures.ended,
            pictures_sent=figures.pictures_sent,
            camera_frames=figures.camera_frames,
            picture_bytes_sent=figures.picture_bytes_sent,
            packets_dropped=figures.packets_dropped,
            latest=figures.latest,
            watchers=figures.watchers,
            rooms=self._rooms,
            call_cores=self._capacity.call_cores,
            workers=0 if workers is None else len(workers),
        )

    @property
    def chosen_names(self) -> ChosenNames:
        """Names by which others find the rooms and calls that this process holds."""
        return self._local.chosen_names

    async def _begin(self, checked: CheckedRequest, on_made: Callable[[], object]) -> RunningCall:
        """Begin a call in the process that is best for it, which for one in a room is that of the others in it."""
        if self._workers is None:
            return await self._local.create(checked, on_made=on_made)
        self._tell_workers()
        room = checked.request.room
        worker = None
        if room is None or room.room not in self._local.rooms:
            most = self._settings.limits.rooms
            if room is not None and room.room not in self._workers.people and self._rooms >= most > 0:
                raise too_many_rooms(most)
            worker = await self._workers.place(self._local.weight, checked.request, checked.standing)
        if self._closing:
            raise ServerFullError("The server is stopping. Try again in a moment.", retry_after_s=30)
        if worker is None:
            return await self._local.create(checked, on_made=on_made)
        return await self._workers.create(worker, checked.request, checked.standing, on_made)

    @property
    def _active(self) -> int:
        """How many calls run or are on their way."""
        return len(self._standings) + self._places.opening

    @property
    def _standings(self) -> list[Standing]:
        """How each call does that runs."""
        local = list(self._local.standings.values())
        return local if self._workers is None else local + self._workers.standings

    @property
    def _rooms(self) -> int:
        """How many there are."""
        return len(self._people)

    @property
    def _people(self) -> Counter[str]:
        """How many are in each room, or on their way to it."""
        return self._local.rooms.people + (Counter() if self._workers is None else self._workers.people)

    @property
    def _exhausted(self) -> bool:
        return self._local.exhausted or (self._workers is not None and self._workers.exhausted)

    def _tell_workers(self) -> None:
        """Let each worker know how the rest of the server does."""
        if self._workers is not None and len(self._workers):
            load = self._load.read()
            own_cores = 0.0 if load is None else load.process_cores
            self._workers.tell(len(self._standings), self._capacity.shared_level, own_cores)
