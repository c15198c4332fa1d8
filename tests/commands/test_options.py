"""Options of several commands: weights of one's own for the mouth."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from avatar.commands.main import main, parser
from avatar.commands.options import chosen_voice_network, settings_of
from avatar.motion.voice_network import shipped_network
from avatar.resources import weights_path

RENDER = ["render", "--avatar", "mira", "-o", "out.mp4"]


def test_weights_of_ones_own_are_taken_by_every_command_that_speaks() -> None:
    for command in (RENDER, ["say", "Hello", "-o", "out.mp4"], ["serve"]):
        assert chosen_voice_network(settings_of(parser().parse_args(command)).lip_sync) is None
        shipped = str(weights_path("speech_mouth.safetensors"))
        settings = settings_of(parser().parse_args([*command, "--voice-network", shipped]))
        network = chosen_voice_network(settings.lip_sync)
        assert network is not None and network.weights.keys() == shipped_network().weights.keys()


@pytest.mark.parametrize(
    ("options", "reason", "code"),
    [
        (["--voice-encoder", "a/b"], "name them with --voice-network", 2),
        (["--voice-network", "gone.safetensors"], "no weights file gone.safetensors", 1),
    ],
)
@pytest.mark.parametrize("command", ["render", "serve"])
def test_what_cannot_be_used_is_one_friendly_message(
    command: str, options: list[str], reason: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = ["serve", "--port", "0"] if command == "serve" else [*RENDER[:-1], str(tmp_path / "out.mp4")]
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        assert main([*start, *options]) == code
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
    assert reason in capsys.readouterr().err
