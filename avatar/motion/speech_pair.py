"""Two networks with the same input: both are asked for the mouth, the second for how far lips part.

A network learns the few people whose lips it is shown by heart, and opens strangers' mouths wrongly. So the second was
taught by labelled speech alone, and 400 numbers fitted to real lips read the opening off its latest input and answers:

    (log-mel, posterior, closure, embedding) of 5 frames, 40 ms apart -> lip opening

What is shown is the mean of both mouths, the jaw as far open as that.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from avatar.face.expression_basis import load_basis
from avatar.face.mesh import LOWER_LIP_CENTRE, UPPER_LIP_CENTRE
from avatar.motion.speech_network import CLASSES, EMBEDDING, MOUTH, Mouths, SpeechNetwork, fits, input_size
from avatar.perception.speech.log_mel import BANDS
from avatar.types import BLENDSHAPE_INDEX, F32

TAPS, STEP = 5, 4
"""Frames that the opening is read from, and how far apart they are, in frames of 10 ms."""
TAKEN: Final = BANDS + len(CLASSES) + 1 + EMBEDDING
"""Numbers of each of them."""
SHAPES: Final = {"opening.weight": (TAPS, TAKEN), "opening.bias": (1,)}
FLOOR: Final = 0.04
"""Lips that the networks part stay so far apart, in head units, or as far as these part them: a small opening that is
made a little smaller would be seen as a closure."""
JAW: Final = MOUTH.index(BLENDSHAPE_INDEX["jawOpen"])


def second_fits(weights: dict[str, F32]) -> bool:
    """Whether these are the weights of a second network that takes log-mel, and of `SHAPES`, all finite."""
    reading = {name: array for name, array in weights.items() if name in SHAPES}
    network = {name: array for name, array in weights.items() if name not in SHAPES}
    finite = all(np.isfinite(array).all() for array in reading.values())
    right = {name: array.shape for name, array in reading.items()} == SHAPES
    return right and finite and fits(network) and input_size(network) == BANDS


class SpeechPair:
    """One stream through both networks, as `SpeechNetwork` is of one."""

    def __init__(self, first: dict[str, F32], second: dict[str, F32], silence: F32) -> None:
        """Take the weights of both by name, the second's with those of `SHAPES`, and a frame of silence (40,)."""
        self._first, self._second = SpeechNetwork(first, silence), SpeechNetwork(second, silence)
        self._taps, self._bias = second["opening.weight"].ravel(), second["opening.bias"]
        quiet = np.tile(silence, ((TAPS - 1) * STEP, 1))
        self._quiet = self._past = observed(quiet, *self._second.push_embedded(quiet))

    def reset(self) -> None:
        """Forget the past input: there was silence before."""
        self._first.reset()
        self._second.reset()
        self._past = self._quiet

    def push(self, features: F32) -> Mouths:
        """Take (n, 40) frames; return the n mouths `AHEAD_FRAMES` before them."""
        first, (second, embedding) = self._first.push(features), self._second.push_embedded(features)
        rows = np.concatenate([self._past, observed(features, second, embedding)])
        self._past = rows[len(features) :]
        opening = np.asarray(tapped(rows) @ self._taps + self._bias, np.float32)
        return Mouths(
            coefficients=opened(_mean(first.coefficients, second.coefficients), opening),
            closure=_mean(first.closure, second.closure),
            posterior=_mean(first.posterior, second.posterior),
        )


def observed(features: F32, mouths: Mouths, embedding: F32) -> F32:
    """Return the (n, `TAKEN`) numbers that an opening is read from, frame by frame."""
    parts = (features, mouths.posterior, mouths.closure[:, None], embedding)
    return np.concatenate(parts, axis=1, dtype=np.float32)


def tapped(rows: F32) -> F32:
    """Return (n, `TAPS` * `TAKEN`), the oldest frame first, of ((`TAPS` - 1) * `STEP` + n, `TAKEN`) rows."""
    count = len(rows) - (TAPS - 1) * STEP
    return np.concatenate([rows[tap * STEP : tap * STEP + count] for tap in range(TAPS)], axis=1)


def opened(coefficients: F32, opening: F32) -> F32:
    """Return (n, 27) coefficients `MOUTH` whose jaw parts the lips by (n,) head units, not below `FLOOR`."""
    parting = lip_parting()
    own = coefficients @ parting
    wanted = np.maximum(opening, np.minimum(own, FLOOR))
    moved = coefficients.copy()
    moved[:, JAW] = np.maximum(moved[:, JAW] + (wanted - own) / parting[JAW], 0)
    return moved


@cache
def lip_parting() -> F32:
    """Return (27,), how far each mouth coefficient parts the inner lips, in head units."""
    offsets = load_basis().offsets[list(MOUTH)]
    return np.asarray(offsets[:, LOWER_LIP_CENTRE, 1] - offsets[:, UPPER_LIP_CENTRE, 1], np.float32)


def _mean(a: F32, b: F32) -> F32:
    return np.asarray((a + b) / 2, np.float32)
