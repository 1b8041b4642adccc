"""The data sets that have a name: where the original is, and how to know it when it is there."""

from dataclasses import dataclass
from typing import Literal

from training.errors import DataError


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
    order followed by the uint8 labels [N], whatever file they came from.
    """

    name: str
    archive: Archive
    shape: tuple[int, int, int]
    classes: tuple[ClassName, ...]
    train_size: int
    test_size: int
    validation_size: int
    train_sha256: str
    test_sha256: str


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


def find_data_set(name: str) -> DataSet:
    """The data set of that name.

    Raises:
        DataError: there is none.
    """
    if name not in _registry:
        raise DataError(name, "is no known data set", f"Known: {', '.join(_registry)}.")
    return _registry[name]


register_data_set(CIFAR10)
