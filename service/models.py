"""The models in service: found by name and version, exchanged all at once, drained one by one."""

from __future__ import annotations

from collections.abc import Iterable

from service.errors import UnknownModel
from service.labeller import Labeller

LATEST = "latest"
"""Stands for the newest version that is served of a name."""


class ModelSet:
    """What is served at one time; never changes, but gives way to another set."""

    def __init__(self, labellers: Iterable[Labeller], default: Labeller) -> None:
        """Take the models by name and version, the newest version of each name last."""
        self.labellers = tuple(labellers)
        self.default = default

    def find(self, name: str, version: str = LATEST) -> Labeller:
        """Return a model by its name and version.

        Raises:
            UnknownModel: no such model is served.
        """
        for labeller in self.versions(name)[::-1]:
            if version in {LATEST, labeller.manifest.version}:
                return labeller
        raise UnknownModel

    def versions(self, name: str) -> tuple[Labeller, ...]:
        """Return what is served of a name, the newest version last.

        Raises:
            UnknownModel: nothing is.
        """
        found = tuple(labeller for labeller in self.labellers if labeller.manifest.name == name)
        if not found:
            raise UnknownModel
        return found

    def book_turn(self) -> float:
        """Return how many seconds to wait with an image of which no model is known."""
        return self.default.book_turn()
