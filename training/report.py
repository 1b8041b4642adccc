"""One page about a run, in Spanish and in the six phases of CRISP-DM.

It tells what the run folder holds, what the training images show, and what became of the other runs
beside it. It never opens the test split: test figures and the test images that it shows are those
that `evaluate` has recorded, and where there are none the page says so. The page is one file
without scripts that asks the network for nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from service.contract import MANIFEST_FILE, Manifest
from training.compare import Compared, read_run, read_runs, runs_beside
from training.data import Splits, class_counts
from training.datasets import ClassName, DataSet, find_data_set
from training.disagreement import ModelTold, read_told
from training.errors import DataError, RunError
from training.evaluate import Evaluation, recorded_evaluation, recorded_on_others
from training.explore import (
    DUPLICATES_PICTURE,
    MEANS_PICTURE,
    Exploration,
    exploration_folder,
    read_exploration,
)
from training.figures import (
    accuracy_chart,
    address,
    learning_curves,
    mosaic,
    ranking_curves,
    reliability_diagram,
)
from training.fit import build_model, count, splits_of
from training.following import kept_epoch
from training.pages import template
from training.run import Run, RunConfig, write_atomically
from training.settings import TrainingSettings
from training.shown import ShownExamples, show_examples
from training.varied import EPOCHS_SHOWN, varied
from training.wording import (
    augmentation_in_words,
    beginning_in_words,
    fit_in_words,
    others_in_words,
    views_in_words,
)
from training.wording_models import model_in_words

SAMPLES = 8
# Of the runs beside this one, so many of the best.
MOST_COMPARED = 30
# Pixels that a small image is enlarged to.
PICTURE_SIDE = 64


@dataclass(frozen=True, slots=True)
class ClassSamples:
    """A class: its name, how many images of it there are, and a picture of some, as an address."""

    label: ClassName
    train: int
    validation: int
    picture: str


@dataclass(frozen=True, slots=True)
class Weights:
    """How many numbers the network has: found by gradients, and set in another way."""

    fitted: int
    other: int


@dataclass(frozen=True, slots=True)
class Content:
    """All that the page tells. What the run does not have yet is None, or empty."""

    config: RunConfig
    data_set: DataSet
    finished: bool
    written: date
    environment: dict[str, Any] | None
    data: dict[str, Any] | None
    classes: tuple[ClassSamples, ...]
    varied: str | None
    weights: Weights
    history: list[dict[str, float]]
    kept: int | None
    curves: str | None
    calibration: dict[str, Any] | None
    evaluation: Evaluation | None
    diagram: str | None
    manifest: Manifest | None
    explored: "Explored | None" = None
    ranking: str | None = None
    examples: ShownExamples | None = None
    elsewhere: tuple[Evaluation, ...] = ()
    own_folder: str = ""
    compared: tuple[Compared, ...] = ()
    left_out: int = 0
    chart: str | None = None
    told: ModelTold | None = None


@dataclass(frozen=True, slots=True)
class Explored:
    """What was seen of the data before, and its pictures as addresses; None for those not drawn."""

    found: Exploration
    means: str | None
    duplicates: str | None


def write_report(
    run: Run,
    settings: TrainingSettings,
    page: Path,
    *,
    manifest: Manifest | None = None,
    others: Sequence[Path] | None = None,
    feedback: Path | None = None,
) -> None:
    """Write the page, whole or not at all.

    Args:
        run: finished or not.
        settings: where the training images are; without them the page has no pictures of them.
        page: the file.
        manifest: of the bundle that the run became, if it did.
        others: the runs to set beside it; the finished ones on the same images in its folder's
            folder, if None.
        feedback: what people said of the bundle's labels, by `rotulo feedback summary`.

    Raises:
        RunError: the bundle was made from another recipe or seed, one of `others` is no run, or
            `feedback` says nothing of the bundle.
    """
    recipe, seed = run.config.recipe.name, run.config.seed
    made_from = (manifest.provenance.recipe, manifest.provenance.seed) if manifest else None
    if made_from not in {None, (recipe, seed)}:
        raise RunError(f"the bundle was made from another run than {run.folder}: {made_from}")
    told = read_told(feedback, manifest) if feedback else None
    beside = runs_beside(run) if others is None else read_runs(others)
    content = gather(run, settings, manifest, datetime.now(UTC).astimezone().date(), beside, told)
    page.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(page, render(content))


def read_manifest(bundle: Path) -> Manifest:
    """The manifest of a bundle's folder NAME/VERSION.

    Raises:
        RunError: there is none that can be read.
    """
    path = bundle / MANIFEST_FILE
    try:
        return Manifest.read(path)
    except (OSError, ValidationError) as error:
        raise RunError(f"{path} is no manifest that can be read: {error}") from error


def gather(
    run: Run,
    settings: TrainingSettings,
    manifest: Manifest | None,
    written: date,
    others: tuple[Compared, ...] = (),
    told: ModelTold | None = None,
) -> Content:
    """What there is to tell about a run. Reads training and validation images, never test."""
    recipe = run.config.recipe
    data_set = find_data_set(recipe.data)
    history, evaluation = run.history(), recorded_evaluation(run)
    splits = _readable_splits(run, settings)
    compared = _ranked(run, others[:MOST_COMPARED])
    return Content(
        config=run.config,
        data_set=data_set,
        finished=run.finished,
        written=written,
        environment=_recorded(run, "environment.json"),
        data=_recorded(run, "data.json"),
        classes=_samples(splits, data_set) if splits else (),
        varied=mosaic(varied(splits.train, run.config), _scale(data_set)) if splits else None,
        weights=_weights(run.config),
        history=history,
        kept=kept_epoch(recipe.fit, history) if history and recipe.fit.keep_best else None,
        curves=learning_curves(history) if history else None,
        calibration=_recorded(run, "calibration.json"),
        evaluation=evaluation,
        diagram=reliability_diagram(evaluation.reliability, evaluation.reliability_before)
        if evaluation and evaluation.reliability
        else None,
        manifest=manifest,
        explored=_explored(settings, data_set),
        ranking=_ranking(evaluation, data_set) if evaluation else None,
        examples=show_examples(run, data_set, _scale(data_set)),
        elsewhere=recorded_on_others(run),
        own_folder=str(run.folder),
        compared=compared if others else (),
        left_out=max(0, len(others) - MOST_COMPARED),
        chart=_chart(run, compared) if others else None,
        told=told,
    )


def render(content: Content) -> str:
    """The page as HTML."""
    recipe = content.config.recipe
    return template("report.html").render(
        c=content,
        recipe=recipe,
        epochs_shown=EPOCHS_SHOWN,
        model_words=model_in_words(recipe.model),
        augmentation_words=augmentation_in_words(recipe.augmentation),
        fit_words=(
            *beginning_in_words(content.config.beginning),
            *fit_in_words(recipe.fit),
            *others_in_words(content.config.others),
        ),
        views_words=views_in_words(recipe.views),
    )


def _ranked(run: Run, others: tuple[Compared, ...]) -> tuple[Compared, ...]:
    """This run among the others, the best on validation first."""
    apart = [other for other in others if other.run.folder.resolve() != run.folder.resolve()]
    return tuple(sorted((read_run(run), *apart), key=lambda found: -(found.validation or 0.0)))


def _chart(run: Run, compared: tuple[Compared, ...]) -> str | None:
    rows = [
        (found.label, found.validation, found.run is run)
        for found in compared
        if found.validation is not None
    ]
    return accuracy_chart(rows) if rows else None


def _ranking(evaluation: Evaluation, data_set: DataSet) -> str | None:
    if evaluation.ranking is None or not evaluation.ranking.per_class:
        return None
    names = {label.id: label.es for label in data_set.classes}
    return ranking_curves([(names[one.id], one) for one in evaluation.ranking.per_class])


def _explored(settings: TrainingSettings, data_set: DataSet) -> Explored | None:
    """The exploration of the very images of the run, if `explore` left one in its place."""
    folder = exploration_folder(settings, data_set.name)
    found = read_exploration(folder, data_set.train_sha256)
    if found is None:
        return None
    pictures = (MEANS_PICTURE, DUPLICATES_PICTURE)
    return Explored(found, *(_picture(folder / name) for name in pictures))


def _picture(path: Path) -> str | None:
    return address("image/png", path.read_bytes()) if path.is_file() else None


def _recorded(run: Run, name: str) -> dict[str, Any] | None:
    return run.read(name) if (run.folder / name).is_file() else None


def _readable_splits(run: Run, settings: TrainingSettings) -> Splits | None:
    """The run's images, or None where they are not: a page without them is still worth having."""
    try:
        return splits_of(run, settings)
    except DataError:
        return None


def _samples(splits: Splits, data_set: DataSet) -> tuple[ClassSamples, ...]:
    """The first images of each class in the training split."""
    total = len(data_set.classes)
    counts = zip(
        class_counts(splits.train, total), class_counts(splits.validation, total), strict=True
    )
    found = []
    for index, (label, (train, validation)) in enumerate(
        zip(data_set.classes, counts, strict=True)
    ):
        images = splits.train.images[np.flatnonzero(splits.train.labels == index)[:SAMPLES]]
        found.append(ClassSamples(label, train, validation, mosaic([images], _scale(data_set))))
    return tuple(found)


def _scale(data_set: DataSet) -> int:
    return max(1, PICTURE_SIDE // max(data_set.shape[:2]))


def _weights(config: RunConfig) -> Weights:
    model = build_model(config.recipe)
    fitted = count(model)
    return Weights(fitted=fitted, other=model.count_params() - fitted)
