"""Teaches a finished run to tell pictures of other things: its reference and its thresholds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.data import Split
from training.drawn import drawn
from training.errors import RunError
from training.exposure import fitting, others_of
from training.familiarity import (
    ARRAYS_FILE,
    RECORD_FILE,
    Method,
    Reference,
    energy,
    fit_reference,
    with_features,
)
from training.fit import load_model, splits_of
from training.labelled import input_of
from training.outliers import SHARE, best_strength, fit_probe, scores_left_out
from training.run import Run
from training.settings import TrainingSettings
from training.views import logits_of

# Shares of validation images that are accepted, and that are at least reviewed.
COVERAGE = 0.95
REVIEWED = 0.99
# Training images that a reference is fitted on.
FITTED_ON = 10_000
# Pictures of each drawn kind that a probe is shown, and images by which features are compared.
DRAWN = 100
COMPARED = 16


@dataclass(frozen=True, slots=True)
class Seen:
    """What a model makes of images: features float32 [N, D] and logits float32 [N, classes]."""

    features: NDArray[np.float32]
    logits: NDArray[np.float32]

    def scored(self, reference: Reference) -> NDArray[np.float32]:
        """The familiarity [N] of each."""
        scores: NDArray[np.float32] = reference.score(
            tf.constant(self.features), tf.constant(self.logits)
        ).numpy()
        return scores

    @property
    def rows(self) -> NDArray[np.float32]:
        """What a probe looks at: the features and behind them the energy, [N, D + 1]."""
        return np.column_stack([self.features, energy(tf.constant(self.logits)).numpy()])


def eyes(run: Run) -> Callable[[NDArray[np.uint8]], Seen]:
    """How a finished run sees images uint8 [N, H, W, C], averaged over its views.

    Raises:
        RunError: its model has no features.
    """
    model, views = load_model(run), run.config.recipe.views
    both, classes = with_features(model), model.output_shape[-1]

    def see(images: NDArray[np.uint8]) -> Seen:
        rows = logits_of(both, views, images)
        return Seen(rows[:, classes:], rows[:, :classes])

    return see


def write_familiarity(
    run: Run,
    settings: TrainingSettings,
    method: Method,
    *,
    sibling: Run | None = None,
    others: NDArray[np.uint8] | None = None,
) -> None:
    """Fit a finished run's reference and thresholds into `familiarity.npz` and `.json`.

    A run fitted on all images has none left for thresholds; those of a sibling run can stand in
    with `energy`, which needs no reference, and with `outliers` where its features are the same.

    Args:
        run: the finished run.
        settings: where the data is.
        method: how.
        sibling: for a run fitted on all images: one like it fitted on `train`.
        others: for `outliers`: pictures of other things, of the model's size. Drawn ones are added.
            A run that was fitted with such pictures has its own.

    Raises:
        DataError: the data cannot be used.
        RunError: the run is not finished or its model has no features; it was fitted on its
            validation images too, and there is no sibling that can stand in; or `outliers` has
            been given no pictures.
    """
    run.require_finished()
    if method == "outliers":
        _require_one(run, others)
    source, split = _judge(run, method, sibling)
    splits, see = splits_of(source, settings), eyes(source)
    sample, known = sample_of(splits.train, run.config.seed), see(splits.validation.images)
    left_out: dict[str, float] = {}
    if method == "outliers":
        _require_same_features(run, see, sample.images)
        shown = shown_of(run, see, sample.images, others)
        reference, unseen = shown.reference, shown.left_out(known)
        left_out = {"others": len(unseen), "others_accepted": float((unseen >= 0).mean())}
    elif method == "energy":
        reference = Reference(method, {})
    else:
        features = see(sample.images).features
        reference = fit_reference(method, features, sample.labels, seed=run.config.seed)
    scores = known.scored(reference)
    accept, review = np.quantile(scores, [1 - COVERAGE, 1 - REVIEWED])
    if method != "outliers" and run.config.others is not None:
        unseen = see(others_of(run).held_back).scored(reference)
        left_out = {"others": len(unseen), "others_accepted": float((unseen >= accept).mean())}
    with (run.folder / ARRAYS_FILE).open("wb") as stream:
        np.savez(stream, allow_pickle=False, **reference.arrays)
    run.write(
        RECORD_FILE,
        {
            "method": method,
            "accept": float(accept),
            "review": float(review),
            "coverage": float((scores >= accept).mean()),
            "n": len(splits.validation),
            "split": split,
            **left_out,
        },
    )


@dataclass(frozen=True)
class Shown:
    """What fits a probe: images of the classes, and of other things, drawn and collected.

    `held_back` are collected ones that the network has not seen, where it has seen the others.
    """

    known: Seen
    drawn: Seen
    others: Seen
    seed: int
    held_back: Seen | None = None

    @cached_property
    def reference(self) -> Reference:
        """The probe that has seen all of them."""
        share = SHARE if self.held_back is not None else 1.0
        probe = fit_probe(self.known.rows, self._strange, self._strength, share=share)
        return Reference("outliers", probe)

    def left_out(self, judges: Seen) -> NDArray[np.float32]:
        """Scores [N] of those held back, or of each by a probe fitted without it; from 0 accepted.

        0 is what `COVERAGE` of the judges reach, which are of the classes and fit no probe.
        """
        if self.held_back is not None:
            threshold = np.quantile(judges.scored(self.reference), 1 - COVERAGE)
            return self.held_back.scored(self.reference) - np.float32(threshold)
        return scores_left_out(
            self.known.rows, self.drawn.rows, self.others.rows, judges.rows,
            strength=self._strength, coverage=COVERAGE, seed=self.seed,
        )  # fmt: skip

    @cached_property
    def _strange(self) -> NDArray[np.float32]:
        return np.concatenate([self.drawn.rows, self.others.rows])

    @cached_property
    def _strength(self) -> float:
        return best_strength(self.known.rows, self._strange, self.seed)


def _judge(run: Run, method: Method, sibling: Run | None) -> tuple[Run, str]:
    """Whose validation images set the thresholds, and how that split is called."""
    if run.config.fitted_on == "train":
        return run, "validation"
    if sibling is None or method not in {"energy", "outliers"}:
        raise RunError(
            f"{run.folder} was fitted on all images, so none can tell what is familiar; name "
            "a sibling fitted on `train`, with the method energy or outliers"
        )
    return sibling, (
        f"validation, by a sibling run of seed {sibling.config.seed} fitted without these images"
    )


def _require_one(run: Run, others: NDArray[np.uint8] | None) -> None:
    if run.config.others is None and others is None:
        raise RunError("the method outliers has to be shown pictures of other things")
    if run.config.others is not None and others is not None:
        raise RunError(f"{run.folder} has pictures of other things, with which it was fitted")


def shown_of(
    run: Run,
    see: Callable[[NDArray[np.uint8]], Seen],
    images: NDArray[np.uint8],
    others: NDArray[np.uint8] | None = None,
) -> Shown:
    """What a run's probe is shown: training images, and other things, its own or `others`.

    Raises:
        RunError: there are neither, or both.
    """
    _require_one(run, others)
    known, strange = see(images), see(drawn_for(run))
    if others is not None:
        return Shown(known, strange, see(fitting(run, others)), run.config.seed)
    own = others_of(run)
    return Shown(known, strange, see(own.shown), run.config.seed, see(own.held_back))


def _require_same_features(
    run: Run, see: Callable[[NDArray[np.uint8]], Seen], images: NDArray[np.uint8]
) -> None:
    few = images[:COMPARED]
    if not np.allclose(eyes(run)(few).features, see(few).features, rtol=1e-3, atol=1e-3):
        raise RunError(f"{run.folder} and its sibling see other features; a probe fits only one")


def drawn_for(run: Run) -> NDArray[np.uint8]:
    """The drawn pictures of other things that a run's probe is shown, uint8 [N, H, W, C]."""
    kinds = drawn(input_of(run), DRAWN, run.config.seed)
    return np.concatenate(list(kinds.values()))


def sample_of(split: Split, seed: int) -> Split:
    """The images that a reference is fitted on, at most `FITTED_ON` of a split."""
    count = min(FITTED_ON, len(split))
    places = np.random.default_rng(seed).choice(len(split), count, replace=False)
    return Split(split.images[places], split.labels[places])
