"""The path of a GPU on the CPU: the same buffers, buckets and bindings, on another device."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from service.bundles import Bundle, load_bundle
from service.providers.runners import Batch, BoundRunner, Device, SessionRunner
from service.settings import SHIPPED_BUNDLES
from tests.bundles import write_bundle, write_knowing_bundle

LARGEST = 12


def session_of(bundle: Bundle) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        bundle.model_path, options, providers=["CPUExecutionProvider"]
    )


def bound(bundle: Bundle, largest: int = LARGEST, *, graphs: bool = False) -> BoundRunner:
    return BoundRunner(
        session_of(bundle), bundle.manifest, Device("cpu"), max_batch=largest, graphs=graphs
    )


def noise(bundle: Bundle, count: int, seed: int = 0) -> Batch:
    spec = bundle.manifest.input
    shape = (count, spec.height, spec.width, spec.channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture(params=["logits", "logits and familiarity"])
def bundle(request: pytest.FixtureRequest, tmp_path: Path) -> Bundle:
    if request.param == "logits":
        return write_bundle(tmp_path, height=6, width=5)
    return write_knowing_bundle(tmp_path)


@pytest.mark.parametrize("largest", [1, LARGEST])
def test_bound_batches_of_any_size_say_what_the_session_says(bundle: Bundle, largest: int) -> None:
    runner = bound(bundle, largest)
    plain = SessionRunner(session_of(bundle), bundle.manifest)
    for count in range(1, largest + 2):
        batch = noise(bundle, count, seed=count)
        given, expected = runner.run(batch), plain.run(batch)
        assert [rows.shape for rows in given] == [rows.shape for rows in expected]
        for ours, theirs in zip(given, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_a_batch_may_lie_in_memory_in_any_order(bundle: Bundle) -> None:
    runner, batch = bound(bundle), noise(bundle, 4)
    for ours, theirs in zip(runner.run(np.asfortranarray(batch)), runner.run(batch), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_batch_that_fills_its_bucket_gives_the_same_bits(bundle: Bundle) -> None:
    runner = bound(bundle)
    plain = SessionRunner(session_of(bundle), bundle.manifest)
    for size in runner.sizes:
        batch = noise(bundle, size, seed=size)
        for ours, theirs in zip(runner.run(batch), plain.run(batch), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_what_was_given_stays_when_the_next_batch_comes(bundle: Bundle) -> None:
    runner = bound(bundle)
    first = runner.run(noise(bundle, 4, seed=1))
    kept = [rows.copy() for rows in first]
    second = runner.run(noise(bundle, 4, seed=2))
    for rows, before, after in zip(first, kept, second, strict=True):
        np.testing.assert_array_equal(rows, before)
        assert not np.array_equal(rows, after)


def test_rows_of_an_earlier_batch_never_show_through_the_padding(bundle: Bundle) -> None:
    runner = bound(bundle)
    three = noise(bundle, 3)
    fresh = runner.run(three)
    runner.run(noise(bundle, 4, seed=9))
    for ours, before in zip(runner.run(three), fresh, strict=True):
        np.testing.assert_array_equal(ours, before)


def test_threads_that_come_together_each_get_their_own_rows(bundle: Bundle) -> None:
    runner = bound(bundle)
    batches = [noise(bundle, 1 + seed % 5, seed=seed) for seed in range(40)]
    alone = [runner.run(batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(runner.run, batches))
    for ours, theirs in zip(together, alone, strict=True):
        for rows, expected in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(rows, expected)


def test_each_bucket_has_buffers_that_never_move_and_a_graph_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime does not compare shapes when it replays; 0 is its own identifier."""
    entries: list[tuple[str, str]] = []

    class Watched(onnxruntime.RunOptions):
        def add_run_config_entry(self, key: str, value: str) -> None:
            entries.append((key, value))
            super().add_run_config_entry(key, value)

    monkeypatch.setattr(onnxruntime, "RunOptions", Watched)
    bundle = write_bundle(tmp_path, height=6, width=5)
    runner = bound(bundle, graphs=True)
    assert entries == [("gpu_graph_id", str(number)) for number in range(1, 6)]

    def addresses() -> set[int]:
        return {bucket._input.data_ptr() for bucket in runner._buckets.values()}

    before = addresses()
    runner.warm_up()
    runner.run(noise(bundle, 2 * LARGEST))
    assert addresses() == before
    assert len(before) == len(runner.sizes) == 5


def test_the_shipped_model_says_the_same_when_it_is_bound() -> None:
    (folder,) = SHIPPED_BUNDLES.glob("cifar10/*")
    bundle = load_bundle(folder)
    batch = noise(bundle, 5)
    expected = SessionRunner(session_of(bundle), bundle.manifest).run(batch)
    for given, wanted in zip(bound(bundle, 4).run(batch), expected, strict=True):
        np.testing.assert_allclose(given, wanted, rtol=1e-4, atol=1e-4)
