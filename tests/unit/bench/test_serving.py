"""The page is made of the figures in its JSON, and of nothing else."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.goals import best_peer, goals
from bench.needs import Replica, needs, paragraph
from bench.peers.__main__ import widest
from bench.results import Growth, LightLoad, Network, Point, Serving
from bench.serving import IMAGES, PAGE, RESULTS, app, rendered
from service.processor import FLAGS

ROUNDS = 3


def loaded(
    server: str, kind: str, connections: int, rate: float, *, body: str = "raw"
) -> dict[str, object]:
    return {
        "server": server, "body": body, "kind": kind, "connections": connections,
        "rates": (rate * 0.9, rate, rate * 1.5), "p50_ms": (3.0, 2.5, 2.0), "p95_ms": (4.0,) * 3,
        "p99_ms": (5.0,) * 3, "failed": 0,
    }  # fmt: skip


def contestant(name: str, title: str) -> dict[str, object]:
    return {
        "name": name, "title": title, "version": "1.2.3", "layout": "one process",
        "ready_seconds": (1.0, 1.2, 2.0), "idle_percent": 0.3,
        "memory_bytes": {"S": 120_000_000, "M": 210_000_000},
    }  # fmt: skip


def measured(*, precision: str = "float32") -> Network:
    return Network.model_validate({
        "name": "cifar10/1", "sha256": "ab" * 32, "precision": precision, "recipe": "airbench94",
        "conditions": {
            "taken": "2026-11-22", "commit": "abc", "machine": "x86_64", "cores": 2,
            "python": "3.11.7", "onnxruntime": "1.31.1", "load_average": 0.1, "rounds": ROUNDS,
            "seconds": 3,
        },
        "pictures": [
            {"kind": kind, "width": 640, "height": 480, "media_type": "image/jpeg",
             "size_bytes": 100_000, "count": 8}
            for kind in ("S", "M")
        ],
        "contestants": [
            contestant("rotulo", "Rótulo"), contestant("mosec", "Mosec"),
            contestant("naive-2", "FastAPI, 2 workers"),
            contestant("rotulo-openvino", "Rótulo, openvino"),
        ],
        "loads": [
            loaded("rotulo", "M", 32, 700), loaded("rotulo", "M", 32, 600, body="form"),
            loaded("rotulo", "M", 1, 300), loaded("mosec", "M", 32, 500),
            loaded("naive-2", "M", 32, 400, body="form"),
            loaded("rotulo", "S", 32, 900), loaded("mosec", "S", 32, 1000),
            loaded("rotulo-openvino", "S", 32, 2600), loaded("rotulo-openvino", "M", 32, 650),
        ],
        "limits": [
            {"kind": "M", "rates": (700, 750, 800), "alone_ms": 2.0},
            {"kind": "S", "rates": (1000, 1000, 1100), "alone_ms": 1.0},
        ],
    })  # fmt: skip


def found(network: Network, what: str) -> tuple[str, bool]:
    """Return what was measured for the one goal that begins so, and whether it is met."""
    (goal,) = [goal for goal in goals(network) if goal.what.startswith(what)]
    return goal.measured, goal.met


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("M at 32 connections, against the best peer", ("1.40 ×", True)),
        ("M at 32 connections, against two FastAPI workers", ("1.75 ×", True)),
        ("S at 32 connections, against the best peer", ("0.90 ×", False)),
        ("S at 32 connections on OpenVINO", ("2.60 ×", True)),
        ("M at 32 connections on OpenVINO, against the best peer", ("1.30 ×", False)),
        ("M by raw body", ("93%", True)),
        ("M by form", ("80%", False)),
        ("S by raw body", ("90%", True)),
        ("M at one connection", ("0.50 ms", True)),
        ("Peak memory at S", ("120 MB", True)),
        ("Peak memory at M", ("210 MB", False)),
        ("Ready", ("1.20 s", True)),
        ("Idle", ("0.30 %", True)),
    ],
)
def test_a_goal_compares_medians_with_its_bound(what: str, expected: tuple[str, bool]) -> None:
    assert found(measured(), what) == expected


def test_what_was_not_measured_is_no_goal() -> None:
    assert [goal.what for goal in goals(measured()) if goal.what.startswith(("L ", "p99"))] == []


def test_int8_asks_for_no_more_than_the_best_peer() -> None:
    whole = {goal.what: goal.bound for goal in goals(measured(precision="int8"))}
    assert whole["M at 32 connections, against the best peer"] == "≥ 1.0 ×"
    assert "M at 32 connections, against two FastAPI workers" not in whole


def test_8_bits_are_held_against_the_best_peer_in_float32_on_the_same_machine() -> None:
    in_8_bits = measured(precision="int8").model_copy(update={"name": "cifar10-int8/1"})
    elsewhere = in_8_bits.conditions.model_copy(update={"machine": "another"})
    alone = in_8_bits.model_copy(update={"conditions": elsewhere})
    kept = Serving(networks=(measured(), in_8_bits, alone))
    told = {goal.what: goal.measured for goal in goals(in_8_bits, kept.in_float32(in_8_bits))}
    assert told["S at 32 connections on OpenVINO, against the best peer in float32"] == "2.60 ×"
    assert told["S at 32 connections, against the best peer in float32"] == "0.90 ×"
    assert kept.in_float32(alone) is None
    assert not [goal for goal in goals(alone) if "in float32" in goal.what]


def test_batching_may_cost_a_tenth_when_there_is_little_to_do() -> None:
    def with_light(batching: float) -> Network:
        light = LightLoad(rate=9, n=100, batching_ms=batching, single_ms=20)
        return measured().model_copy(update={"light": light})

    assert found(with_light(21), "p99 at a tenth") == ("1.05 ×", True)
    assert found(with_light(23), "p99 at a tenth") == ("1.15 ×", False)


def test_the_best_peer_is_another_and_the_fastest() -> None:
    assert best_peer(measured(), "M") == ("Mosec", 500)
    assert best_peer(measured(), "S") == ("Mosec", 1000)
    assert best_peer(measured(), "L") is None


def test_a_site_is_planned_with_half_of_what_was_measured() -> None:
    replica = Replica(rate=200, cores=2, memory_bytes=150_000_000, picture_bytes=100_000)
    one, hundred, odd = (needs(images, replica) for images in (1, 100, 101))
    assert (one.busy_cores, one.replicas) == (0.01, 2)
    assert (hundred.busy_cores, hundred.replicas, hundred.memory_bytes) == (1.0, 2, 300_000_000)
    assert needs(10_000, replica).replicas == 100
    assert odd.replicas == 2
    assert needs(201, replica).replicas == 3
    assert hundred.bits_per_second == 80e6
    assert "100 replicas or as many cores in larger machines, 15.0 GB" in paragraph(replica)


def test_the_page_shows_each_server_with_medians_and_their_spread() -> None:
    page = rendered(Serving(networks=(measured(),)))
    assert "| Mosec | raw | – | 500 (450 to 750) | – | 2.5 | 5.0 | 0 |" in page
    assert "| Rótulo | form | – | 600 (540 to 900) | – | 2.5 | 5.0 | 0 |" in page
    assert "In-process limit: 750 images/s (700 to 800)" in page
    assert "How cost grows" not in page


def test_growth_is_told_against_its_first_step() -> None:
    steps = tuple(Point(label=str(n), size=n, rate=100.0 * n, p50_ms=10) for n in (1, 2))
    growth = Growth(
        session_batches=steps, service_batches=steps, picture_sizes=steps, cores=steps,
        replicas=(),
    )  # fmt: skip
    page = rendered(Serving(networks=(measured().model_copy(update={"growth": growth}),)))
    assert "| 2 | 200 | 10.0 | 2.00 × | – |" in page
    assert "**100 images a second**" in page


def test_a_network_that_is_measured_again_there_takes_its_own_place() -> None:
    first = measured()
    elsewhere = first.conditions.model_copy(update={"machine": "another"})
    others = (first.model_copy(update={"name": "another/1"}),
              first.model_copy(update={"conditions": elsewhere}))  # fmt: skip
    kept = Serving().including(first)
    for other in others:
        kept = kept.including(other)
    again = kept.including(first.model_copy(update={"recipe": "newer"}))
    assert len(again.networks) == len({one.chart("peers") for one in again.networks}) == 3
    assert [one.place for one in again.networks if one.recipe == "newer"] == [first.place]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"avx2", "avx512f", "amx_tile"}, "AMX"),
        ({"avx2", "avx512f"}, "AVX-512"),
        ({"avx2"}, "AVX2"),
        (set(), platform.machine()),
    ],
)
def test_a_machine_is_told_by_its_widest_arithmetic(flags: set[str], expected: str) -> None:
    assert widest({flag: flag in flags for flag in FLAGS}) == expected


def test_the_command_writes_page_and_charts_twice_the_same(tmp_path: Path) -> None:
    results, page = tmp_path / "serving.json", tmp_path / "serving.md"
    Serving(networks=(measured(),)).write(results)
    written = []
    for _ in range(2):
        flags = ["--results", str(results), "--page", str(page), "--images", str(tmp_path)]
        done = CliRunner().invoke(app, flags)
        assert done.exit_code == 0, done.output
        written.append({file.name: file.read_bytes() for file in sorted(tmp_path.iterdir())})
    assert written[0] == written[1]
    assert {measured().chart("peers"), measured().chart("latency")} <= written[0].keys()


def test_the_page_is_what_its_figures_give() -> None:
    """`python -m bench.serving` writes it."""
    kept = Serving.read(RESULTS)
    assert PAGE.read_text("utf-8") == rendered(kept)
    assert all((IMAGES / one.chart("peers")).is_file() for one in kept.networks)
