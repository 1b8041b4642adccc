from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.colours import (
    TEST,
    TRAIN,
    VALIDATION,
    colour_split,
    colours,
    write_colours,
    write_parquet,
)
from training import datasets
from training.data import (
    Split,
    class_counts,
    load_splits,
    load_test,
    load_whole_training_half,
    split_digest,
)
from training.errors import DataError
from training.resizing import resized
from training.settings import TrainingSettings


def pixels(split: Split) -> set[bytes]:
    return {image.tobytes() for image in split.images}


def test_the_training_half_is_split_whole_and_without_overlap(
    colour_settings: TrainingSettings,
) -> None:
    splits = load_splits("colours", colour_settings)
    assert (len(splits.train), len(splits.validation)) == (TRAIN - VALIDATION, VALIDATION)
    assert pixels(splits.train).isdisjoint(pixels(splits.validation))
    everything = load_whole_training_half("colours", colour_settings)
    assert pixels(splits.train) | pixels(splits.validation) == pixels(everything)
    assert splits.sha256 == colours().train_sha256


def test_each_class_has_its_share_of_validation(colour_settings: TrainingSettings) -> None:
    splits = load_splits("colours", colour_settings)
    assert class_counts(splits.validation, 4) == [VALIDATION // 4] * 4
    assert class_counts(splits.train, 4) == [(TRAIN - VALIDATION) // 4] * 4


def test_labels_stay_with_their_images(colour_settings: TrainingSettings) -> None:
    splits = load_splits("colours", colour_settings)
    whole = colour_split(TRAIN, seed=1)
    label_of = {
        image.tobytes(): label for image, label in zip(whole.images, whole.labels, strict=True)
    }
    for split in (splits.train, splits.validation):
        assert [label_of[image.tobytes()] for image in split.images] == split.labels.tolist()


def test_the_split_depends_on_its_seed_alone(colour_settings: TrainingSettings) -> None:
    first, again = (load_splits("colours", colour_settings) for _ in range(2))
    other = load_splits("colours", colour_settings, seed=1)
    np.testing.assert_array_equal(first.validation.images, again.validation.images)
    assert pixels(first.validation) != pixels(other.validation)


def test_splits_do_not_need_the_test_half(tmp_path: Path) -> None:
    folder = write_colours(tmp_path)
    (folder / "colours" / "test.parquet").unlink()
    assert len(load_splits("colours", TrainingSettings(data_dir=folder)).train)


def test_a_folder_that_is_the_data_set_itself_will_do(tmp_path: Path) -> None:
    folder = write_colours(tmp_path) / "colours"
    assert len(load_test("colours", TrainingSettings(data_dir=folder))) == TEST


def test_a_missing_file_is_named_with_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_splits("colours", TrainingSettings(data_dir=tmp_path))
    assert str(caught.value) == (
        f"{tmp_path / 'train.parquet'}: is missing. Put the train half of colours there in the "
        "Hugging Face Parquet layout, or unset ROTULO_DATA_DIR to fetch the public original."
    )


def test_a_file_with_too_few_images_is_named(tmp_path: Path) -> None:
    path = write_colours(tmp_path) / "colours" / "train.parquet"
    write_parquet(path, colour_split(TRAIN - 1, seed=1))
    with pytest.raises(DataError) as caught:
        load_splits("colours", TrainingSettings(data_dir=tmp_path))
    assert str(caught.value) == (
        f"{path}: holds 239 images where colours has 240 (train). Delete it and fetch it again."
    )


def test_other_images_are_told_by_their_digest(tmp_path: Path) -> None:
    path = write_colours(tmp_path) / "colours" / "test.parquet"
    other = colour_split(TEST, seed=9)
    write_parquet(path, other)
    with pytest.raises(DataError) as caught:
        load_test("colours", TrainingSettings(data_dir=tmp_path))
    assert str(caught.value) == (
        f"{path}: its images and labels have the SHA-256 {split_digest(other)}, not "
        f"{colours().test_sha256}. "
        "It is not the test half of colours: delete it and fetch it again."
    )


def test_the_digest_sees_pixels_and_labels_and_their_order() -> None:
    split = colour_split(8, seed=0)
    brighter = split.images.copy()
    brighter[3, 2, 1, 0] ^= 1
    relabelled = split.labels.copy()
    relabelled[0] = (relabelled[0] + 1) % 4
    variants = [
        split,
        dataclasses.replace(split, images=brighter),
        dataclasses.replace(split, labels=relabelled),
        Split(split.images[::-1], split.labels[::-1]),
    ]
    assert len({split_digest(variant) for variant in variants}) == 4


def test_an_enlarged_data_set_has_the_same_images_larger(
    colour_settings: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger = dataclasses.replace(
        colours(), name="colours-24", shape=(24, 24, 3), enlarged_from="colours"
    )
    monkeypatch.setitem(datasets._registry, larger.name, larger)
    small, large = (load_splits(name, colour_settings) for name in ("colours", larger.name))
    np.testing.assert_array_equal(resized(small.validation.images, 24, 24), large.validation.images)
    np.testing.assert_array_equal(small.train.labels, large.train.labels)
    assert (small.sha256, larger.origin) == (large.sha256, "colours")
    assert load_test(larger.name, colour_settings).images.shape == (TEST, 24, 24, 3)
