"""What is done: the parts beside the target, each with a receipt that makes it count.

::

    TARGET.partial/
      plan.json          what is labelled with what; there once the list is
      listing.jsonl      every file of the sources
      parts/00000003-00000.parquet   rows of one part, in the target's format
      parts/00000003-00000.json      its receipt: rows, failures, size and digest; written after it
      complete.json      digest of the target and its counts, just before it gets its name

A part without its receipt does not count and is written again. Two workers that write the same part
write the same bytes, so it does not matter which one stays.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from service.bulk.errors import PlanDiffers, TargetUnwritable
from service.bulk.formats import Format
from service.bulk.plan import Plan
from service.bulk.rows import Row
from service.bulk.stores import PARTS, Store
from service.contract import Manifest

PARTIAL: Final = ".partial"
PLAN: Final = "plan.json"
LISTING: Final = "listing.jsonl"
COMPLETE: Final = "complete.json"

_READERS: Final = 16
_RECEIPT: Final = re.compile(r"(\d{8})-(\d{5})\.json")


class Receipt(BaseModel):
    """One part that counts; ``last`` is the last one of its unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    failed: dict[str, int]
    last: bool
    bytes: int
    sha256: str


class Ledger:
    """The parts of one run, in a store."""

    def __init__(self, store: Store, target: str, manifest: Manifest, written: Format) -> None:
        self._store = store
        self._folder = target + PARTIAL
        self._manifest = manifest
        self._format = written
        self._done: dict[int, dict[int, Receipt]] = {}

    def load(self) -> None:
        """Learn which parts count from the receipts that are there."""
        names = self._store.names(f"{self._folder}/{PARTS}")
        found = [matched for name in names if (matched := _RECEIPT.fullmatch(name))]
        with ThreadPoolExecutor(_READERS) as readers:
            paths = [f"{self._folder}/{PARTS}/{matched[0]}" for matched in found]
            for matched, data in zip(found, readers.map(self._store.read, paths), strict=True):
                self.note(int(matched[1]), int(matched[2]), Receipt.model_validate_json(data))

    def note(self, unit: int, part: int, receipt: Receipt) -> None:
        """Count a part that somebody has written."""
        self._done.setdefault(unit, {})[part] = receipt

    def parts(self, unit: int) -> dict[int, Receipt]:
        """Return the parts of a unit that count."""
        return self._done.get(unit, {})

    def is_done(self, unit: int) -> bool:
        """Return whether every part of a unit counts."""
        parts = self.parts(unit)
        return all(number in parts for number in range(len(parts))) and any(
            part == len(parts) - 1 and receipt.last for part, receipt in parts.items()
        )

    def write(self, unit: int, part: int, rows: Sequence[Row], *, last: bool) -> Receipt:
        """Write a part and then its receipt, which makes it count.

        Raises:
            TargetError: there is no room, or no permission.
        """
        data = self._format.encode(rows, self._manifest)
        failed = Counter(row.failure.slug for row in rows if row.failure)
        receipt = Receipt(
            rows=len(rows),
            failed=dict(sorted(failed.items())),
            last=last,
            bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )
        place = self._path(unit, part)
        for path, content in (
            (f"{place}.{self._format.suffix}", data),
            (f"{place}.json", receipt.model_dump_json().encode()),
        ):
            with self._store.whole(path, self._folder) as file:
                file.write(content)
        self.note(unit, part, receipt)
        return receipt

    def totals(self) -> tuple[int, Counter[str]]:
        """Return how many rows there are, and how many of them failed with which slug."""
        rows, failed = 0, Counter[str]()
        for parts in self._done.values():
            for receipt in parts.values():
                rows += receipt.rows
                failed.update(receipt.failed)
        return rows, failed

    def contents(self) -> Iterator[bytes]:
        """Yield the parts in the order of the source, each checked against its receipt.

        Raises:
            TargetUnwritable: a part was altered behind our back.
        """
        for unit in sorted(self._done):
            for part in sorted(self._done[unit]):
                path = f"{self._path(unit, part)}.{self._format.suffix}"
                data = self._store.read(path)
                if hashlib.sha256(data).hexdigest() != self._done[unit][part].sha256:
                    reason = "it was altered; delete it and its .json and repeat the command"
                    raise TargetUnwritable(location=path, reason=reason)
                yield data

    def _path(self, unit: int, part: int) -> str:
        return f"{self._folder}/{PARTS}/{unit:08d}-{part:05d}"


def read_plan(store: Store, target: str) -> Plan | None:
    """Return the plan of a run that was begun, or None.

    Raises:
        PlanDiffers: another version of Rótulo wrote it.
    """
    path = f"{target}{PARTIAL}/{PLAN}"
    if not store.exists(path):
        return None
    try:
        return Plan.model_validate_json(store.read(path))
    except ValidationError as error:
        raise PlanDiffers(target=target, differences=path) from error
