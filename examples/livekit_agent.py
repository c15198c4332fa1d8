"""A LiveKit agent with a face. Fill in your own STT, LLM and TTS; the avatar needs no key.

pip install 'avatar[livekit]'
python examples/livekit_agent.py dev
"""

from __future__ import annotations

from livekit.agents import Agent, AgentSession, JobContext, WorkerOptions, cli

from avatar.integrations.livekit import AvatarSession

FACE = "mira"
"""An .avatar file, a photo or a built-in face's id."""


async def entrypoint(ctx: JobContext) -> None:
    """Join a room and talk in it."""
    session = AgentSession(llm="openai/gpt-4.1-mini", stt="deepgram/nova-3", tts="cartesia/sonic-2")
    face = AvatarSession(FACE)
    await face.start(session, room=ctx.room)
    await session.start(agent=Agent(instructions="You are friendly and brief."), room=ctx.room)
    if face.avatar is not None:
        face.avatar.direct("smile warmly")
    await session.generate_reply(instructions="Greet the user.")


if __name__ == "__main__":
    cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint))
