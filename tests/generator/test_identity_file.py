"""`.avatar` files: they come back as they were, and whatever else is offered is refused with a plain sentence."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image
from safetensors.numpy import load, save

from avatar.errors import IdentityFileError
from avatar.generator import identity_file
from avatar.generator.enrol import enrol
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.generator.identity_file import (
    identity_from_bytes,
    identity_to_bytes,
    read_identity,
    with_consent,
    write_identity,
)
from avatar.types import U8, Motion

HEADER = {"format": "avatar-identity", "version": 1, "name": "A", "portraits": 1}


@pytest.fixture(scope="module")
def data(astronaut: Identity) -> bytes:
    return identity_to_bytes(astronaut)


@pytest.fixture(scope="module")
def tensors(data: bytes) -> dict[str, np.ndarray]:
    return load(data)


def packed(tensors: dict[str, np.ndarray], header: object = HEADER) -> bytes:
    return bytes(save(tensors, metadata={"avatar": json.dumps(header)}))


def refused(data: bytes) -> str:
    with pytest.raises(IdentityFileError) as error:
        identity_from_bytes(data)
    message = str(error.value)
    assert message[0].isupper() and "\n" not in message and "Traceback" not in message
    return message


def png_header(width: int, height: int) -> U8:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    stream = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    return np.frombuffer(stream + chunk(b"IEND", b""), np.uint8)


@pytest.mark.slow
def test_an_avatar_comes_back_as_it_was(
    astronaut: Identity, data: bytes, move: Callable[..., Motion], tmp_path: Path
) -> None:
    path = tmp_path / "new folder" / "me.avatar"
    write_identity(astronaut, path)
    assert path.read_bytes() == data, "and the same bytes each time"
    again = read_identity(path)
    assert again.name == "Astronaut"
    assert np.array_equal(again.rest.landmarks_px, astronaut.rest.landmarks_px)
    assert np.array_equal(again.rest.blendshapes, astronaut.rest.blendshapes)
    assert np.array_equal(again.matte, astronaut.matte)
    first, second = (GeometryGenerator(each, (512, 512)).render(move(yaw=10)) for each in (astronaut, again))
    assert np.abs(first.astype(int) - second).mean() < 2, "pictures are stored as good JPEG"


def test_several_portraits_and_any_name_come_back(astronaut: Identity) -> None:
    many = Identity("Ünïcødé 🙂 'quoted'", astronaut.portraits * 3, astronaut.matte, astronaut.plate)
    again = identity_from_bytes(identity_to_bytes(many))
    assert again.name == many.name and len(again.portraits) == 3


@pytest.mark.slow
def test_an_avatar_of_the_largest_photo_comes_back(astronaut: Identity, photo: U8) -> None:
    import cv2  # noqa: PLC0415

    large = np.asarray(cv2.resize(photo[:400, :450], None, fx=8, fy=8), np.uint8)
    large = cv2.copyMakeBorder(large, 2000, 2000, 2000, 2000, cv2.BORDER_REPLICATE)
    identity = enrol([np.asarray(large, np.uint8)])
    assert identity_from_bytes(identity_to_bytes(identity)).rest.rgb.shape == identity.rest.rgb.shape


def test_writing_replaces_the_old_file_only_when_done(
    astronaut: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "me.avatar"
    path.write_bytes(b"old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(Path, "replace", full)
        write_identity(astronaut, path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
    write_identity(astronaut, path)
    assert read_identity(path).name == "Astronaut" and list(tmp_path.iterdir()) == [path]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.avatar", tmp_path):
        with pytest.raises(IdentityFileError, match="Cannot read"):
            read_identity(path)


def test_a_file_far_too_large_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.avatar"
    with path.open("wb") as file:
        file.truncate(65_000_000)
    with pytest.raises(IdentityFileError, match="larger"):
        read_identity(path)
    assert "bytes" in refused(bytes(64_000_001))


def test_a_truncated_file_is_refused_wherever_it_ends(data: bytes) -> None:
    header = int.from_bytes(data[:8], "little") + 8
    for length in (0, 1, 7, 8, 9, 100, header - 1, header, header + 1, len(data) // 2, len(data) - 1):
        refused(data[:length])
    refused(data + b"more")


def test_flipped_bits_give_an_avatar_or_a_refusal_and_nothing_else(data: bytes) -> None:
    draw = np.random.default_rng(5)
    header = int.from_bytes(data[:8], "little") + 8
    places = [*range(8), *draw.integers(8, header, 60).tolist(), *draw.integers(header, len(data), 30).tolist()]
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= 1 << int(draw.integers(8))
        try:
            identity_from_bytes(bytes(damaged))
        except IdentityFileError as error:
            assert str(error)


@pytest.mark.parametrize(
    "junk",
    [
        pytest.param(pickle.dumps({"rgb": [1, 2, 3]}), id="pickle"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(100), id="png"),
        pytest.param(b"PK\x03\x04" + bytes(100), id="zip"),
        pytest.param(b"hello, I am a text file, and not a short one", id="text"),
        pytest.param(bytes(64), id="zeros"),
        pytest.param(b"\xff" * 64, id="a header without end"),
        pytest.param((2**62).to_bytes(8, "little") + b"{}", id="a huge header"),
        pytest.param((90_000).to_bytes(8, "little") + b"[" * 90_000, id="a header nested deeply"),
        pytest.param((4).to_bytes(8, "little") + b"null", id="null"),
        pytest.param(bytes(save({"a": np.zeros(3, np.float32)})), id="other safetensors"),
        pytest.param(bytes(save({"a": np.zeros(3)}, metadata={"avatar": "{"})), id="broken metadata"),
        pytest.param(bytes(save({"a": np.zeros(3)}, metadata={"avatar": "[1]"})), id="a list as metadata"),
    ],
)
def test_what_is_no_avatar_file_is_refused(junk: bytes) -> None:
    assert "not an avatar file" in refused(junk)


def test_another_version_is_named_with_what_to_do(tensors: dict[str, np.ndarray]) -> None:
    newer = refused(packed(tensors, HEADER | {"version": 2}))
    assert "version 2; this program reads version 1" in newer and "update" in newer
    older = refused(packed(tensors, HEADER | {"version": 0}))
    assert "version 0; this program reads version 1" in older and "enrol the photo again" in older


@pytest.mark.parametrize("version", ["2", 2.0, None, True, [2], "9" * 50_000])
def test_a_version_that_is_no_number_is_damage(tensors: dict[str, np.ndarray], version: object) -> None:
    assert "its version is no number" in refused(packed(tensors, HEADER | {"version": version}))


@pytest.mark.parametrize(
    "change",
    [{"portraits": 0}, {"portraits": 9}, {"portraits": "1"}, {"portraits": True}, {"name": 5}, {"name": "x" * 201}],
)
def test_a_header_that_lies_is_refused(tensors: dict[str, np.ndarray], change: dict[str, object]) -> None:
    assert "damaged" in refused(packed(tensors, HEADER | change))


def test_a_missing_part_is_named(tensors: dict[str, np.ndarray]) -> None:
    for name in tensors:
        rest = {key: value for key, value in tensors.items() if key != name}
        assert name in refused(packed(rest))
    assert "portrait.1" in refused(packed(tensors, HEADER | {"portraits": 2}))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_impossible_numbers_are_refused(tensors: dict[str, np.ndarray], value: float) -> None:
    for name in ("portrait.0.landmarks_px", "portrait.0.blendshapes"):
        numbers = tensors[name].copy()
        numbers.flat[7] = value
        assert "impossible" in refused(packed({**tensors, name: numbers}))


@pytest.mark.parametrize(
    "landmarks",
    [
        pytest.param(np.zeros((478, 3), np.float32), id="a point"),
        pytest.param(np.full((478, 3), 200, np.float32), id="another point"),
        pytest.param(np.linspace(0, 1, 478 * 3, dtype=np.float32).reshape(478, 3), id="a speck"),
        pytest.param(np.linspace(5000, 6000, 478 * 3, dtype=np.float32).reshape(478, 3), id="outside the picture"),
    ],
)
def test_landmarks_that_are_no_face_are_refused(tensors: dict[str, np.ndarray], landmarks: np.ndarray) -> None:
    assert "damaged" in refused(packed({**tensors, "portrait.0.landmarks_px": landmarks}))


@pytest.mark.parametrize(
    "change",
    [
        {"portrait.0.landmarks_px": np.zeros((478, 2), np.float32)},
        {"portrait.0.landmarks_px": np.zeros((478, 3), np.float64)},
        {"portrait.0.blendshapes": np.zeros(51, np.float32)},
        {"matte": np.zeros((20, 20), np.uint8)},
        {"matte": np.zeros(20, np.float32)},
        {"matte": np.zeros(0, np.uint8)},
        {"plate": np.frombuffer(b"GIF89a" + bytes(60), np.uint8)},
    ],
)
def test_parts_of_the_wrong_kind_are_refused(tensors: dict[str, np.ndarray], change: dict[str, np.ndarray]) -> None:
    assert next(iter(change)) in refused(packed({**tensors, **change}))


@pytest.mark.parametrize("size", [(60_000, 60_000), (30_000, 30_000), (4000, 40), (16, 16), (2000, 2000)])
def test_a_picture_that_would_burst_the_memory_is_refused(
    tensors: dict[str, np.ndarray], size: tuple[int, int]
) -> None:
    for name in ("plate", "matte", "portrait.0.picture"):
        refused(packed({**tensors, name: png_header(*size)}))


def test_a_jpeg_of_more_scans_than_allowed_is_refused(
    tensors: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """TargetFace with an ordinary progressive picture and a low bound."""
    stream = io.BytesIO()
    Image.open(io.BytesIO(tensors["plate"].tobytes())).save(stream, "JPEG", progressive=True)
    progressive = packed({**tensors, "plate": np.frombuffer(stream.getvalue(), np.uint8)})
    assert identity_from_bytes(progressive).plate.ndim == 3
    monkeypatch.setattr(identity_file, "MAX_SCANS", 4)
    assert "plate" in refused(progressive)


def test_pictures_that_do_not_fit_together_are_refused(tensors: dict[str, np.ndarray], astronaut: Identity) -> None:
    small = Identity("", astronaut.portraits, astronaut.matte[:-2], astronaut.plate)
    assert "differ in size" in refused(identity_to_bytes(small))


def test_avatars_of_any_numbers_that_pass_can_be_shown(
    tensors: dict[str, np.ndarray], move: Callable[..., Motion]
) -> None:
    """A file somebody made to do harm gives at worst an ugly face."""
    draw = np.random.default_rng(11)
    shown = 0
    for _ in range(12):
        landmarks = draw.normal(250, draw.uniform(0, 400), (478, 3)).astype(np.float32)
        try:
            identity = identity_from_bytes(packed({**tensors, "portrait.0.landmarks_px": landmarks}))
        except IdentityFileError:
            continue
        GeometryGenerator(identity, (256, 256)).render(move(yaw=10, jawOpen=0.5))
        shown += 1
    assert shown > 0


@pytest.fixture(scope="module")
def consented(astronaut: Identity) -> bytes:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    return identity_to_bytes(with_consent(astronaut, "permitted", key, datetime(2026, 11, 29, tzinfo=UTC)))


def test_consent_survives_every_copy(consented: bytes) -> None:
    """Read and written again, a file is the same: its pictures are not compressed a second time."""
    identity = identity_from_bytes(consented)
    assert identity.consent is not None and identity.consent.claim == "permitted"
    assert identity_to_bytes(identity) == consented
    renamed = identity_from_bytes(identity_to_bytes(replace(identity, name="Another name")))
    assert renamed.consent is not None and renamed.consent.claim == "permitted"


def test_consent_is_to_this_face_alone(consented: bytes, tensors: dict[str, np.ndarray]) -> None:
    header = json.loads(
        json.loads(consented[8 : 8 + int.from_bytes(consented[:8], "little")])["__metadata__"]["avatar"]
    )
    moved = {**tensors, "portrait.0.landmarks_px": tensors["portrait.0.landmarks_px"] + 1}
    for other in ({**tensors, "plate": tensors["portrait.0.picture"]}, moved):
        consent = identity_from_bytes(packed(other, header)).consent
        assert consent is not None and consent.claim is None and "another face" in str(consent.problem)
    identity = identity_from_bytes(consented)
    darker = replace(identity.rest, rgb=identity.rest.rgb // 2)
    with pytest.raises(IdentityFileError, match="altered since consent was stated"):
        identity_to_bytes(replace(identity, portraits=(darker,)))


@pytest.mark.parametrize("junk", [1, [], {}, {"statement": "x", "signature": "y"}])
def test_what_is_no_statement_does_not_hold_and_the_face_opens(tensors: dict[str, np.ndarray], junk: object) -> None:
    consent = identity_from_bytes(packed(tensors, {**HEADER, "consent": junk})).consent
    assert consent is not None and consent.claim is None
    assert identity_from_bytes(packed(tensors)).consent is None, "as in files of old"
