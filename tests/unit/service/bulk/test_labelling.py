"""What a batch must never change about an image."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from service.bulk.labelling import BATCH, BatchLabeller, LabelOptions, decode, safe_batch
from service.bulk.rows import Item
from service.classifier import Classifier, OnnxClassifier
from service.contract import Manifest
from service.errors import InferenceFailed
from tests.bundles import write_bundle
from tests.pictures import encode, noise

OPTIONS = LabelOptions(top_k=3, min_score=0.0, max_pixels=10_000, max_upload_bytes=10_000)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> OnnxClassifier:
    return OnnxClassifier(write_bundle(tmp_path_factory.mktemp("bundles")), provider="cpu")


class Unsteady:
    """A runtime whose sums come out a bit differently in a batch."""

    provider = "cpu"
    images_per_run = 1024

    def __init__(self, behind: Classifier) -> None:
        self._behind = behind

    @property
    def manifest(self) -> Manifest:
        return self._behind.manifest

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits = self._behind.run(batch)
        return logits if len(batch) == 1 else np.nextafter(logits, np.float32(np.inf))


class Choking(Unsteady):
    """A runtime that fails on one picture, and with it the whole batch."""

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        if (batch == 0).all(axis=(1, 2, 3)).any():
            raise InferenceFailed
        return self._behind.run(batch)


def items(*images: bytes) -> list[Item]:
    return [Item(place, f"{place}.png", None, None, data) for place, data in enumerate(images)]


def test_images_run_together_only_where_that_changes_no_bit(classifier: OnnxClassifier) -> None:
    assert safe_batch(classifier) == BATCH
    assert safe_batch(Unsteady(classifier)) == 1


def test_an_image_that_fails_its_batch_fails_alone(classifier: OnnxClassifier) -> None:
    black = encode(noise(32, 32).point(lambda _: 0), "PNG")
    pictures = [encode(noise(32, 32, seed=n), "PNG") for n in range(4)]
    given = items(*pictures[:2], black, b"no image", *pictures[2:])
    labeller = BatchLabeller(Choking(classifier), OPTIONS, BATCH)
    rows = labeller.label(decode(given, classifier.manifest.input, OPTIONS))
    assert [row.file for row in rows] == [item.file for item in given]
    slugs = [row.failure and row.failure.slug for row in rows]
    assert slugs == [None, None, "inference-failed", "unsupported-image", None, None]
