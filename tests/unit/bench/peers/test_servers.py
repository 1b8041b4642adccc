from __future__ import annotations

import pytest

from bench.peers.environments import locked_version
from bench.peers.servers import best_label, servers


@pytest.mark.parametrize(
    "answer",
    [
        {"labels": [{"id": "cat", "score": 0.9}, {"id": "dog", "score": 0.1}]},
        {"label": "cat", "score": 0.9},
        [{"label": "cat", "score": 0.9}],
    ],
)
def test_each_answer_names_its_best_label(answer: object) -> None:
    assert best_label(answer) == "cat"


@pytest.mark.parametrize("package", ["onnxruntime", "pillow", "numpy"])
def test_all_servers_run_and_decode_with_the_same_libraries(package: str) -> None:
    locks = {one.environment for one in servers(2) if one.environment}
    assert len(locks) == 5
    assert len({locked_version(lock, package) for lock in locks}) == 1


@pytest.mark.parametrize("cores", [1, 2, 4])
def test_naive_workers_share_the_cores(cores: int) -> None:
    naive = {one.name: one.cores for one in servers(cores) if one.environment == "naive"}
    assert naive == {"naive-1": cores, "naive-2": max(1, cores // 2)}
