"""The reference at /docs, and the module for other sites, as they are served."""

from __future__ import annotations

import base64
import hashlib
import html
import re

import pytest

from service.embedding import ELEMENT, newest_module
from service.i18n import LANGUAGES, load_catalogues
from service.middleware import CONTENT_SECURITY_POLICY
from service.settings import Settings
from service.wording import Lang
from tests.serving import Served, running


async def test_the_reference_shows_every_operation_and_problem(served: Served) -> None:
    document = served.app.openapi()
    text = (await served.client.get("/docs")).text
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert f'id="{operation["operationId"]}"' in text
            assert f"{method.upper()} {path}<" in text
            for status, response in operation["responses"].items():
                content = response["content"].get("application/problem+json", {})
                for slug in content.get("examples", ()):
                    assert f"{status} {slug}<" in text


@pytest.mark.parametrize(("lang", "tag"), [("es", "es-CL"), ("en", "en")])
async def test_the_reference_speaks_the_reader_s_language(
    served: Served, lang: Lang, tag: str
) -> None:
    answer = await served.client.get("/docs", headers={"Accept-Language": lang})
    assert f'<html lang="{tag}">' in answer.text
    assert load_catalogues()[lang].text("docs.heading") in answer.text.replace("&#39;", "'")
    assert answer.headers["content-language"] == lang
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


async def test_the_reference_is_there_before_the_model(settings: Settings) -> None:
    async with running(settings, settled=False) as served:
        assert (await served.client.get("/docs")).status_code == 200


async def test_behind_a_prefix_its_addresses_have_it(served: Served) -> None:
    served.app.root_path = "/rotulo"
    text = (await served.client.get("/docs")).text
    local = re.findall(r'(?:href|src)="(/[^"]*)"', text)
    assert local
    assert all(address.startswith("/rotulo/") for address in local)


async def test_the_lines_to_paste_have_the_digest_of_what_is_served(served: Served) -> None:
    text = html.unescape((await served.client.get("/docs")).text)
    (address,) = set(re.findall(r'<script type="module" src="https://[^/]+(/[^"]+)" integ', text))
    module = await served.client.get(address)
    digest = base64.b64encode(hashlib.sha384(module.content).digest()).decode()
    assert set(re.findall(r"sha384-[\w+/=]+", text)) == {f"sha384-{digest}"}


async def test_the_module_may_be_loaded_from_anywhere_and_kept_for_good(served: Served) -> None:
    answer = await served.client.get(newest_module().path, headers={"Origin": "https://otro.cl"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/javascript")


async def test_a_release_that_never_was_is_not_found(served: Served) -> None:
    assert (await served.client.get(f"/static/{ELEMENT}.v999.js")).status_code == 404


@pytest.mark.parametrize("lang", LANGUAGES)
async def test_the_reference_has_words_for_everything_and_no_others(
    served: Served, lang: Lang
) -> None:
    """An operation, a tag or a parameter comes and goes with its keys `api.…`."""
    document = served.app.openapi()
    operations = [one for methods in document["paths"].values() for one in methods.values()]
    known = {f"api.tag.{tag['name']}" for tag in document["tags"]}
    for operation in operations:
        known |= {f"api.{operation['operationId']}.{part}" for part in ("title", "text")}
        known |= {f"api.parameter.{one['name']}" for one in operation.get("parameters", ())}
    assert {key for key in load_catalogues()[lang].texts if key.startswith("api.")} == known


def test_both_languages_say_it_in_their_own_words() -> None:
    es, en = (load_catalogues()[lang].texts for lang in LANGUAGES)
    assert [key for key in es if key.startswith("api.") and es[key] == en[key]] == []
