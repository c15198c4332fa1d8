"""A voice moves the mouth: sound in with the time it belongs to, mouths out at any moment of the media clock."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import av
import numpy as np

from avatar.motion.mixer import heard_share
from avatar.motion.mouth_rest import MouthRest
from avatar.motion.mouth_timeline import HOLD_S, MouthTimeline, VoiceProsody
from avatar.motion.prosody import Prosody
from avatar.motion.sound_history import SoundHistory
from avatar.motion.speech_network import AHEAD_FRAMES, CLASSES
from avatar.motion.voice_motion import VoiceMotion, resting_voice, voice_motion
from avatar.motion.voice_network import VoiceNetwork, shipped_network
from avatar.perception.speech.listener import VoiceListener
from avatar.perception.speech.log_mel import FRAMES_PER_S, HOP, RATE, WINDOW
from avatar.perception.speech.preprocessing import SpeechPreprocessor, sound_frame
from avatar.types import F32

LOOK_AHEAD_S: Final = 0.12
"""How much sound after a moment is needed for the mouth of that moment: constant, resampling included."""
FRAME_OFFSET_S: Final = WINDOW / 2 / RATE - AHEAD_FRAMES / FRAMES_PER_S
"""From the start of a frame of sound to the moment whose mouth comes out with it."""

JITTER_S: Final = 0.08
"""Sound this much earlier or later than expected still follows on what came before."""
CLOCK_SHARE: Final = 0.02
"""Share of such a difference by which the sound's clock is moved at each push: two clocks never run alike."""
LONGEST_GAP_S: Final = 0.5
"""A longer gap begins a new stretch: the sound before says nothing about it."""
MAX_EARLY_S: Final = 0.5
"""Sound that runs ahead of its time by more replaces what was waiting: the newest counts."""
BUFFER_S: Final = 12.0
"""Sound that may wait for the network; more is dropped and counted."""
PIECE_S: Final = 0.25
"""Most sound that is taken at once. Longer pieces make products of matrices that OpenBLAS shares out among its threads:
beside busy processes these wait for each other a hundred times as long as they work, and a call that is late already
would never catch up."""
LEAST_HEARD: Final = 0.01
"""A mouth that would be drawn from what is heard by less than this share changes by two levels of 255: nobody listens.
In the noise of a room nobody speaks by 0.005."""
KEPT_S: Final = 3.0
"""How far back mouths can be asked for."""


