"""A person's own pictures: what is read from a path, and what is told before a fit begins."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.colours import png
from tests.shapes import CLASSES, IDS, shape, write_shapes
from training.data import load_splits, load_test, load_whole_training_half, split_digest
from training.datasets import find_data_set
from training.describing import describe, native_side
from training.errors import DataError
from training.recipe import OwnData, Recipe
from training.recipes import find_recipe
from training.settings import TrainingSettings

SIDE = 24


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_shapes(tmp_path / "Mis Fotos", each=10)


def described(path: Path, *, grey: bool = False) -> OwnData:
    found = describe(str(path), SIDE, grey=grey)
    assert isinstance(found, OwnData)
    return found


def test_a_folder_of_folders_is_a_data_set(folder: Path, nothing: TrainingSettings) -> None:
    (folder / "Casas" / ".DS_Store").write_bytes(b"left behind")
    (folder / "Casas" / "Thumbs.db").write_bytes(b"left behind")
    (folder / "README.txt").write_text("a note beside the classes")
    own = described(folder)
    assert own.name == "mis-fotos"
    assert [label.id for label in own.classes] == list(IDS)
    assert [label.es for label in own.classes] == list(CLASSES)
    splits = load_splits(own, nothing)
    assert splits.train.images.shape == (24, SIDE, SIDE, 3)
    assert np.bincount(splits.validation.labels).tolist() == [2, 2, 2]
    whole = load_whole_training_half(own, nothing)
    assert split_digest(whole) == splits.sha256 == own.train_sha256
    with pytest.raises(DataError, match="has no test half"):
        load_test(own, nothing)


def test_a_recipe_with_ones_own_data_survives_its_file(folder: Path) -> None:
    recipe = find_recipe("tiny").model_copy(update={"data": described(folder)})
    again = Recipe.model_validate_json(recipe.model_dump_json())
    assert again == recipe
    assert again.data_name == "mis-fotos"
    assert find_data_set(again.data).shape == (SIDE, SIDE, 3)


def test_train_and_test_inside_are_halves(tmp_path: Path, nothing: TrainingSettings) -> None:
    write_shapes(tmp_path / "own" / "train", each=8)
    write_shapes(tmp_path / "own" / "test", each=3, start=50)
    own = described(tmp_path / "own")
    assert (own.train_size, own.test_size) == (24, 9)
    assert load_test(own, nothing).labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    shutil.rmtree(tmp_path / "own" / "test" / "Casas")
    with pytest.raises(DataError, match=r"test/Casas: has no images"):
        described(tmp_path / "own")


def test_grey_pictures_serve_as_colour_and_colour_ones_as_grey(folder: Path) -> None:
    grey = png(np.full((30, 50), 90, np.uint8))
    (folder / "Casas" / "grey.png").write_bytes(grey)
    images = load_whole_training_half(described(folder), TrainingSettings()).images
    assert any((image == 90).all() for image in images)
    assert find_data_set(described(folder, grey=True)).shape == (SIDE, SIDE, 1)


def test_a_folder_that_moved_is_found_by_its_name(folder: Path, tmp_path: Path) -> None:
    own = described(folder)
    (tmp_path / "elsewhere").mkdir()
    folder.rename(tmp_path / "elsewhere" / own.name)
    with pytest.raises(DataError, match="is not there"):
        load_splits(own, TrainingSettings())
    assert len(load_splits(own, TrainingSettings(data_dir=tmp_path / "elsewhere")).train) == 24


def test_a_picture_that_changed_is_noticed(folder: Path, nothing: TrainingSettings) -> None:
    own = described(folder)
    (folder / "Casas" / "000.png").write_bytes(shape(1, seed=99))
    with pytest.raises(DataError, match="are not those that the run began with"):
        load_splits(own, nothing)


def test_names_for_people_come_from_a_file(folder: Path) -> None:
    names = {"Casas": {"es": "Casa", "en": "House"}}
    (folder / "classes.json").write_text(json.dumps(names))
    assert described(folder).classes[1].en == "House"
    (folder / "classes.json").write_text('{"Casitas": {"es": "Casa", "en": "House"}}')
    with pytest.raises(DataError, match=r"classes.json: names 'Casitas', which is no class"):
        described(folder)
    (folder / "classes.json").write_text('{"Casas": "House"}')
    with pytest.raises(DataError, match=r"classes.json: cannot be understood"):
        described(folder)


def test_broken_files_are_all_named_before_anything_is_fitted(folder: Path) -> None:
    (folder / "Casas" / "001.jpeg").write_bytes(shape(1, 1)[:200])
    (folder / "Casas" / "notes.txt").write_text("no picture")
    with pytest.raises(DataError) as told:
        described(folder)
    assert "001.jpeg: is a damaged image; " in str(told.value)
    assert "notes.txt is no image of a format" in str(told.value)


def test_an_empty_class_is_named(folder: Path) -> None:
    (folder / "Perros").mkdir()
    with pytest.raises(DataError, match=r"Perros: has no images"):
        described(folder)


def test_one_class_only_is_refused(folder: Path) -> None:
    for name in CLASSES[1:]:
        shutil.rmtree(folder / name)
    with pytest.raises(DataError, match="has 1 classes"):
        described(folder)


@pytest.mark.parametrize("other", ["CASAS", "Cásas", "casas."])
def test_names_that_programs_cannot_tell_apart_are_refused(folder: Path, other: str) -> None:
    shutil.copytree(folder / "Casas", folder / other)
    with pytest.raises(DataError, match="are both 'casas' to programs"):
        described(folder)


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'Árboles' has 7 images.*At least 8"):
        described(write_shapes(tmp_path / "few", each=7))


def test_what_is_neither_a_name_nor_a_path_is_told(tmp_path: Path) -> None:
    assert describe("cifar10", SIDE) == "cifar10"
    with pytest.raises(DataError, match="is no known data set"):
        describe(str(tmp_path / "nothing"), SIDE)


def write_shapes_as_parquet(path: Path, each: int, *, named: bool) -> Path:
    rows = [(kind, shape(kind, number)) for number in range(each) for kind in range(3)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = pa.array([{"bytes": data, "path": ""} for _, data in rows], kind)
    table = pa.table({"image": images, "label": [label for label, _ in rows]})
    if named:
        features = {"info": {"features": {"label": {"names": list(CLASSES)}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


@pytest.mark.parametrize("named", [True, False])
def test_parquet_of_pictures_of_any_size_is_a_data_set(tmp_path: Path, *, named: bool) -> None:
    write_shapes_as_parquet(tmp_path / "own" / "data" / "train-0.parquet", 6, named=named)
    write_shapes_as_parquet(tmp_path / "own" / "data" / "train-1.parquet", 8, named=named)
    write_shapes_as_parquet(tmp_path / "own" / "data" / "test-0.parquet", 2, named=named)
    own = described(tmp_path / "own")
    assert (own.train_size, own.test_size) == (42, 6)
    assert [label.id for label in own.classes] == (list(IDS) if named else ["0", "1", "2"])
    alone = described(tmp_path / "own" / "data" / "train-1.parquet")
    assert (alone.name, alone.train_size) == ("train-1", 24)


def test_a_broken_row_is_named(tmp_path: Path) -> None:
    path = write_shapes_as_parquet(tmp_path / "own.parquet", 8, named=True)
    table = pq.read_table(path)
    images = table.column("image").to_pylist()
    images[3]["bytes"] = b"no picture"
    pq.write_table(table.set_column(0, "image", pa.array(images)), path)
    with pytest.raises(DataError, match=r"own.parquet, row 3: is no image"):
        described(path)


def test_a_recipe_looks_at_pictures_in_its_own_size() -> None:
    assert native_side(find_recipe("efficientnet-lite0")) == 128
    assert native_side(find_recipe("cnn-base")) == 32
    assert native_side(find_recipe("dense-224")) == 224


def test_a_data_set_that_is_published_nowhere_says_so(
    monkeypatch: pytest.MonkeyPatch, nothing: TrainingSettings
) -> None:
    unpublished = replace(find_data_set("cifar10"), archive=None)
    monkeypatch.setattr("training.datasets._registry", {"cifar10": unpublished})
    with pytest.raises(DataError, match="is published nowhere"):
        load_splits("cifar10", nothing.model_copy(update={"data_dir": None}))
