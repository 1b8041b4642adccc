"""The engine of one machine: its worker processes, and their deaths."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import pytest

from service.bulk.errors import WorkersFailed
from service.bulk.labelling import LabelOptions
from service.bulk.local import LocalEngine
from service.bulk.preparing import Order
from service.bulk.progress import Meter
from service.bulk.reading import Chunk
from service.bulk.rows import Item, Row
from service.bulk.run import run
from service.bulk.worker import WorkerOrder
from service.bulk.workers import AHEAD, Workers
from service.bundles import load_bundle
from service.errors import BundleError
from service.schemas import LabelQuery
from service.settings import Settings
from tests.archives import IMAGES, write_tar
from tests.bulking import bulk
from tests.bundles import write_bundle


class Deadly(bytes):
    """An image that ends whichever process receives it, as one that breaks a decoder would."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (9,)


class KillsAWorker(Meter):
    """Has one worker killed as soon as the first images are done."""

    killed = 0

    def advance(self, *, images: int, failed: int, source_bytes: int) -> None:
        super().advance(images=images, failed=failed, source_bytes=source_bytes)
        if not self.killed:
            self.killed = multiprocessing.active_children()[0].pid or 0
            os.kill(self.killed, signal.SIGKILL)


def test_a_worker_that_is_killed_takes_nothing_with_it(
    sources: Path, bundles: Path, tmp_path: Path
) -> None:
    quiet, disturbed = tmp_path / "quiet.jsonl", tmp_path / "disturbed.jsonl"
    tar = write_tar(tmp_path / "many.tar", {f"{n}.png": IMAGES["grey.png"] for n in range(300)})
    bulk(tar, quiet, bundles)
    order = Order((str(tar),), str(disturbed), LabelQuery(top_k=10), part_images=5)
    with KillsAWorker("es") as meter:
        run(order, LocalEngine(2), Settings(bundles=bundles), meter)
    assert meter.killed
    assert disturbed.read_bytes() == quiet.read_bytes()
    assert multiprocessing.active_children() == []


def order_of(bundles: Path, *, infers: bool) -> WorkerOrder:
    options = LabelOptions(5, 0.0, 1_000_000, 1_000_000)
    return WorkerOrder(load_bundle(bundles / "linear" / "1"), options, 16, infers)


def chunk_of(number: int, *contents: bytes) -> Chunk:
    items = tuple(
        Item(place, f"{number}/{place}", None, None, content)
        for place, content in enumerate(contents)
    )
    return Chunk(number, 0, items, closes=True, last=True, source_bytes=0)


def test_an_image_that_ends_its_process_becomes_a_row_and_its_mates_are_labelled(
    bundles: Path,
) -> None:
    good = IMAGES["grey.png"]
    chunks = [chunk_of(0, good, Deadly(), good), chunk_of(1, good)]
    with Workers(order_of(bundles, infers=True), 1) as workers:
        ended = [end for chunk in chunks for end in workers.submit(chunk)]
        ended += list(workers.drain())
    rows = {chunk.unit: [row for row in worked if isinstance(row, Row)] for chunk, worked in ended}
    slugs = {
        unit: [row.failure and row.failure.slug for row in told] for unit, told in rows.items()
    }
    assert slugs == {0: [None, "fatal-image", None], 1: [None]}


def test_workers_hold_no_more_than_their_share(bundles: Path) -> None:
    """However fast the source, so many chunks are under way and no more."""
    with Workers(order_of(bundles, infers=False), 1) as workers:
        given = ended = 0
        for number in range(4 * AHEAD):
            given += 1
            ended += sum(1 for _ in workers.submit(chunk_of(number, IMAGES["grey.png"])))
            assert given - ended < AHEAD
        assert given == ended + sum(1 for _ in workers.drain())


def test_on_a_gpu_the_workers_decode_and_the_main_process_infers(
    sources: Path, bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider's name alone decides it; here the session behind the name is the CPU's."""
    beside, central = tmp_path / "beside.jsonl", tmp_path / "central.jsonl"
    bulk(sources / "photos", beside, bundles)
    monkeypatch.setattr("service.bulk.local.WORKERS_INFER_ON", frozenset())
    bulk(sources / "photos", central, bundles, engine=LocalEngine(1))
    assert central.read_bytes() == beside.read_bytes()


def test_workers_that_cannot_start_are_told(bundles: Path) -> None:
    order = dataclasses.replace(order_of(bundles, infers=True), options=Deadly())  # type: ignore[arg-type]
    with pytest.raises(WorkersFailed):
        Workers(order, 1)


def test_a_bundle_that_is_exchanged_after_it_was_checked_is_not_opened(tmp_path: Path) -> None:
    """The main process alone checks signatures: its manifest decides, not the one on the disk."""
    write_bundle(tmp_path / "bundles")
    order = order_of(tmp_path / "bundles", infers=True)
    other = write_bundle(tmp_path / "others", seed=1)
    shutil.rmtree(order.bundle.path)
    shutil.copytree(other.path, order.bundle.path)
    load_bundle(order.bundle.path)
    with pytest.raises(BundleError, match="was altered"):
        Workers(order, 2)
    assert multiprocessing.active_children() == []
