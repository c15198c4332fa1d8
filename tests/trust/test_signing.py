"""Files that are written here say that they are generated, whatever their kind, and still play and seek."""

from __future__ import annotations

import datetime
import stat
import struct
from pathlib import Path

import av
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from PIL import Image

from avatar.config import PictureSettings, TrustSettings
from avatar.errors import TrustError
from avatar.generator.identity import Identity
from avatar.media.fragmented_movie import FragmentedMovie
from avatar.media.movie_writer import MovieWriter
from avatar.media.recording import Recording
from avatar.sdk.file_signing import finish_of, no_finish
from avatar.trust.certificates import TEST_KEY, kept_test_key, make_test_key, read_signing_key
from avatar.trust.content_credentials import ContentCredentials
from avatar.trust.marks import Verdict
from avatar.trust.signing import NETWORK, FileSigner, Input, source_type

pytest.importorskip("c2pa", reason="pip install 'avatar[trust]'")


@pytest.fixture(scope="module")
def signer() -> FileSigner:
    return FileSigner(make_test_key(datetime.datetime.now(datetime.UTC)))


def fragmented(path: Path, seconds: int = 3) -> Path:
    movie = FragmentedMovie(path, (64, 64), 10)
    for number in range(10 * seconds):
        movie.picture(np.full((96, 64), 5 * number % 255, np.uint8), number / 10)
        movie.sound(np.zeros((4_800, 2), np.int16), number / 10)
    movie.close()
    return path


def still(path: Path) -> Path:
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(path)
    return path


def whole_movie(path: Path) -> Path:
    with MovieWriter(path, (64, 64), 10, sound=False) as movie:
        for number in range(10):
            movie.picture(np.full((64, 64, 3), 20 * number, np.uint8), number / 10)
    return path


@pytest.mark.parametrize(
    ("make", "name"),
    [(fragmented, "live.mp4"), (whole_movie, "render.mp4"), (still, "still.jpg"), (still, "sheet.png")],
)
def test_every_kind_of_file_says_that_it_is_generated(
    make: object, name: str, signer: FileSigner, tmp_path: Path
) -> None:
    path: Path = make(tmp_path / name)  # type: ignore[operator]
    signer.sign(path, NETWORK, [Input("avatar", "ab" * 32)])
    finding = ContentCredentials().read(path)
    assert (finding.verdict, finding.generated) == (Verdict.FOUND, True)
    assert finding.values["inputs"] == [{"role": "avatar", "sha256": "ab" * 32}]
    assert str(finding.values["generator"]).startswith("Avatar ")
    assert [each.name for each in tmp_path.iterdir()] == [name], "nothing is left beside it"
    if path.suffix == ".mp4":
        with av.open(str(path)) as container:
            assert sum(1 for _ in container.decode(video=0)) in (10, 30)


def test_a_signed_recording_is_found_its_way_in_as_before(signer: FileSigner, tmp_path: Path) -> None:
    """Its index names where each fragment begins: signing moves them all."""
    path = fragmented(tmp_path / "live.mp4")
    signer.sign(path, NETWORK, [])
    data = path.read_bytes()
    moofs, at = [], 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        moofs += [at] if kind == b"moof" else []
        at += size
    named, at = set(), data.rindex(b"mfra") + 4
    while (at := data.find(b"tfra", at)) >= 0:
        assert data[at + 4] == 1, "64-bit entries"
        (count,) = struct.unpack_from(">I", data, at + 16)
        # Times and places of 8 bytes each, then the numbers of track, fragment and sample, of a byte each.
        named |= {struct.unpack_from(">QQ", data, at + 20 + 19 * entry)[1] for entry in range(count)}
        at += 4
    assert len(moofs) > 3 and named == set(moofs)
    assert ContentCredentials().read(path).verdict is Verdict.FOUND


def test_what_is_changed_or_cut_afterwards_is_seen(signer: FileSigner, tmp_path: Path) -> None:
    path = fragmented(tmp_path / "live.mp4")
    signer.sign(path, NETWORK, [])
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"moof") - 4])
    assert ContentCredentials().read(path).verdict is Verdict.BROKEN


def test_a_recording_that_was_cut_off_is_signed_without_its_last_half_fragment(
    signer: FileSigner, tmp_path: Path
) -> None:
    whole = fragmented(tmp_path / "whole.mp4").read_bytes()
    fragments = [at - 4 for at in range(len(whole)) if whole[at : at + 4] == b"moof"]
    for more in (0, 100, 240):  # between two, in one's head, in its pictures
        path = tmp_path / f"{more}.mp4"
        path.write_bytes(whole[: fragments[3] + more])
        signer.sign(path, NETWORK, [])
        assert ContentCredentials().read(path).verdict is Verdict.FOUND
        assert path.read_bytes().count(b"moof") == 3
        with av.open(str(path)) as container:
            assert sum(1 for _ in container.decode(video=0)) == 15
    assert {each.suffix for each in tmp_path.iterdir()} == {".mp4"}, "nothing is left beside them"


