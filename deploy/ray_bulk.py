"""Bulk labelling on a Ray cluster that exists already: ``rotulo bulk --engine ray``.

Ray Data hands units to actors, one a core; an actor reads its unit, labels it as the embedded
engine does, and writes its parts into the folder beside the target, from where the driver joins
them. What a node had under way when it died is done again elsewhere: parts are whole or absent, and
the same part is the same bytes whoever wrote it, so nothing is lost and nothing doubled.

Every node must see the sources and the target under the same names (a shared disk, a bucket), and
have this version of Rótulo installed with its extra ``ray``. The bundle travels with the job.
"""

from __future__ import annotations

import logging
import pickle
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict, cast

import ray
import ray.data
from ray.exceptions import RayError

from service.bulk.engines import EngineOptions, Job
from service.bulk.errors import BulkError, EngineUnavailable
from service.bulk.formats import format_of
from service.bulk.inline import label_unit
from service.bulk.labelling import BatchLabeller
from service.bulk.ledger import LISTING, PARTIAL, Ledger, Receipt
from service.bulk.plan import Plan, deciding_versions
from service.bulk.reading import UnitReader
from service.bulk.stores import store_of
from service.bulk.units import UnitPlace, load_unit
from service.bundles import load_bundle
from service.classifier import OnnxClassifier
from service.contract import MANIFEST_FILE, MODEL_FILE
from service.providers.options import ONE_OWNER, Provider

NAME: Final = "ray"
_MOST_BLOCKS: Final = 4096


class UnitTask(TypedDict):
    """A row that goes out: a unit's place, and the parts of it that are written."""

    place: bytes
    done: list[int]


class PartEnd(TypedDict):
    """A row that comes back: a part that is written, or the error that ended its unit."""

    unit: int
    part: int
    receipt: str
    source_bytes: int
    error: bytes


@dataclass(frozen=True, slots=True)
class ActorOrder:
    """What an actor is started with: all that it needs of the job, by value.

    The manifest is the one that the driver read, and checked the signature of where keys are named;
    an actor takes no graph but the one whose digest is in it.
    """

    plan: Plan
    target: str
    manifest: str
    graph: bytes
    batch: int


class RayEngine:
    """Labels on a cluster; ``workers`` are actors, 0 is as many as the cluster has cores."""

    def __init__(self, options: EngineOptions) -> None:
        self._workers = options.workers
        self._address = options.address

    def run(self, job: Job) -> None:
        """Label every unit that is missing.

        Raises:
            EngineUnavailable: there is no cluster, or its nodes cannot do this job.
            BulkError: what an actor met.
        """
        _require_shared_names(job)
        with _connected(self._address), _reported():
            tasks = [_task_of(place, job) for place in job.missing()]
            if tasks:
                for end in self._ends(tasks, job):
                    _note(end, job)

    def _ends(self, tasks: list[UnitTask], job: Job) -> Iterator[PartEnd]:
        ray.data.DataContext.get_current().enable_progress_bars = False
        most = self._workers or _cores()
        blocks = min(len(tasks), _MOST_BLOCKS)
        order = ActorOrder(
            plan=job.plan,
            target=job.target,
            manifest=job.bundle.manifest.to_json(),
            graph=job.bundle.model_path.read_bytes(),
            batch=job.batch,
        )
        ended = ray.data.from_items(tasks, override_num_blocks=blocks).flat_map(
            UnitActor,
            fn_constructor_args=(order,),
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=most),
            num_cpus=1,
            num_gpus=1 if job.plan.provider in ONE_OWNER else None,
        )
        for row in ended.iter_rows():
            yield cast("PartEnd", row)


