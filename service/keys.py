"""API keys: a file of digests, one line a key, that may change while the service runs.

::

    # id      scopes          digest of the key
    3f9a61c2  label,feedback  sha256:9f86d081884c7d65…

A key is ``rotulo_ID_SECRET``. The identifier finds its line, and may be logged; the secret is 256
random bits, so that a plain SHA-256 keeps it: there is nothing to guess, and nothing slow to be
called for every request. Digests are compared in constant time, for an unknown identifier too.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from service.errors import StartupError

KeyScope = Literal["label", "feedback", "metrics", "admin"]
"""What a key may do: label images, correct labels, read metrics, reload models."""

SCOPES: Final[tuple[KeyScope, ...]] = get_args(KeyScope)
MAX_FILE_BYTES: Final = 1024 * 1024

_PREFIX: Final = "rotulo"
_ID: Final = re.compile(r"[0-9a-f]{8}")
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")
_NOBODY: Final = bytes(32)


class KeyFileError(StartupError):
    """The file of keys cannot be read, or a line of it is no key; quotes no line."""


@dataclass(frozen=True, slots=True)
class Key:
    """One line of the file: who it is, what it may do, and the SHA-256 of the whole key."""

    id: str
    scopes: frozenset[KeyScope]
    digest: bytes

    def line(self) -> str:
        """Return the key as a line of the file."""
        scopes = ",".join(scope for scope in SCOPES if scope in self.scopes)
        return f"{self.id} {scopes} sha256:{self.digest.hex()}"


def new_key(scopes: Iterable[KeyScope]) -> tuple[str, Key]:
    """Return the text of a new key, which nothing keeps, and what the file holds of it."""
    identifier = secrets.token_hex(4)
    text = f"{_PREFIX}_{identifier}_{secrets.token_urlsafe(32)}"
    return text, Key(identifier, frozenset(scopes), _digest(text))


def parse_scopes(text: str) -> frozenset[KeyScope]:
    """Return the scopes of a list such as ``label,feedback``.

    Raises:
        ValueError: the list is empty, or names a scope that does not exist.
    """
    named = {part.strip() for part in text.split(",")}
    known: frozenset[KeyScope] = frozenset(scope for scope in SCOPES if scope in named)
    if not named or named != known:
        raise ValueError(f"scopes are a list of {', '.join(SCOPES)}, separated by commas")
    return known


def parse_keys(text: str) -> dict[str, Key]:
    """Return the keys of a file by their identifiers; ``#`` begins a comment.

    Raises:
        ValueError: a line is no key, an identifier stands twice, or there is no key at all. The
            message names the line by its number.
    """
    keys: dict[str, Key] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        key = _parse_line(words, number)
        if key.id in keys:
            raise ValueError(f"line {number}: the key {key.id} stands twice")
        keys[key.id] = key
    if not keys:
        # Written in place, a file is empty for a moment: that must not shut everyone out.
        raise ValueError("there is no key in it")
    return keys


def _parse_line(words: list[str], number: int) -> Key:
    if len(words) != 3 or not _ID.fullmatch(words[0]):  # noqa: PLR2004  # id, scopes, digest
        raise ValueError(f"line {number}: not `ID SCOPES sha256:DIGEST`")
    digest = _DIGEST.fullmatch(words[2])
    if digest is None:
        raise ValueError(f"line {number}: the digest is not sha256: and 64 hexadecimal digits")
    try:
        scopes = parse_scopes(words[1])
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from error
    return Key(words[0], scopes, bytes.fromhex(digest[1]))


class KeyRing:
    """The keys of one file; without a file there are none, and nobody has one."""

    def __init__(self, path: Path | None) -> None:
        """Read the file.

        Raises:
            KeyFileError: it cannot be read, or is broken.
        """
        self._path = path
        self._seen: tuple[int, ...] = ()
        self._keys: Mapping[str, Key] = {}
        if path is not None:
            self.refresh()

    def __len__(self) -> int:
        return len(self._keys)

    def refresh(self, *, force: bool = False) -> bool:
        """Read the file again if it changed; return whether it was read. Safe in any thread.

        Raises:
            KeyFileError: it cannot be read, or is broken; the keys stay what they were, and the
                file is not read again before it changes once more.
        """
        if self._path is None:
            return False
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
            if seen == self._seen and not force:
                return False
            self._seen = seen
            if status.st_size > MAX_FILE_BYTES:
                raise KeyFileError(f"{self._path} is larger than {MAX_FILE_BYTES} bytes")
            self._keys = parse_keys(self._path.read_text("utf-8"))
        except OSError as error:
            raise KeyFileError(f"{self._path} cannot be read ({error.strerror})") from error
        except ValueError as error:
            said = "it is not text" if isinstance(error, UnicodeError) else str(error)
            raise KeyFileError(f"{self._path}: {said}") from error
        return True

    def find(self, text: str) -> Key | None:
        """Return the key whose text this is."""
        prefix, _, rest = text.partition("_")
        key = self._keys.get(rest.partition("_")[0]) if prefix == _PREFIX else None
        known = hmac.compare_digest(_digest(text), key.digest if key else _NOBODY)
        return key if known else None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
