from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.identifiers import identifier


@pytest.mark.parametrize("size", [1, 8, 16, 4096])
def test_an_identifier_has_two_digits_a_byte(size: int) -> None:
    assert re.fullmatch(rf"[0-9a-f]{{{2 * size}}}", identifier(size))


def test_no_identifier_comes_twice_in_one_thread_or_in_several() -> None:
    with ThreadPoolExecutor(4) as threads:
        drawn = list(threads.map(lambda _: identifier(), range(4000)))
    drawn += [identifier() for _ in range(4000)]
    assert len(set(drawn)) == 8000
