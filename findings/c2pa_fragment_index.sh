#!/usr/bin/env bash
# c2pa-python 0.38.1 (c2pa-rs 0.91.3): a fragmented MP4 that is signed loses its index of fragments.
#
# A fragmented MP4 may end in `mfra` (ISO/IEC 14496-12, 8.8.9), which names the place of each fragment (`moof`) for
# players that seek. Signing puts a box before the fragments, so all of them move by as much, and the library rewrites
# the index. It writes the place of the last fragment into every entry: a player that goes by the index always
# lands in the last fragment. The data is whole, and players that read the fragments one after the other do not notice.
#
# Seen:
#   before: 8 entries name 8 places, all of them fragments
#   signed: 8 entries name 1 place, the last fragment
#
# Exit code 0: so it is. Otherwise this has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check c2pa-python==0.38.1 av==18.1.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import datetime
import struct
import sys

import av
import c2pa
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

with av.open("plain.mp4", "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}) as out:
    stream = out.add_stream("libx264", rate=10, options={"g": "10"})
    stream.width = stream.height = 64
    for number in range(50):
        out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), number, np.uint8), format="rgb24")))
    out.mux(stream.encode(None))

now = datetime.datetime.now(datetime.timezone.utc)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"), x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, issuer, public, *extensions):
    made = x509.CertificateBuilder(issuer_name=name(issuer), subject_name=name(subject), public_key=public)
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now)
    made = made.not_valid_after(now + datetime.timedelta(days=30))
    for extension, critical in extensions:
        made = made.add_extension(extension, critical)
    return made.sign(root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
leaf = certificate(
    "Signer", "Root", key.public_key(),
    (x509.BasicConstraints(False, None), True),
    (x509.KeyUsage(True, False, False, False, False, False, False, False, False), True),
    (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False),
    (x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False),
)
root = certificate("Root", "Root", root_key.public_key(), (x509.BasicConstraints(True, None), True))
private = key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
source = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
action = {"action": "c2pa.created", "digitalSourceType": source}
manifest = {
    "claim_generator_info": [{"name": "finding", "version": "1"}],
    "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
}
info = c2pa.C2paSignerInfo("es256", leaf + root, private, None)
with c2pa.Signer.from_info(info) as signer, c2pa.Builder(manifest) as builder:
    builder.sign_file("plain.mp4", "signed.mp4", signer)
with c2pa.Reader("signed.mp4") as reader:
    assert reader.get_validation_state() == "Valid", reader.json()


def places(path):
    """Return where the fragments are, and where the index says that they are."""
    data, at, moofs = open(path, "rb").read(), 0, []
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        moofs += [at] if kind == b"moof" else []
        at += size
    at = data.rindex(b"tfra")
    wide = data[at + 4]
    lengths, count = struct.unpack_from(">II", data, at + 12)
    numbers = sum(((lengths >> shift) & 3) + 1 for shift in (4, 2, 0))
    form, width = (">QQ", 16) if wide else (">II", 8)
    return moofs, [struct.unpack_from(form, data, at + 20 + (width + numbers) * n)[1] for n in range(count)]


(before, named), (after, named_after) = places("plain.mp4"), places("signed.mp4")
print(f"before: {len(named)} entries name {len(set(named))} places, {'all' if set(named) == set(before) else 'not all'} of them fragments")
print(f"signed: {len(named_after)} entries name {len(set(named_after))} place, {'the last fragment' if set(named_after) == {after[-1]} else 'another'}")
sys.exit(0 if set(named) == set(before) and set(named_after) == {after[-1]} and len(named) > 1 else 1)
PYTHON
