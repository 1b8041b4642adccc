"""The page's static files, held in memory under one address per content.

All files share one digest in their address, so that a style sheet or a module finds its
neighbours by a relative address, and a browser may keep what it has for good: whatever changes
gets a new address. Text is compressed once, when it is read, for who is on a slow line.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

STATIC: Final = Path(__file__).parent / "static"
_WORTH: Final = 0.9
"""What compression must leave at most; images and fonts are compressed already."""

_MEDIA_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
        ".txt": "text/plain; charset=utf-8",
        ".webp": "image/webp",
        ".woff2": "font/woff2",
    }
)


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file: its bytes, its media type, and the bytes by gzip where that is fewer."""

    content: bytes
    media_type: str
    gzipped: bytes | None


@dataclass(frozen=True, slots=True)
class Assets:
    """Every static file by name, and the digest of them all (hex, 16 digits)."""

    files: Mapping[str, Asset]
    digest: str

    @classmethod
    def read(cls, folder: Path = STATIC) -> Self:
        """Read a folder of static files.

        Raises:
            OSError: a file cannot be read.
            KeyError: a file's suffix has no known media type.
        """
        total = hashlib.sha256()
        files: dict[str, Asset] = {}
        for path in sorted(folder.iterdir()):
            content = path.read_bytes()
            total.update(path.name.encode() + b"\0" + hashlib.sha256(content).digest())
            gzipped = gzip.compress(content, mtime=0)
            files[path.name] = Asset(
                content,
                _MEDIA_TYPES[path.suffix],
                gzipped if len(gzipped) < _WORTH * len(content) else None,
            )
        return cls(MappingProxyType(files), total.hexdigest()[:16])
