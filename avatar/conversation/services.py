"""The services of a conversation (TTS, LLM, STT, voice detector), opened from the server's settings."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from avatar.config import ConversationSettings
from avatar.conversation.llm import LanguageModel, ScriptedLanguageModel
from avatar.conversation.openai_llm import OpenAILanguageModel
from avatar.conversation.openai_stt import OpenAISpeechToText
from avatar.conversation.stt import SpeechToText
from avatar.conversation.tts import TextToSpeech, open_voice
from avatar.conversation.voice_detector import NetworkVoiceDetector, VoiceDetector


@dataclass(frozen=True, slots=True)
class ConversationServices:
    """The services of one conversation."""

    tts: TextToSpeech
    llm: LanguageModel
    stt: SpeechToText | None = None
    detector: VoiceDetector | None = None
    """Tells voices from other loud sound, for one conversation; None: the shipped detector does."""


ServiceFactory: TypeAlias = Callable[[], ConversationServices]
"""Opens the services of one conversation; may block for a second. Raises AvatarError."""


def open_services(settings: ConversationSettings) -> ConversationServices:
    """Open the services of a new conversation. Blocks for about a second while the voice loads.

    Raises:
        VoiceError: no such voice can speak here; the message says how to get one.
        ConversationError: a base URL that is none.
        ModelError: the voice detector's network is missing.
    """
    llm: LanguageModel = ScriptedLanguageModel()
    if settings.llm_url is not None:
        llm = OpenAILanguageModel(settings.llm_url, settings.llm_model, settings.llm_api_key)
    stt = None
    if settings.stt_url is not None:
        stt = OpenAISpeechToText(settings.stt_url, settings.stt_model, settings.stt_api_key)
    tts = open_voice(settings.tts)
    deque(tts.speak("Hello."), maxlen=0)  # the first sentence takes longest: it is not one that somebody waits for
    return ConversationServices(tts, llm, stt, NetworkVoiceDetector())
