"""Measures a finished model on the test split: the only reader of it, and once.

What was measured is recorded in the run with the digest of the file that answered. Asking again for
the same file gives the record back; asking for another file is refused unless it is deliberate,
since choosing between files by their test figures would make the test a part of training.

Any other labelled pictures may be measured as often as one likes (`evaluate_on`): what comes of
them is recorded beside, and never as test figures.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from training.bootstrap import Intervals, Sample, intervals
from training.calibration import (
    ReliabilityBin,
    calibration_error_by_chance,
    expected_calibration_error,
    negative_log_likelihood,
    reliability,
    softmax,
)
from training.cost import Cost, measure_cost
from training.data import Split, load_test
from training.datasets import DataSet, find_data_set
from training.errors import RunError
from training.examples import choose_examples, write_examples
from training.human_labels import Agreement, agreement, find_file
from training.labelled import LabelledSet
from training.ranking import Ranking, rank
from training.run import Run
from training.settings import TrainingSettings

LogitsOf = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
RECORD = "evaluation.json"
# Followed by the name of the pictures.
ON = "evaluation-on-"
TOP = 5
# Wilson's interval covers the true accuracy in 95 % of the cases at this many deviations.
DEVIATIONS = 1.959964


class ClassFigures(BaseModel):
    """How good a model is at one class; shares in 0..1, `support` in images."""

    model_config = ConfigDict(frozen=True)

    id: str
    precision: float
    recall: float
    f1: float
    support: int


class Evaluation(BaseModel):
    """What was measured, on which file, and how.

    `subject` and `sha256` name the file that answered. `data` names a labelled set that is not the
    run's test split, and `data_sha256` is its digest. Shares are in 0..1, the likelihood in nats.
    `confusion` counts images by true class (row) and given class (column). `accuracy_interval` is
    Wilson's, at 95 %. `reliability` is after the temperature, as the likelihood and the Brier score
    are. `macro_f1` is the plain mean over the classes that are there. What earlier versions did not
    measure is None or empty: a record stays readable.
    """

    model_config = ConfigDict(frozen=True)

    subject: str
    sha256: str
    split: Literal["test", "other"] = "test"
    data: str | None = None
    data_sha256: str | None = None
    conditions: str
    n: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    top5: float | None
    negative_log_likelihood: float
    brier: float
    temperature: float
    ece_before: float
    ece_after: float
    per_class: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    reliability: tuple[ReliabilityBin, ...] = ()
    reliability_before: tuple[ReliabilityBin, ...] = ()
    macro_f1: float | None = None
    ranking: Ranking | None = None
    intervals: Intervals | None = None
    agreement: Agreement | None = None
    cost: Cost | None = None

    @property
    def ece_by_chance(self) -> float | None:
        """The ECE of as many images that a perfectly calibrated model would show, on average."""
        if not self.reliability:
            return None
        return calibration_error_by_chance(self.reliability, self.n)


@dataclass(frozen=True, slots=True)
class Subject:
    """The file that answers: its name, digest and conditions in words, and the temperature.

    `file` is where it is, for one whose size and latency count.
    """

    name: str
    sha256: str
    conditions: str
    temperature: float
    file: Path | None = None


def evaluate(  # noqa: PLR0913 - what was measured must be named in full
    run: Run,
    settings: TrainingSettings,
    logits_of: LogitsOf,
    *,
    subject: str,
    sha256: str,
    conditions: str,
    temperature: float,
    file: Path | None = None,
    again: bool = False,
) -> Evaluation:
    """Measure on test, and record it in the run; or give the record of the same file back.

    Args:
        run: the run that the file comes from.
        settings: where the data is.
        logits_of: uint8 images [N, H, W, C] to logits [N, classes].
        subject: the file's name.
        sha256: the file's digest.
        conditions: the runtime and precision, in words.
        temperature: found on validation.
        file: where the file is, if its size and latency count.
        again: measure although this or another file of this run was measured before.

    Raises:
        RunError: another file of this run was measured before, and not `again`.
        DataError: the test split cannot be used.
    """
    recorded = recorded_evaluation(run)
    if recorded and recorded.sha256 == sha256 and not again:
        return recorded
    if recorded and not again:
        raise RunError(
            f"{run.folder} was evaluated on test already, with {recorded.subject} of SHA-256 "
            f"{recorded.sha256[:12]}…; a second look must be deliberate"
        )
    data = run.config.recipe.data
    test, data_set = load_test(data, settings), find_data_set(data)
    subject_of = Subject(subject, sha256, conditions, temperature, file)
    logits = logits_of(test.images)
    evaluation = _measured(logits, logits_of, test, data_set, subject_of)
    people = find_file(settings, data_set)
    if people is not None:
        agreed = agreement(people, test.labels, softmax(logits, temperature))
        evaluation = evaluation.model_copy(update={"agreement": agreed})
    write_examples(run, choose_examples(test, softmax(logits, temperature)))
    run.write(RECORD, evaluation.model_dump(mode="json"))
    return evaluation


def evaluate_on(
    run: Run, labelled: LabelledSet, logits_of: LogitsOf, subject: Subject
) -> Evaluation:
    """Measure on other labelled pictures, and record it beside the run's test figures."""
    data_set = find_data_set(run.config.recipe.data)
    logits = logits_of(labelled.split.images)
    evaluation = _measured(logits, logits_of, labelled.split, data_set, subject).model_copy(
        update={"split": "other", "data": labelled.name, "data_sha256": labelled.sha256}
    )
    run.write(f"{ON}{labelled.name}.json", evaluation.model_dump(mode="json"))
    return evaluation


