"""Conversation with the avatar: turn taking, speech to text, language model, text to speech."""
