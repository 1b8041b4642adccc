"""The tree of errors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.errors import Overloaded, RotuloError


def tree(root: type[RotuloError]) -> Iterator[type[RotuloError]]:
    yield root
    for kind in root.__subclasses__():
        yield from tree(kind)


def test_every_slug_names_one_kind_of_problem() -> None:
    own = [kind.slug for kind in tree(RotuloError) if "slug" in vars(kind)]
    assert len(own) == len(set(own))


def test_every_problem_is_worded_in_both_languages() -> None:
    for kind in tree(RotuloError):
        assert kind.title.es != kind.title.en
        assert kind.sentence.es != kind.sentence.en


@pytest.mark.parametrize(("seconds", "header"), [(0.0, "1"), (0.2, "1"), (1.01, "2"), (7.0, "7")])
def test_retry_after_is_never_too_early(seconds: float, header: str) -> None:
    assert Overloaded(seconds).headers == {"Retry-After": header}
