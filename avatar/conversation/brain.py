"""Former names: `Brain` is `llm.LanguageModel` and `Heard` is `llm.UserTurn`, kept for programs that import them."""

from __future__ import annotations

import warnings

from avatar.conversation.llm import LanguageModel as Brain
from avatar.conversation.llm import UserTurn as Heard

__all__ = ["Brain", "Heard"]

warnings.warn(
    "avatar.conversation.brain is now avatar.conversation.llm: Brain is LanguageModel, Heard is UserTurn",
    DeprecationWarning,
    stacklevel=2,
)
