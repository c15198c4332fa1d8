"""The former name of `avatar.conversation.llm`, for programs that import it."""

from __future__ import annotations

import warnings

from avatar.conversation.llm import Brain, Heard

__all__ = ["Brain", "Heard"]

warnings.warn("avatar.conversation.brain is now called avatar.conversation.llm", DeprecationWarning, stacklevel=2)
