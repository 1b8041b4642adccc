"""The data sets that have a name: where the original is, and how to know it when it is there."""

from dataclasses import dataclass, replace
from typing import Literal

from training.errors import DataError
from training.own_data import OwnData


@dataclass(frozen=True, slots=True)
class Archive:
    """A public file. `size` in bytes, `digest` of the whole file by `algorithm` in hexadecimal."""

    url: str
    size: int
    digest: str
    algorithm: Literal["sha256", "md5"] = "sha256"


@dataclass(frozen=True, slots=True)
class ClassName:
    """A class: its stable id, and its name in Spanish and in English."""

    id: str
    es: str
    en: str


@dataclass(frozen=True, slots=True)
class DataSet:
    """A labelled set of images of one size.

    `train_sha256` and `test_sha256` are digests of the uint8 pixels [N, H, W, C] in the official
    order followed by the uint8 labels [N], whatever file they came from. A public one has an
    `archive`, a person's own one is `own`; the latter may have no test half. One that is
    `enlarged_from` another has the same images at a larger size; the digests are the other's.
    """

    name: str
    archive: Archive | None
    shape: tuple[int, int, int]
    classes: tuple[ClassName, ...]
    train_size: int
    test_size: int
    validation_size: int
    train_sha256: str
    test_sha256: str | None
    own: OwnData | None = None
    enlarged_from: str | None = None

    @property
    def origin(self) -> str:
        """The name of the data set that the images are of, at whatever size."""
        return self.enlarged_from or self.name


CIFAR10 = DataSet(
    name="cifar10",
    # Krizhevsky 2009, "Learning multiple layers of features from tiny images".
    archive=Archive(
        url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        size=170_052_171,
        digest="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ),
    shape=(32, 32, 3),
    classes=(
        ClassName("airplane", "avión", "airplane"),
        ClassName("automobile", "automóvil", "automobile"),
        ClassName("bird", "ave", "bird"),
        ClassName("cat", "gato", "cat"),
        ClassName("deer", "ciervo", "deer"),
        ClassName("dog", "perro", "dog"),
        ClassName("frog", "rana", "frog"),
        ClassName("horse", "caballo", "horse"),
        ClassName("ship", "barco", "ship"),
        ClassName("truck", "camión", "truck"),
    ),
    train_size=50_000,
    test_size=10_000,
    validation_size=5_000,
    train_sha256="f912919bdea371136f1aa4feed6beeca728015a5f08b1899a29c932a7e30be2b",
    test_sha256="8193b3fbce55bec361cd1b8fd4880cb1649832dc4d6de6da1e7a21847a4843aa",
)

# For networks that are to see photos at more pixels than CIFAR-10's images have.
CIFAR10_64 = replace(CIFAR10, name="cifar10-64", shape=(64, 64, 3), enlarged_from=CIFAR10.name)

_registry: dict[str, DataSet] = {}


def register_data_set(data_set: DataSet) -> DataSet:
    """Make a data set known by its name.

    Raises:
        DataError: a data set of that name is registered already.
    """
    if data_set.name in _registry:
        raise DataError(data_set.name, "is the name of two data sets", "Rename one of them.")
    _registry[data_set.name] = data_set
    return data_set


def registered(name: str) -> bool:
    """Whether there is a data set of that name."""
    return name in _registry


def find_data_set(data: str | OwnData) -> DataSet:
    """The data set of that name, or of a person's own.

    Raises:
        DataError: there is none.
    """
    if isinstance(data, OwnData):
        return _of_ones_own(data)
    name = data
    if name not in _registry:
        raise DataError(name, "is no known data set", f"Known: {', '.join(_registry)}.")
    return _registry[name]


def _of_ones_own(data: OwnData) -> DataSet:
    return DataSet(
        name=data.name,
        archive=None,
        shape=(data.input.height, data.input.width, data.input.channels),
        classes=tuple(ClassName(label.id, label.es, label.en) for label in data.classes),
        train_size=data.train_size,
        test_size=data.test_size,
        validation_size=data.validation_size,
        train_sha256=data.train_sha256,
        test_sha256=data.test_sha256,
        own=data,
    )


register_data_set(CIFAR10)
register_data_set(CIFAR10_64)
