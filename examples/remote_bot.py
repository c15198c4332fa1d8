"""An avatar that a server draws says a recording, with feeling, into an MP4: this program needs no model and no GPU.

avatar serve                                                             (here or elsewhere)
python -m examples.remote_bot http://localhost:8010 voice.wav out.mp4    (AVATAR_TOKEN, if it asks for one)
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from avatar import Avatar
from avatar.errors import AvatarError, ServerFullError
from avatar.media.audio import SOUND_RATE
from examples.speak import speak


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server", help="its address, such as https://host:8010")
    parser.add_argument("voice", type=Path, help="a sound file")
    parser.add_argument("out", type=Path, help="the MP4 to write")
    parser.add_argument("--face", default="mira", help="the id of a face on the server")
    parser.add_argument("--direct", default="smile warmly and nod", help="a stage direction in plain words")
    chosen = parser.parse_args(arguments)
    token = os.environ.get("AVATAR_TOKEN") or None
    try:
        avatar = Avatar.connect(chosen.server, chosen.face, token=token, sample_rate=SOUND_RATE)
        seconds = asyncio.run(speak(avatar, chosen.voice, chosen.out, chosen.direct))
    except ServerFullError as error:
        raise SystemExit(f"{error} (in {error.retry_after_s} s, say)") from error
    except AvatarError as error:
        raise SystemExit(str(error)) from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    print(f"{chosen.out}: {seconds:.1f} s of speech")


if __name__ == "__main__":
    main()