class UnitActor:
    """Labels whole units on one core of some node."""

    def __init__(self, order: ActorOrder) -> None:
        self._order = order
        self._store = store_of(order.target)
        self._obstacle = self._find_obstacle()
        if self._obstacle:
            return
        plan = order.plan
        with tempfile.TemporaryDirectory() as folder:
            classifier = OnnxClassifier(
                load_bundle(_unpacked(order, Path(folder))),
                provider=cast("Provider", plan.provider),
            )
        self._labeller = BatchLabeller(classifier, plan.labelling, order.batch)
        self._ledger = Ledger(
            self._store, order.target, classifier.manifest, format_of(order.target)
        )

    def __call__(self, task: UnitTask) -> Iterator[PartEnd]:
        """Yield each part of a unit as it is written, or why it could not be."""
        place: UnitPlace = pickle.loads(task["place"])  # noqa: S301  # the driver's own
        try:
            if self._obstacle:
                raise EngineUnavailable(name=NAME, reason=self._obstacle)
            yield from self._label(place, frozenset(task["done"]))
        except BulkError as error:
            yield PartEnd(
                unit=place.number, part=-1, receipt="", source_bytes=0, error=pickle.dumps(error)
            )

    def _label(self, place: UnitPlace, done: frozenset[int]) -> Iterator[PartEnd]:
        path = f"{self._order.target}{PARTIAL}/{LISTING}"
        unit = load_unit(place, self._store.read(path, place.offset, place.length))
        plan = self._order.plan
        with closing(UnitReader(plan.reading)) as reader:
            for written in label_unit(
                unit, done, self._labeller, plan.labelling, reader, self._ledger
            ):
                yield PartEnd(
                    unit=written.unit,
                    part=written.part,
                    receipt=written.receipt.model_dump_json(),
                    source_bytes=written.source_bytes,
                    error=b"",
                )

    def _find_obstacle(self) -> str:
        """Return why this node cannot do the job, or nothing."""
        here, there = deciding_versions(), self._order.plan.versions
        if here != there:
            return f"a node has {_shown(here)} where the driver has {_shown(there)}"
        folder = self._order.target + PARTIAL
        if not self._store.exists(f"{folder}/{LISTING}"):
            return f"a node does not see {folder}; use a shared disk or a bucket"
        return ""


def _cores() -> int:
    found: dict[str, float] = ray.cluster_resources()
    return max(1, int(found.get("CPU", 1)))


def _task_of(place: UnitPlace, job: Job) -> UnitTask:
    return UnitTask(place=pickle.dumps(place), done=sorted(job.ledger.parts(place.number)))


def _note(end: PartEnd, job: Job) -> None:
    if end["error"]:
        raise pickle.loads(end["error"])  # noqa: S301  # our own actor's
    receipt = Receipt.model_validate_json(end["receipt"])
    job.ledger.note(end["unit"], end["part"], receipt)
    job.progress.advance(
        images=receipt.rows, failed=sum(receipt.failed.values()), source_bytes=end["source_bytes"]
    )


def _unpacked(order: ActorOrder, folder: Path) -> Path:
    """Lay the bundle out as ``load_bundle`` wants it, which checks its digest once more."""
    path = folder.joinpath(*order.plan.model.split("/"))
    path.mkdir(parents=True)
    (path / MANIFEST_FILE).write_text(order.manifest, encoding="utf-8")
    (path / MODEL_FILE).write_bytes(order.graph)
    return path


def _require_shared_names(job: Job) -> None:
    for path in (*job.plan.sources, job.target):
        if "://" not in path and not Path(path).is_absolute():
            reason = f"{path} means another place on every node; write absolute paths or URLs"
            raise EngineUnavailable(name=NAME, reason=reason)


@contextmanager
def _connected(address: str) -> Iterator[None]:
    """Use the cluster that this process is connected to, or connect for the time of one run."""
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    except ConnectionError as error:
        reason = f"no cluster answers at {address}; `ray start --head` begins one"
        raise EngineUnavailable(name=NAME, reason=reason) from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except RayError as error:
        reason = str(error).strip().splitlines()[-1]
        raise EngineUnavailable(name=NAME, reason=reason) from error


def _shown(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
