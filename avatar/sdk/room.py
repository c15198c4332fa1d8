"""A program in a room of people: it speaks with an avatar's face that a server draws, and hears and sees the others."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

from avatar.errors import AvatarError, ClosedError, ControlError, ServerGoneError
from avatar.media.pcm import Pcm, mono_pcm_pieces
from avatar.motion.cues import understand
from avatar.sdk.paced_voice import PacedVoice
from avatar.sdk.room_events import Member, MembersChanged, RoomEvent
from avatar.sdk.room_views import RoomViews
from avatar.sdk.whip_client import Answer, WhipClient
from avatar.stream.ice_servers import IceServer, read_ice_server
from avatar.stream.page_reports import REPORTS, Bye, RoomMessage
from avatar.stream.page_requests import REQUESTS, GiveCue, Ping, Request
from avatar.stream.room_connections import VoicePeer

OPEN_TIMEOUT_S: Final = 20.0
"""From the offer until the server says who is in the room."""
PIECE_S: Final = 1.0
PING_EVERY_S: Final = 1.0
LOST_S: Final = 6.0
"""A server that has said nothing for so long is gone: it speaks every second."""
REPORT_BYTES: Final = 65_536
MOST_OTHERS: Final = 8
"""More than any room has; no server makes a program connect to more."""
MOST_WAITING: Final = 512
"""Events that may wait to be taken, 3 s of three voices; the oldest go first."""


class Room:
    """A program's place in a room. Used on one event loop; `async with`, or `start` and `close`, once.

    The server draws the avatar by the voice alone, so no photo and no model is needed here.
    """

    def __init__(
        self,
        client: WhipClient,
        room: str,
        face: str,
        *,
        name: str = "",
        pictures: bool = False,
        ice_servers: Sequence[str] | None = None,
    ) -> None:
        """Prepare; `Room.join` does it from an address."""
        self._client, self._ice_servers, self._pictures = client, ice_servers, pictures
        self._wanted: dict[str, str | int] = {"avatar": face, "drive": "voice", "room": room, "name": name}
        self._members: tuple[Member, ...] = ()
        self._voice = PacedVoice()
        self._events: deque[RoomEvent] = deque(maxlen=MOST_WAITING)
        self._news, self._entered = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._pool: ThreadPoolExecutor | None = None
        self._peer: VoicePeer | None = None
        self._views: RoomViews | None = None
        self._answer: Answer | None = None
        self._failure: AvatarError | None = None
        self._closed = False
        self._entering = asyncio.Lock()
        self._report_s = 0.0

    @classmethod
    def join(
        cls,
        url: str,
        room: str,
        face: str,
        *,
        name: str = "",
        token: str | None = None,
        pictures: bool = False,
        plain_http: bool = False,
        ice_servers: Sequence[str] | None = None,
    ) -> Room:
        """Return a place in a room that is taken on entering it.

        Args:
            url: of the server, such as https://host:8010.
            room: its id, 16 to 64 letters, digits, - or _: the end of its link. One that nobody is in begins.
            face: id of an avatar that the server knows.
            name: what the others are shown.
            token: the server's AVATAR_TOKEN.
            pictures: whether the others' pictures are wanted; decoding them takes processor time.
            plain_http: http to another machine will do, though anybody on the way can read the token.
            ice_servers: URLs of STUN and TURN servers; None: those that the server names.

        Raises:
            ServerGoneError, TokenError, AvatarError (insecure_url): as `WhipClient` does.
        """
        client = WhipClient(url, token, plain_http=plain_http)
        return cls(client, room, face, name=name, pictures=pictures, ice_servers=ice_servers)

    async def start(self) -> Self:
        """Come in; once in, it does nothing.

        Raises:
            ClosedError: the room was left.
            RoomFullError, ServerFullError: no place; `retry_after_s` says when to come back.
            TokenError, UnknownAvatarError: the server refuses, and says why.
            ServerGoneError: it does not answer, or there is no way to it.
            AvatarError: any other refusal, with the server's code (bad_request: the id of the room is none).
        """
        async with self._entering:
            if self._closed:
                raise ClosedError("This room was left: join it anew.")
            if self._answer is None:
                await self._enter()
        return self

    async def _enter(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="avatar-room")
        try:
            servers = await self._find_ice_servers()
            self._views = RoomViews(self._client, servers, self._happen, pictures=self._pictures)
            self._peer = VoicePeer(self, pool=self._pool, ice_servers=servers)
            offer = await self._peer.offer(loopback=self._client.on_this_machine)
            self._answer = await asyncio.to_thread(self._client.offer, offer, self._wanted)
            await self._peer.accept(self._answer.sdp)
            await self._wait_until_entered()
        except BaseException:
            await self.close()
            raise
        self._tasks = [
            asyncio.create_task(self._voice.run(self._peer.push)),
            asyncio.create_task(self._keep_alive()),
        ]

    @property
    def members(self) -> tuple[Member, ...]:
        """The others, in the order of their coming."""
        return self._members

    @property
    def waiting_s(self) -> float:
        """How many seconds of speech wait to be said."""
        return self._voice.waiting_s

    async def push_audio(self, pcm: Pcm, sample_rate: int) -> None:
        """Say this next; the lips move to it. Waits while more than 30 s of speech wait.

        Takes what `Avatar.push_audio` takes. Raises SoundError, ClosedError, ServerGoneError.
        """
        for piece in mono_pcm_pieces(pcm, sample_rate, PIECE_S):
            await self._voice.wait_for_room()
            self._check()
            self._voice.push(piece, sample_rate)

    def interrupt(self) -> float:
        """Fall silent at once; return how many seconds of speech will never be said."""
        return self._voice.interrupt()

    def direct(self, cue: str) -> None:
        """Show a feeling, a look or a gesture, in the words of `Avatar.direct`. Raises CueError, ClosedError."""
        understand(cue)
        self._check()
        self._send(GiveCue(cue))

    def __aiter__(self) -> AsyncIterator[RoomEvent]:
        return self

    async def __anext__(self) -> RoomEvent:
        """Return what happens next: who comes and goes, and what is heard and seen of whom.

        What nobody takes is forgotten, the oldest first. Raises ClosedError before it is entered, ServerGoneError once
        the call has ended by itself.
        """
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            if self._failure is not None:
                raise self._failure
            self._check()
            self._news.clear()
            await self._news.wait()
        return self._events.popleft()

    async def close(self) -> None:
        """Leave the room. Idempotent."""
        self._closed = True
        self._news.set()
        self._voice.interrupt()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._views is not None:
            await self._views.close()
        peer, self._peer = self._peer, None
        if peer is not None:
            await peer.close()
        answer, self._answer = self._answer, None
        if answer is not None:
            with contextlib.suppress(AvatarError):  # it has ended by itself, or with its server
                await asyncio.to_thread(self._client.end, answer)
        if self._pool is not None:
            self._pool.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    # What the connection tells (VoiceListener)

    def on_state(self, state: str) -> None:
        """Notice a connection that is lost."""
        if state in ("failed", "closed") and self._peer is not None:
            self._fail(ServerGoneError(self._peer.why_lost()))

    def on_message(self, message: str | bytes) -> None:
        """Act on a message of the server."""
        self._report_s = time.monotonic()
        try:
            report = REPORTS.read_known(message, limit_bytes=REPORT_BYTES)
        except ControlError as error:
            self._fail(ServerGoneError(f"This is no server of ours: {error}"))
            return
        match report:
            case RoomMessage():
                self._on_room(report)
            case Bye(_, detail):
                self._fail(ServerGoneError(f"The server has ended the call: {detail}"))

    def _on_room(self, room: RoomMessage) -> None:
        others = [one for one in room.members if one.member != room.you][:MOST_OTHERS]
        self._members = tuple(Member(one.member, one.name, one.microphone, one.camera, one.speaking) for one in others)
        if self._views is not None:
            self._views.follow({one.member: one.whep for one in others if one.whep is not None})
        self._entered.set()
        self._happen(MembersChanged(self._members))

    async def _find_ice_servers(self) -> tuple[IceServer, ...]:
        if self._ice_servers is not None:
            return tuple(map(read_ice_server, self._ice_servers))
        return await asyncio.to_thread(self._client.ice_servers)

    async def _wait_until_entered(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await self._entered.wait()
        if self._failure is not None:
            raise self._failure
        if not self._entered.is_set():
            raise ServerGoneError(
                "The server answers, but no connection comes about. A firewall on the way may block UDP."
            )

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(PING_EVERY_S)
            if time.monotonic() - self._report_s > LOST_S:
                self._fail(ServerGoneError("The server has gone: nothing comes from it any more."))
            self._send(Ping(time.monotonic()))

    def _send(self, request: Request) -> None:
        if self._peer is None:
            return
        try:
            self._peer.send(REQUESTS.write(request))
        except ServerGoneError as error:
            self._fail(error)

    def _happen(self, event: RoomEvent) -> None:
        self._events.append(event)
        self._news.set()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._closed or self._peer is None:
            raise ClosedError("The room was left, or not entered yet.")

    def _fail(self, error: AvatarError) -> None:
        if self._failure is None and not self._closed:
            self._failure = error
        self._news.set()
        self._entered.set()
        self._voice.interrupt()
