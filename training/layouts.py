"""Where the pictures of a person's own data set are: listed, and not yet opened.

Two layouts are read. A folder has a folder a class, or `train/` and `test/` with a folder a class
each. Parquet is a file, or a folder with `train*.parquet` and `test*.parquet` (in `data/` too),
with the columns `image{bytes,path}` and `label` and the names of the classes in its schema, as
Hugging Face's `datasets` writes it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pyarrow as pa

from service.contract import Label
from training.errors import DataError
from training.parquet import LABEL_COLUMN, image_column, read_table
from training.slugs import slug

Half = Literal["train", "test"]
HALVES: Final[tuple[Half, ...]] = ("train", "test")

NAMES_FILE: Final = "classes.json"
# What file managers leave behind.
PASSED_OVER: Final = frozenset({"thumbs.db", "desktop.ini"})
MOST_CLASSES: Final = 256


@dataclass(frozen=True, slots=True)
class Picture:
    """One encoded picture: what to call it in a message, its class index, its bytes when asked."""

    where: str
    label: int
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Layout:
    """The classes in the order of their indices, and the pictures of each half."""

    classes: tuple[Label, ...]
    halves: dict[Half, tuple[Picture, ...]]


def list_pictures(path: Path) -> Layout:
    """What is at a path, in an order that depends on names alone.

    Raises:
        DataError: nothing that can be read as labelled pictures; the message names the file.
    """
    if path.is_file():
        return _parquet({"train": (path,)})
    shards = {half: _shards(path, half) for half in HALVES}
    if shards["train"]:
        return _parquet({half: found for half, found in shards.items() if found})
    return _folder(path)


def _folder(path: Path) -> Layout:
    parts = {part.name: part for part in _folders(path)}
    if "train" in parts:
        roots: dict[Half, Path] = {"train": parts["train"]}
        if "test" in parts:
            roots["test"] = parts["test"]
    else:
        roots = {"train": path}
    names = [part.name for part in _folders(roots["train"])]
    classes = _classes(path, names)
    return Layout(classes, {half: tuple(_of_classes(root, names)) for half, root in roots.items()})


def _of_classes(root: Path, names: list[str]) -> list[Picture]:
    unknown = sorted({part.name for part in _folders(root)} - set(names))
    if unknown:
        raise DataError(
            root / unknown[0], "is no class of the training images", "Rename it, or move it away."
        )
    pictures = []
    for label, name in enumerate(names):
        files = _files(root / name) if (root / name).is_dir() else []
        if not files:
            raise DataError(root / name, "has no images", "Put some there, or remove the class.")
        pictures += [Picture(str(file), label, file.read_bytes) for file in files]
    return pictures


def _folders(path: Path) -> list[Path]:
    if not path.is_dir():
        raise DataError(path, "is no folder", "Name a folder that holds a folder a class.")
    parts = [part for part in path.iterdir() if part.is_dir() and part.name[0] != "."]
    # File systems write accents in one way or the other.
    return sorted(parts, key=lambda part: (slug(part.name), part.name))


def _files(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.rglob("*")
        if file.is_file()
        and file.name.lower() not in PASSED_OVER
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def _shards(path: Path, half: Half) -> tuple[Path, ...]:
    found = [*path.glob(f"{half}*.parquet"), *path.glob(f"data/{half}*.parquet")]
    return tuple(sorted(found))


def _parquet(shards: dict[Half, tuple[Path, ...]]) -> Layout:
    names: list[str] | None = None
    rows: dict[Half, list[Picture]] = {}
    for half, paths in shards.items():
        rows[half] = []
        for path in paths:
            table = read_table(path)
            names = names or _declared_names(table.schema)
            rows[half] += _rows(path, table)
    first = shards["train"][0]
    highest = max((picture.label for picture in rows["train"]), default=-1)
    names = names or [str(label) for label in range(highest + 1)]
    classes = _classes(first, names)
    for half, pictures in rows.items():
        _check_labels(shards[half][0], pictures, classes)
    return Layout(classes, {half: tuple(pictures) for half, pictures in rows.items()})


def _rows(path: Path, table: pa.Table) -> list[Picture]:
    images, labels = table.column(image_column(path, table)), table.column(LABEL_COLUMN)

    def read(row: int) -> bytes:
        return images[row]["bytes"].as_py() or b""

    return [
        Picture(f"{path}, row {row}", int(label.as_py()), lambda row=row: read(row))  # type: ignore[misc]
        for row, label in enumerate(labels)
    ]


def _declared_names(schema: pa.Schema) -> list[str] | None:
    """The names of the classes in the metadata of `datasets`, if they are there."""
    try:
        declared = json.loads((schema.metadata or {})[b"huggingface"])
        names = declared["info"]["features"][LABEL_COLUMN]["names"]
    except (KeyError, TypeError, ValueError):
        return None
    return [str(name) for name in names]


def _check_labels(path: Path, pictures: list[Picture], classes: tuple[Label, ...]) -> None:
    for picture in pictures:
        if not 0 <= picture.label < len(classes):
            raise DataError(
                picture.where,
                f"has the label {picture.label}, and there are {len(classes)} classes",
                "Labels count from 0.",
            )
    seen = {picture.label for picture in pictures}
    for index, label in enumerate(classes):
        if index not in seen:
            raise DataError(path, f"has no images of the class {label.en!r}", "Add some.")


def _classes(path: Path, names: list[str]) -> tuple[Label, ...]:
    """Each class by its identifier and its names for people.

    Raises:
        DataError: there are fewer than two or too many, or two that programs could not tell apart.
    """
    if not 1 < len(names) <= MOST_CLASSES:
        raise DataError(
            path,
            f"has {len(names)} classes" if names else "has no folder a class",
            f"Between two and {MOST_CLASSES} are needed, each a folder of its images.",
        )
    ids: dict[str, str] = {}
    for name in names:
        identifier = slug(name)
        if not identifier:
            raise DataError(path, f"the class {name!r} has no letter from a to z", "Rename it.")
        if identifier in ids:
            raise DataError(
                path,
                f"the classes {ids[identifier]!r} and {name!r} are both {identifier!r} to programs",
                "Rename one; case, accents and punctuation do not tell classes apart.",
            )
        ids[identifier] = name
    translated = _translations(path, names)
    return tuple(
        Label(id=identifier, **translated.get(name, {"es": name, "en": name}))
        for identifier, name in ids.items()
    )


def _translations(path: Path, names: list[str]) -> dict[str, dict[str, str]]:
    """What `classes.json` says: {"folder": {"es": "...", "en": "..."}}; nothing if it is absent."""
    file = (path if path.is_dir() else path.parent) / NAMES_FILE
    if not file.is_file():
        return {}
    remedy = 'It holds {"FOLDER": {"es": "NAME", "en": "NAME"}} for some or all classes.'
    try:
        content = json.loads(file.read_text("utf-8"))
        found = {
            str(name): {lang: Label(id="x", **words).model_dump()[lang] for lang in ("es", "en")}
            for name, words in content.items()
        }
    except (ValueError, AttributeError, TypeError) as error:
        raise DataError(file, "cannot be understood", remedy) from error
    unknown = sorted(set(found) - set(names))
    if unknown:
        raise DataError(file, f"names {unknown[0]!r}, which is no class", remedy)
    return found
