"""The `.avatar` file: safetensors with a JSON header, versioned; pictures inside are PNG and JPEG streams.

Its header may carry a statement of consent (`avatar.trust.consent`), bound to every tensor of the file by their hash.

Nothing in it can run code. It is opened only after its size, its tensors' names, types and shapes, and the declared
sizes of its pictures have been checked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load

from avatar.errors import IdentityFileError
from avatar.generator.identity import Identity, PersonalLatents, Portrait
from avatar.media.exif import scan_count
from avatar.media.photo import DECODER_ERRORS
from avatar.models.tensor_file import tensor_bytes, write_whole
from avatar.trust.consent import Consent, as_json, read_consent, state
from avatar.types import BLENDSHAPES, F32, LANDMARK_COUNT, U8

FORMAT: Final = "avatar-identity"
VERSION: Final = 1
MAX_FILE_BYTES: Final = 64_000_000
MAX_HEADER_BYTES: Final = 100_000
MAX_SIDE: Final = 2400
"""Pixels of a photo: enrolment keeps no more."""
MIN_FACE_PX: Final = 32
"""Landmarks closer together than this are no face, and nothing could be computed with them."""
MAX_PORTRAITS: Final = 8
LATENTS: Final = {"quarter": 64, "eighth": 32}
"""Names of fitted latents, and their resolutions."""
MOST_CHANNELS: Final = 256
JPEG_QUALITY: Final = 95
MAX_SCANS: Final = 20
"""Of a JPEG; ours have one. A decoder works as long for each as for a picture."""
_BROKEN: Final = (*DECODER_ERRORS, Image.DecompressionBombError)


def identity_to_bytes(identity: Identity) -> bytes:
    """Serialise an identity; one that was read from a file and not altered becomes the same file.

    Raises:
        IdentityFileError: it was altered since consent was stated, which was not to this.
    """
    tensors = _tensors(identity)
    header: dict[str, Any] = {"format": FORMAT, "version": VERSION, "name": identity.name}
    header["portraits"] = len(identity.portraits)
    if (latents := identity.latents) is not None:
        header["latents"] = {"tier": latents.tier, "version": latents.version}
    if identity.consent is not None and (statement := identity.consent.statement) is not None:
        if identity.consent.problem is None and statement.content != _content(tensors):
            raise IdentityFileError(
                "This avatar was altered since consent was stated, which was not to this. State it anew "
                "(`with_consent`)."
            )
        header["consent"] = as_json(statement)
    return tensor_bytes(tensors, {"avatar": json.dumps(header)})


def content_hash(identity: Identity) -> str:
    """Return the SHA-256, hexadecimal, of all that an identity's file holds but its name; about 50 ms."""
    return _content(_tensors(identity))


def with_consent(
    identity: Identity, claim: str, key: Ed25519PrivateKey, at: datetime, *, likeness: float | None = None
) -> Identity:
    """Return the identity with a statement of whose face it is.

    Args:
        identity: to be altered no more: the statement is about all that is in it, but for its name.
        claim: one of `avatar.trust.consent.CLAIMS`.
        key: whose word it is.
        at: now, UTC.
        likeness: of the claim `live`: that of the person before the camera and the photo.

    Raises:
        ConsentError: no such claim, or `live` without a likeness.
    """
    tensors = _tensors(identity)
    statement = state(claim, _content(tensors), key, at, likeness=likeness)
    return replace(identity, consent=Consent(statement), streams=_streams(tensors))


def identity_from_bytes(data: bytes) -> Identity:
    """Read an identity back.

    Raises:
        IdentityFileError: not such a file, of another version, damaged, or too large.
    """
    if len(data) > MAX_FILE_BYTES:
        raise IdentityFileError(f"The avatar file has {len(data):,} bytes; at most {MAX_FILE_BYTES:,} are read.")
    header = _header(data)
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise IdentityFileError(f"The avatar file is damaged ({error}). Enrol the photo again.") from error
    count = header["portraits"]
    portraits = tuple(_portrait(tensors, f"portrait.{index}") for index in range(count))
    matte = _picture(tensors, "matte", channels=1)
    plate = _picture(tensors, "plate", channels=3)
    if matte.shape[:2] != portraits[0].rgb.shape[:2] or plate.shape != portraits[0].rgb.shape:
        raise IdentityFileError("The avatar file is damaged: its pictures differ in size. Enrol the photo again.")
    latents = _latents(tensors, header["latents"], count) if header["latents"] is not None else None
    consent = read_consent(header["consent"], _content(tensors)) if header["consent"] is not None else None
    return Identity(header["name"], portraits, matte, plate, latents, consent, _streams(tensors))


