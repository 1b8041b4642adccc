"""Whatever the files hold, a form that a client builds is split into just those files."""

from __future__ import annotations

from httpx import Request
from hypothesis import given
from hypothesis import strategies as st

from service.errors import MalformedMultipart
from service.multipart import boundary_of, split_form

CONTENTS = st.lists(st.binary(max_size=200), min_size=1, max_size=5)


@given(CONTENTS)
def test_a_form_is_split_into_the_files_it_was_made_of(contents: list[bytes]) -> None:
    files = [("file", ("ñandú.png", content)) for content in contents]
    request = Request("POST", "http://rotulo.test", files=files)
    body = request.read()
    boundary = boundary_of(request.headers["content-type"])
    parts = list(split_form(body, boundary, max_parts=5))
    assert [body[part.start : part.end] for part in parts] == contents
    assert {(part.name, part.is_file) for part in parts} == {(b"file", True)}


@given(st.binary(max_size=400), CONTENTS, st.data())
def test_any_damage_gives_parts_or_one_refusal(
    noise: bytes, contents: list[bytes], data: st.DataObject
) -> None:
    files = [("file", ("a.png", content)) for content in contents]
    request = Request("POST", "http://rotulo.test", files=files)
    body = bytearray(request.read())
    at = data.draw(st.integers(0, len(body)))
    body[at : at + data.draw(st.integers(0, 50))] = noise
    boundary = boundary_of(request.headers["content-type"])
    try:
        parts = list(split_form(bytes(body), boundary, max_parts=8))
    except MalformedMultipart:
        return
    assert all(0 <= part.start <= part.end <= len(body) for part in parts)
