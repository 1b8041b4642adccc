"""Whatever text arrives, it is a correction or a problem; and what is one can be kept."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.errors import RotuloError
from service.feedback.intake import _parse
from service.feedback.schemas import MAX_COMMENT, FeedbackBody

GOOD: dict[str, Any] = {
    "result_id": "0" * 32, "label": "cat", "offered": "dog", "model": {"name": "m", "version": "1"},
}  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


def parsed(text: bytes) -> FeedbackBody | RotuloError:
    try:
        return _parse(text)
    except RotuloError as error:
        return error


@given(st.binary(max_size=80))
def test_any_bytes_are_told_what_they_are(text: bytes) -> None:
    assert isinstance(parsed(text), RotuloError)


@given(st.sampled_from([*GOOD, "comment", "other"]), values)
def test_any_value_of_any_field_is_taken_or_told(field: str, value: object) -> None:
    end = parsed(json.dumps({**GOOD, field: value}).encode())
    told = end.detail("es") + end.detail("en") if isinstance(end, RotuloError) else end.label
    assert told


@given(st.text(max_size=MAX_COMMENT))
def test_a_comment_loses_only_what_no_database_takes(comment: str) -> None:
    end = parsed(json.dumps({**GOOD, "comment": comment}).encode())
    if isinstance(end, FeedbackBody) and end.comment is not None:
        assert "\0" not in end.comment
        end.comment.encode("utf-8")
        assert set(end.comment) <= set(comment)