def recorded_on_others(run: Run) -> tuple[Evaluation, ...]:
    """What was measured on other labelled pictures, by their names."""
    paths = sorted(run.folder.glob(f"{ON}*.json"))
    return tuple(Evaluation.model_validate(run.read(path.name)) for path in paths)


def recorded_evaluation(run: Run) -> Evaluation | None:
    """What was measured on this run before, if anything."""
    if not (run.folder / RECORD).is_file():
        return None
    return Evaluation.model_validate(run.read(RECORD))


def measure(
    logits: NDArray[np.float32],
    split: Split,
    classes: tuple[str, ...],
    *,
    subject: str,
    sha256: str,
    conditions: str,
    temperature: float,
) -> Evaluation:
    """Figures of logits [N, classes] against the split's labels."""
    labels = split.labels
    plain, calibrated = softmax(logits), softmax(logits, temperature)
    given = logits.argmax(axis=1)
    correct = int((given == labels).sum())
    indices = np.arange(len(classes))
    per_class = _per_class(labels, given, classes)
    top5 = _among_top(logits, labels) if len(classes) > TOP else None
    return Evaluation(
        subject=subject,
        sha256=sha256,
        conditions=conditions,
        n=len(labels),
        accuracy=correct / len(labels),
        accuracy_interval=wilson_interval(correct, len(labels)),
        top5=float(top5.mean()) if top5 is not None else None,
        negative_log_likelihood=negative_log_likelihood(logits, labels, temperature),
        brier=float(((calibrated - np.eye(len(classes))[labels]) ** 2).sum(axis=1).mean()),
        temperature=temperature,
        ece_before=expected_calibration_error(plain, labels),
        ece_after=expected_calibration_error(calibrated, labels),
        per_class=per_class,
        confusion=tuple(
            tuple(int(count) for count in row)
            for row in confusion_matrix(labels, given, labels=indices)
        ),
        reliability=reliability(calibrated, labels),
        reliability_before=reliability(plain, labels),
        macro_f1=float(np.mean([label.f1 for label in per_class if label.support])),
        ranking=rank(calibrated, labels, classes),
        intervals=intervals(Sample(labels, plain, calibrated, top5)),
    )


def wilson_interval(correct: int, n: int) -> tuple[float, float]:
    """Where the true share lies with 95 % confidence (Wilson 1927, equation 5)."""
    share, square = correct / n, DEVIATIONS**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    reach = DEVIATIONS * np.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return float(middle - reach), float(middle + reach)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _measured(
    logits: NDArray[np.float32],
    logits_of: LogitsOf,
    split: Split,
    data_set: DataSet,
    subject: Subject,
) -> Evaluation:
    evaluation = measure(
        logits,
        split,
        tuple(label.id for label in data_set.classes),
        subject=subject.name,
        sha256=subject.sha256,
        conditions=subject.conditions,
        temperature=subject.temperature,
    )
    if subject.file is None:
        return evaluation
    cost = measure_cost(subject.file, logits_of, split.images)
    return evaluation.model_copy(update={"cost": cost})


def _among_top(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    best = np.argsort(-logits, axis=1)[:, :TOP]
    return np.asarray((best == labels[:, None]).any(axis=1))


def _per_class(
    labels: NDArray[np.int64], given: NDArray[np.int64], classes: tuple[str, ...]
) -> tuple[ClassFigures, ...]:
    columns = precision_recall_fscore_support(
        labels, given, labels=np.arange(len(classes)), zero_division=0.0
    )
    return tuple(
        ClassFigures(
            id=name,
            precision=float(precision),
            recall=float(recall),
            f1=float(f1),
            support=int(support),
        )
        for name, precision, recall, f1, support in zip(classes, *columns, strict=True)
    )
