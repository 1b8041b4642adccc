"""Who vouches for a bundle: an Ed25519 signature (RFC 8032) over the digests of all its files.

::

    bundle.sha256        digest and name of every other file of the folder, as sha256sum writes them
    bundle.sha256.sig    the 64 bytes of the signature of that text

so that whoever has neither this program nor Python can check a bundle too::

    sha256sum --check --strict bundle.sha256
    openssl pkeyutl -verify -rawin -pubin -inkey rotulo.pub -in bundle.sha256 \
        -sigfile bundle.sha256.sig

The manifest is among the files and holds the bundle's name and version, which must be its place:
a signed bundle cannot pass for another one. Needs the extra ``signing``.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from service.bundles import SigningKeyError, UntrustedBundle

DIGESTS_FILE: Final = "bundle.sha256"
SIGNATURE_FILE: Final = "bundle.sha256.sig"
SIGSTORE_FILE: Final = "bundle.sha256.sigstore.json"
"""Written and read by another way of vouching, ``service.identities``."""

PUBLIC_SUFFIX: Final = ".pub"

REMEDY: Final = "copy the bundle again from a source that you trust"
_OURS: Final = frozenset({DIGESTS_FILE, SIGNATURE_FILE, SIGSTORE_FILE})
_MAX_TEXT_BYTES: Final = 64 * 1024
"""Of a file of digests, of what proves it, and of a file of keys: far more than any needs."""

_MAX_FILES: Final = 256
_NAME: Final = re.compile(r"[A-Za-z0-9._+-][A-Za-z0-9._+ /-]*")
_PEM: Final = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----\n?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """The public keys any of which may vouch for a bundle, and the file that they came from."""

    path: Path
    keys: tuple[Ed25519PublicKey, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the keys in a PEM file; two of them while the old one gives way to a new one.

        Raises:
            SigningKeyError: the file cannot be read, or holds anything but Ed25519 public keys.
        """
        text = _read_key_file(path)
        blocks = _PEM.findall(text)
        if not blocks or _PEM.sub(b"", text).strip():
            raise SigningKeyError(f"{path} must hold PEM public keys and nothing else")
        return cls(path, tuple(_public_key(block, path) for block in blocks))

    def check(self, folder: Path) -> None:
        """Return when a bundle is signed by one of the keys and every file of it is as signed.

        Raises:
            UntrustedBundle: it is not; names the file and what to do.
        """
        text, signature = read_signed(folder, SIGNATURE_FILE, str(self.path))
        if not any(_vouches(key, signature, text) for key in self.keys):
            raise UntrustedBundle(
                f"{folder / SIGNATURE_FILE} is by no key of {self.path}, or "
                f"{DIGESTS_FILE} was altered; {REMEDY}"
            )
        check_files(folder, text)


def read_signed(folder: Path, proof: str, asked_by: str) -> tuple[bytes, bytes]:
    """Return the text of digests in a folder, and the file of that name which is to prove it.

    Raises:
        UntrustedBundle: one of them is not there, which names who asks for it, or unreadable.
    """
    try:
        return _read(folder / DIGESTS_FILE), _read(folder / proof)
    except FileNotFoundError as error:
        raise UntrustedBundle(
            f"{folder} is not signed, and {asked_by} asks for it; {REMEDY}, "
            f"or sign it (`rotulo bundle --help`)"
        ) from error
    except OSError as error:
        raise UntrustedBundle(f"{error.filename} cannot be read ({error.strerror})") from error


def check_files(folder: Path, text: bytes) -> None:
    """Return when every file of a folder is as a text of digests, proven before, has it.

    Raises:
        UntrustedBundle: a file is missing, altered, or was not there when the bundle was signed.
    """
    lines = (line.partition("  ") for line in text.decode().splitlines())
    signed = {name: digest for digest, _, name in lines}
    found = {name: digest for digest, name in _digests(folder)}
    for name in sorted(signed.keys() | found.keys()):
        if name not in found:
            problem = "is missing"
        elif name not in signed:
            problem = "is not one of the files that were signed"
        elif signed[name] != found[name]:
            problem = "was altered after the bundle was signed"
        else:
            continue
        raise UntrustedBundle(f"{folder / name} {problem}; {REMEDY}")


