"""A service that asks for signatures serves what its operator signed, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bundles import write_bundle
from tests.pictures import encode, quarters
from tests.sigstore_instance import SigstoreInstance

ROOT = Path(__file__).resolve().parents[2]


def rotulo(*arguments: str | Path, **variables: str | Path) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ROTULO_")}
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        cwd=ROOT,
        env=clean | {name: str(value) for name, value in variables.items()},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a private key made by the command; its public key lies beside it."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "passphrase").write_text("una frase\n", encoding="utf-8")
    made = rotulo("bundle", "key", folder / "k", "--passphrase-file", folder / "passphrase")
    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines() == [str(folder / "k"), str(folder / "k.pub")]
    return folder / "k"


def test_an_unsigned_bundle_is_refused_until_it_is_signed_and_again_when_altered(
    keys: Path, tmp_path: Path
) -> None:
    bundle = write_bundle(tmp_path / "bundles")
    photo = tmp_path / "foto.png"
    photo.write_bytes(encode(quarters(64, 48), "PNG"))
    public = keys.with_name("k.pub")
    asked = {"ROTULO_BUNDLES": tmp_path / "bundles", "ROTULO_BUNDLE_PUBLIC_KEY": public}

    refused = rotulo("serve", "--port", "0", "--log-format", "json", **asked)
    assert refused.returncode == 1
    assert f"{bundle.path} is not signed" in refused.stderr

    phrase = keys.with_name("passphrase")
    signed = rotulo("bundle", "sign", bundle.path, "--key", keys, "--passphrase-file", phrase)
    assert (signed.returncode, signed.stderr) == (0, "")
    verified = rotulo("bundle", "verify", bundle.path, "--bundle-public-key", public)
    assert verified.stdout.split() == ["linear/1", bundle.manifest.model_sha256]
    assert rotulo("label", photo, **asked).returncode == 0

    card = bundle.path / "MODEL_CARD.md"
    card.write_text(card.read_text("utf-8") + "\nNunca falla.\n", "utf-8")
    altered = rotulo("label", photo, **asked)
    assert altered.returncode == 1
    assert f"{card} was altered after the bundle was signed" in altered.stderr
    assert "was altered after" in rotulo("doctor", "--json", **asked).stdout


def test_what_an_identity_signed_is_served_and_what_another_signed_is_not(tmp_path: Path) -> None:
    bundle, instance = write_bundle(tmp_path / "bundles"), SigstoreInstance()
    photo, root = tmp_path / "foto.png", tmp_path / "trusted_root.json"
    photo.write_bytes(encode(quarters(64, 48), "PNG"))
    root.write_text(instance.trusted_root(), "utf-8")
    who, issuer = "modelos@ministerio.example.cl", "https://cuentas.example.cl"

    digests = Path(rotulo("bundle", "digests", bundle.path).stdout.strip())
    proof = json.dumps(instance.sign(digests.read_bytes(), who, issuer))
    digests.with_name(f"{digests.name}.sigstore.json").write_text(proof, "utf-8")
    asked: dict[str, str | Path] = {
        "ROTULO_BUNDLE_TRUSTED_ROOT": root,
        "ROTULO_BUNDLE_ISSUER": issuer,
        "ROTULO_BUNDLES": tmp_path / "bundles",
    }

    verified = rotulo("bundle", "verify", bundle.path, "--bundle-identity", who, **asked)
    assert verified.stdout.split() == ["linear/1", bundle.manifest.model_sha256], verified.stderr
    served = rotulo("label", photo, ROTULO_BUNDLE_IDENTITY=who, **asked)
    refused = rotulo("label", photo, ROTULO_BUNDLE_IDENTITY="otra@example.cl", **asked)
    assert (served.returncode, refused.returncode) == (0, 1)
    assert f"does not prove that otra@example.cl of {issuer} signed it" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["verify", "no-existe"], 2, "--bundle-public-key or --bundle-trusted-root"),
        (["digests", "no-existe"], 1, "manifest.json cannot be read"),
        (["verify", "no-existe", "--bundle-public-key", "nada.pem"], 1, "nada.pem cannot be read"),
        (["sign", "no-existe", "--key", "nada.pem"], 1, "manifest.json cannot be read"),
        (["sign", "service/bundles/cifar10/5", "--key", "nada.pem"], 1, "nada.pem cannot be read"),
        (["key", "no/existe"], 1, "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], code: int, said: str) -> None:
    ran = rotulo("bundle", *arguments)
    assert (ran.returncode, said in ran.stderr) == (code, True), ran.stderr
    assert "Traceback" not in ran.stderr
