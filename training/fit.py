"""Fits a recipe into a run folder, and goes on where a killed run stopped."""

from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from training import device
from training.augmentation import augment
from training.calibration import choose_thresholds, fit_temperature, softmax
from training.callbacks import KeepState, Progress, SlowWeights, TellProgress
from training.data import Split, Splits, load_splits, load_whole_training_half
from training.datasets import find_data_set
from training.models import build
from training.optimisers import GroupedNesterov
from training.recipe import Recipe
from training.run import Run, commit, versions
from training.schedules import factors
from training.settings import TrainingSettings
from training.views import logits_of

NO_IMAGES = 0


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
) -> None:
    """Fit the run's recipe to its end, from its last checkpoint if there is one.

    A run that was fitted on training images also gets its calibration, from validation.

    Args:
        run: what to fit, and where to.
        settings: where the data is.
        progress: who is told how it goes.
        strategy: the devices to spread over; every visible GPU, or the processor, if None.

    Raises:
        DataError: the recipe's data cannot be used.
    """
    recipe = run.config.recipe
    splits = splits_of(run, settings)
    if not run.finished:
        strategy = strategy or device.prepare()
        policy = device.detect_precision()
        keras.mixed_precision.set_dtype_policy(policy)
        keras.utils.set_random_seed(run.config.seed)
        _record(run, splits, policy)
        with strategy.scope():
            model = build_model(recipe)
            _adapt(model, splits.train.images)
        _fit_model(model, run, splits, progress)
        _save_weights(model, run.weights)
    if len(splits.validation):
        calibrate(run, splits.validation)


def build_model(recipe: Recipe) -> keras.Model:
    """The recipe's model for its data set, with random weights: uint8 pixels in, logits out."""
    data_set = find_data_set(recipe.data)
    return build(recipe.model, data_set.shape, len(data_set.classes))


def load_model(run: Run) -> keras.Model:
    """The finished model in float32, whatever it was fitted in.

    Raises:
        RunError: the fit has not ended.
    """
    run.require_finished()
    keras.mixed_precision.set_dtype_policy("float32")
    model = build_model(run.config.recipe)
    model.load_weights(run.weights)
    return model


def calibrate(run: Run, validation: Split) -> None:
    """Find temperature and thresholds on validation and write `calibration.json`."""
    logits = logits_of(load_model(run), run.config.recipe.views, validation.images)
    temperature = fit_temperature(logits, validation.labels)
    probabilities = softmax(logits, temperature)
    correct = probabilities.argmax(axis=1) == validation.labels
    thresholds = choose_thresholds(probabilities.max(axis=1), correct)
    run.write(
        "calibration.json",
        {
            "temperature": temperature,
            "accuracy": float(correct.mean()),
            "split": "validation",
            **asdict(thresholds),
        },
    )


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
    run.write("data.json", {"name": run.config.recipe.data, "sha256": splits.sha256, **sizes})


def _adapt(model: keras.Model, images: np.ndarray) -> None:
    """Give the images to the model, or to each of its layers, that learns from them directly."""
    if hasattr(model, "adapt_to"):
        model.adapt_to(images)
        return
    for layer in model.layers:
        if hasattr(layer, "adapt_to"):
            layer.adapt_to(images)


def _fit_model(model: keras.Model, run: Run, splits: Splits, progress: Progress) -> None:
    recipe = run.config.recipe
    steps_per_epoch = len(splits.train) // recipe.fit.batch_size
    total_steps = steps_per_epoch * recipe.fit.epochs
    optimiser = _optimiser(recipe, total_steps)
    optimiser.build(model.trainable_variables)
    epochs_done = tf.Variable(0, dtype=tf.int64)
    steps_done = tf.Variable(0, dtype=tf.int64)
    slow = (
        SlowWeights(recipe.fit.lookahead, model, total_steps, steps_done)
        if recipe.fit.lookahead
        else None
    )
    checkpoint = tf.train.Checkpoint(
        weights=[weight.value for weight in model.weights],
        optimiser=[variable.value for variable in optimiser.variables],
        slow=slow.slow if slow else [],
        epochs=epochs_done,
        steps=steps_done,
    )
    manager = tf.train.CheckpointManager(checkpoint, str(run.checkpoints), max_to_keep=1)
    if manager.latest_checkpoint:
        checkpoint.restore(manager.latest_checkpoint).assert_consumed()
    done = int(epochs_done)
    progress.begin(
        epochs=recipe.fit.epochs, done=done, images=steps_per_epoch * recipe.fit.batch_size
    )
    callbacks = [
        *([slow] if slow else []),
        KeepState(run, manager, epochs_done),
        TellProgress(progress, recipe.fit.batch_size),
    ]
    for stretch in stretches(recipe, done):
        if hasattr(model, "learn_whitening_bias"):
            model.learn_whitening_bias(learns=stretch.whitening_bias)
        _compile(model, optimiser, recipe)
        model.fit(
            _training_batches(splits.train, run, stretch),
            initial_epoch=stretch.start,
            epochs=stretch.end,
            steps_per_epoch=steps_per_epoch,
            validation_data=_validation_batches(splits.validation, recipe),
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )


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


def _optimiser(recipe: Recipe, total_steps: int) -> keras.optimizers.Optimizer:
    sgd = recipe.fit.optimiser
    return GroupedNesterov(
        peak_rate=sgd.learning_rate,
        factors=factors(recipe.fit.schedule, total_steps),
        momentum=sgd.momentum,
        weight_decay_per_step=sgd.weight_decay,
        bias_factor=sgd.bias_factor,
        decay_biases=sgd.decay_biases,
    )


def _compile(model: keras.Model, optimiser: keras.optimizers.Optimizer, recipe: Recipe) -> None:
    model.compile(
        optimizer=optimiser,
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=recipe.fit.label_smoothing
        ),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        # XLA for the whole model is slower on processors; our layers use it where it helps.
        jit_compile=False,
    )


def _training_batches(split: Split, run: Run, stretch: Stretch) -> tf.data.Dataset:
    """An endless-enough stream of (uint8 images, one-hot labels) from the stretch's first epoch."""
    recipe, seed = run.config.recipe, run.config.seed
    images, labels = tf.constant(split.images), tf.constant(split.labels)
    classes = len(find_data_set(recipe.data).classes)
    size = recipe.fit.batch_size
    steps = len(split) // size

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(split), dtype=tf.int64), [tf.constant(seed, tf.int64), number]
        )
        batches = tf.data.Dataset.from_tensor_slices(
            tf.reshape(order[: steps * size], [steps, size])
        )
        return batches.enumerate(number * steps).map(
            lambda step, places: batch(number, step, places)
        )

    def batch(number: tf.Tensor, step: tf.Tensor, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        varied = augment(
            tf.gather(images, places),
            places,
            augmentation=recipe.augmentation,
            seed=seed,
            epoch=number,
            step=step,
        )
        return varied, tf.one_hot(tf.gather(labels, places), classes)

    return tf.data.Dataset.range(stretch.start, stretch.end).flat_map(epoch).prefetch(2)


def _validation_batches(split: Split, recipe: Recipe) -> tf.data.Dataset | None:
    if not len(split):
        return None
    classes = len(find_data_set(recipe.data).classes)
    targets = keras.utils.to_categorical(split.labels, classes)
    return tf.data.Dataset.from_tensor_slices((split.images, targets)).batch(recipe.fit.batch_size)


def _save_weights(model: keras.Model, path: Path) -> None:
    temporary = path.with_name(f"partial.{path.name}")
    model.save_weights(temporary)
    temporary.replace(path)