def write_identity(identity: Identity, path: Path) -> None:
    """Write an `.avatar` file; a crash in between leaves the old file as it was."""
    write_whole(path, identity_to_bytes(identity))


def read_identity(path: Path) -> Identity:
    """Read an `.avatar` file.

    Raises:
        IdentityFileError: as `identity_from_bytes`, or the file cannot be read.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise IdentityFileError(f"{path} is larger than {MAX_FILE_BYTES:,} bytes: not an avatar file.")
        data = path.read_bytes()
    except OSError as error:
        raise IdentityFileError(f"Cannot read {path}: {error.strerror or error}.") from error
    return identity_from_bytes(data)


def _header(data: bytes) -> dict[str, Any]:
    """Check and return our own header from safetensors' metadata."""
    not_ours = IdentityFileError("This is not an avatar file. Make one with: avatar enroll PHOTO -o me.avatar")
    if len(data) < 8:
        raise not_ours
    length = int.from_bytes(data[:8], "little")
    if length > min(MAX_HEADER_BYTES, len(data) - 8):
        raise not_ours
    try:
        header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["avatar"])
        ours = header["format"] == FORMAT
        version, name, portraits = header["version"], header["name"], header["portraits"]
        latents, consent = header.get("latents"), header.get("consent")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise not_ours from error
    if not ours:
        raise not_ours
    if type(version) is not int:
        raise IdentityFileError("The avatar file is damaged: its version is no number. Enrol the photo again.")
    if version != VERSION:
        raise IdentityFileError(
            f"The avatar file has version {str(version)[:9]}; this program reads version {VERSION}. "
            + (
                "It was made by a newer program: update this one, or enrol the photo again."
                if version > VERSION
                else "It was made by an older program: enrol the photo again (avatar enroll PHOTO -o me.avatar)."
            )
        )
    if not isinstance(name, str) or len(name) > 200:
        raise IdentityFileError("The avatar file is damaged: its name is not a short text.")
    if type(portraits) is not int or not 1 <= portraits <= MAX_PORTRAITS:
        raise IdentityFileError(f"The avatar file is damaged: it must hold 1 to {MAX_PORTRAITS} portraits.")
    return {"name": name, "portraits": portraits, "latents": latents, "consent": consent}


def _tensors(identity: Identity) -> dict[str, np.ndarray]:
    """Return what a file holds beside its header."""
    tensors: dict[str, np.ndarray] = {
        "matte": _compressed(identity, "matte", identity.matte, ".png"),
        "plate": _compressed(identity, "plate", identity.plate, ".jpg"),
    }
    for index, portrait in enumerate(identity.portraits):
        name = f"portrait.{index}"
        tensors[f"{name}.picture"] = _compressed(identity, f"{name}.picture", portrait.rgb, ".jpg")
        tensors[f"{name}.landmarks_px"] = portrait.landmarks_px.astype(np.float32)
        tensors[f"{name}.blendshapes"] = portrait.blendshapes.astype(np.float32)
    if identity.latents is not None:
        for name in LATENTS:
            tensors[f"latents.{name}"] = getattr(identity.latents, name).astype(np.float16)
    return tensors


