"""A certificate and key to sign files with: the operator's own, or made here, which is good for trying it out."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from avatar.errors import TrustError
from avatar.trust.keys import key_folder, read_or_make_secret

TEST_ORGANISATION: Final = "Avatar (self-made test key)"
TEST_KEY: Final = "test-signing-key.pem"
TEST_DAYS: Final = 365
MAX_PEM_BYTES: Final = 100_000
_CURVES: Final = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What a file is signed with."""

    algorithm: str
    """As C2PA names it (https://spec.c2pa.org, 13.2.1): es256, es384, es512, ps256 or ed25519."""
    chain_pem: bytes
    """The certificate, then those that vouch for it, without the root."""
    key_pem: bytes = field(repr=False)
    """The private key, PKCS#8, not encrypted."""


def read_signing_key(certificate: Path, key: Path) -> SigningKey:
    """Return the operator's own key.

    Raises:
        TrustError: a file cannot be read, is no PEM, or the two do not belong together; never shows what is in them.
    """
    chain_pem, key_pem = _read(certificate, "certificate"), _read(key, "key")
    try:
        chain = x509.load_pem_x509_certificates(chain_pem)
    except ValueError as error:
        raise TrustError(f"{certificate} holds no certificate in PEM (-----BEGIN CERTIFICATE-----).") from error
    try:
        private = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise TrustError(
            f"{key} holds no private key in PEM that can be read without a password. Take the password off: "
            "openssl pkcs8 -topk8 -nocrypt -in KEY -out KEY.pem"
        ) from error
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in _CURVES:
        algorithm = _CURVES[private.curve.name]
    elif isinstance(private, ed25519.Ed25519PrivateKey):
        algorithm = "ed25519"
    elif isinstance(private, rsa.RSAPrivateKey):
        algorithm = "ps256"
    else:
        raise TrustError(f"{key}: content credentials are signed with EC (P-256, P-384, P-521), Ed25519 or RSA keys.")
    if _public_bytes(private.public_key()) != _public_bytes(chain[0].public_key()):
        raise TrustError(f"The key {key} is not that of the first certificate in {certificate}.")
    now = datetime.datetime.now(datetime.UTC)
    if not chain[0].not_valid_before_utc <= now <= chain[0].not_valid_after_utc:
        raise TrustError(f"The certificate {certificate} ended or has not begun: get a new one.")
    return SigningKey(algorithm, chain_pem, _private_pem(private))


def make_test_key(now: datetime.datetime) -> SigningKey:
    """Return a new key (P-256) whose certificate is vouched for by nobody, good for a year from `now` (UTC).

    It says in its own name that it is self-made, so that nobody takes it for more.
    """
    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    begin, end = now - datetime.timedelta(hours=1), now + datetime.timedelta(days=TEST_DAYS)  # clocks differ
    root_name, leaf_name = _name("Root"), _name("Signer")
    root = (
        _certificate(root_name, root_name, root_key.public_key(), begin, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        _certificate(leaf_name, root_name, leaf_key.public_key(), begin, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    chain = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in (leaf, root))
    return SigningKey("es256", chain, _private_pem(leaf_key))


def kept_test_key(folder: Path | None) -> SigningKey:
    """Return this installation's self-made key, made on first use and anew once it has ended.

    `folder` is where keys are; None: the user's folder of settings. Raises TrustError.
    """
    path = key_folder(folder) / TEST_KEY
    now = datetime.datetime.now(datetime.UTC)
    for _ in range(2):
        made = make_test_key(now)
        kept = read_or_make_secret(path, made.chain_pem + made.key_pem)
        chain_pem, begin, key_pem = kept.partition(b"-----BEGIN PRIVATE KEY-----")
        try:
            ends = x509.load_pem_x509_certificates(chain_pem)[0].not_valid_after_utc
        except ValueError as error:
            raise TrustError(f"{path} holds no key of ours. Move it away: a new one is made then.") from error
        if now < ends:
            return SigningKey("es256", chain_pem, begin + key_pem)
        path.unlink(missing_ok=True)
    raise TrustError(f"The key {path} ended and cannot be replaced. Remove it.")


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    begin: datetime.datetime,
    end: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, TEST_ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _read(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_PEM_BYTES + 1)
    except OSError as error:
        raise TrustError(f"The {what} {path} cannot be read: {error.strerror or error}.") from error
    if len(data) > MAX_PEM_BYTES:
        raise TrustError(f"{path} is no {what}: it has more than {MAX_PEM_BYTES:,} bytes.")
    return data


def _public_bytes(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _private_pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
