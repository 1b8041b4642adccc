"""What another site is given: lines to paste, a digest to check, and words that are ours."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from service.assets import STATIC
from service.embedding import NEWEST, integrity_of, modules, newest_module, words
from service.i18n import load_catalogues
from service.reference import kinds_of_problems

SOURCE = (STATIC / NEWEST).read_text(encoding="utf-8")


def test_the_digest_is_that_of_the_file() -> None:
    kind, _, digest = newest_module().integrity.partition("-")
    assert kind == "sha384"
    assert base64.b64decode(digest) == hashlib.sha384((STATIC / NEWEST).read_bytes()).digest()


def test_another_file_has_another_digest() -> None:
    assert integrity_of(b"uno") != integrity_of(b"dos")


def test_every_release_is_listed_and_the_newest_among_them() -> None:
    assert [module.name for module in modules()] == sorted(
        path.name for path in STATIC.glob("rotulo-etiquetas*")
    )
    assert newest_module() in modules()


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str | None]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[tag] = dict(attrs)


@pytest.mark.parametrize("site", ["https://ia.muni.cl/rotulo", "https://ia.muni.cl/rotulo/"])
def test_two_lines_load_the_module_and_show_the_element(site: str) -> None:
    lines = newest_module().lines(site, '/e?a=1&b="2"', "en")
    assert lines.count("\n") == 2
    tags = Tags(lines).found
    assert tags["script"] == {
        "type": "module",
        "src": f"https://ia.muni.cl/rotulo/static/{NEWEST}",
        "integrity": newest_module().integrity,
        "crossorigin": "anonymous",
    }
    assert tags["rotulo-etiquetas"] == {
        "src": '/e?a=1&b="2"',
        "name": "etiquetas",
        "lang": "en",
    }


def test_the_words_of_the_module_are_those_of_the_catalogue() -> None:
    told = json.loads(words().removeprefix("const WORDS = ").partition(";\nconst ")[0])
    for lang, catalogue in load_catalogues().items():
        mine = told[lang]["texts"]
        titles = {key for key in mine if key.startswith("problem.") and key not in catalogue.texts}
        assert {k: v for k, v in mine.items() if k not in titles} == {
            key: catalogue.texts[key] for key in mine if key not in titles
        }
        assert not [text for text in mine.values() if "{size}" in text]


def test_the_module_asks_for_no_words_that_it_lacks() -> None:
    told = json.loads(words().removeprefix("const WORDS = ").partition(";\nconst ")[0])
    code = SOURCE.partition("// words:end")[2]
    asked = set(re.findall(r"#text\(\"([\w.]+)\"", code))
    counted = {f"{key}.{n}" for key in re.findall(r"#count\(\"([\w.]+)\"", code)
               for n in ("one", "other")}  # fmt: skip
    assert asked
    for lang in told.values():
        assert asked | counted <= set(lang["texts"])


def test_a_status_alone_means_in_the_module_what_it_means_here() -> None:
    (written,) = re.findall(r"const SLUGS = \{(.*)\};", SOURCE)
    kinds = kinds_of_problems()
    slugs = re.findall(r"(\d+): \"([\w-]+)\"", written)
    assert slugs
    for status, slug in slugs:
        assert kinds[slug].status == int(status)
