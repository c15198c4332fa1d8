"""A conversation: the user's audio in, the avatar's audio and captions out, one turn after another.

    on_audio --> [listener] --turn--> stt --> llm --> tts --> [unsent samples] --every 20 ms--> send
                     '--barge-in: the answer is given up, at once

Used on one event loop. Only the TTS works in a thread, one sentence at a time. Nothing waits without bound: a turn
has a longest length, an answer a largest number of sentences, and the TTS waits while much of it is unsent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

import av
import numpy as np

from avatar.conversation.events import Answered, Caption, ConversationEvent, Interrupted, Trouble
from avatar.conversation.listener import Listener, TurnStarted, Utterance
from avatar.conversation.llm import LONGEST_TEXT, LanguageModel, UserTurn, well_formed
from avatar.conversation.stt import SpeechToText
from avatar.conversation.tts import TextToSpeech, unspeakable_words
from avatar.conversation.voice_detector import VoiceDetector
from avatar.errors import AvatarError, VoiceError
from avatar.media.pcm import I16, SampleQueue, to_mono_pcm
from avatar.motion.presence import PresenceKind
from avatar.motion.speech import LOOK_AHEAD_S
from avatar.timing import playback, speech_events
from avatar.timing.playback import Playback
from avatar.timing.rtp_clock import AUDIO_RATE
from avatar.types import F32

logger = logging.getLogger(__name__)

BLOCK: Final = AUDIO_RATE // 50
"""Samples sent at once: 20 ms, as browsers do."""
LATE_S: Final = 0.2
"""A loop that was held up for longer goes on from now instead of making up for it."""
LEAD_S: Final = LOOK_AHEAD_S + BLOCK / AUDIO_RATE
"""Speech is sent this long before it is due: the mouth is known with its sound, which then need not wait for it."""
TAIL: Final = 15
"""Silent blocks that are sent early too after speech: they close the mouth."""
MOST_SENTENCES: Final = 24
"""Sentences of one answer; more are not said."""
AHEAD_S: Final = 8.0
"""The TTS waits while more than this is unsent."""

Send: TypeAlias = Callable[[I16, float], float]
"""Takes (960,) samples due at a moment of time.monotonic(); returns how many seconds later they leave."""


class Conversation:
    """One user and one avatar. `run` until it is cancelled, then `close`."""

    def __init__(
        self,
        tts: TextToSpeech,
        llm: LanguageModel,
        stt: SpeechToText | None = None,
        *,
        send: Send,
        on_event: Callable[[ConversationEvent], None],
        set_presence: Callable[[PresenceKind], None],
        detector: VoiceDetector | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect the services; `run` begins.

        Args:
            tts: speaks sentences, in a thread of the conversation's own.
            llm: answers turns.
            stt: turns speech into text; None: the llm gets only how long somebody spoke.
            send: takes what the avatar says, silence included, every 20 ms.
            on_event: called with every event of the conversation.
            set_presence: called when the avatar begins to listen, think or speak.
            detector: voice activity; None: the shipped detector.
            clock: seconds; the arrival times of `on_audio` are on the same.
        """
        self._tts, self._llm, self._stt = tts, llm, stt
        self._send, self._on_event, self._set_presence, self._clock = send, on_event, set_presence, clock
        self._listener = Listener(detector=detector)
        self._unsent = SampleQueue(AUDIO_RATE)
        self._captions: deque[tuple[int, str, str]] = deque()
        """(sample of the answer, sentence that is shown with it, its words that the voice has no sound for)."""
        self._account = _new_account()
        """Of the answer at hand."""
        self._said: list[str] = []
        self._unasked: Utterance | None = None
        """What the user has said and the language model does not know yet."""
        self._turn = 0
        self._times: dict[str, float] | None = None
        self._answer: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="avatar-voice")

    @property
    def has_floor(self) -> bool:
        """Whether the avatar speaks, or is about to."""
        return len(self._unsent) > 0 or (self._answer is not None and not self._answer.done())

    def on_audio(self, frame: av.AudioFrame, arrival_s: float) -> None:
        """Take a decoded frame of the user's audio that has arrived at `arrival_s`; never blocks for long."""
        for event in self._listener.push(frame, arrival_s, avatar_has_floor=self.has_floor):
            if isinstance(event, TurnStarted):
                if event.barge_in:
                    self.interrupt()
                self._set_presence("listening")
            else:
                self._begin_answer(event)

    def interrupt(self) -> float:
        """Give up the answer that is spoken or prepared; return how much of its audio has been sent, ms."""
        if not self.has_floor:
            return 0.0
        if self._answer is not None:
            self._answer.cancel()
        # The last block fades, or the cut would click.
        last = self._unsent.take(BLOCK) if playback.delivered_samples(self._account) else np.zeros(0, np.int16)
        self._deliver(len(last), self._clock())
        self._unsent.clear()
        self._captions.clear()
        self._times = None
        heard_ms = self._close_account()
        if len(last):
            self._unsent.push(np.asarray(last * np.linspace(1, 0, len(last)), np.int16), AUDIO_RATE)
        said = " ".join(self._said)
        if self._unasked is None:
            try:
                self._llm.interrupted(said)
            except Exception:  # somebody else's language model must not end the conversation
                logger.exception("the language model failed when it was interrupted")
        self._report(Interrupted(self._turn, heard_ms, said))
        return heard_ms

    async def run(self) -> None:
        """Send a block for every 20 ms, for ever; silence when it is due, speech a little earlier."""
        due_s, silent = self._clock(), TAIL
        while True:
            now_s = self._clock()
            due_s = now_s if now_s - due_s > LATE_S else due_s
            silent = 0 if len(self._unsent) else silent
            wait_s = due_s - now_s - (LEAD_S if silent < TAIL else 0.0)
            if wait_s > 0:
                await asyncio.sleep(min(wait_s, BLOCK / AUDIO_RATE))
                continue
            self._send_block(due_s)
            due_s, silent = due_s + BLOCK / AUDIO_RATE, silent + 1

    async def close(self) -> None:
        """End the answer at hand and the voice's thread. Idempotent."""
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)
        self._unsent.clear()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _send_block(self, due_s: float) -> None:
        speech = self._unsent.take(BLOCK)
        self._room.set()
        started = self._deliver(len(speech), due_s)
        while self._captions and self._captions[0][0] < playback.delivered_samples(self._account):
            _, sentence, unspoken = self._captions.popleft()
            self._said.append(sentence)
            self._report(Caption("avatar", sentence, self._turn, unspoken=unspoken))
        leaves_s = self._send(np.concatenate([speech, np.zeros(BLOCK - len(speech), np.int16)]), due_s)
        if started and self._times is not None:
            self._set_presence("speaking")
            self._times["sent"] = due_s + leaves_s
            self._report(Answered(self._turn, self._times))
            self._times = None
        elif len(speech) and not self.has_floor and not self._listener.talking:
            self._set_presence("listening")

    def _begin_answer(self, said: Utterance) -> None:
        if self._answer is not None:
            self._answer.cancel()
        self._turn += 1
        self._unsent.clear()
        self._captions.clear()
        self._account = _new_account()
        self._said = []
        # Who paused in the middle and went on before the language model was asked has said one thing.
        said = self._unasked = said if self._unasked is None else said.after(self._unasked)
        self._times = {"ended": said.ended_s, "decided": self._clock()}
        self._set_presence("thinking")
        self._answer = asyncio.create_task(self._answer_turn(said, self._times), name="avatar-answer")

    async def _answer_turn(self, said: Utterance, times: dict[str, float]) -> None:
        try:
            await self._speak(said, times)
        except AvatarError as error:
            self._report(Trouble(error.code, str(error)))
        except Exception as error:  # whatever somebody else's service raises, the avatar stays alive and says so
            logger.exception("the conversation could not answer")
            self._report(Trouble("conversation_failed", f"The answer failed: {type(error).__name__}."))
        self._unasked = None  # where it could not be understood, it is not asked again
        if not len(self._unsent):  # else it is so when all of it is said
            self._set_presence("listening")

    async def _speak(self, said: Utterance, times: dict[str, float]) -> None:
        text = None
        if self._stt is not None:
            text = well_formed(await self._stt.transcribe(said.samples)).strip()[:LONGEST_TEXT]
            times["words"] = self._clock()
        self._report(Caption("you", text or "", self._turn, said.seconds))
        count, self._unasked = 0, None
        async with contextlib.aclosing(self._llm.reply(UserTurn(said.seconds, text or None))) as answer:
            async for sentence in answer:
                times.setdefault("text", self._clock())
                await self._say(well_formed(sentence), times)
                count += 1
                if count >= MOST_SENTENCES:
                    break
        if not count:
            self._report(Trouble("no_answer", "There was no answer to that."))
        elif not playback.pushed_samples(self._account):
            self._report(
                Trouble("unspeakable", "The avatar's voice has no sound for this answer, so it is only shown.")
            )
        else:
            self._account = playback.end(self._account)

    async def _say(self, sentence: str, times: dict[str, float]) -> None:
        """Queue a sentence's audio, piece by piece."""
        loop = asyncio.get_running_loop()
        while len(self._unsent) > AHEAD_S * AUDIO_RATE:
            self._room.clear()
            await self._room.wait()
        pieces: Iterator[F32] = iter(self._tts.speak(sentence))
        unspoken = " ".join(unspeakable_words(self._tts, sentence))
        begun = False
        while (piece := await loop.run_in_executor(self._thread, _next_piece, pieces)) is not None:
            if not begun and len(piece):
                self._captions.append((playback.pushed_samples(self._account), sentence, unspoken))
                begun = True
            times.setdefault("sound", self._clock())
            self._push(self._unsent.push(to_mono_pcm(piece, self._tts.sample_rate), self._tts.sample_rate))
        self._push(self._unsent.finish())
        if not begun:  # nothing in it can be said: it is shown as the last of what came before is
            words = any(character.isalnum() for character in sentence)
            shown_at = playback.pushed_samples(self._account) - 1
            self._captions.append((shown_at, sentence, sentence if words else ""))

    def _push(self, count: int) -> None:
        self._account, _ = playback.push(self._account, count)

    def _deliver(self, count: int, due_s: float) -> bool:
        """Account for samples that are sent now and due then; return whether they are the first of an answer."""
        self._account, spans = playback.take(self._account, count)
        if not spans:
            return False
        self._account, events = playback.deliver(self._account, spans, 0, due_s)
        return any(isinstance(event, speech_events.SpeechStarted) for event in events)

    def _close_account(self) -> float:
        """Give up the answer; return how much of it is heard, ms: what was sent cannot be taken back."""
        sent_until_s = self._account.played_until_s
        if sent_until_s is None:
            return 0.0
        self._account, events = playback.interrupt(self._account, sent_until_s)
        return max(
            (event.heard_ms for event in events if not isinstance(event, speech_events.SpeechStarted)), default=0.0
        )

    def _report(self, event: ConversationEvent) -> None:
        try:
            self._on_event(event)
        except Exception:  # a listener that fails must not end what is said
            logger.exception("the conversation could not report %r", event)


def _new_account() -> Playback:
    return Playback(AUDIO_RATE, marker_patience_s=math.inf)  # the end of an answer is always known


def _next_piece(pieces: Iterator[F32]) -> F32 | None:
    """Return the next piece of a sentence; None after the last, and of one that the voice has no sound for."""
    try:
        return next(pieces, None)
    except VoiceError as error:
        if error.code != "unspeakable":
            raise
        return None