def test_a_recording_is_signed_once_it_has_ended(signer: FileSigner, tmp_path: Path) -> None:
    path = tmp_path / "call.mp4"
    recording = Recording(path, (64, 64), 10, finish=lambda file: signer.sign(file, NETWORK, []), clock=lambda: 0.0)
    for number in range(5):
        recording.picture(np.full((96, 64), 50, np.uint8), number / 10)
    state = recording.stop()
    assert state.ended and state.failure is None
    assert ContentCredentials().read(path).verdict is Verdict.FOUND


def test_a_recording_that_cannot_be_signed_stays_and_says_so(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        raise TrustError(f"{path} is there, but could not be signed: no key.")

    recording = Recording(tmp_path / "call.mp4", (64, 64), 10, finish=fail, clock=lambda: 0.0)
    recording.picture(np.full((96, 64), 50, np.uint8), 0.0)
    state = recording.stop()
    assert state.failure is not None and "could not be signed" in state.failure
    with av.open(str(tmp_path / "call.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 1


def test_a_movie_names_the_avatar_and_what_moved_it(astronaut: Identity, tmp_path: Path) -> None:
    trust, picture = TrustSettings(sign=True, key_folder=tmp_path / "keys"), PictureSettings(tier="geometry")
    driver = whole_movie(tmp_path / "driver.mp4")
    movie = whole_movie(tmp_path / "out.mp4")
    finish_of(trust, picture, astronaut, (("driver", driver), ("voice", None)))(movie)
    values = ContentCredentials().read(movie).values
    assert [each["role"] for each in values["inputs"]] == ["avatar", "driver"]
    assert values["inputs"][1]["sha256"] == Input.of_file("driver", driver).sha256
    assert values["source_type"].endswith(source_type("geometry")), "no network drew it"
    assert finish_of(TrustSettings(), picture, astronaut) is no_finish


def test_the_self_made_key_is_kept_for_its_user_alone_and_says_what_it_is(tmp_path: Path) -> None:
    first, again = kept_test_key(tmp_path), kept_test_key(tmp_path)
    assert first.key_pem == again.key_pem and "PRIVATE" not in repr(first)
    assert stat.S_IMODE((tmp_path / TEST_KEY).stat().st_mode) == 0o600
    path = still(tmp_path / "still.png")
    FileSigner(first).sign(path, NETWORK, [])
    assert "self-made test key" in str(ContentCredentials().read(path).values["signer"])


def test_a_key_of_ones_own_is_held_against_its_certificate(tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    own, other, ended = make_test_key(now), make_test_key(now), make_test_key(now - datetime.timedelta(days=800))
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(own.chain_pem)
    key.write_bytes(own.key_pem)
    assert read_signing_key(cert, key) == own
    for chain, private, words in (
        (own.chain_pem, other.key_pem, "not that of the first certificate"),
        (ended.chain_pem, ended.key_pem, "ended"),
        (b"words", own.key_pem, "no certificate"),
        (own.chain_pem, b"precious words", "no private key"),
    ):
        cert.write_bytes(chain)
        key.write_bytes(private)
        with pytest.raises(TrustError, match=words) as refused:
            read_signing_key(cert, key)
        assert "precious" not in str(refused.value)
    with pytest.raises(TrustError, match="cannot be read"):
        read_signing_key(cert, tmp_path / "none.pem")


PRIVATE_KEYS = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "short RSA": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505 - is to be refused
    "Ed448": ed448.Ed448PrivateKey.generate,
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
}


def operators_files(folder: Path, kind: str, usage: x509.ObjectIdentifier) -> tuple[Path, Path]:
    """Write a key and a certificate that an authority made for it."""
    now, private = datetime.datetime.now(datetime.UTC), PRIVATE_KEYS[kind]()
    authority = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Operator")])
    certificate = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(True, *[False] * 8), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    none = serialization.NoEncryption()
    key.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none))
    return cert, key


@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "Ed25519", "RSA"])
def test_operators_sign_with_keys_of_many_kinds(kind: str, tmp_path: Path) -> None:
    cert, key = operators_files(tmp_path, kind, ExtendedKeyUsageOID.EMAIL_PROTECTION)
    path = still(tmp_path / "still.png")
    FileSigner(read_signing_key(cert, key)).sign(path, NETWORK, [])
    finding = ContentCredentials().read(path)
    assert finding.verdict is Verdict.FOUND and finding.values["signer"] == "Operator"


@pytest.mark.parametrize(
    ("kind", "usage", "words"),
    [
        ("P-256", ExtendedKeyUsageOID.SERVER_AUTH, "a web server's has neither"),
        ("short RSA", ExtendedKeyUsageOID.EMAIL_PROTECTION, "2048 bits"),
        ("Ed448", ExtendedKeyUsageOID.EMAIL_PROTECTION, "EC .P-256, P-384, P-521., Ed25519 or RSA"),
        ("secp256k1", ExtendedKeyUsageOID.EMAIL_PROTECTION, "EC .P-256, P-384, P-521., Ed25519 or RSA"),
    ],
)
def test_what_nothing_can_be_signed_with_is_refused_before_there_is_a_file(
    kind: str, usage: x509.ObjectIdentifier, words: str, tmp_path: Path
) -> None:
    cert, key = operators_files(tmp_path, kind, usage)
    with pytest.raises(TrustError, match=words):
        FileSigner.of(TrustSettings(sign=True, sign_cert=cert, sign_key=key))
