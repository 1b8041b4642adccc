"""All that decides the rows of a run. A run goes on only where its plan is the same."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Final

from pydantic import BaseModel, ConfigDict

from service.bulk.labelling import LabelOptions
from service.bulk.reading import ReadOptions
from service.version import VERSION

_DECIDING: Final = ("numpy", "pillow", "onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino")
"""Packages whose versions may change a bit of a score."""


class Plan(BaseModel):
    """What is labelled with what, and how it is cut into parts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: tuple[str, ...]
    listing_sha256: str
    model: str
    model_sha256: str
    provider: str
    top_k: int
    min_score: float
    max_pixels: int
    max_upload_bytes: int
    all_files: bool
    part_images: int
    format: str
    versions: dict[str, str]

    @property
    def labelling(self) -> LabelOptions:
        """Return what decides a row."""
        return LabelOptions(self.top_k, self.min_score, self.max_pixels, self.max_upload_bytes)

    @property
    def reading(self) -> ReadOptions:
        """Return how units are read."""
        return ReadOptions(self.part_images, self.max_upload_bytes, self.all_files)

    def differences(self, other: Plan) -> list[str]:
        """Return the names of what is not the same, the list of files left aside."""
        return [
            name
            for name in type(self).model_fields
            if name != "listing_sha256" and getattr(self, name) != getattr(other, name)
        ]


def deciding_versions() -> dict[str, str]:
    """Return the versions, as installed here, that a run must keep to its end."""
    found = {"rotulo": VERSION}
    for package in _DECIDING:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
