"""Before the first image: list what there is, and see whether a run was begun that fits."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from service.bulk.errors import PlanDiffers, SourceChanged
from service.bulk.formats import Format
from service.bulk.ledger import LISTING, PARTIAL, PLAN, read_plan
from service.bulk.listing import Listed, first_change, totals_of, write_listing
from service.bulk.plan import Plan, deciding_versions
from service.bulk.stores import Store
from service.classifier import Classifier
from service.schemas import LabelQuery
from service.settings import Settings

_COPY_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asked for."""

    sources: tuple[str, ...]
    target: str
    query: LabelQuery
    part_images: int
    all_files: bool = False
    overwrite: bool = False
    restart: bool = False
    as_listed: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, and its list as a file of this machine."""

    plan: Plan
    listing: Path
    listed: Listed


def prepare(
    order: Order,
    store: Store,
    scratch: Path,
    plan_for: Callable[[Listed], Plan],
    seen: Callable[[int], None],
) -> Prepared:
    """Return the plan of a run that was begun and fits, or begin a new one.

    Raises:
        SourceError: the sources cannot be listed, or are not what they were.
        PlanDiffers: a run towards this target was begun with other settings.
        NothingToLabel: there is nothing in them.
    """
    folder = order.target + PARTIAL
    before = None if order.restart else read_plan(store, order.target)
    listing = scratch / LISTING
    if before and order.as_listed:
        _fetch(store, f"{folder}/{LISTING}", listing)
        listed = totals_of(listing)
    else:
        own = (order.target, folder)
        skipped = write_listing(
            order.sources, listing, all_files=order.all_files, seen=seen, own=own
        )
        listed = totals_of(listing, skipped)
    plan = plan_for(listed)
    if before is None:
        _begin(store, folder, plan, listing)
    elif differences := before.differences(plan):
        raise PlanDiffers(target=order.target, differences=", ".join(differences))
    elif before != plan:
        _fetch(store, f"{folder}/{LISTING}", scratch / "before")
        raise SourceChanged(change=first_change(scratch / "before", listing))
    return Prepared(plan, listing, listed)


def plan_of(
    order: Order, settings: Settings, classifier: Classifier, written: Format, listed: Listed
) -> Plan:
    """Return all that decides the rows of an order."""
    manifest = classifier.manifest
    return Plan(
        sources=order.sources,
        listing_sha256=listed.sha256,
        model=f"{manifest.name}/{manifest.version}",
        model_sha256=manifest.model_sha256,
        provider=classifier.provider,
        top_k=min(order.query.top_k, len(manifest.labels)),
        min_score=order.query.min_score,
        max_pixels=settings.max_pixels,
        max_upload_bytes=settings.max_upload_bytes,
        all_files=order.all_files,
        part_images=order.part_images,
        format=written.suffix,
        versions=deciding_versions(),
    )


def _begin(store: Store, folder: str, plan: Plan, listing: Path) -> None:
    """Write the list and then the plan, without which nothing there counts."""
    store.empty(folder)
    with store.whole(f"{folder}/{LISTING}", folder) as file, listing.open("rb") as lines:
        shutil.copyfileobj(lines, file, _COPY_BYTES)
    with store.whole(f"{folder}/{PLAN}", folder) as file:
        file.write(plan.model_dump_json(indent=2).encode())


def _fetch(store: Store, path: str, to: Path) -> None:
    with to.open("wb") as file:
        for block in store.blocks(path):
            file.write(block)
