"""What a conversation is made of, from the server's settings."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from avatar.config import ConversationSettings
from avatar.conversation.llm import Brain, ScriptedBrain
from avatar.conversation.openai_llm import OpenAIBrain
from avatar.conversation.openai_stt import OpenAIEars
from avatar.conversation.stt import Ears
from avatar.conversation.tts import Voice, open_voice
from avatar.conversation.voice_detector import NetworkVoiceDetector, VoiceDetector


@dataclass(frozen=True, slots=True)
class Parts:
    """Who speaks, who thinks, and who listens for words."""

    voice: Voice
    brain: Brain
    ears: Ears | None = None
    detector: VoiceDetector | None = None
    """Tells voices from other loud sound, for one conversation; None: the shipped detector does."""


MakeParts: TypeAlias = Callable[[], Parts]
"""Returns the parts of one conversation; may block for a second. Raises AvatarError."""


def open_parts(settings: ConversationSettings) -> Parts:
    """Return the parts of a new conversation. Blocks while the voice loads.

    Raises:
        VoiceError: no such voice can speak here; the message says how to get one.
        ConversationError: a base URL that is none.
        ModelError: the network that tells voices is missing.
    """
    brain: Brain = ScriptedBrain()
    if settings.llm_url is not None:
        brain = OpenAIBrain(settings.llm_url, settings.llm_model, settings.llm_api_key)
    ears = None
    if settings.stt_url is not None:
        ears = OpenAIEars(settings.stt_url, settings.stt_model, settings.stt_api_key)
    voice = open_voice(settings.tts)
    deque(voice.speak("Hello."), maxlen=0)  # the first sentence takes longest: it is not one that somebody waits for
    return Parts(voice, brain, ears, NetworkVoiceDetector())
