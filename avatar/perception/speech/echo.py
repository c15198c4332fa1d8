"""Echo cancellation on the server: the avatar's audio is removed from the microphone's, for clients that cannot.

sound that leaves -> played -> [far end] --.
microphone -------> clean ---> [near end] -+-> canceller -> the user alone
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from fractions import Fraction
from typing import Final, Protocol, cast

import av
import numpy as np

from avatar.errors import IntegrationError
from avatar.media.pcm import I16, SampleQueue, to_mono_pcm
from avatar.perception.speech.preprocessing import SpeechPreprocessor
from avatar.timing.rtp_clock import AUDIO_RATE

logger = logging.getLogger(__name__)

BLOCK: Final = AUDIO_RATE // 100
"""Samples a canceller works on at once: 10 ms."""
MOST_FAR: Final = AUDIO_RATE // 5
"""Samples of the far end that may wait for the near end: 0.2 s."""
SPARE: Final = AUDIO_RATE // 50
"""Samples of the far end that always wait are too early for their echo beyond this: 20 ms."""
SPARE_WINDOW: Final = 2 * AUDIO_RATE
"""How much audio is needed to know what always waits."""


class Canceller(Protocol):
    """The signal processing; `pywebrtc_audio.EchoCanceller` is one."""

    def process(self, near: I16, far: I16) -> I16:
        """Return (n,) samples of the microphone without the echo of the (n,) samples played; n is whole blocks."""
        ...


def open_canceller() -> Canceller:
    """Return WebRTC's echo canceller for one channel at `AUDIO_RATE`. It finds an echo up to half a second late.

    Raises:
        IntegrationError: the package pywebrtc-audio is not installed.
    """
    try:
        import pywebrtc_audio  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise IntegrationError(
            "Echo cancellation needs the package pywebrtc-audio: pip install 'avatar[echo]'"
        ) from error
    return cast(Canceller, pywebrtc_audio.EchoCanceller(AUDIO_RATE))


class EchoCanceller:
    """Echo cancellation of one call. A canceller that fails is bypassed, which is logged once.

    Both ends run by the same clock, but unevenly: what has been played waits here for what is heard. Not for several
    threads at once.
    """

    def __init__(self, make: Callable[[], Canceller] = open_canceller) -> None:
        self._canceller: Canceller | None = None
        try:
            self._canceller = make()
        except Exception as error:  # an option must not cost the call
            self._give_up(error)
        self._near, self._far = SampleQueue(AUDIO_RATE), SampleQueue(AUDIO_RATE)
        self._near_preprocessor, self._far_preprocessor = SpeechPreprocessor(AUDIO_RATE), SpeechPreprocessor(AUDIO_RATE)
        self._always, self._seen = MOST_FAR, 0
        """Samples of the far end that have waited all the time, of so many samples of the near end."""

    @property
    def works(self) -> bool:
        """Whether the echo is taken out."""
        return self._canceller is not None

    def played(self, frame: av.AudioFrame) -> None:
        """Take a decoded frame of any format that leaves for the loudspeaker now."""
        if self._canceller is not None:
            self._far.push(to_mono_pcm(self._far_preprocessor.take(frame), AUDIO_RATE), AUDIO_RATE)
            self._far.take(len(self._far) - MOST_FAR)

    def clean(self, frame: av.AudioFrame) -> av.AudioFrame | None:
        """Return what a decoded frame of any format adds to the user's own sound: s16, mono, at `AUDIO_RATE`.

        Blocks go in whole, so up to 10 ms are held back. None: there is no whole block, or the frame cannot be used.
        """
        held = len(self._near)
        self._near.push(to_mono_pcm(self._near_preprocessor.take(frame), AUDIO_RATE), AUDIO_RATE)
        near = self._near.take(len(self._near) // BLOCK * BLOCK)
        if not len(near):
            return None
        cleaned = av.AudioFrame.from_ndarray(self._without_echo(near)[None], format="s16", layout="mono")
        cleaned.sample_rate, cleaned.time_base = AUDIO_RATE, Fraction(1, AUDIO_RATE)
        if frame.pts is not None and frame.time_base is not None:
            cleaned.pts = round(frame.pts * frame.time_base * AUDIO_RATE) - held
        return cleaned

    def _without_echo(self, near: I16) -> I16:
        if self._canceller is None:
            return near
        far = self._far.take(len(near))
        self._settle(len(near))
        try:
            return self._canceller.process(near, np.concatenate([far, np.zeros(len(near) - len(far), np.int16)]))
        except Exception as error:  # whatever the package raises, the microphone stays heard
            self._give_up(error)
            return near

    def _settle(self, count: int) -> None:
        """Drop what a burst has left waiting: an echo must not come before what it is an echo of."""
        self._always, self._seen = min(self._always, len(self._far)), self._seen + count
        if self._seen >= SPARE_WINDOW:
            self._far.take(self._always - SPARE)
            self._always, self._seen = MOST_FAR, 0

    def _give_up(self, error: Exception) -> None:
        self._canceller = None
        logger.warning("the echo of the avatar's voice is not cancelled: %s", error)
