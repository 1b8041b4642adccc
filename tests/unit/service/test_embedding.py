"""What another site is given: lines to paste, a digest to check, and words that are ours."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest

from service.assets import STATIC
from service.embedding import NEWEST, Module, integrity_of, modules, newest_module, words
from service.i18n import load_catalogues
from service.reference import kinds_of_problems

SOURCE = (STATIC / NEWEST).read_text(encoding="utf-8")
RECORD = "docs/element-releases.json"


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


def broken_promises(
    recorded: Mapping[str, str], lying: Mapping[str, str], *, released: bool
) -> list[str]:
    """Return where the digests of released files and of those that lie here disagree.

    The newest file may change until a version of Rótulo is released; each before it was released.
    """
    changed = [
        f"{name} was released as {digest}: give it those bytes, and what is new another number"
        for name, digest in recorded.items()
        if lying.get(name) != digest
    ]
    unknown = [
        f'{name} is released: record "{name}": "{digest}" in {RECORD}'
        for name, digest in lying.items()
        if name not in recorded and (released or name != NEWEST)
    ]
    return changed + unknown


def test_a_released_file_has_the_bytes_that_it_was_released_with(root: Path) -> None:
    recorded = json.loads((root / RECORD).read_text("utf-8"))
    changelog = (root / "CHANGELOG.md").read_text("utf-8")
    released = re.search(r"^## \[?\d", changelog, re.MULTILINE) is not None
    lying = {module.name: module.integrity for module in modules()}
    assert broken_promises(recorded, lying, released=released) == []


@pytest.mark.parametrize(
    ("recorded", "released", "told"),
    [
        ({}, False, []),
        ({NEWEST: "sha384-new"}, True, []),
        ({NEWEST: "sha384-old"}, True, [f"{NEWEST} was released as sha384-old"]),
        ({NEWEST: "sha384-new", "v0": "sha384-0"}, True, ["v0 was released as sha384-0"]),
        ({}, True, [f"{NEWEST} is released"]),
    ],
)
def test_a_promise_to_other_sites_that_is_broken_is_named(
    recorded: Mapping[str, str], *, released: bool, told: list[str]
) -> None:
    found = broken_promises(recorded, {NEWEST: "sha384-new"}, released=released)
    assert [one.partition(":")[0] for one in found] == told


def test_a_file_that_was_succeeded_is_a_released_one() -> None:
    (found,) = broken_promises({}, {"v0": "sha384-0", NEWEST: "sha384-1"}, released=False)
    assert found.startswith("v0 is released")


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_a_module_needs_nothing_but_itself(module: Module) -> None:
    source = (STATIC / module.name).read_text("utf-8")
    assert re.findall(r"\bimport\b(?!\.meta)|\bfrom\s+[\"']", source) == []


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
