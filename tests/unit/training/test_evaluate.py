from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.colours import CLASSES, TEST, TINY, colour_split, write_colours
from training.data import Split
from training.errors import DataError, RunError
from training.evaluate import (
    Evaluation,
    evaluate,
    file_digest,
    measure,
    recorded_evaluation,
    wilson_interval,
)
from training.examples import SHOWN, read_examples
from training.run import Run, RunConfig
from training.settings import TrainingSettings

NAMES = tuple(label.id for label in CLASSES)


def truth(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return logits that are right on the test half."""
    split = colour_split(TEST, seed=2)
    np.testing.assert_array_equal(images, split.images)
    return np.asarray(8 * np.eye(4, dtype=np.float32)[split.labels])


def unreachable(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    raise AssertionError(f"asked for the logits of {len(images)} images")


def ask(
    run: Run,
    settings: TrainingSettings,
    logits_of: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    *,
    sha256: str = "a" * 64,
    again: bool = False,
) -> Evaluation:
    return evaluate(
        run,
        settings,
        logits_of,
        subject="model.onnx",
        sha256=sha256,
        conditions="a test",
        temperature=1.5,
        again=again,
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.start(tmp_path / "run", RunConfig(recipe=TINY))


@pytest.fixture
def settings(tmp_path: Path) -> TrainingSettings:
    return TrainingSettings(data_dir=write_colours(tmp_path))


@pytest.fixture
def no_data(tmp_path: Path) -> TrainingSettings:
    return TrainingSettings(data_dir=tmp_path / "nowhere")


def test_what_was_measured_is_recorded(run: Run, settings: TrainingSettings) -> None:
    assert recorded_evaluation(run) is None
    measured = ask(run, settings, truth)
    assert measured.accuracy == 1.0
    assert measured.n == TEST
    assert recorded_evaluation(run) == measured


def test_the_same_file_gets_its_record_back_without_a_look_at_test(
    run: Run, settings: TrainingSettings, no_data: TrainingSettings
) -> None:
    measured = ask(run, settings, truth)
    assert ask(run, no_data, unreachable) == measured


def test_another_file_is_refused_before_test_is_opened(
    run: Run, settings: TrainingSettings, no_data: TrainingSettings
) -> None:
    measured = ask(run, settings, truth)
    with pytest.raises(RunError, match=r"evaluated on test already, with model\.onnx of SHA-256 a"):
        ask(run, no_data, unreachable, sha256="b" * 64)
    assert recorded_evaluation(run) == measured


def test_a_deliberate_second_look_measures_and_records_anew(
    run: Run, settings: TrainingSettings
) -> None:
    ask(run, settings, truth)
    second = ask(run, settings, lambda images: -truth(images), sha256="b" * 64, again=True)
    assert second.accuracy == 0.0
    assert recorded_evaluation(run) == second


def test_the_same_file_may_be_measured_again_on_purpose(
    run: Run, settings: TrainingSettings
) -> None:
    """A record of an earlier version tells less; what it measured is measured again."""
    measured = ask(run, settings, truth)
    older = measured.model_dump(
        mode="json", exclude={"ranking", "intervals", "macro_f1", "reliability_before", "data"}
    )
    run.write("evaluation.json", older)
    found = recorded_evaluation(run)
    assert found is not None
    assert (found.ranking, found.intervals, found.macro_f1, found.cost) == (None,) * 4
    assert ask(run, settings, truth) == found
    assert ask(run, settings, truth, again=True) == measured


def test_test_images_are_kept_for_the_report(run: Run, settings: TrainingSettings) -> None:
    """The surest mistake first, then images that chance drew."""
    split = colour_split(TEST, seed=2)
    logits = np.asarray(4 * np.eye(4)[split.labels], np.float32)
    for place, sure in ((3, 2.0), (7, 6.0)):
        logits[place] = sure * np.eye(4)[(split.labels[place] + 1) % 4]
    ask(run, settings, lambda _: logits)
    kept = read_examples(run)
    assert kept is not None
    assert kept.mistakes == 2
    np.testing.assert_array_equal(kept.images[:2], split.images[[7, 3]])
    np.testing.assert_array_equal(kept.labels[:2], split.labels[[7, 3]])
    np.testing.assert_array_equal(kept.given[:2], (split.labels[[7, 3]] + 1) % 4)
    assert kept.confidence[0] > kept.confidence[1] > 0.25
    assert len(kept.images) == 2 + SHOWN


def test_people_who_voted_on_the_test_images_are_asked(run: Run, tmp_path: Path) -> None:
    folder = write_colours(tmp_path)
    votes = 10 * np.eye(4)[colour_split(TEST, seed=2).labels]
    np.savez(folder / "human_labels.npz", cifar10h_counts=votes)
    agreed = ask(run, TrainingSettings(data_dir=folder), truth).agreement
    assert agreed is not None
    assert (agreed.votes_for_given, agreed.majority_label) == (1.0, 1.0)


def test_nothing_is_recorded_when_the_test_split_cannot_be_used(
    run: Run, no_data: TrainingSettings
) -> None:
    with pytest.raises(DataError, match="is missing"):
        ask(run, no_data, unreachable)
    assert recorded_evaluation(run) is None


def test_the_figures_of_a_hand_made_case() -> None:
    """Four images of two classes: both of the first right, one of the second taken for the first.

    Each logit of ln 3 ahead is a probability of 0.75; the temperature of 1 changes nothing.
    """
    sure = np.log(3).astype(np.float32)
    logits = np.array([[sure, 0], [sure, 0], [0, sure], [sure, 0]], np.float32)
    split = Split(np.zeros((4, 2, 2, 3), np.uint8), np.array([0, 0, 1, 1]))
    found = measure(
        logits, split, ("a", "b"), subject="x", sha256="0" * 64, conditions="by hand", temperature=1
    )
    assert (found.n, found.accuracy, found.top5) == (4, 0.75, None)
    assert found.confusion == ((2, 0), (1, 1))
    assert found.negative_log_likelihood == pytest.approx(-(3 * np.log(0.75) + np.log(0.25)) / 4)
    assert found.brier == pytest.approx((3 * 2 * 0.25**2 + 2 * 0.75**2) / 4)
    # All confidences are 0.75, and so is the accuracy.
    assert found.ece_before == pytest.approx(0, abs=1e-6)
    first, second = found.per_class
    assert (first.id, second.id) == ("a", "b")
    assert (first.precision, first.recall, first.f1) == pytest.approx((2 / 3, 1.0, 0.8))
    assert (second.precision, second.recall, second.f1) == pytest.approx((1.0, 0.5, 2 / 3))
    assert (first.support, second.support) == (2, 2)
    (only,) = found.reliability
    assert (only.confidence, only.accuracy, only.share) == pytest.approx((0.75, 0.75, 1.0))


def test_the_temperature_counts_for_what_is_said_after_it() -> None:
    split = colour_split(40, seed=5)
    logits = np.random.default_rng(0).normal(0, 5, (40, 4)).astype("f4")
    plain, cooled = (
        measure(
            logits, split, NAMES, subject="x", sha256="0" * 64, conditions="test", temperature=t
        )
        for t in (1.0, 4.0)
    )
    assert cooled.ece_before == plain.ece_before == plain.ece_after
    assert cooled.ece_after < plain.ece_after
    assert cooled.brier < plain.brier
    assert cooled.accuracy == plain.accuracy


def test_with_more_than_five_classes_the_first_five_count() -> None:
    logits = np.tile(np.arange(7, dtype=np.float32), (7, 1))
    split = Split(np.zeros((7, 2, 2, 3), np.uint8), np.arange(7))
    names = tuple("abcdefg")
    found = measure(
        logits, split, names, subject="x", sha256="0" * 64, conditions="test", temperature=1.0
    )
    assert found.top5 == pytest.approx(5 / 7)
    # Six of the classes were never given: their precision counts as nought.
    assert [label.precision for label in found.per_class] == [0.0] * 6 + [pytest.approx(1 / 7)]


@pytest.mark.parametrize(
    ("correct", "n", "expected"),
    [(9400, 10000, (0.93517, 0.94449)), (10, 10, (0.72247, 1.0)), (0, 10, (0.0, 0.27753))],
)
def test_wilsons_interval(correct: int, n: int, expected: tuple[float, float]) -> None:
    assert wilson_interval(correct, n) == pytest.approx(expected, abs=1e-4)


def test_a_files_digest_is_its_sha256(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert file_digest(path).startswith("ba7816bf8f01cfea414140de5dae2223b00361a396177a9c")
