"""The model card of a trained network, written from what it was trained on and what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from avatar.generator.tuning.packed_clips import PackedClip


def network_card(
    tier: str,
    about: Mapping[str, Any],
    report: Mapping[str, float],
    *,
    train: Sequence[PackedClip],
    held_back: Sequence[PackedClip],
    parameters: Mapping[str, int],
) -> str:
    """Return the model card, Markdown.

    Args:
        tier: key of `generator.network.SIZES`.
        about: what the weights file says of itself: step, seconds, measures on the people kept back.
        report: what export measured.
        train, held_back: the clips trained on and those kept back.
        parameters: how many numbers each part of the network has.
    """
    sources = Counter((clip.label.source, clip.label.licence) for clip in train)
    source_lines = "\n".join(f"| {name} | {licence} | {count} |" for (name, licence), count in sorted(sources.items()))
    measures = about["held_back"]
    measure_lines = "\n".join(f"| `{name}` | {value:.3f} |" for name, value in measures.items())
    report_lines = "\n".join(f"| `{name}` | {value:.3f} |" for name, value in report.items())
    sizes = ", ".join(f"{name} {count / 1e6:.2f} million" for name, count in parameters.items())
    people = len({clip.label.person for clip in train})
    frames = sum(len(clip.rgb) for clip in train)
    return f"""# Face network, tier `{tier}`

Draws what a photo does not show of a moving face: the inside of the mouth, lids, uncovered skin. Geometry moves the
photo; the network's pixels are blended in where its mask says so (`avatar/generator/network.py`). Parameters: {sizes}.

## Recipe

`python -m training.prepare`, then `python -m training.train --tier {tier}` (see `docs/training.md`):
{about["step"]} steps of 8 pictures, {about["seconds"] / 60:.0f} minutes by the clock, pauses included,
{frames} frames of {people} people (`split=train`).

## Data

People in clips published as examples with these projects. The licence is that of the repository; who holds the rights
in the footage is often not stated. No picture of them is part of the weights.

| source | licence | clips |
|---|---|---|
{source_lines}

## Measures

On {len({clip.label.person for clip in held_back})} people of the training split who were kept back; the weights are the
best by these numbers, so they flatter a little. Ratios are over the geometry tier's error: below 1 is better. The test
split was not looked at.

| measure | |
|---|---|
{measure_lines}

Exported to ONNX; PSNR on the face as above, milliseconds per frame on one core as it was at that moment:

| export | |
|---|---|
{report_lines}

## Limits and misuse

- From one photo with a closed mouth teeth are soft, dark and a guess; tongues are guessed; eyes are hardly better than
  the geometry tier's.
- {people} people are few: ages, faces, skin and ways to speak are not evenly covered.
- A moved photo of somebody is that person's likeness. Do not use it without their consent or to deceive.
"""
