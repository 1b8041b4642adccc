"""Only what a trusted key has signed, byte for byte, passes."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from service.bundles import SigningKeyError, UntrustedBundle
from service.signatures import (
    DIGESTS_FILE,
    SIGNATURE_FILE,
    TrustedKeys,
    create_key,
    read_private_key,
    sign,
)
from tests.bundles import write_bundle


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "signer"
    create_key(path, None)
    return path


@pytest.fixture
def signed(tmp_path: Path, key: Path) -> Path:
    folder = write_bundle(tmp_path / "bundles").path
    sign(folder, read_private_key(key, None))
    return folder


def trusted(key: Path) -> TrustedKeys:
    return TrustedKeys.read(key.with_name(f"{key.name}.pub"))


def test_what_was_signed_passes(signed: Path, key: Path) -> None:
    trusted(key).check(signed)


def alter(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)


@pytest.mark.parametrize(
    "name", ["model.onnx", "manifest.json", "MODEL_CARD.md", DIGESTS_FILE, SIGNATURE_FILE]
)
def test_one_other_bit_in_any_file_is_refused(signed: Path, key: Path, name: str) -> None:
    alter(signed, name)
    with pytest.raises(UntrustedBundle, match="a source that you trust") as caught:
        trusted(key).check(signed)
    assert str(signed) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda folder: (folder / "extra.py").write_text("x"), r"extra\.py is not one of"),
        (lambda folder: (folder / "MODEL_CARD.md").unlink(), r"MODEL_CARD\.md is missing"),
        (lambda folder: (folder / "link").symlink_to("model.onnx"), "neither a file nor a folder"),
        (lambda folder: os.mkfifo(folder / "pipe"), "neither a file nor a folder"),
        (lambda folder: (folder / SIGNATURE_FILE).unlink(), "is not signed"),
        (lambda folder: (folder / DIGESTS_FILE).unlink(), "is not signed"),
        (lambda folder: (folder / SIGNATURE_FILE).write_bytes(b""), "is by no key"),
        (lambda folder: (folder / DIGESTS_FILE).write_bytes(b"x" * 99_999), "is by no key"),
        (lambda folder: (folder / "two\nlines").touch(), "has a name that no file"),
    ],
)
def test_any_other_folder_is_refused(
    signed: Path, key: Path, change: Callable[[Path], object], problem: str
) -> None:
    change(signed)
    with pytest.raises(UntrustedBundle, match=problem):
        trusted(key).check(signed)


def test_another_key_does_not_vouch(signed: Path, tmp_path: Path) -> None:
    create_key(tmp_path / "stranger", None)
    with pytest.raises(UntrustedBundle, match="is by no key of"):
        trusted(tmp_path / "stranger").check(signed)


def test_an_old_key_and_a_new_one_may_both_be_trusted(
    signed: Path, key: Path, tmp_path: Path
) -> None:
    new = create_key(tmp_path / "new", None)
    both = tmp_path / "both.pem"
    both.write_bytes(new.read_bytes() + key.with_name("signer.pub").read_bytes())
    TrustedKeys.read(both).check(signed)


def test_openssl_and_sha256sum_say_the_same(
    signed: Path, key: Path, tool: Callable[[str], Path]
) -> None:
    verify = [
        str(tool("openssl")), "pkeyutl", "-verify", "-rawin", "-pubin",
        "-inkey", str(key.with_name("signer.pub")), "-in", DIGESTS_FILE, "-sigfile", SIGNATURE_FILE,
    ]  # fmt: skip
    digests = ["sha256sum", "--check", "--strict", "--quiet", DIGESTS_FILE]
    assert subprocess.run(verify, cwd=signed, check=False).returncode == 0
    assert subprocess.run(digests, cwd=signed, check=False).returncode == 0
    alter(signed, "model.onnx")
    assert subprocess.run(digests, cwd=signed, check=False).returncode == 1
    alter(signed, DIGESTS_FILE)
    assert subprocess.run(verify, cwd=signed, check=False).returncode == 1


def test_a_key_of_openssl_signs_too(
    signed: Path, tmp_path: Path, tool: Callable[[str], Path]
) -> None:
    theirs, public = tmp_path / "theirs", tmp_path / "theirs.pub"
    openssl = str(tool("openssl"))
    subprocess.run([openssl, "genpkey", "-algorithm", "ed25519", "-out", theirs], check=True)
    subprocess.run([openssl, "pkey", "-in", theirs, "-pubout", "-out", public], check=True)
    sign(signed, read_private_key(theirs, None))
    TrustedKeys.read(public).check(signed)


def test_a_private_key_is_its_owner_s_alone_and_never_overwritten(key: Path) -> None:
    before = key.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        create_key(key, None)
    key.with_name("signer.pub").unlink()
    with pytest.raises(FileExistsError):
        create_key(key, None)
    assert key.read_bytes() == before
    assert not key.with_name("signer.pub").exists()


def test_a_passphrase_protects_the_key(tmp_path: Path) -> None:
    path = tmp_path / "locked"
    create_key(path, b"secreto")
    assert b"ENCRYPTED" in path.read_bytes()
    read_private_key(path, b"secreto")
    for wrong in (None, b"otro"):
        with pytest.raises(SigningKeyError, match="passphrase is wrong"):
            read_private_key(path, wrong)


@pytest.mark.parametrize("text", [b"", b"hola", b"-----BEGIN PUBLIC KEY-----\nx\n"])
def test_a_file_that_holds_no_public_key_is_refused_without_a_quote(
    tmp_path: Path, text: bytes
) -> None:
    path = tmp_path / "keys.pem"
    path.write_bytes(text)
    with pytest.raises(SigningKeyError) as caught:
        TrustedKeys.read(path)
    assert str(caught.value) == f"{path} must hold PEM public keys and nothing else"


def test_a_private_key_in_the_place_of_a_public_one_is_refused(key: Path) -> None:
    with pytest.raises(SigningKeyError, match="nothing else"):
        TrustedKeys.read(key)


def test_a_key_of_another_kind_is_refused(tmp_path: Path, tool: Callable[[str], Path]) -> None:
    path, public = tmp_path / "ec", tmp_path / "ec.pub"
    openssl = str(tool("openssl"))
    subprocess.run(
        [openssl, "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", path],
        check=True,
        capture_output=True,
    )
    subprocess.run([openssl, "pkey", "-in", path, "-pubout", "-out", public], check=True)
    with pytest.raises(SigningKeyError, match=r"not of Ed25519"):
        TrustedKeys.read(public)
    with pytest.raises(SigningKeyError, match=r"not of Ed25519"):
        read_private_key(path, None)


def test_a_key_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(SigningKeyError, match=r"nowhere\.pem cannot be read"):
        TrustedKeys.read(tmp_path / "nowhere.pem")
