"""Bulk runs for tests: an engine in the test's own process, and rows as they were written."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from service.bulk.engines import Engine, Job
from service.bulk.inline import label_unit
from service.bulk.labelling import BatchLabeller
from service.bulk.preparing import Order
from service.bulk.progress import Meter
from service.bulk.reading import UnitReader
from service.bulk.run import Summary, run
from service.bulk.units import load_unit
from service.schemas import LabelQuery
from service.settings import Settings


class InlineEngine:
    """The steps of every engine, one after the other, without other processes."""

    def __init__(self, after_part: Callable[[], object] = lambda: None) -> None:
        self._after_part = after_part

    def run(self, job: Job) -> None:
        labeller = BatchLabeller(job.classifier, job.plan.labelling, job.batch)
        listing = job.listing.read_bytes()
        with closing(UnitReader(job.plan.reading)) as reader:
            for place in job.missing():
                unit = load_unit(place, listing[place.offset : place.offset + place.length])
                done = frozenset(job.ledger.parts(place.number))
                for written in label_unit(
                    unit, done, labeller, job.plan.labelling, reader, job.ledger
                ):
                    failed = sum(written.receipt.failed.values())
                    job.progress.advance(
                        images=written.receipt.rows,
                        failed=failed,
                        source_bytes=written.source_bytes,
                    )
                    self._after_part()


def bulk(
    sources: list[str | Path] | str | Path,
    target: str | Path,
    bundles: Path,
    *,
    engine: Engine | None = None,
    part_images: int = 5,
    **options: Any,
) -> Summary:
    """Run an order with the inline engine, in parts so small that there are several."""
    given = sources if isinstance(sources, list) else [sources]
    order = Order(
        sources=tuple(map(str, given)),
        target=str(target),
        query=LabelQuery(top_k=10),
        part_images=part_images,
        **options,
    )
    with Meter("es") as meter:
        return run(order, engine or InlineEngine(), Settings(bundles=bundles), meter)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return a target's rows with their scores as floats, whatever its format."""
    match path.suffix:
        case ".parquet":
            rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
            return rows
        case ".csv":
            with path.open(newline="", encoding="utf-8") as file:
                return [_from_text(row) for row in csv.DictReader(file)]
        case _:
            return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _from_text(row: dict[str, str]) -> dict[str, Any]:
    read = {"row": int, "score": float, "labels": json.loads, "width": int, "height": int}
    return {
        name: (read.get(name, str)(value) if value else None)  # type: ignore[operator]
        for name, value in row.items()
    }
