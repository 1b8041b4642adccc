from __future__ import annotations

import pytest

from training.datasets import CIFAR10, find_data_set, register_data_set
from training.errors import DataError


def test_a_data_set_is_found_by_its_name() -> None:
    assert find_data_set("cifar10") is CIFAR10


def test_an_unknown_data_set_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(DataError, match=r"mnist: is no known data set. Known: .*cifar10"):
        find_data_set("mnist")


def test_two_data_sets_of_one_name_are_refused() -> None:
    with pytest.raises(DataError, match="cifar10: is the name of two data sets"):
        register_data_set(CIFAR10)


def test_each_class_has_an_id_of_its_own_and_two_names() -> None:
    assert len({label.id for label in CIFAR10.classes}) == 10
    assert all(label.es and label.en for label in CIFAR10.classes)
