"""Label a unit in the calling process, from its images to its parts; what an actor does."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass

from service.bulk.labelling import BatchLabeller, LabelOptions, decode
from service.bulk.ledger import Ledger, Receipt
from service.bulk.reading import UnitReader
from service.bulk.rows import Row
from service.bulk.units import Unit


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """A part that counts from now on, and how much of the source was read for it."""

    unit: int
    part: int
    receipt: Receipt
    source_bytes: int


def label_unit(
    unit: Unit,
    done: Container[int],
    labeller: BatchLabeller,
    options: LabelOptions,
    reader: UnitReader,
    ledger: Ledger,
) -> Iterator[WrittenPart]:
    """Yield each part of a unit that was not ``done``, as soon as it is written.

    Raises:
        SourceError: a file is not what it was, or cannot be had.
        TargetError: a part cannot be written.
    """
    rows: list[Row] = []
    source_bytes = 0
    for chunk in reader.chunks(unit, done):
        rows += labeller.label(decode(chunk.items, labeller.manifest.input, options))
        source_bytes += chunk.source_bytes
        if chunk.closes:
            receipt = ledger.write(chunk.unit, chunk.part, rows, last=chunk.last)
            yield WrittenPart(chunk.unit, chunk.part, receipt, source_bytes)
            rows, source_bytes = [], 0
