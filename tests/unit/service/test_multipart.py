"""Splitting a form that lies whole in memory."""

from __future__ import annotations

import pytest

from service.errors import MalformedMultipart
from service.multipart import boundary_of, split_form

HEAD = b'Content-Disposition: form-data; name="file"; filename="a.png"'


def contents(body: bytes, *, max_parts: int = 5) -> list[tuple[bytes, bytes, bool]]:
    return [
        (part.name, body[part.start : part.end], part.is_file)
        for part in split_form(body, b"xyz", max_parts=max_parts)
    ]


def form(*parts: bytes, end: bytes = b"--xyz--\r\n") -> bytes:
    return b"".join(b"--xyz\r\n" + part + b"\r\n" for part in parts) + end


def test_fields_and_files_are_told_apart() -> None:
    field = b'Content-Disposition: form-data; name="lang"\r\n\r\nen'
    assert contents(form(field, HEAD + b"\r\n\r\nbytes")) == [
        (b"lang", b"en", False),
        (b"file", b"bytes", True),
    ]


def test_a_first_empty_line_an_epilogue_and_padding_are_passed_over() -> None:
    body = b"\r\n--xyz \t\r\n" + HEAD + b"\r\n\r\nbytes\r\n--xyz--\r\nbye"
    assert contents(body) == [(b"file", b"bytes", True)]


def test_content_may_hold_anything_but_the_delimiter() -> None:
    content = b"\r\n\r\n--xy\r\n--\0\xff--xyz\n"
    assert contents(form(HEAD + b"\r\n\r\n" + content)) == [(b"file", content, True)]


def test_header_names_have_no_case() -> None:
    assert contents(
        form(b"X: y\r\n" + HEAD.upper().replace(b"FORM-DATA", b"form-data") + b"\r\n\r\n1")
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no delimiter at all",
        form(HEAD + b"\r\n\r\nbytes", end=b""),
        form(HEAD + b"\r\n\r\nbytes", end=b"--xyz"),
        form(b"Content-Type: image/png\r\n\r\nbytes"),
        form(b"Content-Disposition: attachment; name=file\r\n\r\nbytes"),
        form(b'Content-Disposition: form-data; filename="a"\r\n\r\nbytes'),
        form(HEAD + b"\r\nno blank line"),
        b"preamble\r\n" + form(HEAD + b"\r\n\r\nbytes"),
        b"\n" + form(HEAD + b"\r\n\r\nbytes"),
        form(HEAD + b"\r\n" + HEAD.replace(b"file", b"other") + b"\r\n\r\nbytes"),
        form(b"X: " + b"y" * 9000 + b"\r\n" + HEAD + b"\r\n\r\nbytes"),
        form(*[HEAD + b"\r\n\r\nbytes"] * 6),
        b"--xyzzy\r\n" + HEAD + b"\r\n\r\nbytes\r\n--xyzzy--",
    ],
)
def test_what_is_no_whole_form_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedMultipart):
        contents(body)


def test_the_boundary_may_be_quoted() -> None:
    assert boundary_of('multipart/form-data; charset=x; boundary="a b:c"') == b"a b:c"


@pytest.mark.parametrize("parameter", ["", "; boundary=", "; boundary=" + "x" * 71])
def test_a_missing_or_endless_boundary_is_refused(parameter: str) -> None:
    with pytest.raises(MalformedMultipart):
        boundary_of("multipart/form-data" + parameter)
