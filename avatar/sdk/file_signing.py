"""Signs what an avatar is written into: which avatar it shows, and how that was drawn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from avatar.config import PictureSettings, TrustSettings
from avatar.generator.identity import Identity
from avatar.generator.identity_file import content_hash
from avatar.trust.signing import FileSigner, Input, source_type

MOST_SHOWN: Final = 8
"""Avatars of one file that are named in it; of more, the last."""


def no_finish(_: Path) -> None:
    """Leave a file as it is."""


def finish_of(
    trust: TrustSettings, picture: PictureSettings, identity: Identity, files: Sequence[tuple[str, Path | None]] = ()
) -> Callable[[Path], None]:
    """Return what signs a file of an avatar as the settings say; it does nothing where they say nothing.

    Args:
        trust: the settings.
        picture: how the avatar is drawn.
        identity: the avatar.
        files: what moves it: (role, path); without a path, it is left out.

    Raises:
        TrustError: nothing can be signed with these settings.
    """
    signer = FileSigner.of(trust)
    if signer is None:
        return no_finish

    def finish(path: Path) -> None:
        inputs = [Input("avatar", content_hash(identity))]
        inputs += [Input.of_file(role, file) for role, file in files if file is not None]
        signer.sign(path, source_type(picture.tier), inputs)

    return finish


class ShownAvatars:
    """The avatars that a call shows, to be named in its recordings. `add` and `finish` may come from any thread."""

    def __init__(self, trust: TrustSettings, picture: PictureSettings) -> None:
        """Sign as the settings say."""
        self._trust, self._tier = trust, picture.tier
        self._shown: deque[Identity] = deque(maxlen=MOST_SHOWN)

    def add(self, identity: Identity) -> None:
        """An avatar is shown from now on."""
        if all(identity is not known for known in self._shown):
            self._shown.append(identity)

    def finish(self, path: Path) -> None:
        """Sign a recording. Raises TrustError."""
        signer = FileSigner.of(self._trust)
        if signer is not None:
            inputs = [Input("avatar", content_hash(identity)) for identity in tuple(self._shown)]
            signer.sign(path, source_type(self._tier), inputs)
