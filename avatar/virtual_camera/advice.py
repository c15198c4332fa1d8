"""What to install for a virtual camera and a virtual microphone, by system, with the exact commands."""

from __future__ import annotations

from typing import Final

INSTALL_EXTRA: Final = "pip install 'avatar[camera]'"

LABEL: Final = "Avatar"
"""What programs show as the camera's name on Linux."""

_CAMERA: Final = {
    "linux": (
        "Run: sudo apt-get install -y v4l2loopback-dkms linux-headers-$(uname -r) && sudo modprobe v4l2loopback "
        f'exclusive_caps=1 card_label="{LABEL}" (Fedora: sudo dnf install v4l2loopback from RPM Fusion; Arch: sudo '
        "pacman -S v4l2loopback-dkms). For every start of the machine: echo v4l2loopback | sudo tee "
        "/etc/modules-load.d/v4l2loopback.conf"
    ),
    "darwin": (
        "Run: brew install --cask obs; then open OBS once, click Start Virtual Camera, allow its system extension in "
        "System Settings > General > Login Items & Extensions, click Stop Virtual Camera and quit OBS."
    ),
    "win32": "Run: winget install OBSProject.OBSStudio; its virtual camera comes with it. Then quit OBS.",
}
_SOUND: Final = {
    "linux": "Run: sudo apt-get install -y pulseaudio-utils (its pactl and pacat serve PipeWire too)",
    "darwin": "Run: brew install blackhole-2ch; then give --sound-to 'BlackHole 2ch' in place of --virtual-mic.",
    "win32": (
        "Install VB-CABLE (https://vb-audio.com/Cable/); then give --sound-to 'CABLE Input' in place of --virtual-mic."
    ),
}
_SOUND_LIBRARY: Final = {
    "linux": "Run: sudo apt-get install -y libportaudio2 libasound2-plugins",
    "darwin": f"Run: {INSTALL_EXTRA}",
    "win32": f"Run: {INSTALL_EXTRA}",
}
_MICROPHONE: Final = {
    "linux": (
        "Plug one in. Over SSH, as another user or in a container, the sound of the desktop is out of reach: run this "
        "in its own session. A file or a text speaks without one."
    ),
    "darwin": (
        "Plug one in, and allow the terminal the microphone in System Settings > Privacy & Security > Microphone. A "
        "file or a text speaks without one."
    ),
    "win32": (
        "Plug one in, and let desktop apps use it in Settings > Privacy & security > Microphone. A file or a text "
        "speaks without one."
    ),
}


def virtual_camera_advice(system: str) -> str:
    """Return how to get a virtual camera on a system of `sys.platform`."""
    return _CAMERA.get(system, "No virtual camera is known for this system: Linux, macOS and Windows have one.")


def virtual_sound_advice(system: str) -> str:
    """Return how to get what carries sound to other programs as a microphone."""
    return _SOUND.get(system, "No virtual microphone is known for this system.")


def microphone_advice(system: str) -> str:
    """Return what to do where no microphone is seen."""
    return _MICROPHONE.get(system, "Plug one in. A file or a text speaks without one.")


def sound_library_advice(system: str) -> str:
    """Return how to get the library that microphones are read by."""
    return _SOUND_LIBRARY.get(system, f"Run: {INSTALL_EXTRA}, and install PortAudio.")