def sign(folder: Path, key: Ed25519PrivateKey) -> None:
    """Write the digests of a bundle's files and their signature into its folder.

    Raises:
        UntrustedBundle: the folder holds what no bundle has: links, devices, odd names.
        OSError: the folder cannot be read or written.
    """
    path = write_digests(folder)
    (folder / SIGNATURE_FILE).write_bytes(key.sign(path.read_bytes()))


def write_digests(folder: Path) -> Path:
    """Write the digests of a bundle's files into its folder; the same files give the same text.

    Raises:
        UntrustedBundle: the folder holds what no bundle has: links, devices, odd names.
        OSError: the folder cannot be read or written.
    """
    path = folder / DIGESTS_FILE
    path.write_text("".join(f"{digest}  {name}\n" for digest, name in _digests(folder)), "utf-8")
    return path


def create_key(path: Path, passphrase: bytes | None) -> Path:
    """Write a new private key, readable by its owner alone, and return its public key's file.

    Raises:
        FileExistsError: there is a file of one of these names; no key is ever overwritten.
        OSError: the folder cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    protection: KeySerializationEncryption = (
        BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    public_path = path.with_name(path.name + PUBLIC_SUFFIX)
    _create(public_path, public, mode=0o644)
    try:
        _create(path, private, mode=0o600)
    except OSError:
        public_path.unlink()
        raise
    return public_path


def read_private_key(path: Path, passphrase: bytes | None) -> Ed25519PrivateKey:
    """Return the key in a PEM file, as `rotulo bundle key` or `openssl genpkey` write it.

    Raises:
        SigningKeyError: the file cannot be read, needs another passphrase, or is no Ed25519 key.
    """
    text = _read_key_file(path)
    try:
        key = load_pem_private_key(text, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # The library's words may quote the file; ours never do.
        raise SigningKeyError(f"{path} is no private key, or its passphrase is wrong") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyError(f"{path} is a private key, but not of Ed25519")
    return key


def _public_key(pem: bytes, path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SigningKeyError(f"{path} holds a public key that cannot be read") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SigningKeyError(f"{path} holds a public key that is not of Ed25519")
    return key


def _vouches(key: Ed25519PublicKey, signature: bytes, text: bytes) -> bool:
    try:
        key.verify(signature, text)
    except InvalidSignature:
        return False
    return True


def _digests(folder: Path) -> list[tuple[str, str]]:
    """Return digest and name of every file below a folder but ours, by name."""
    files = [path for path in _entries(folder) if path.relative_to(folder).as_posix() not in _OURS]
    found = []
    for path in files:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found.append((digest, path.relative_to(folder).as_posix()))
    return sorted(found, key=lambda pair: pair[1])


def _entries(folder: Path) -> list[Path]:
    files: list[Path] = []
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise UntrustedBundle(f"{path} is neither a file nor a folder; remove it")
        if not _NAME.fullmatch(path.relative_to(folder).as_posix()):
            raise UntrustedBundle(f"{path} has a name that no file of a bundle has; rename it")
        if path.is_file():
            files.append(path)
        if len(files) > _MAX_FILES:
            raise UntrustedBundle(f"{folder} has more than {_MAX_FILES} files; it is no bundle")
    return files


def _read_key_file(path: Path) -> bytes:
    try:
        return _read(path)
    except OSError as error:
        raise SigningKeyError(f"{path} cannot be read ({error.strerror})") from error


def _read(path: Path) -> bytes:
    """Return a file's bytes, but no more than a limit: what is cut off passes no check."""
    with path.open("rb") as file:
        return file.read(_MAX_TEXT_BYTES)


def _create(path: Path, data: bytes, *, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
