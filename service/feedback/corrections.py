"""What a person says about one result, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Correction:
    """The label that a person finds right for a result; None is none of the model's labels.

    ``offered`` is the label that was shown as the best one. The result's id is its only key, and
    nothing but its shape is known of it: the service keeps no results to look it up in.
    """

    result_id: str
    model_name: str
    model_version: str
    offered: str
    label: str | None
    comment: str | None = None

    @property
    def verdict(self) -> str:
        """Return ``agree``, ``other`` (another label is right) or ``none``."""
        if self.label is None:
            return "none"
        return "agree" if self.label == self.offered else "other"


class Status(StrEnum):
    """What recording a correction came to."""

    RECORDED = "recorded"
    UNCHANGED = "unchanged"
    UPDATED = "updated"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a correction, and whether an image lies beside it now."""

    status: Status
    image: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """One correction as it is kept; times in UTC, ``image`` the name of its file."""

    id: int
    correction: Correction
    received: datetime
    changed: datetime
    image: str | None
