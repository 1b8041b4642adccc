from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.colours import CLASSES, SIDE, TINY, TRAIN, colour_split
from training.averaging import average
from training.batches import training_batches
from training.errors import RunError
from training.exposure import (
    DRAWN,
    FEWEST,
    KnownAccuracy,
    all_others,
    describe_others,
    others_of,
    shown_to,
)
from training.fit import fit, load_model
from training.progress import JsonProgress
from training.run import Run, RunConfig
from training.settings import TrainingSettings
from training.starting import start
from training.wording import others_in_words

pytestmark = pytest.mark.usefixtures("keras_policy", "colour_settings")

OTHERS = np.random.default_rng(0).integers(0, 256, (40, SIDE, SIDE, 3), dtype=np.uint8)
STILL = TINY.augmentation.model_copy(update={"flip": "none", "translate": 0})


def exposed(folder: Path, seed: int = 0) -> Run:
    return start(folder, RunConfig(recipe=TINY, seed=seed), None, OTHERS)


def test_a_quarter_is_held_back_whatever_the_seed_of_the_fit(tmp_path: Path) -> None:
    parts = [others_of(exposed(tmp_path / str(seed), seed)) for seed in (0, 1)]
    for part in parts:
        assert (len(part.shown), len(part.held_back)) == (30, 10)
        together = np.concatenate([part.shown, part.held_back])
        assert {image.tobytes() for image in together} == {image.tobytes() for image in OTHERS}
    np.testing.assert_array_equal(parts[0].held_back, parts[1].held_back)
    assert "40 reunidas" in others_in_words(exposed(tmp_path / "0").config.others)[0]


def test_too_few_to_hold_some_back_are_refused() -> None:
    with pytest.raises(RunError, match="too few"):
        describe_others(OTHERS[: FEWEST - 1])


def test_pictures_that_were_exchanged_are_noticed(tmp_path: Path) -> None:
    run = exposed(tmp_path)
    np.savez(run.others, x=OTHERS[:20])
    with pytest.raises(RunError, match="is not what the run was started with"):
        all_others(run)


def test_what_is_shown_has_drawn_pictures_too_and_none_that_is_held_back(tmp_path: Path) -> None:
    run = exposed(tmp_path)
    shown = shown_to(run)
    assert shown is not None
    assert len(shown) == 30 + 5 * DRAWN
    back = {image.tobytes() for image in others_of(run).held_back}
    assert not back & {image.tobytes() for image in shown}
    assert shown_to(Run.start(tmp_path / "none", RunConfig(recipe=TINY))) is None


def test_each_batch_has_some_of_every_class_alike_behind_it() -> None:
    recipe = TINY.model_copy(update={"augmentation": STILL})
    split, config = colour_split(TRAIN, 1), RunConfig(recipe=recipe)
    batches = list(training_batches(split, config, 0, 2, OTHERS).as_numpy_iterator())
    plain = list(training_batches(split, config, 0, 2).as_numpy_iterator())
    strangers = []
    for (images, targets), (own, own_targets) in zip(batches, plain, strict=True):
        assert len(images) == len(own) + 2  # an eighth of a batch of 20
        np.testing.assert_array_equal(images[:-2], own)
        np.testing.assert_array_equal(targets[:-2], own_targets)
        np.testing.assert_array_equal(targets[-2:], np.full((2, len(CLASSES)), 0.25, np.float32))
        strangers += [image.tobytes() for image in images[-2:]]
    assert set(strangers) <= {image.tobytes() for image in OTHERS}
    # 48 draws of 40: others in every step and in both epochs.
    assert len(set(strangers)) > 20
    assert strangers[: len(strangers) // 2] != strangers[len(strangers) // 2 :]


def test_accuracy_is_counted_among_pictures_of_a_class() -> None:
    metric = KnownAccuracy()
    targets = np.array([[1, 0], [0, 1], [0.5, 0.5], [0.9, 0.1]], np.float32)
    metric.update_state(targets, np.array([[2, 1], [2, 1], [1, 2], [3, 1]], np.float32))
    assert float(metric.result()) == pytest.approx(2 / 3)


def test_a_fit_learns_to_be_unsure_of_what_it_is_shown(
    tmp_path: Path, colour_settings: TrainingSettings
) -> None:
    epochs = TINY.fit.model_copy(update={"epochs": 12, "others_share": 1.0})
    recipe = TINY.model_copy(update={"fit": epochs})
    shown = start(tmp_path / "shown", RunConfig(recipe=recipe), None, OTHERS)
    plain = start(tmp_path / "plain", RunConfig(recipe=recipe))
    sure = []
    for run in (shown, plain):
        fit(run, colour_settings, JsonProgress())
        logits = load_model(run)(others_of(shown).held_back, training=False)
        sure.append(float(keras.ops.softmax(logits).numpy().max(axis=1).mean()))
    assert sure[0] < sure[1] - 0.1


def test_a_mean_of_runs_keeps_what_they_were_shown(tmp_path: Path) -> None:
    runs = [exposed(tmp_path / "first"), Run.start(tmp_path / "second", RunConfig(recipe=TINY))]
    for run in runs:
        run.weights.write_bytes(b"finished")
        run.write("data.json", {"sha256": "the same"})
    with pytest.raises(RunError, match="different other things"):
        average(runs, tmp_path / "mean", TrainingSettings())
