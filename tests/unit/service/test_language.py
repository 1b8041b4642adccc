"""Spanish unless English is asked for."""

from __future__ import annotations

import pytest

from service.language import best_language


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "es"),
        ("en", "en"),
        ("en-US,en;q=0.9,es;q=0.8", "en"),
        ("es-CL,en", "es"),
        ("en;q=0.5,es;q=0.6", "es"),
        ("fr,de;q=0.9", "es"),
        ("fr,en;q=0.1", "en"),
        ("en;q=0", "es"),
        ("en;q=x", "es"),
        (";;,,en-", "en"),
    ],
)
def test_the_best_language_that_we_speak_is_chosen(accepted: str, language: str) -> None:
    assert best_language(accepted) == language
