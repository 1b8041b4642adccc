"""One run from its sources to its target, begun or gone on with."""

from __future__ import annotations

import hashlib
import io
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from pydantic import BaseModel, ConfigDict

from service.answers import label_request
from service.bulk.engines import Engine, Job
from service.bulk.errors import EngineStopped, TargetExists
from service.bulk.formats import Format, format_of
from service.bulk.labelling import BATCH, safe_batch
from service.bulk.ledger import COMPLETE, PARTIAL, PLAN, Ledger
from service.bulk.preparing import Order, plan_of, prepare
from service.bulk.progress import Meter
from service.bulk.stores import Store, store_of
from service.classifier import OnnxClassifier
from service.loading import choose_bundle, known_bundles, provider_options
from service.settings import Settings

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Summary(BaseModel):
    """How a run ended.

    ``earlier`` images were done before it began, ``skipped`` files were passed over by their
    names; ``seconds`` runs from the order to the target, ``images_per_second`` from this run's
    first result to its last.
    """

    model_config = ConfigDict(frozen=True)

    target: str
    images: int
    failed: dict[str, int]
    earlier: int
    skipped: int
    seconds: float
    images_per_second: float


class _Joined(BaseModel):
    """What the target is, written down just before it gets its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    images: int
    failed: dict[str, int]


def run(order: Order, engine: Engine, settings: Settings, meter: Meter) -> Summary:
    """Label the sources and write the target, whole or not at all.

    Raises:
        BulkError: the run ended before that; the same order goes on where it stopped.
        StartupError: the model cannot be loaded.
        InvalidParameter: more labels were asked for than the model has.
    """
    started = time.monotonic()
    written, store = format_of(order.target), store_of(order.target)
    folder = order.target + PARTIAL
    with store.hold(folder), _left_clean(store, folder):
        if store.exists(order.target) and not order.overwrite:
            joined = _finished(store, order.target)
            earlier, skipped = joined.images, 0
        else:
            ledger, earlier, skipped = _label(order, engine, settings, meter, store, written)
            meter.joining()
            joined = _join(store, order.target, ledger, written)
        # What tells that the target is this run's own goes last.
        store.empty(folder, keep=COMPLETE)
        store.remove(folder)
    seconds = time.monotonic() - started
    return Summary(
        target=order.target,
        images=joined.images,
        failed=joined.failed,
        earlier=earlier,
        skipped=skipped,
        seconds=round(seconds, 3),
        images_per_second=round(meter.rate, 3),
    )


def _label(
    order: Order, engine: Engine, settings: Settings, meter: Meter, store: Store, written: Format
) -> tuple[Ledger, int, int]:
    """Have every part written; return the ledger, images done before, and files passed over."""
    bundle = choose_bundle(known_bundles(settings), settings)
    label_request(order.query, bundle.manifest)
    classifier = OnnxClassifier(
        bundle,
        provider=settings.provider,
        # One thread calls it. A process a core keeps the CPU busier than OpenVINO in one, which is
        # taken where it is named.
        options=replace(
            provider_options(settings), max_batch=BATCH, parallel_runs=1, auto=("cuda",)
        ),
    )
    with tempfile.TemporaryDirectory() as scratch:
        plan_for = partial(plan_of, order, settings, classifier, written)
        prepared = prepare(order, store, Path(scratch), plan_for, meter.listing)
        ledger = Ledger(store, order.target, bundle.manifest, written)
        ledger.load()
        earlier, failed = ledger.totals()
        meter.begin(prepared.listed, images=earlier, failed=failed.total())
        job = Job(
            plan=prepared.plan,
            target=order.target,
            bundle=bundle,
            classifier=classifier,
            batch=safe_batch(classifier),
            listing=prepared.listing,
            ledger=ledger,
            progress=meter,
        )
        engine.run(job)
        if any(True for _ in job.missing()):
            raise EngineStopped
    return ledger, earlier, prepared.listed.skipped


def _finished(store: Store, target: str) -> _Joined:
    """Return what a run left that was killed after its target got its name.

    Raises:
        TargetExists: there was no such run, or what is there is not what it wrote.
    """
    record = f"{target}{PARTIAL}/{COMPLETE}"
    if not store.exists(record):
        raise TargetExists(target=target)
    joined = _Joined.model_validate_json(store.read(record))
    digest = hashlib.sha256()
    for block in store.blocks(target):
        digest.update(block)
    if digest.hexdigest() != joined.sha256:
        raise TargetExists(target=target)
    return joined


def _join(store: Store, target: str, ledger: Ledger, written: Format) -> _Joined:
    """Write the target from its parts; it appears when it is whole."""
    folder = target + PARTIAL
    with store.whole(target, folder) as file:
        hashing = _Hashing(file)
        written.join(ledger.contents(), cast("BinaryIO", hashing))
        images, failed = ledger.totals()
        joined = _Joined(
            sha256=hashing.digest.hexdigest(), images=images, failed=dict(failed.most_common())
        )
        with store.whole(f"{folder}/{COMPLETE}", folder) as record:
            record.write(joined.model_dump_json().encode())
    return joined


class _Hashing(io.RawIOBase):
    """Passes on what is written, and keeps its digest."""

    def __init__(self, behind: BinaryIO) -> None:
        self._behind = behind
        self.digest = hashlib.sha256()
        self.written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.written

    def write(self, data: ReadableBuffer, /) -> int:
        self.digest.update(data)
        self.written += memoryview(data).nbytes
        self._behind.write(data)
        return memoryview(data).nbytes


@contextmanager
def _left_clean(store: Store, folder: str) -> Iterator[None]:
    """Leave nothing behind of a run that ended before there was anything to go on with."""
    try:
        yield
    except BaseException:
        if not store.exists(f"{folder}/{PLAN}"):
            store.remove(folder)
        raise
