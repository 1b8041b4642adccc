"""Load bundles from disk: folders ``NAME/VERSION/`` with ``model.onnx`` and ``manifest.json``.

What is loaded is whole, says what it is, and is byte for byte what was measured. The signature of
the graph is checked where a session exists, in ``service.classifier``.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pydantic import ValidationError

from service.contract import MANIFEST_FILE, MODEL_FILE, Manifest
from service.errors import BundleError, StartupError

if TYPE_CHECKING:
    from pathlib import Path


class UntrustedBundle(BundleError):
    """A signature is asked for, and the bundle is not signed or not as it was signed."""


class SigningKeyError(StartupError):
    """A file of signing keys cannot be read, or holds no such key; nothing of it is quoted."""


class TrustedSigners(Protocol):
    """Who may vouch for a bundle: the holders of some keys, or somebody whom Sigstore knows."""

    def check(self, folder: Path) -> None:
        """Return when they vouch for every byte of a bundle; else raise UntrustedBundle."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model that may be served: its folder, what it says about itself, and its graph."""

    path: Path
    manifest: Manifest

    @property
    def model_path(self) -> Path:
        """Return where the ONNX graph is."""
        return self.path / MODEL_FILE


def load_bundle(path: Path, *, trusted: TrustedSigners | None = None) -> Bundle:
    """Return the bundle in a folder ``NAME/VERSION``; with signers, nothing unsigned is parsed.

    Raises:
        UntrustedBundle: none of them has signed it as it is.
        BundleError: the folder is incomplete, the manifest is not valid or names another model, or
            the graph is not the one whose size and SHA-256 the manifest holds.
    """
    if trusted is not None:
        trusted.check(path)
    manifest = _read_manifest(path / MANIFEST_FILE)
    if (path.parent.name, path.name) != (manifest.name, manifest.version):
        message = (
            f"{path / MANIFEST_FILE} describes {manifest.name}/{manifest.version}; "
            f"rename the folder to that, or put the right manifest in it"
        )
        raise BundleError(message)
    bundle = Bundle(path=path, manifest=manifest)
    check_graph(bundle)
    return bundle


def find_bundles(folder: Path, *, trusted: TrustedSigners | None = None) -> tuple[Bundle, ...]:
    """Return every bundle below a folder, by name, and of each name the newest version last.

    Folders whose name begins with a point are passed over: export builds there. Versions are
    compared number by number, so that 10 comes after 9.

    Raises:
        UntrustedBundle: one of them is signed by none of those who may.
        BundleError: the folder does not exist, or one of its bundles cannot be loaded.
    """
    if not folder.is_dir():
        message = f"{folder} is not a folder; export a bundle into it or name another one"
        raise BundleError(message)
    manifests = (found for found in folder.glob(f"*/*/{MANIFEST_FILE}") if not _is_hidden(found))
    bundles = (load_bundle(found.parent, trusted=trusted) for found in manifests)
    return tuple(sorted(bundles, key=lambda bundle: _natural(bundle.manifest)))


def _is_hidden(manifest: Path) -> bool:
    return any(folder.name.startswith(".") for folder in list(manifest.parents)[:2])


def _natural(manifest: Manifest) -> tuple[str, list[tuple[int, str]]]:
    """Return a key that sorts by name and then by version, digits as numbers and before letters."""
    parts = re.findall(r"\d+|[^\d]+", manifest.version)
    return manifest.name, [(int(p), "") if p.isdigit() else (-1, p) for p in parts]


def _read_manifest(path: Path) -> Manifest:
    try:
        return Manifest.read(path)
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror}); export the bundle again"
        raise BundleError(message) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        message = (
            f"{path} is not a manifest of this version of Rótulo: {field}: {first['msg']} "
            f"({error.error_count()} in all); export the bundle again"
        )
        raise BundleError(message) from error


def check_graph(bundle: Bundle) -> None:
    """Return when the graph on disk is the one of a manifest that was read, and trusted, before.

    Raises:
        BundleError: it is not, or it cannot be read.
    """
    path = bundle.model_path
    try:
        size = path.stat().st_size
        if size != bundle.manifest.model_bytes:
            message = (
                f"{path} has {size} bytes where its manifest says {bundle.manifest.model_bytes}; "
                f"copy the bundle again"
            )
            raise BundleError(message)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror}); copy the bundle again"
        raise BundleError(message) from error
    if digest != bundle.manifest.model_sha256:
        message = (
            f"{path} was altered: its SHA-256 is {digest} where its manifest says "
            f"{bundle.manifest.model_sha256}; copy the bundle again from a source that you trust"
        )
        raise BundleError(message)
