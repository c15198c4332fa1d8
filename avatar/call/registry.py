"""Every call of a server: who may begin one, what all of them did, and the end of them all."""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, NoReturn

from avatar.call.browser_peer import GetAvatar
from avatar.call.call import Call
from avatar.call.capacity import Capacity, Standing
from avatar.call.cost_trial import try_call
from avatar.call.factory import CallFactory, Mode, adapts, session_makers, weight
from avatar.call.limits import EndReason
from avatar.call.watchers import Watchers
from avatar.config import ServerSettings
from avatar.conversation.services import ServiceFactory, open_services
from avatar.errors import AvatarError, NoCommonCodecError, ServerFullError, TrickleError
from avatar.motion.voice_network import VoiceNetwork
from avatar.session.protocol import MakeSession
from avatar.stream.browser_messages import Stats
from avatar.stream.offer import read_offer
from avatar.stream.packet_guard import DROP_REASONS, DropReason
from avatar.stream.trickle import read_fragment
from avatar.timing.machine_load import LoadMeter
from avatar.types import Drive

logger = logging.getLogger(__name__)

OPENED_S: Final = 4.0
"""How long after a call's begin it is taken to have opened all it needs, the search for a face included."""
LOOK_EVERY_S: Final = 1.0
"""How often it is looked at what the calls cost."""
AFTERWARDS_S: Final = 1.0
"""How soon after a call's end what is done afterwards begins: calls that end together share it."""


@dataclass(frozen=True, slots=True)
class CallsSnapshot:
    """What a metrics page shows; the totals count from the server's start and never fall."""

    active: int
    limit: int
    """How many may run at once, by the settings and as measured."""
    started: int
    refused: int
    """Calls turned away because every place was taken, or the machine had no time for another."""
    ended: dict[EndReason, int]
    pictures_sent: int
    camera_frames: int
    picture_bytes_sent: int
    packets_dropped: dict[DropReason, int]
    """Packets kept from the calls, by reason."""
    latest: tuple[Stats, ...]
    """The last figures of each running call."""
    watchers: int = 0
    """Of all the calls."""
    call_cores: float = 0.0
    """Processor cores that a call at full quality is measured to cost."""


