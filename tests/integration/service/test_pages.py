"""The page as it is sent: its language, its static files, its plain form."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.assets import STATIC
from service.embedding import ELEMENT
from tests.drawings import drawing
from tests.serving import Served


@pytest.mark.parametrize(
    ("path", "accepted", "lang"),
    [
        ("/", "", "es-CL"),
        ("/", "en-GB,en;q=0.9", "en"),
        ("/", "fr,en;q=0.5,es;q=0.7", "es-CL"),
        ("/?lang=en", "es", "en"),
        ("/?lang=es", "en", "es-CL"),
        ("/?lang=xx", "", "es-CL"),
    ],
)
async def test_the_page_speaks_the_visitor_s_language(
    served: Served, path: str, accepted: str, lang: str
) -> None:
    answer = await served.client.get(path, headers={"Accept-Language": accepted})
    assert f'<html lang="{lang}">' in answer.text
    assert answer.headers["vary"] == "Accept-Language"


async def test_static_files_are_kept_for_good_under_the_address_of_their_content(
    served: Served,
) -> None:
    page = (await served.client.get("/")).text
    addresses = set(re.findall(r"/static/[\w.-]+/[\w.-]+", page))
    assert {Path(address).name for address in addresses} >= {"page.js", "base.css", "favicon.svg"}
    for address in addresses:
        answer = await served.client.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.content == (STATIC / Path(address).name).read_bytes()


async def test_a_static_file_of_another_release_is_not_kept(served: Served) -> None:
    answer = await served.client.get("/static/0000000000000000/page.js")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


async def test_a_static_file_that_does_not_exist_is_not_found(served: Served) -> None:
    answer = await served.client.get("/static/0000000000000000/nothing.js")
    assert answer.status_code == 404


async def test_an_upload_that_is_refused_as_a_whole_is_answered_with_a_page(served: Served) -> None:
    answer = await served.client.post(
        "/", content=b"--x\r\n", headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/html")
    assert "El envío llegó incompleto." in answer.text


async def test_a_name_that_looks_like_markup_is_nowhere_in_the_answer(served: Served) -> None:
    files = [("file", ("<script>alert(1)</script>.jpg", drawing("barco"), "image/jpeg"))]
    answer = await served.client.post("/", files=files)
    assert answer.status_code == 200
    assert "alert(1)" not in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def test_the_page_without_its_font_is_light(served: Served) -> None:
    sizes = [len((await served.client.get("/")).content)]
    sizes += [
        path.stat().st_size
        for path in STATIC.iterdir()
        if path.suffix in {".css", ".js"} and not path.name.startswith(ELEMENT)
    ]
    assert sum(sizes) < 50_000
