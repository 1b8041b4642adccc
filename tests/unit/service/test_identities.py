"""Only what the named identity has signed, by the named instance of Sigstore, passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from service.bundles import SigningKeyError, UntrustedBundle
from service.identities import TrustedIdentity
from service.signatures import DIGESTS_FILE, SIGSTORE_FILE, write_digests
from tests.bundles import write_bundle
from tests.sigstore_instance import SigstoreInstance

WHO = "modelos@ministerio.example.cl"
ISSUER = "https://cuentas.example.cl"


@pytest.fixture(scope="module")
def instance() -> SigstoreInstance:
    return SigstoreInstance()


def sign(folder: Path, instance: SigstoreInstance, who: str = WHO, issuer: str = ISSUER) -> None:
    text = write_digests(folder).read_bytes()
    (folder / SIGSTORE_FILE).write_text(json.dumps(instance.sign(text, who, issuer)), "utf-8")


@pytest.fixture
def signed(tmp_path: Path, instance: SigstoreInstance) -> Path:
    folder = write_bundle(tmp_path / "bundles").path
    sign(folder, instance)
    return folder


@pytest.fixture
def trusted(tmp_path: Path, instance: SigstoreInstance) -> TrustedIdentity:
    path = tmp_path / "trusted_root.json"
    path.write_text(instance.trusted_root(), "utf-8")
    return TrustedIdentity.read(path, WHO, ISSUER)


def test_what_the_identity_signed_passes(signed: Path, trusted: TrustedIdentity) -> None:
    trusted.check(signed)


@pytest.mark.parametrize(
    ("who", "issuer"),
    [("otra@ministerio.example.cl", ISSUER), (WHO, "https://otras-cuentas.example.cl")],
)
def test_another_identity_or_another_issuer_does_not_vouch(
    signed: Path, instance: SigstoreInstance, trusted: TrustedIdentity, who: str, issuer: str
) -> None:
    sign(signed, instance, who, issuer)
    with pytest.raises(UntrustedBundle, match=f"{WHO} of {ISSUER}"):
        trusted.check(signed)


def test_another_instance_does_not_vouch(signed: Path, trusted: TrustedIdentity) -> None:
    sign(signed, SigstoreInstance())
    with pytest.raises(UntrustedBundle, match="does not prove"):
        trusted.check(signed)


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json", "MODEL_CARD.md", DIGESTS_FILE])
def test_one_other_bit_in_any_signed_file_is_refused(
    signed: Path, trusted: TrustedIdentity, name: str
) -> None:
    data = bytearray((signed / name).read_bytes())
    data[len(data) // 2] ^= 1
    (signed / name).write_bytes(data)
    with pytest.raises(UntrustedBundle, match="a source that you trust"):
        trusted.check(signed)


def without_the_log(proof: dict[str, Any]) -> None:
    proof["verificationMaterial"]["tlogEntries"] = []


def another_root(proof: dict[str, Any]) -> None:
    proof["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["rootHash"] = "AAAA"


def another_time(proof: dict[str, Any]) -> None:
    entry = proof["verificationMaterial"]["tlogEntries"][0]
    entry["integratedTime"] = str(int(entry["integratedTime"]) + 1)


def another_signature(proof: dict[str, Any]) -> None:
    other = SigstoreInstance().sign(b"", WHO, ISSUER)
    proof["messageSignature"]["signature"] = other["messageSignature"]["signature"]


def another_certificate(proof: dict[str, Any]) -> None:
    other = SigstoreInstance().sign(b"", WHO, ISSUER)["verificationMaterial"]
    proof["verificationMaterial"]["certificate"] = other["certificate"]


@pytest.mark.parametrize(
    "change", [without_the_log, another_root, another_time, another_signature, another_certificate]
)
def test_a_proof_with_any_part_of_another_is_none(
    signed: Path, trusted: TrustedIdentity, change: Callable[[dict[str, Any]], None]
) -> None:
    proof = json.loads((signed / SIGSTORE_FILE).read_text("utf-8"))
    change(proof)
    (signed / SIGSTORE_FILE).write_text(json.dumps(proof), "utf-8")
    with pytest.raises(UntrustedBundle, match="does not prove"):
        trusted.check(signed)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'"', b" " * 99_999, b"[" * 60_000])
def test_rubbish_is_no_proof(signed: Path, trusted: TrustedIdentity, data: bytes) -> None:
    (signed / SIGSTORE_FILE).write_bytes(data)
    with pytest.raises(UntrustedBundle, match="does not prove"):
        trusted.check(signed)


@pytest.mark.parametrize("name", [DIGESTS_FILE, SIGSTORE_FILE])
def test_a_bundle_without_its_proof_is_refused(
    signed: Path, trusted: TrustedIdentity, name: str
) -> None:
    (signed / name).unlink()
    with pytest.raises(UntrustedBundle, match=f"is not signed, and {WHO} asks for it"):
        trusted.check(signed)


def test_the_public_instance_s_own_root_is_read(tmp_path: Path) -> None:
    """As the package brings it; nothing is asked of a network."""
    stored = resources.files("sigstore._store") / "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev"
    path = tmp_path / "trusted_root.json"
    path.write_bytes((stored / "trusted_root.json").read_bytes())
    TrustedIdentity.read(path, WHO, ISSUER)


@pytest.mark.parametrize("text", ["", "{}", '{"mediaType": "application/json"}', "hola"])
def test_a_file_that_is_no_trusted_root_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "trusted_root.json"
    path.write_text(text, "utf-8")
    with pytest.raises(SigningKeyError, match="is no trusted root"):
        TrustedIdentity.read(path, WHO, ISSUER)


def test_a_trusted_root_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SigningKeyError, match=r"nowhere\.json cannot be read"):
        TrustedIdentity.read(tmp_path / "nowhere.json", WHO, ISSUER)
