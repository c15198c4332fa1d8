"""A conversation: the user's sound in, the avatar's sound and captions out, one turn after another.

    hear --> [listener] --turn--> ears --> brain --> voice --> [line of sound] --every 20 ms--> send
                 '--barge-in: the answer is given up, at once

Used on one event loop. Only the voice works in a thread, one sentence at a time. Nothing waits without bound: a turn
has a longest length, an answer a largest number of sentences, and the voice waits while much of it is unsaid.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

import av
import numpy as np

from avatar.conversation.events import Answered, Caption, ConversationEvent, Interrupted, Trouble
from avatar.conversation.listener import Began, Listener, Said
from avatar.conversation.llm import LONGEST_TEXT, Brain, Heard, well_formed
from avatar.conversation.stt import Ears
from avatar.conversation.tts import Voice, left_out
from avatar.conversation.voice_detector import VoiceDetector
from avatar.errors import AvatarError, VoiceError
from avatar.media.pcm import I16, SpokenSound, spoken_samples
from avatar.motion.presence import PresenceKind
from avatar.motion.speech import LOOK_AHEAD_S
from avatar.types import F32

logger = logging.getLogger(__name__)

RATE: Final = 48_000
BLOCK: Final = RATE // 50
"""Samples sent at once: 20 ms, as browsers do."""
LATE_S: Final = 0.2
"""A loop that was held up for longer goes on from now instead of making up for it."""
LEAD_S: Final = LOOK_AHEAD_S + BLOCK / RATE
"""Speech is sent this long before it is due: the mouth is known with its sound, which then need not wait for it."""
TAIL: Final = 15
"""Silent blocks that are sent early too after speech: they close the mouth."""
MOST_SENTENCES: Final = 24
"""Sentences of one answer; more are not said."""
AHEAD_S: Final = 8.0
"""The voice waits while more than this is unsaid."""

Send: TypeAlias = Callable[[I16, float], float]
"""Takes (960,) samples due at a moment of time.monotonic(); returns how many seconds later they leave."""


class Conversation:
    """One user and one avatar. `run` until it is cancelled, then `close`."""

    def __init__(
        self,
        voice: Voice,
        brain: Brain,
        ears: Ears | None = None,
        *,
        send: Send,
        tell: Callable[[ConversationEvent], None],
        attend: Callable[[PresenceKind], None],
        detector: VoiceDetector | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Join the parts.

        Args:
            voice: speaks sentences, in a thread of the conversation's own.
            brain: answers turns.
            ears: turns speech into text; None: the brain is told only how long somebody spoke.
            send: takes what the avatar says, silence included, every 20 ms.
            tell: is told what happens.
            attend: is told how the avatar is there.
            detector: tells voices from other loud sound; None: the shipped detector does.
            clock: seconds; `hear` uses the same.
        """
        self._voice, self._brain, self._ears = voice, brain, ears
        self._send, self._tell, self._attend, self._clock = send, tell, attend, clock
        self._listener = Listener(detector=detector)
        self._line = SpokenSound(RATE)
        self._captions: deque[tuple[int, str, str]] = deque()
        """(sample of the answer, sentence that is shown with it, what of it the voice has no sound for)."""
        self._put = self._taken = 0
        self._said: list[str] = []
        self._unasked: Said | None = None
        """What the user has said and the brain does not know yet."""
        self._turn = 0
        self._times: dict[str, float] | None = None
        self._answer: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="avatar-voice")

    @property
    def has_floor(self) -> bool:
        """Whether the avatar speaks, or is about to."""
        return len(self._line) > 0 or (self._answer is not None and not self._answer.done())

    def hear(self, frame: av.AudioFrame, arrival_s: float) -> None:
        """Take a decoded frame of the user's sound that has arrived at `arrival_s`; never blocks for long."""
        for event in self._listener.push(frame, arrival_s, avatar_has_floor=self.has_floor):
            if isinstance(event, Began):
                if event.barge_in:
                    self.interrupt()
                self._attend("listening")
            else:
                self._begin_answer(event)

    def interrupt(self) -> float:
        """Give up what the avatar says or is about to say; return how much of it has been sent, ms."""
        if not self.has_floor:
            return 0.0
        if self._answer is not None:
            self._answer.cancel()
        # The last block fades, or the cut would click.
        last = self._line.take(BLOCK) if self._taken else np.zeros(0, np.int16)
        self._line.clear()
        self._captions.clear()
        self._times = None
        heard_ms = 1e3 * (self._taken + len(last)) / RATE
        if len(last):
            self._line.push(np.asarray(last * np.linspace(1, 0, len(last)), np.int16), RATE)
        said = " ".join(self._said)
        if self._unasked is None:
            try:
                self._brain.interrupted(said)
            except Exception:  # a brain of somebody else's must not make the avatar deaf
                logger.exception("the brain failed when it was interrupted")
        self._report(Interrupted(self._turn, heard_ms, said))
        return heard_ms

    async def run(self) -> None:
        """Send a block for every 20 ms, for ever; silence when it is due, speech a little earlier."""
        due_s, silent = self._clock(), TAIL
        while True:
            now_s = self._clock()
            due_s = now_s if now_s - due_s > LATE_S else due_s
            silent = 0 if len(self._line) else silent
            wait_s = due_s - now_s - (LEAD_S if silent < TAIL else 0.0)
            if wait_s > 0:
                await asyncio.sleep(min(wait_s, BLOCK / RATE))
                continue
            self._send_block(due_s)
            due_s, silent = due_s + BLOCK / RATE, silent + 1

    async def close(self) -> None:
        """End the answer at hand and the voice's thread. Idempotent."""
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)
        self._line.clear()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _send_block(self, due_s: float) -> None:
        speech = self._line.take(BLOCK)
        self._room.set()
        while self._captions and self._captions[0][0] < self._taken + len(speech):
            _, sentence, unspoken = self._captions.popleft()
            self._said.append(sentence)
            self._report(Caption("avatar", sentence, self._turn, unspoken=unspoken))
        first, self._taken = self._taken == 0 and len(speech) > 0, self._taken + len(speech)
        leaves_s = self._send(np.concatenate([speech, np.zeros(BLOCK - len(speech), np.int16)]), due_s)
        if first and self._times is not None:
            self._attend("speaking")
            self._times["sent"] = due_s + leaves_s
            self._report(Answered(self._turn, self._times))
            self._times = None
        elif len(speech) and not self.has_floor and not self._listener.talking:
            self._attend("listening")

    def _begin_answer(self, said: Said) -> None:
        if self._answer is not None:
            self._answer.cancel()
        self._turn += 1
        self._line.clear()
        self._captions.clear()
        self._put = self._taken = 0
        self._said = []
        # Who paused in the middle and went on before the brain was asked has said one thing.
        said = self._unasked = said if self._unasked is None else said.after(self._unasked)
        self._times = {"ended": said.ended_s, "decided": self._clock()}
        self._attend("thinking")
        self._answer = asyncio.create_task(self._answer_turn(said, self._times), name="avatar-answer")

    async def _answer_turn(self, said: Said, times: dict[str, float]) -> None:
        try:
            await self._speak(said, times)
        except AvatarError as error:
            self._report(Trouble(error.code, str(error)))
        except Exception as error:  # whatever a brain of somebody else's raises, the avatar stays alive and says so
            logger.exception("the conversation could not answer")
            self._report(Trouble("conversation_failed", f"The answer failed: {type(error).__name__}."))
        self._unasked = None  # where it could not be understood, it is not asked again
        if not len(self._line):  # else it is so when all of it is said
            self._attend("listening")

    async def _speak(self, said: Said, times: dict[str, float]) -> None:
        text = None
        if self._ears is not None:
            text = well_formed(await self._ears.transcribe(said.samples)).strip()[:LONGEST_TEXT]
            times["words"] = self._clock()
        self._report(Caption("you", text or "", self._turn, said.seconds))
        count, self._unasked = 0, None
        async with contextlib.aclosing(self._brain.reply(Heard(said.seconds, text or None))) as answer:
            async for sentence in answer:
                times.setdefault("text", self._clock())
                await self._say(well_formed(sentence), times)
                count += 1
                if count >= MOST_SENTENCES:
                    break
        if not count:
            self._report(Trouble("no_answer", "There was no answer to that."))
        elif not self._put:
            self._report(
                Trouble("unspeakable", "The avatar's voice has no sound for this answer, so it is only shown.")
            )

    async def _say(self, sentence: str, times: dict[str, float]) -> None:
        """Put a sentence into the line, piece by piece."""
        loop = asyncio.get_running_loop()
        while len(self._line) > AHEAD_S * RATE:
            self._room.clear()
            await self._room.wait()
        pieces: Iterator[F32] = iter(self._voice.speak(sentence))
        unspoken = " ".join(left_out(self._voice, sentence))
        begun = False
        while (piece := await loop.run_in_executor(self._thread, _next_piece, pieces)) is not None:
            if not begun and len(piece):
                self._captions.append((self._put, sentence, unspoken))
                begun = True
            times.setdefault("sound", self._clock())
            self._put += self._line.push(spoken_samples(piece, self._voice.sample_rate), self._voice.sample_rate)
        self._put += self._line.finish()
        if not begun:  # nothing in it can be said: it is shown as the last of what came before is
            words = any(character.isalnum() for character in sentence)
            self._captions.append((self._put - 1, sentence, sentence if words else ""))

    def _report(self, event: ConversationEvent) -> None:
        try:
            self._tell(event)
        except Exception:  # what cannot be told must not end what is said
            logger.exception("the conversation could not tell of %r", event)


def _next_piece(pieces: Iterator[F32]) -> F32 | None:
    """Return the next piece of a sentence; None after the last, and of one that the voice has no sound for."""
    try:
        return next(pieces, None)
    except VoiceError as error:
        if error.code != "unspeakable":
            raise
        return None
