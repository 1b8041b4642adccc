"""Fits a recipe into a run folder, and goes on where a killed run stopped."""

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training import device
from training.batches import training_batches, validation_batches
from training.calibration import (
    choose_thresholds,
    fit_temperature,
    settle_temperature,
    softmax,
)
from training.callbacks import FollowValidation, KeepState, Progress, TellProgress
from training.data import Split, Splits, load_splits, load_whole_training_half
from training.datasets import find_data_set
from training.errors import RecipeError, RunError
from training.exposure import KnownAccuracy, shown_to
from training.head import fit_head
from training.imagenet import load_imagenet_weights
from training.models import build
from training.norms import IMAGES, norms_of, restate_norms
from training.recipe import Backbone, Recipe
from training.run import Run, commit, versions
from training.settings import TrainingSettings
from training.state import State
from training.views import logits_of

NO_IMAGES = 0
FLOAT32 = "float32"
# The lowest temperature of a head that was fitted by itself.
SUREST = 1.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Epochs from `start` to before `end`, in which the same weights are fitted."""

    start: int
    end: int
    whitening_bias: bool


def fit(
    run: Run,
    settings: TrainingSettings,
    progress: Progress,
    *,
    strategy: tf.distribute.Strategy | None = None,
    watchers: Sequence[keras.callbacks.Callback] = (),
) -> None:
    """Fit the run's recipe to its end, from its last checkpoint if there is one.

    A run that was fitted on training images also gets its calibration, from validation.

    Args:
        run: what to fit, and where to.
        settings: where the data is.
        progress: who is told how it goes.
        strategy: the devices to spread over; every visible GPU, or the processor, if None.
        watchers: what else looks on, such as TensorBoard; it changes nothing.

    Raises:
        DataError: the recipe's data or published weights cannot be used.
        RecipeError: the recipe looks at validation, and the run holds no images back for it.
        RunError: the weights to begin with are of another network.
    """
    recipe = run.config.recipe
    if run.config.fitted_on == "all" and recipe.fit.looks_at_validation:
        raise RecipeError(
            f"{recipe.name} chooses by validation, and a fit on all images has none; "
            "give a recipe of that family a fixed number of epochs first"
        )
    splits = splits_of(run, settings)
    if not run.finished:
        fit_weights(run, splits, settings, progress, strategy=strategy, watchers=watchers)
    if len(splits.validation):
        calibrate(run, splits.validation)


def fit_weights(
    run: Run,
    splits: Splits,
    settings: TrainingSettings,
    progress: Progress,
    *,
    strategy: tf.distribute.Strategy | None = None,
    watchers: Sequence[keras.callbacks.Callback] = (),
) -> None:
    """Find the run's weights on these images, without calibration; arguments as for `fit`.

    Raises:
        DataError: the recipe's published weights cannot be used.
        RunError: the weights to begin with are of another network.
    """
    recipe = run.config.recipe
    strategy = strategy or device.prepare()
    policy = device.detect_precision()
    keras.mixed_precision.set_dtype_policy(policy)
    keras.utils.set_random_seed(run.config.seed)
    _record(run, splits, policy)
    with strategy.scope():
        model = build_model(recipe)
        # The folder is there before its first checkpoint is.
        if not tf.train.latest_checkpoint(str(run.checkpoints)):
            _load_published_weights(model, recipe, settings)
        _adapt(model, splits.train.images)
        if run.config.beginning:
            _load_start_weights(model, run)
    run.write("model.json", {"parameters": count(model), "total": model.count_params()})
    if recipe.fit.head and not run.checkpoints.exists():
        fit_head(model, run, splits.train, recipe.fit.head, progress)
    if recipe.fit.epochs:
        _fit_model(model, run, splits, progress, watchers)
    if policy != FLOAT32 and recipe.fit.epochs and norms_of(model):
        model = _widened(model, run, splits.train)
    save_weights(model, run.weights)


def _widened(model: keras.Model, run: Run, train: Split) -> keras.Model:
    """The same network in float32, with norms that have seen float32, and what the fit saw.

    Norms that are restated on images as they are do not fit weights that always saw them varied:
    `resnet20`, whose images are moved over black, lost 1.7 points of validation by it.
    """
    keras.mixed_precision.set_dtype_policy(FLOAT32)
    recipe = run.config.recipe
    wide = build_model(recipe)
    wide.set_weights(model.get_weights())
    batches = training_batches(train, run.config, 0, 1).take(-(-IMAGES // recipe.fit.batch_size))
    seen = np.concatenate([varied for varied, _ in batches.as_numpy_iterator()])
    restate_norms(wide, seen, batch_size=recipe.fit.batch_size, seed=run.config.seed)
    return wide


def build_model(recipe: Recipe) -> keras.Model:
    """The recipe's model for its data set, with random weights: uint8 pixels in, logits out.

    Raises:
        RecipeError: there is no such network for images of that size.
    """
    data_set = find_data_set(recipe.data)
    try:
        return build(recipe.model, data_set.shape, len(data_set.classes))
    except ValueError as error:
        size = "×".join(map(str, data_set.shape))
        raise RecipeError(f"{recipe.name} cannot be built for images of {size}: {error}") from error


def count(model: keras.Model) -> int:
    """How many numbers gradients change."""
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def load_model(run: Run) -> keras.Model:
    """The finished model in float32, whatever it was fitted in.

    Raises:
        RunError: the fit has not ended.
    """
    run.require_finished()
    keras.mixed_precision.set_dtype_policy(FLOAT32)
    model = build_model(run.config.recipe)
    model.load_weights(run.weights)
    return model


def calibrate(run: Run, validation: Split) -> None:
    """Find temperature and thresholds on validation and write `calibration.json`."""
    logits = logits_of(load_model(run), run.config.recipe.views, validation.images)
    run.write("calibration.json", calibration_record(run, logits, validation.labels))


def calibration_record(
    run: Run, logits: NDArray[np.float32], labels: NDArray[np.int64]
) -> dict[str, object]:
    """What `calibrate` writes, for logits [N, classes] and labels [N] of validation images."""
    # A logistic regression whose penalty was chosen by likelihood is seldom too modest.
    lowest = SUREST if run.config.recipe.fit.head else None
    likeliest = fit_temperature(logits, labels, lowest=lowest)
    temperature = settle_temperature(logits, labels, likeliest)
    probabilities = softmax(logits, temperature)
    correct = probabilities.argmax(axis=1) == labels
    thresholds = choose_thresholds(probabilities.max(axis=1), correct)
    return {
        "temperature": temperature,
        "likeliest_temperature": likeliest,
        "accuracy": float(correct.mean()),
        "split": "validation",
        **asdict(thresholds),
    }


def splits_of(run: Run, settings: TrainingSettings) -> Splits:
    """The images that the run is fitted and calibrated on; no validation if it is fitted on all.

    Raises:
        DataError: the recipe's data cannot be used.
    """
    recipe = run.config.recipe
    if run.config.fitted_on == "train":
        return load_splits(recipe.data, settings)
    whole = load_whole_training_half(recipe.data, settings)
    nothing = Split(whole.images[:NO_IMAGES], whole.labels[:NO_IMAGES])
    return Splits(whole, nothing, find_data_set(recipe.data).train_sha256)


def _record(run: Run, splits: Splits, policy: str) -> None:
    environment = {"commit": commit(), "precision": policy, **device.describe()}
    run.write("environment.json", {**environment, "versions": versions()})
    sizes = {"train": len(splits.train), "validation": len(splits.validation)}
    run.write("data.json", {"name": run.config.recipe.data_name, "sha256": splits.sha256, **sizes})


def _load_published_weights(model: keras.Model, recipe: Recipe, settings: TrainingSettings) -> None:
    if isinstance(recipe.model, Backbone) and recipe.model.weights == "imagenet":
        load_imagenet_weights(model, recipe.model, settings)


def _load_start_weights(model: keras.Model, run: Run) -> None:
    try:
        with warnings.catch_warnings():
            # Keras warns of layers that it finds no weights for, and leaves them at random.
            warnings.simplefilter("error", UserWarning)
            model.load_weights(run.start_weights)
    except (ValueError, UserWarning) as error:
        raise RunError(f"the weights to begin with are of another network: {error}") from error


def _adapt(model: keras.Model, images: np.ndarray) -> None:
    """Give the images to the model, or to each of its layers, that learns from them directly."""
    if hasattr(model, "adapt_to"):
        model.adapt_to(images)
        return
    for layer in model.layers:
        if hasattr(layer, "adapt_to"):
            layer.adapt_to(images)


def _fit_model(
    model: keras.Model,
    run: Run,
    splits: Splits,
    progress: Progress,
    watchers: Sequence[keras.callbacks.Callback],
) -> None:
    recipe = run.config.recipe
    others = shown_to(run)
    steps_per_epoch = len(splits.train) // recipe.fit.batch_size
    state = State(model, run, steps_per_epoch * recipe.fit.epochs)
    done = state.restore()
    progress.begin(
        epochs=recipe.fit.epochs, done=done, images=steps_per_epoch * recipe.fit.batch_size
    )
    follow = FollowValidation(recipe.fit, state.rates, state.best, run.history()[:done])
    callbacks = [
        *([state.slow] if state.slow else []),
        follow,
        KeepState(run, state.manager, state.epochs),
        TellProgress(progress, recipe.fit.batch_size),
        *watchers,
    ]
    for stretch in stretches(recipe, done):
        if follow.ended:
            break
        if hasattr(model, "learn_whitening_bias"):
            model.learn_whitening_bias(learns=stretch.whitening_bias)
        compile_model(model, state.optimiser, recipe)
        model.fit(
            training_batches(splits.train, run.config, stretch.start, stretch.end, others),
            initial_epoch=stretch.start,
            epochs=stretch.end,
            steps_per_epoch=steps_per_epoch,
            validation_data=validation_batches(splits.validation, recipe),
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
    follow.finish()


def stretches(recipe: Recipe, done: int) -> tuple[Stretch, ...]:
    """The parts of a fit that are still to do, when `done` epochs are there."""
    end = recipe.fit.epochs
    turn = recipe.fit.whitening_bias_epochs
    if turn is None or turn >= end:
        parts: tuple[Stretch, ...] = (Stretch(0, end, whitening_bias=True),)
    else:
        parts = (Stretch(0, turn, whitening_bias=True), Stretch(turn, end, whitening_bias=False))
    return tuple(
        Stretch(max(part.start, done), part.end, whitening_bias=part.whitening_bias)
        for part in parts
        if part.end > done
    )


def compile_model(
    model: keras.Model, optimiser: keras.optimizers.Optimizer, recipe: Recipe
) -> None:
    """Give the model the loss and the step of a fit."""
    model.compile(
        optimizer=optimiser,
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=recipe.fit.label_smoothing
        ),
        metrics=[KnownAccuracy(name="accuracy")],
        # XLA for the whole model is slower on processors; our layers use it where it helps.
        jit_compile=False,
    )


def save_weights(model: keras.Model, path: Path) -> None:
    """Write a model's weights, whole or not at all: a run with weights counts as finished."""
    temporary = path.with_name(f"partial.{path.name}")
    model.save_weights(temporary)
    temporary.replace(path)
