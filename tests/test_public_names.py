"""What programs import from the package stays where they found it, and costs nothing until it is asked for."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

PUBLIC = {
    "avatar": (
        "AudioFrame", "Avatar", "FellBehind", "FrameRecorder", "Room", "SpeechFinished", "SpeechStarted", "VideoFrame",
    ),
    "avatar.sdk": ("AudioFrame", "Avatar", "VideoFrame"),
    "avatar.models": ("MODELS", "ModelStore", "get_model", "models_folder"),
    "avatar.identities": ("face_warnings", "open_identity"),
    "avatar.server": ("create_app",),
    "avatar.virtual_camera": ("VirtualCamera",),
    "avatar.session": ("Session", "open_session"),
    "avatar.errors": ("AvatarError", "ServerFullError"),
    "avatar.conversation.brain": ("Brain", "Heard"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:avatar.conversation.brain is now:DeprecationWarning")
@pytest.mark.parametrize("module", PUBLIC)
def test_what_programs_import_is_there(module: str) -> None:
    imported = importlib.import_module(module)
    for name in PUBLIC[module]:
        assert getattr(imported, name).__name__ if name != "MODELS" else imported.MODELS
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'nothing'"):
        imported.nothing  # noqa: B018 - looking it up is what is tested


def test_a_package_is_light_until_something_is_asked_of_it() -> None:
    packages = ", ".join(name for name in PUBLIC if name not in ("avatar.errors", "avatar.conversation.brain"))
    heavy = ("numpy", "av", "fastapi", "aiortc", "mediapipe")
    program = f"import sys, {packages}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
