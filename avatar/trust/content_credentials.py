"""Reads content credentials (C2PA): who says what of a file, and whether it is still the file they said it of.

The reading and every check is the public c2pa library's (https://github.com/contentauth/c2pa-python); here its answer
becomes words. The specification: https://spec.c2pa.org.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from avatar.errors import AvatarError, TrustError
from avatar.plain_text import plain
from avatar.trust.marks import Finding, Verdict

INPUTS: Final = "io.github.avatar-live.inputs"
"""Label of our own assertion on what a file was made from."""
SOURCE_TYPES: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
GENERATED: Final = {
    "trainedAlgorithmicMedia": "made by a trained network",
    "compositeWithTrainedAlgorithmicMedia": "made in part by a trained network",
    "compositeSynthetic": "put together from parts of which some are synthetic",
    "algorithmicMedia": "made by an algorithm",
    "virtualRecording": "a recording of something virtual",
}
"""Of IPTC's digital source types (https://cv.iptc.org/newscodes/digitalsourcetype/), those of what no camera took."""
MAX_ANCHOR_BYTES: Final = 1_000_000
_LONGEST: Final = 120
"""Letters of a text from the file that are shown."""
_NO_NETWORK: Final = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
"""A file may name an address where its credentials are kept: whoever reads it would be seen to."""


@dataclass(frozen=True, slots=True)
class ContentCredentials:
    """The reader of this mark."""

    anchor_pem: str | None = None
    """Certificates that are trusted; None: nobody's, and signatures are told of as they are."""
    kind: str = "content credentials (C2PA)"

    @classmethod
    def with_anchor(cls, path: Path | None) -> ContentCredentials:
        """Return a reader that holds signatures against a file of certificates in PEM. Raises TrustError."""
        if path is None:
            return cls()
        try:
            with path.open("rb") as file:
                pem = file.read(MAX_ANCHOR_BYTES + 1).decode("ascii")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", "it is no PEM")
            raise TrustError(f"The certificates {path} cannot be read: {why}.") from error
        if "BEGIN CERTIFICATE" not in pem or len(pem) > MAX_ANCHOR_BYTES:
            raise TrustError(f"{path} holds no certificates in PEM (-----BEGIN CERTIFICATE-----).")
        return cls(pem)

    def read(self, path: Path) -> Finding:
        """Say what a file's credentials are; see `MarkReader`."""
        try:
            import c2pa  # noqa: PLC0415 - of the extra `trust`
        except ImportError:
            return self._unreadable("Not looked for: pip install 'avatar[trust]' reads them.")
        settings: dict[str, Any] = dict(_NO_NETWORK)
        if self.anchor_pem is not None:
            settings["trust"] = {"user_anchors": self.anchor_pem}
        try:
            with (
                path.open("rb") as file,
                c2pa.Context.from_dict(settings) as context,
                c2pa.Reader(None, file, context=context) as reader,
            ):
                store = json.loads(reader.json())
        except OSError as error:
            raise AvatarError(f"Cannot read {path}: {error.strerror or error}.") from error
        except c2pa.C2paError.ManifestNotFound:
            return Finding(self.kind, Verdict.ABSENT)
        except c2pa.C2paError.NotSupported:
            return self._unreadable("Files of this kind carry none.")
        except (c2pa.C2paError, ValueError) as error:
            return self._unreadable(f"They cannot be read: {_plain(error)}.")
        return self._finding(store)

    def _unreadable(self, why: str) -> Finding:
        return Finding(self.kind, Verdict.UNREADABLE, (why,))

    def _finding(self, store: Mapping[str, Any]) -> Finding:
        manifest = store.get("manifests", {}).get(store.get("active_manifest"), {})
        state = str(store.get("validation_state", "Invalid"))
        trusted = state == "Trusted"
        values: dict[str, Any] = {
            "state": state,
            "generator": _generator(manifest),
            "source_type": _source_type(manifest),
            "signer": _signer(manifest),
            "trusted": trusted,
            "inputs": _inputs(manifest),
            "problems": sorted({_plain(entry.get("code", "")) for entry in store.get("validation_status", ())}),
        }
        if state not in ("Valid", "Trusted"):
            why = ", ".join(code for code in values["problems"] if code != "signingCredential.untrusted") or "unknown"
            return Finding(
                self.kind, Verdict.BROKEN, (f"They do not fit the file, which was altered since ({why}).",), values
            )
        generated = str(values["source_type"]).removeprefix(SOURCE_TYPES) in GENERATED
        return Finding(self.kind, Verdict.FOUND, tuple(self._sentences(values)), values, generated=generated)

    def _sentences(self, values: Mapping[str, Any]) -> Iterator[str]:
        kind = str(values["source_type"] or "").removeprefix(SOURCE_TYPES)
        said = GENERATED.get(kind, f"its source: {kind}" if kind else "which does not say how it was made")
        yield f"Written by {values['generator'] or 'a program without a name'}: {said}."
        yield "Nothing was altered since it was signed."
        signer = values["signer"] or "somebody without a name"
        if values["trusted"]:
            yield f"Signed by {signer}, whom the certificates you trust vouch for."
        else:
            yield f"Signed by {signer}, whom nobody here vouches for: anyone can make such a certificate."
        for entry in values["inputs"]:
            yield f"Made from: {entry['role']} (SHA-256 {entry['sha256'][:16]}...)."


def _assertions(manifest: Mapping[str, Any], label: str) -> Iterator[Mapping[str, Any]]:
    """Yield the contents of a manifest's assertions of one label, of any version (`.v2`)."""
    for assertion in manifest.get("assertions", ()):
        if assertion.get("label", "").removesuffix(".v2") == label and isinstance(assertion.get("data"), dict):
            yield assertion["data"]


def _source_type(manifest: Mapping[str, Any]) -> str | None:
    for actions in _assertions(manifest, "c2pa.actions"):
        for action in actions.get("actions", ()):
            if isinstance(action, dict) and "digitalSourceType" in action:
                return _plain(action["digitalSourceType"])
    return None


def _generator(manifest: Mapping[str, Any]) -> str | None:
    for program in manifest.get("claim_generator_info") or ():
        return _plain(" ".join(str(program[part]) for part in ("name", "version") if part in program))
    return None


def _signer(manifest: Mapping[str, Any]) -> str | None:
    signature = manifest.get("signature_info") or {}
    named = [_plain(signature[part]) for part in ("common_name", "issuer") if signature.get(part)]
    return ", ".join(dict.fromkeys(named)) or None


def _inputs(manifest: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {"role": _plain(entry.get("role", "")), "sha256": _plain(entry.get("sha256", ""))}
        for data in _assertions(manifest, INPUTS)
        for entry in data.get("inputs", ())
        if isinstance(entry, dict)
    ]


def _plain(text: object) -> str:
    """Return a text that a stranger wrote, short and in one line."""
    return plain(str(text)[:_LONGEST])[:_LONGEST]
