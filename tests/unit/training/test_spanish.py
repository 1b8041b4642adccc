from __future__ import annotations

from datetime import date

import pytest

from training.spanish import day, duration, number, percent, significant


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [(50000, 0, "50.000"), (1234567.891, 2, "1.234.567,89"), (0.0005, 4, "0,0005"), (3, 0, "3")],
)
def test_numbers_have_a_decimal_comma_and_points_for_thousands(
    value: float, decimals: int, expected: str
) -> None:
    assert number(value, decimals) == expected


def test_a_share_is_a_percentage_that_no_line_break_splits() -> None:
    assert percent(0.873) == "87,3\N{NO-BREAK SPACE}%"
    assert percent(0.94051, 2) == "94,05\N{NO-BREAK SPACE}%"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (95, "1 min 35 s"), (8130, "2 h 15 min")],
)
def test_a_duration_has_its_two_largest_units(seconds: float, expected: str) -> None:
    assert duration(seconds).replace("\N{NO-BREAK SPACE}", " ") == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0.94051, "0,9405"), (1.2345e-06, "1,234e-06"), (1.0, "1")]
)
def test_a_figure_of_any_size_keeps_its_leading_digits(value: float, expected: str) -> None:
    assert significant(value) == expected


def test_a_date_begins_with_its_day() -> None:
    assert day(date(2026, 11, 3)) == "03-11-2026"
