from __future__ import annotations

from dataclasses import dataclass, field

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from export.errors import ParityError
from export.network import Network
from export.parity import BATCH, MINIMUM_IMAGES, SINGLES, TOLERANCE, classifier_logits, prove_parity
from service.errors import InferenceFailed
from tests.bundles import manifest_of

FAR_APART = (0.0, 5.0, 10.0)
IMAGES = np.random.default_rng(0).integers(0, 256, (MINIMUM_IMAGES, 2, 2, 3), dtype=np.uint8)


@dataclass
class Answers:
    """A classifier that answers as the Keras model, changed on the images where a test says so."""

    bias: tuple[float, float, float] = FAR_APART
    scale: float = 1.0
    change: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    fails: bool = False
    manifest = manifest_of(b"graph")
    provider = "cpu"
    images_per_run = 1024

    def __post_init__(self) -> None:
        self.asked: list[int] = []
        self._place = 0

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self.fails:
            raise InferenceFailed
        means = batch.mean(axis=(1, 2), dtype=np.float64) / 255
        logits: NDArray[np.float32] = (means * self.scale + self.bias).astype(np.float32)
        for row in range(len(batch)):
            place = (self._place + row) % len(IMAGES)
            logits[row] += self.change.get(place, np.float32(0))
        self._place += len(batch)
        self.asked.append(len(batch))
        return logits


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Return a linear model whose three logits are far apart."""
    keras.mixed_precision.set_dtype_policy("float32")
    images = keras.Input((2, 2, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(images)
    x = keras.layers.GlobalAveragePooling2D()(x)
    linear = keras.layers.Dense(3)
    made = keras.Model(images, linear(x))
    linear.set_weights([np.eye(3), np.array(FAR_APART)])
    return made


def test_equal_answers_pass_in_batches_and_alone(model: keras.Model) -> None:
    classifier = Answers()
    parity = prove_parity(Network(model, "single"), classifier, IMAGES)
    assert parity.images == MINIMUM_IMAGES
    assert parity.largest_difference <= TOLERANCE / 100
    assert classifier.asked == [BATCH] * (MINIMUM_IMAGES // BATCH) + [1] * SINGLES


@pytest.mark.parametrize("place", [0, 777, MINIMUM_IMAGES - 1])
def test_a_logit_that_is_off_fails_wherever_it_is(model: keras.Model, place: int) -> None:
    off = np.array([2 * TOLERANCE, 0, 0], np.float32)
    with pytest.raises(ParityError, match=r"another top-1 on 0 of 2000 images, a logit by 0\.002"):
        prove_parity(Network(model, "single"), Answers(change={place: off}), IMAGES)


def test_a_logit_within_the_tolerance_passes(model: keras.Model) -> None:
    off = np.array([TOLERANCE / 2, 0, 0], np.float32)
    parity = prove_parity(Network(model, "single"), Answers(change={5: off}), IMAGES)
    assert parity.largest_difference == pytest.approx(TOLERANCE / 2, rel=0.1)


def test_another_label_fails(model: keras.Model) -> None:
    off = np.array([100, 0, 0], np.float32)
    with pytest.raises(ParityError, match="another top-1 on 1 of 2000"):
        prove_parity(Network(model, "single"), Answers(change={1999: off}), IMAGES)


def test_another_label_fails_although_the_logits_are_close() -> None:
    """Two logits that are all but equal change places within the tolerance."""
    bias = (TOLERANCE / 10, 0.0, 0.0)
    images = keras.Input((2, 2, 3), dtype="uint8")
    zeros = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(0.0)(images))
    linear = keras.layers.Dense(3)
    close = keras.Model(images, linear(zeros))
    linear.set_weights([np.eye(3), np.array(bias)])
    swapped = np.array([0, TOLERANCE / 5, 0], np.float32)
    with pytest.raises(ParityError, match="another top-1 on 1 of 2000"):
        prove_parity(Network(close, "single"), Answers(bias, 0.0, {3: swapped}), IMAGES)


def test_an_answer_that_is_no_number_fails(model: keras.Model) -> None:
    spoiled = np.array([0, 0, np.nan], np.float32)
    with pytest.raises(ParityError):
        prove_parity(Network(model, "single"), Answers(change={9: spoiled}), IMAGES)


def test_a_file_that_cannot_answer_fails(model: keras.Model) -> None:
    with pytest.raises(ParityError, match="no finite logits"):
        prove_parity(Network(model, "single"), Answers(fails=True), IMAGES)


def test_too_few_images_prove_nothing(model: keras.Model) -> None:
    with pytest.raises(ParityError, match="2000 images or more, got 1999"):
        prove_parity(Network(model, "single"), Answers(), IMAGES[:-1])


def test_logits_come_in_the_order_of_the_images() -> None:
    together = classifier_logits(Answers(), IMAGES[:7], batch=7)
    np.testing.assert_array_equal(classifier_logits(Answers(), IMAGES[:7], batch=3), together)
