from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from training import imagenet
from training.errors import DataError
from training.imagenet import PUBLISHED, load_imagenet_weights, weights_file
from training.models import build
from training.models.backbone import BACKBONE
from training.recipe import Backbone
from training.settings import TrainingSettings

VGG16 = PUBLISHED["vgg16"]
NAME = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"


def settings(folder: Path | None, cache: Path) -> TrainingSettings:
    return TrainingSettings(weights_dir=folder, cache_dir=cache)


def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError) as told:
        weights_file(VGG16, settings(tmp_path, tmp_path))
    for part in (str(tmp_path / NAME), "is missing", VGG16.digest, "--from-scratch"):
        assert part in str(told.value)


def test_another_file_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"something else")
    with pytest.raises(DataError, match="is not the published file"):
        weights_file(VGG16, settings(tmp_path, tmp_path))


def test_a_file_that_cannot_be_fetched_is_named_too(tmp_path: Path) -> None:
    nowhere = replace(VGG16, url=f"http://127.0.0.1:9/{NAME}")
    with pytest.raises(DataError) as told:
        weights_file(nowhere, settings(None, tmp_path))
    for part in (str(tmp_path / "weights" / NAME), "cannot be fetched", "ROTULO_WEIGHTS_DIR"):
        assert part in str(told.value)


def test_a_local_file_in_kerass_layout_becomes_the_backbones_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / NAME
    theirs = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, theirs)
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    monkeypatch.setitem(imagenet.PUBLISHED, "vgg16", replace(VGG16, digest=digest))
    config = Backbone(name="vgg16")
    ours = build(config, (32, 32, 3), 10)
    load_imagenet_weights(ours, config, settings(tmp_path, tmp_path))
    for found, wanted in zip(
        ours.get_layer(BACKBONE).get_weights(), theirs.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(found, wanted)


def test_pixels_are_scaled_as_keras_scales_them_for_these_weights() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    model = build(Backbone(name="vgg16"), (32, 32, 3), 10)
    scaled = keras.Model(model.input, model.get_layer("scaling").output)(images)
    expected = keras.applications.vgg16.preprocess_input(images.astype("f4"))
    np.testing.assert_allclose(scaled, expected, atol=1e-4)


def test_a_grey_image_is_three_equal_channels() -> None:
    model = build(Backbone(name="vgg16"), (32, 32, 1), 10)
    assert model(np.zeros((1, 32, 32, 1), np.uint8)).shape == (1, 10)
