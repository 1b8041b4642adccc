"""Where chunks are labelled: what an engine is given, and how one is found by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Protocol, cast

from service.bulk.errors import EngineUnavailable, UnknownEngine
from service.bulk.ledger import Ledger
from service.bulk.plan import Plan
from service.bulk.progress import Progress
from service.bulk.units import UnitPlace, unit_places
from service.bundles import Bundle
from service.classifier import Classifier

GROUP: Final = "rotulo.bulk_engines"
LOCAL: Final = "local"


@dataclass(frozen=True, slots=True)
class Job:
    """All that an engine needs. ``listing`` is a file of this machine; ``batch`` is safe to run."""

    plan: Plan
    target: str
    bundle: Bundle
    classifier: Classifier
    batch: int
    listing: Path
    ledger: Ledger
    progress: Progress

    def missing(self) -> Iterator[UnitPlace]:
        """Yield the units that are not done, in order."""
        for place in unit_places(self.listing, self.plan.part_images):
            if not self.ledger.is_done(place.number):
                yield place


class Engine(Protocol):
    """Labels what is missing of a job, and writes it into the job's ledger."""

    def run(self, job: Job) -> None:
        """Return when every unit is done.

        Raises:
            BulkError: it cannot go on; what is in the ledger stays there.
        """
        ...


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What may be said about an engine: workers (0 is one per core), and where its cluster is."""

    workers: int
    address: str


def engine_of(name: str, options: EngineOptions) -> Engine:
    """Return an engine by its name.

    Raises:
        UnknownEngine: no installed package brings it.
        EngineUnavailable: its own packages are missing.
    """
    if name == LOCAL:
        from service.bulk.local import LocalEngine  # noqa: PLC0415  # which imports this module

        return LocalEngine(options.workers)
    found = entry_points(group=GROUP)
    if name not in found.names:
        known = ", ".join(sorted({LOCAL, *found.names}))
        raise UnknownEngine(name=name, known=known)
    try:
        build = cast("Callable[[EngineOptions], Engine]", found[name].load())
    except ImportError as error:
        reason = f"pip install 'rotulo[{name}]' ({error.name})"
        raise EngineUnavailable(name=name, reason=reason) from error
    return build(options)
