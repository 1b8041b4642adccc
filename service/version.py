"""Which version of the service this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("rotulo")
except PackageNotFoundError:  # a checkout that nobody installed
    VERSION = "0+checkout"
