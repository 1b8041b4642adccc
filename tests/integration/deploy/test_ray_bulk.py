"""Bulk labelling on a real Ray of two nodes, one of which is killed while it works."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
import ray
from ray import cluster_utils
from ray._private.state import actors

from service.bulk.engines import EngineOptions, engine_of
from service.bulk.errors import EngineUnavailable
from service.bulk.preparing import Order
from service.bulk.progress import Meter
from service.bulk.run import Summary, run
from service.schemas import LabelQuery
from service.settings import Settings
from tests.archives import IMAGES, write_folder, write_tar
from tests.bulking import bulk, read_rows
from tests.bundles import write_bundle

PART_IMAGES = 10
UNITS = 100
ATTEMPTS = 4
T = TypeVar("T")
NODE: Final[dict[str, Any]] = {"num_cpus": 1, "object_store_memory": 80 * 2**20}

pytestmark = pytest.mark.filterwarnings("default")  # Ray's own warnings are not ours


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    write_bundle(folder)
    return folder


@pytest.fixture
def cluster() -> Iterator[cluster_utils.Cluster]:
    """Start a head, and be connected to it."""
    started = persistently(
        lambda: cluster_utils.Cluster(
            initialize_head=True, head_node_args=NODE | {"include_dashboard": False}
        )
    )
    ray.init(address=started.address, log_to_driver=False, logging_level=logging.WARNING)
    yield started
    ray.shutdown()
    started.shutdown()


def persistently(start: Callable[[], T]) -> T:
    """Start a node; Ray allows its agents 15 s, which a busy machine needs for their imports."""
    for _ in range(ATTEMPTS - 1):
        try:
            return start()
        except Exception:  # noqa: BLE001, S112  # Ray raises no kind of its own
            continue
    return start()


class Watched(Meter):
    """A meter that has something tried with each part that is done, until it says that it is."""

    def __init__(self, attempt: Callable[[], bool]) -> None:
        super().__init__("es")
        self._attempt: Callable[[], bool] | None = attempt

    def advance(self, *, images: int, failed: int, source_bytes: int) -> None:
        super().advance(images=images, failed=failed, source_bytes=source_bytes)
        if self._attempt and self._attempt():
            self._attempt = None


def bulk_on_ray(source: str, target: Path, bundles: Path, meter: Meter) -> Summary:
    order = Order((source,), str(target), LabelQuery(top_k=10), PART_IMAGES)
    with meter:
        engine = engine_of("ray", EngineOptions(workers=0, address="auto"))
        return run(order, engine, Settings(bundles=bundles), meter)


@pytest.mark.slow
def test_a_node_that_dies_midway_takes_nothing_and_nothing_is_doubled(
    cluster: cluster_utils.Cluster, bundles: Path, tmp_path: Path
) -> None:
    images = {f"{n:03}.jpg": IMAGES["large.jpg"] for n in range(PART_IMAGES * UNITS)}
    write_folder(tmp_path / "in" / "photos", images)
    write_tar(tmp_path / "in" / "more.tar")
    other, target = tmp_path / "local.jsonl", tmp_path / "ray.jsonl"
    node = persistently(lambda: cluster.add_node(**NODE))
    killed_after: list[int] = []

    def kill() -> bool:
        """End a node once both are at work: Ray starts the second's actor when it sees fit."""
        if len(actor_nodes()) < 2:
            return False
        killed_after.append(meter.images)
        cluster.remove_node(node, allow_graceful=False)
        return True

    meter = Watched(kill)
    summary = bulk_on_ray(f"{tmp_path}/in", target, bundles, meter)
    assert killed_after, "both nodes were never at work at once"
    assert 0 < killed_after[0] < len(images), "one was killed midway"
    assert summary.images == len(images) + len(IMAGES)
    bulk(tmp_path / "in", other, bundles, part_images=PART_IMAGES)
    assert read_rows(target) == read_rows(other)
    assert target.read_bytes() == other.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "local.jsonl", "ray.jsonl"]


def actor_nodes() -> set[str]:
    return {actor["Address"]["NodeID"] for actor in actors().values() if actor["State"] == "ALIVE"}


def test_the_engine_is_found_by_its_name_and_wants_names_that_every_node_knows(
    bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "in")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EngineUnavailable, match="in means another place on every node"):
        bulk_on_ray("in", tmp_path / "labels.jsonl", bundles, Meter("es"))