def _content(tensors: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of every tensor's name, type, shape and bytes, in hexadecimal."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = np.asarray(tensors[name], order="C")
        digest.update(json.dumps([name, tensor.dtype.str, tensor.shape]).encode() + b"\n")
        digest.update(tensor.tobytes())
    return digest.hexdigest()


def _streams(tensors: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    pictures = ("matte", "plate")
    return {name: tensors[name].tobytes() for name in tensors if name in pictures or name.endswith(".picture")}


def _portrait(tensors: dict[str, np.ndarray], name: str) -> Portrait:
    """Return one portrait, its face where a face can be."""
    rgb = _picture(tensors, f"{name}.picture", channels=3)
    landmarks = _numbers(tensors, f"{name}.landmarks_px", (LANDMARK_COUNT, 3))
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    middle = (low + high) / 2
    inside = (middle >= 0).all() and (middle <= (rgb.shape[1], rgb.shape[0])).all()
    if (high - low).min() < MIN_FACE_PX or not inside:
        raise IdentityFileError(f"The avatar file is damaged: {name}.landmarks_px is no face in its picture.")
    return Portrait(rgb, landmarks, _numbers(tensors, f"{name}.blendshapes", (len(BLENDSHAPES),)))


def _latents(tensors: dict[str, np.ndarray], label: object, portraits: int) -> PersonalLatents:
    """Return fitted latents of a shape that a network could have, all finite and of sane size."""
    damaged = IdentityFileError("The avatar file is damaged: its fitted latents are none. Refine the avatar again.")
    if not isinstance(label, dict):
        raise damaged
    tier, version = label.get("tier"), label.get("version")
    if not isinstance(tier, str) or type(version) is not int:
        raise damaged
    read = []
    for name, side in LATENTS.items():
        numbers = tensors.get(f"latents.{name}")
        if numbers is None or numbers.dtype != np.float16 or numbers.ndim != 4:
            raise damaged
        count, channels, height, width = numbers.shape
        if count != portraits or channels > MOST_CHANNELS or (height, width) != (side, side):
            raise damaged
        if not np.isfinite(numbers).all():
            raise damaged
        read.append(np.asarray(numbers, np.float32))
    return PersonalLatents(tier, version, *read)


def _compressed(identity: Identity, name: str, picture: U8, extension: str) -> U8:
    """Return a picture as the file has it that it was read from, compressed anew where it is another one by now."""
    stream = identity.streams.get(name)
    if stream is not None:
        flat = np.frombuffer(stream, np.uint8)
        channels = 1 if picture.ndim == 2 else 3
        if np.array_equal(_picture({name: flat}, name, channels=channels), picture):
            return flat
    return _encode(picture, extension)


def _encode(picture: U8, extension: str) -> U8:
    """Compress a grey or RGB picture into a flat byte tensor."""
    bgr = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if extension == ".jpg" else []
    done, stream = cv2.imencode(extension, bgr, options)
    if not done:
        raise IdentityFileError("The picture cannot be compressed.")
    return np.asarray(stream, np.uint8).ravel()


def _picture(tensors: dict[str, np.ndarray], name: str, *, channels: int) -> U8:
    """Decode one picture, its declared size checked before a pixel is decoded."""
    stream = tensors.get(name)
    if stream is None or stream.dtype != np.uint8 or stream.ndim != 1:
        raise IdentityFileError(f"The avatar file is damaged: {name} is missing or of the wrong kind.")
    try:
        with Image.open(BytesIO(stream.tobytes()), formats=("JPEG", "PNG")) as image:
            if not (32 <= image.width <= MAX_SIDE and 32 <= image.height <= MAX_SIDE):
                raise IdentityFileError(f"The avatar file is damaged: {name} is {image.width} x {image.height}.")
            if image.format == "JPEG" and scan_count(stream.tobytes()) > MAX_SCANS:
                raise IdentityFileError(f"The avatar file is damaged: {name} is no picture of ours.")
            return np.array(image.convert("L" if channels == 1 else "RGB"), np.uint8)
    except _BROKEN as error:
        raise IdentityFileError(f"The avatar file is damaged: {name} cannot be decoded.") from error


def _numbers(tensors: dict[str, np.ndarray], name: str, shape: tuple[int, ...]) -> F32:
    """Return one float tensor of exactly this shape, all finite and of sane size."""
    numbers = tensors.get(name)
    if numbers is None or numbers.dtype != np.float32 or numbers.shape != shape:
        raise IdentityFileError(f"The avatar file is damaged: {name} is missing or of the wrong shape.")
    if not np.isfinite(numbers).all() or np.abs(numbers).max() > 4 * MAX_SIDE:
        raise IdentityFileError(f"The avatar file is damaged: {name} holds impossible numbers.")
    return np.array(numbers, np.float32)
