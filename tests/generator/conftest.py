"""A hub on this machine, and calls over WebRTC that the networks of others draw, on its CPU."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import pytest

from avatar.generator.tiers import open_generator
from avatar.identities.open import open_identity
from avatar.models.store import models_folder
from avatar.types import U8, Drive, rest_motion
from benchmarks.call_media import still_packets
from benchmarks.network_call import NetworkCall, network_call

FACE = "mira"
SIDE = 512
HoldCall = Callable[..., NetworkCall]
ServeHub = Callable[[Path], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def serve_hub() -> ServeHub:
    """Serves a folder as a hub of models does, within; gives the address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    @contextmanager
    def serve(folder: Path) -> Iterator[str]:
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
            thread = Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()

    return serve


@pytest.fixture(scope="session")
def hold_call(face_model: Path) -> HoldCall:
    """Holds a call that a tier draws whose weights lie in a folder of models; the other models are the present ones."""

    def hold(
        models: Path,
        tier: str,
        *,
        pictures: int,
        limit_s: float,
        samples: np.ndarray | None = None,
        drive: Drive = "camera",
    ) -> NetworkCall:
        for path in models_folder().iterdir():
            if path.is_file() and not (models / path.name).exists():
                (models / path.name).symlink_to(path)
        packets = still_packets(open_identity(FACE).rest.rgb, seconds=1.0)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AVATAR_MODELS", str(models))
            return asyncio.run(
                network_call(
                    packets,
                    FACE,
                    tier=tier,
                    engine="torch",
                    pictures=pictures,
                    limit_s=limit_s,
                    samples=samples,
                    drive=drive,
                )
            )

    return hold


@pytest.fixture(scope="session")
def apart_from_rest() -> Callable[[U8], U8]:
    """Says how far each pixel of a call's picture is from the same face at rest, drawn by the geometry: (512, 512)."""
    still = open_generator(open_identity(FACE), (SIDE, SIDE), "geometry").render(rest_motion(0.0))

    def apart(picture: U8) -> U8:
        assert picture.shape == (SIDE, SIDE, 3)
        return np.asarray(cv2.absdiff(picture, still).mean(axis=2).round(), np.uint8)

    return apart
