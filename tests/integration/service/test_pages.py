"""The page as it is sent: its language, its static files, its plain form."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from service.assets import STATIC
from service.settings import Settings
from tests.drawings import drawing
from tests.serving import Served, running


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
    assert "Accept-Language" in answer.headers["vary"]


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


async def test_who_takes_gzip_is_sent_less_of_the_same(served: Served) -> None:
    plain, zipped = {"Accept-Encoding": "br, gzip;q=0"}, {"Accept-Encoding": "br, gzip;q=0.5"}
    page = (await served.client.get("/", headers=plain)).text
    for address in ("/", *set(re.findall(r"/static/[\w.-]+/[\w.-]+\.(?:js|css)", page))):
        whole = await served.client.get(address, headers=plain)
        less = await served.client.get(address, headers=zipped)
        assert "content-encoding" not in whole.headers
        assert less.headers["content-encoding"] == "gzip"
        assert less.content == whole.content
        assert int(less.headers["content-length"]) < len(whole.content)
        assert "Accept-Encoding" in less.headers["vary"]


async def test_what_is_compressed_already_is_sent_as_it_is(served: Served) -> None:
    answer = await served.client.get("/static/x/example-cat.webp")
    assert answer.headers["content-type"] == "image/webp"
    assert "content-encoding" not in answer.headers


async def test_everything_that_the_page_loads_is_light_without_its_font(served: Served) -> None:
    """As sent to a browser: compressed, with the pictures of the examples."""
    page = await served.client.get("/")
    addresses = set(re.findall(r"/static/[\w.-]+/[\w.-]+", page.text))
    answers = [page, *[await served.client.get(address) for address in addresses]]
    sizes = {
        str(answer.url): int(answer.headers["content-length"])
        for answer in answers
        if not answer.url.path.endswith(".woff2")
    }
    assert sum(sizes.values()) < 50_000, sizes


async def test_what_becomes_of_an_image_is_said_before_it_is_sent(
    settings: Settings,
) -> None:
    async with running(settings.model_copy(update={"max_upload_bytes": 3 * 2**20})) as served:
        page = (await served.client.get("/")).text
    before, button, _ = page.partition('id="send"')
    assert button
    assert "No guardamos sus imágenes: se descartan al responder." in before
    assert "JPEG, PNG, WebP, GIF, BMP, TIFF o AVIF. Hasta 3\u00a0MB cada una." in before
    assert "Reconoce 10 clases de imágenes." in before
    (described_by,) = re.findall(r'<input id="files"[^>]*aria-describedby="([^"]+)"', before)
    assert described_by.split() == ["file-formats", "file-privacy"]


async def test_every_module_of_the_page_is_announced_in_its_head(served: Served) -> None:
    """Else a browser on a slow line finds them one after another."""
    page = (await served.client.get("/")).text
    announced = set(re.findall(r'<link rel="modulepreload" href="[^"]*/([\w.-]+)">', page))
    assert announced == reached_from("page.js")


def reached_from(name: str) -> set[str]:
    """Return the modules that one imports, and those that they do."""
    source = (STATIC / name).read_text("utf-8")
    direct = set(re.findall(r'^(?:import|export) .*"\./([\w.-]+)";$', source, re.MULTILINE))
    return direct.union(*(reached_from(other) for other in direct))


@pytest.mark.parametrize("offered", [True, False])
async def test_the_page_offers_what_the_operator_does(
    settings: Settings, tmp_path: Path, *, offered: bool
) -> None:
    url = f"sqlite:///{tmp_path / 'feedback.db'}" if offered else ""
    chosen = {"feedback_url": url, "explanations_at_once": int(offered)}
    async with running(settings.model_copy(update=chosen)) as served:
        page = (await served.client.get("/")).text
    data = json.loads(re.findall(r'<script id="page-data"[^>]*>(.*)</script>', page)[0])
    assert (data["feedback"] is not None) is offered
    assert (data["explanations"] is not None) is offered
    assert ("correcci" in page.split('id="about"')[1].split("</aside>")[0]) is offered
