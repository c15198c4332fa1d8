"""A Pipecat pipeline with a face: here the "bot" reads a recording, where a real one has STT, LLM and TTS.

pip install 'avatar[pipecat]'
python examples/pipecat_bot.py voice.wav
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    OutputImageRawFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from avatar.integrations.pipecat import AvatarVideoService
from avatar.media.audio import SOUND_RATE, audio_blocks


class CountingOutput(FrameProcessor):
    """Stands where a transport's output would: counts what it would send."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures, self.sound_s = 0, 0.0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Count, and pass on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, OutputImageRawFrame):
            self.pictures += 1
        elif isinstance(frame, TTSAudioRawFrame):
            self.sound_s += frame.num_frames / frame.sample_rate
        await self.push_frame(frame, direction)


async def talk(voice: Path, face: str) -> CountingOutput:
    """Run the pipeline until the recording has been spoken."""
    output = CountingOutput()
    worker = PipelineWorker(
        Pipeline([AvatarVideoService(face), output]),
        params=PipelineParams(audio_out_sample_rate=24_000),
        cancel_on_idle_timeout=False,
    )
    spoken: list[Frame] = [TTSStartedFrame(context_id="hello")]
    for block in audio_blocks(voice):
        pcm = np.round(np.clip(block.mean(axis=0), -1, 1) * 32767).astype(np.int16).tobytes()
        spoken.append(TTSAudioRawFrame(pcm, SOUND_RATE, 1, context_id="hello"))
    await worker.queue_frames([*spoken, TTSStoppedFrame(context_id="hello"), EndFrame()])
    runner = WorkerRunner()
    await runner.add_workers(worker)
    await runner.run()
    return output


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("voice", type=Path, help="a sound file: what the bot says")
    parser.add_argument("--face", default="mira", help="a photo, an .avatar file or a built-in face's id")
    chosen = parser.parse_args(arguments)
    output = asyncio.run(talk(chosen.voice, chosen.face))
    print(f"{output.sound_s:.1f} s of speech with {output.pictures} pictures")


if __name__ == "__main__":
    main()