class SpeechMotion:
    """Follows one stream of speech. `push` from one thread, `motion` from another if need be."""

    def __init__(
        self,
        network: VoiceNetwork | None = None,
        *,
        liveliness: float = 1.0,
        listener: VoiceListener | None = None,
    ) -> None:
        """Take a network with its features of sound.

        Args:
            network: as `load_voice_network` returns; None: the shipped one.
            liveliness: 0 calm, 1 as trained, 2 lively; closures are kept at any.
            listener: hears the same sound for a tier that draws the mouth from it.

        Raises:
            ModelError: the shipped weights are missing.
        """
        self._lock = threading.Lock()
        network = shipped_network() if network is None else network
        self._features = network.make_features()
        self._network = network.open(self._features.silence)
        self._preprocessor = SpeechPreprocessor()
        self.liveliness = liveliness
        self._listener = listener
        kept = 0 if listener is None else listener.samples
        self._heard = SoundHistory(kept + round((BUFFER_S + KEPT_S) * RATE))
        self._dropped = 0
        self._forget()

    @property
    def dropped_s(self) -> float:
        """Seconds of sound given up so far because too much came at once or too late."""
        return self._dropped / RATE

    def push(self, sound: av.AudioFrame | F32, received_s: float, rate: int = RATE) -> None:
        """Take sound whose first sample belongs to `received_s` of the media clock; cheap, never blocks for long.

        Args:
            sound: a decoded frame of any rate, layout and format, or (n,) or (channels, n) float samples.
            received_s: seconds; a little jitter is smoothed out.
            rate: samples a second, for samples.

        Raises:
            ValueError: samples of another shape.
        """
        frame = sound if isinstance(sound, av.AudioFrame) else sound_frame(sound, rate)
        with self._lock:
            samples = self._preprocessor.take(frame)
            if len(samples):
                self._place(samples, received_s)

    def motion(self, time_s: float, *, listening: bool = True, sees_mouth: float = 0.0) -> VoiceMotion:
        """Return the mouth at a moment of the media clock; whole when sound up to `LOOK_AHEAD_S` later was pushed.

        Args:
            time_s: seconds.
            listening: whether the listener, where there is one, is asked too; what draws may have no use for that now.
            sees_mouth: how much of the mouth is a camera's, 0..1 (`MixState.sees_mouth`): while that has it and nobody
                speaks, what the listener would say is drawn nowhere.
        """
        with self._lock:
            self._analyse(time_s + LOOK_AHEAD_S)
            self._timeline.let_go(time_s - KEPT_S)
            found = self._timeline.at(time_s)
            sound = None
            if listening and self._listener is not None and found is not None:
                sound = self._heard.until(time_s + self._listener.ahead_s, self._listener.samples)
        if found is None:
            return resting_voice(time_s)
        moved = voice_motion(time_s, *found, self.liveliness)
        if self._listener is None or sound is None or heard_share(sees_mouth, moved.speaking) < LEAST_HEARD:
            return moved
        return replace(moved, heard=self._listener.listen(sound))

    def reset(self) -> None:
        """Forget all sound: somebody else speaks from now on."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self._waiting: list[F32] = []
        self._waiting_count = 0
        self._timeline = MouthTimeline()
        self._heard.clear()
        self._origin_s: float | None = None
        self._taken = 0
        self._begin_stretch(0.0)
        self._origin_s = None

    def _begin_stretch(self, start_s: float) -> None:
        """Take what comes as something new that starts at `start_s`."""
        self._origin_s, self._taken, self._frame_count = start_s, 0, 0
        self._waiting, self._waiting_count = [], 0
        self._prosody, self._rest = Prosody(), MouthRest()
        self._features.reset()
        self._network.reset()

    def _place(self, samples: F32, at_s: float) -> None:
        """Put samples where they belong on the clock: after the last ones, after a pause, or instead of them."""
        if self._origin_s is None:
            self._begin_stretch(at_s)
        assert self._origin_s is not None  # noqa: S101 - set just now, for the type checker
        late_s = at_s - (self._origin_s + self._taken / RATE)
        if late_s > LONGEST_GAP_S:
            self._finish()
            self._begin_stretch(at_s)
        elif late_s < -MAX_EARLY_S:
            self._dropped += self._waiting_count
            self._timeline.replace_from(at_s)
            self._begin_stretch(at_s)
        elif late_s > JITTER_S:
            self._queue(np.zeros(round(late_s * RATE), np.float32))
        else:
            self._origin_s += CLOCK_SHARE * late_s
        self._queue(samples)

    def _queue(self, samples: F32) -> None:
        room = round(BUFFER_S * RATE) - self._waiting_count
        self._dropped += max(len(samples) - room, 0)
        kept = samples[: max(room, 0)]
        if len(kept):
            if self._listener is not None and self._origin_s is not None:
                self._heard.put(kept, self._origin_s + self._taken / RATE)
            self._waiting.append(kept)
            self._waiting_count += len(kept)
            self._taken += len(kept)

    def _finish(self) -> None:
        """Take a stretch to its end, with silence after it."""
        assert self._origin_s is not None  # noqa: S101 - there is a stretch
        self._queue(np.zeros(round((LOOK_AHEAD_S + HOLD_S) * RATE), np.float32))
        self._analyse(self._origin_s + self._taken / RATE)

    def _analyse(self, until_s: float) -> None:
        """Give the network what lies before `until_s`, piece by piece."""
        if self._origin_s is None or not self._waiting:
            return
        wanted = min(
            round((until_s - self._origin_s) * RATE) - (self._taken - self._waiting_count), self._waiting_count
        )
        if wanted <= 0:
            return
        joined = np.concatenate(self._waiting)
        piece = round(PIECE_S * RATE)
        for start in range(0, wanted, piece):
            self._analyse_piece(joined[start : min(start + piece, wanted)])
        self._waiting = [joined[wanted:]] if wanted < len(joined) else []
        self._waiting_count -= wanted

    def _analyse_piece(self, samples: F32) -> None:
        assert self._origin_s is not None  # noqa: S101 - there is a stretch
        features = self._features.push(samples)
        level_db, levels, count = features.level_db, features.levels, len(features.frames)
        if not count:
            return
        mouths = self._network.push(features.frames)
        silence = mouths.posterior[:, CLASSES.index("silence")]
        speaking, emphasis = self._prosody.push(level_db - levels.voice_db, silence)
        numbers = self._frame_count + np.arange(count)
        times = self._origin_s + numbers * HOP / RATE + FRAME_OFFSET_S
        self._frame_count += count
        moving = self._rest.push(silence, speaking, levels.presence_db)
        prosody = VoiceProsody(level_db, speaking, emphasis, moving)
        self._timeline.append(np.asarray(times, np.float64), mouths, prosody)


def speech_motions(
    samples: F32,
    rate: int,
    times_s: Iterable[float],
    *,
    network: VoiceNetwork | None = None,
    liveliness: float = 1.0,
) -> list[VoiceMotion]:
    """Return the mouths of a whole recording at some rising moments: what a call shows, without its waiting.

    Args:
        samples: (n,) or (channels, n) floats, the first one at 0 s.
        rate: samples a second.
        times_s: seconds, rising.
        network: as for `SpeechMotion`.
        liveliness: 0 calm, 1 as trained, 2 lively.

    Raises:
        ModelError: the shipped weights are missing.
        ValueError: samples of another shape.
    """
    speech = SpeechMotion(network, liveliness=liveliness)
    planes = np.atleast_2d(samples)
    pushed, piece = 0, max(rate // 10, 1)
    found = []
    for time_s in times_s:
        while pushed < planes.shape[1] and pushed / rate <= time_s + 2 * LOOK_AHEAD_S:
            speech.push(planes[:, pushed : pushed + piece], pushed / rate, rate)
            pushed += piece
        if pushed >= planes.shape[1] and pushed / rate <= time_s + 2 * LOOK_AHEAD_S:
            speech.push(np.zeros(piece, np.float32), pushed / rate, rate)
            pushed += piece
        found.append(speech.motion(time_s))
    return found
