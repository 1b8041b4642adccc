from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.provider_worker import Asked, logits, opened, shown
from bench.providers import Case, labels_lines
from service.bundles import Bundle
from tests.bundles import write_bundle
from training.data import Split


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return write_bundle(tmp_path)


def case(bundle: Bundle, name: str, values: list[list[float]]) -> Case:
    environment: Any = SimpleNamespace(name=name)
    return Case(environment, bundle.path, {"logits": values})


def test_what_each_says_of_labelled_images_stands_beside_the_first(bundle: Bundle) -> None:
    classes = len(bundle.manifest.labels)
    sure = (np.eye(classes)[[0, 1, 2, 0]] * 9.0).tolist()
    turned = (np.eye(classes)[[0, 1, 2, 1]] * 9.0).tolist()
    held_back = Split(np.zeros((4, 2, 2, 3), np.uint8), np.array([0, 1, 2, 1]))
    lines = labels_lines(
        [case(bundle, "cpu", sure), case(bundle, "openvino", turned)], held_back, "colours"
    )
    assert "Of the 4 validation images of colours" in lines[1]
    first, second = lines[-2:]
    assert first.startswith("| cpu | linear/1 | 75.00% | 0 | 0.0000 | 0.0000 |")
    assert second.startswith("| openvino | linear/1 | 100.00% | 1 |")
    assert float(second.split("|")[-2]) > 0.5


def test_without_labelled_images_nothing_is_said_of_them(bundle: Bundle) -> None:
    assert labels_lines([case(bundle, "cpu", [])], None, "") == []


def test_a_worker_labels_a_file_of_images_in_batches(bundle: Bundle, tmp_path: Path) -> None:
    classifier = opened(bundle.path, Asked("cpu", "auto", threads=1, max_batch=2))
    spec = bundle.manifest.input
    images = np.random.default_rng(0).integers(
        0, 256, (5, spec.height, spec.width, spec.channels), dtype=np.uint8
    )
    np.save(tmp_path / "images.npy", images)
    found = logits(classifier, shown(classifier, str(tmp_path / "images.npy")), max_batch=2)
    expected = classifier.run(images)[:, : len(bundle.manifest.labels)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert len(shown(classifier, "")) == 16
