"""Quotas as an operator writes them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from service.quotas import Quota, parse_quotas
from service.settings import Settings


@pytest.mark.parametrize(
    ("text", "quotas"),
    [
        ("", ()),
        ("600/minute", (Quota(600, 60),)),
        ("10/second;600/minute", (Quota(10, 1), Quota(600, 60))),
        ("5 per 2 hours", (Quota(5, 7200),)),
    ],
)
def test_a_quota_is_an_amount_and_a_window(text: str, quotas: tuple[Quota, ...]) -> None:
    assert parse_quotas(text) == quotas
    assert Settings.model_validate({"rate_limit_key": text}).rate_limit_key == quotas


@pytest.mark.parametrize("text", ["much", "0/minute", "10/fortnight", "10"])
def test_what_is_no_quota_ends_the_start(text: str) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"rate_limit_address": text})