class Calls:
    """The running calls. Used on the event loop only; slow work runs in its own threads, never on the loop."""

    def __init__(
        self,
        settings: ServerSettings,
        get_avatar: GetAvatar,
        *,
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
            sessions: makes the pipelines; None: the real ones.
            service_factory: opens the services of a conversation; None: as the settings say.
            voice_network: moves the mouths of the real pipelines to sound; None: the shipped one.
            after_opening: does, in a thread, what there is to do once a call, or several, have opened.
            after_call: does, in a thread, what there is to do soon after a call or several have ended; it is told
                whether others are running.
        """
        self._settings = settings
        self._get_avatar = get_avatar
        self._after_opening, self._after_call = after_opening, after_call
        self._opened: asyncio.TimerHandle | None = None
        self._afterwards: asyncio.TimerHandle | None = None
        self._calls: dict[str, Call] = {}
        self._opening: list[Standing] = []
        """Of calls on their way."""
        self._looking: asyncio.TimerHandle | None = None
        self._closing = False
        self._started = self._refused = 0
        self._ended: Counter[EndReason] = Counter()
        self._past_pictures = self._past_camera_frames = self._past_bytes = 0
        self._past_packets: Counter[DropReason] = Counter(dict.fromkeys(DROP_REASONS, 0))
        # Encoding has threads of its own: work that blocks (loading, joining) must never hold up picture or sound.
        self._encode_pool = ThreadPoolExecutor(max(2, os.cpu_count() or 1), thread_name_prefix="avatar-encode")
        self._blocking_pool = ThreadPoolExecutor(
            min(8, settings.limits.sessions + 1), thread_name_prefix="avatar-blocking"
        )
        load = LoadMeter()
        self._capacity = Capacity(load)
        self._factory = CallFactory(
            settings,
            get_avatar,
            service_factory or partial(open_services, settings.conversation),
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
    ) -> Call:
        """Answer an offer and begin a call; `id` and `answer_sdp` of what is returned go back to the visitor.

        `watch` is the token that it may be watched by; None: one is made. Raises OfferError, ServerFullError,
        AvatarError (bad_size, bad_rate, bad_background, bad_mode, bad_drive, watch_taken, unknown_avatar and whatever
        `get_avatar` or the session raises).
        """
        try:
            offer = read_offer(offer_sdp, limit_bytes=self._settings.limits.offer_bytes)
        except NoCommonCodecError as error:  # a client that was set up wrongly: who runs the server is asked about it
            logger.warning("an offer was refused: %s", error)
            raise
        picture = self._factory.picture(width, height, fps, background)
        self._factory.check(offer, mode, drive)
        if watch is not None and self.watchers(watch) is not None:
            raise AvatarError("Another call has this watch link. Choose another, or end that call.", code="watch_taken")
        opening = Standing(0 if adapts(picture, mode) else None, False, 0.0, weight(mode))
        self._take_place(opening)
        try:
            identity = await self._get_avatar(avatar_id) if avatar_id is not None else None
            call = self._factory.make(picture, mode, self._forget, watch_token=watch)
            self._calls[call.id] = call
        finally:
            self._opening.remove(opening)
        try:
            await self._factory.open(call, offer, avatar_id, identity, mode, drive)
        except BaseException:  # a visitor who has gone away cancels this: nothing of the call may stay
            await asyncio.shield(call.end("failed"))
            raise
        self._started += 1
        if self._looking is None:
            self._look_later()
        if self._after_opening is not None:
            if self._opened is not None:
                self._opened.cancel()
            self._opened = asyncio.get_running_loop().call_later(OPENED_S, self._do_opened, self._after_opening)
        return call

    def __contains__(self, call_id: str) -> bool:
        """Return whether this call is running."""
        return call_id in self._calls

    def get(self, call_id: str) -> Call | None:
        """Return a running call; None where there is none with this id."""
        return self._calls.get(call_id)

    def watchers(self, watch_token: str) -> Watchers | None:
        """Return who watches the running call with this token; None where there is none (any more)."""
        # Every token is compared, and in the same time: it is a secret.
        asked = watch_token.encode()
        found = [call for call in self._calls.values() if hmac.compare_digest(call.watch_token.encode(), asked)]
        return found[0].watchers if found and found[0].answer_sdp else None

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
            if self._calls or self._opening or self._closing:
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
        for waiting in (self._opened, self._afterwards, self._looking):
            if waiting is not None:
                waiting.cancel()
        while self._calls or self._opening:
            endings = [call.end("server_stopping") for call in list(self._calls.values())]
            await asyncio.gather(*endings, return_exceptions=True)
            await asyncio.sleep(0.01)
        loop = asyncio.get_running_loop()
        for pool in (self._encode_pool, self._blocking_pool):
            await loop.run_in_executor(None, pool.shutdown)

    def snapshot(self) -> CallsSnapshot:
        """Return the figures of now."""
        calls = list(self._calls.values())
        packets_dropped = Counter(self._past_packets)
        for call in calls:
            packets_dropped.update(call.packets_dropped)
        return CallsSnapshot(
            active=len(calls) + len(self._opening),
            limit=self._limit,
            call_cores=self._capacity.call_cores,
            started=self._started,
            refused=self._refused,
            ended=dict(self._ended),
            pictures_sent=self._past_pictures + sum(call.statistics.pictures_sent for call in calls),
            camera_frames=self._past_camera_frames + sum(call.statistics.camera_frames for call in calls),
            picture_bytes_sent=self._past_bytes + sum(call.statistics.bytes_sent for call in calls),
            packets_dropped=dict(packets_dropped),
            latest=tuple(latest for call in calls if (latest := call.statistics.latest) is not None),
            watchers=sum(len(call.watchers) for call in calls),
        )

    @property
    def _limit(self) -> int:
        by_hand = self._settings.limits.sessions
        measured = self._capacity.most(adapting=adapts(self._settings.picture, "avatar"))
        return by_hand if measured is None else min(by_hand, measured)

    @property
    def _standings(self) -> list[Standing]:
        return [*(call.standing for call in self._calls.values()), *self._opening]

    def _take_place(self, opening: Standing) -> None:
        """Let a call begin; those that run are asked to make room for it. Raises ServerFullError."""
        if self._closing:
            raise ServerFullError("The server is stopping. Try again in a moment.", retry_after_s=30)
        limit, standings = self._settings.limits.sessions, self._standings
        self._capacity.look(standings)
        if len(standings) >= limit:
            self._refuse(f"All {limit} places on this server are taken. Try again in a moment.")
        if any(call.exhausted for call in self._calls.values()):
            self._refuse("The calls on this server leave no time for another. Try again in a moment.")
        if not self._capacity.has_room(standings, opening):
            noun = "call" if len(standings) == 1 else "calls"
            self._refuse(
                f"This server's processor has no time for more than {len(standings)} {noun}, however simple their "
                "pictures. Try again in a moment."
            )
        self._opening.append(opening)
        self._capacity.look(self._standings)

    def _refuse(self, why: str) -> NoReturn:
        self._refused += 1
        raise ServerFullError(why)

    def _look_later(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        """Learn from the calls what they cost, while there are any."""
        self._looking = None
        if self._calls:
            self._capacity.look(self._standings)
            self._look_later()

    def _forget(self, call: Call) -> None:
        if self._calls.pop(call.id, None) is None:
            return
        if call.answer_sdp:
            self._ended[call.reason or "failed"] += 1
        self._past_pictures += call.statistics.pictures_sent
        self._past_camera_frames += call.statistics.camera_frames
        self._past_bytes += call.statistics.bytes_sent
        self._past_packets.update(call.packets_dropped)
        logger.info("call %s ended: %s", call.log_name, call.reason)
        if self._after_call is not None and self._afterwards is None and not self._closing:
            self._afterwards = asyncio.get_running_loop().call_later(
                AFTERWARDS_S, self._do_afterwards, self._after_call
            )

    def _do_opened(self, work: Callable[[], None]) -> None:
        self._opened = None
        asyncio.get_running_loop().run_in_executor(self._blocking_pool, work)

    def _do_afterwards(self, work: Callable[[bool], None]) -> None:
        self._afterwards = None
        asyncio.get_running_loop().run_in_executor(self._blocking_pool, work, bool(self._calls or self._opening))
