"""Every word of the page is in the catalogues, in both languages, and nowhere else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from service.assets import STATIC
from service.contract import Label
from service.embedding import ELEMENT
from service.errors import RotuloError
from service.i18n import LANGUAGES, LOCALES, Catalogue, load_catalogues
from service.images import MEDIA_TYPES
from service.labelling import Decision
from service.pages import FORMAT_NAMES, TEMPLATES, EditorPage, PageRequest
from service.schemas import Problem
from service.settings import Settings
from service.wording import Lang
from tests.bundles import manifest_of
from tests.visible import VisibleText

PLACES = re.compile(r"\{\w+\}")
QUOTED = re.compile(r"""(['"`])([a-z]+\.[\w.]*)(?=\1|\$\{)""")
FILES = {path.name for folder in (TEMPLATES, STATIC) for path in folder.iterdir()}
SCRIPTS = [path for path in STATIC.glob("*.js") if not path.name.startswith(ELEMENT)]
"""Those of our pages; the element for other sites carries its words with it."""
SOURCES = [*TEMPLATES.glob("*.html"), *SCRIPTS, *TEMPLATES.parent.rglob("*.py")]
FAMILIES = ("api.", "widget.", "decision.", "error.", "problem.")
"""Keys of what has a name of its own: operations, parameters, decisions, kinds of problems."""


def texts(lang: Lang) -> dict[str, str]:
    loaded: dict[str, str] = json.loads((LOCALES / f"{lang}.json").read_text(encoding="utf-8"))
    return loaded


def keys_in_use() -> set[str]:
    """Return every quoted text that begins as a key does, in whatever says something."""
    groups = {key.partition(".")[0] for key in texts("es")}
    found = {
        key
        for source in SOURCES
        for _, key in QUOTED.findall(source.read_text(encoding="utf-8"))
        if key.partition(".")[0] in groups and key not in FILES
    }
    begun = {key for key in found if key.endswith(".")}
    of_decisions = begun.difference(FAMILIES)
    return found - begun | {key + decision for key in of_decisions for decision in Decision}


def in_catalogue(key: str, known: set[str]) -> bool:
    return key in known or {f"{key}.one", f"{key}.other"} <= known


def test_both_languages_have_the_same_keys_and_places() -> None:
    es, en = texts("es"), texts("en")
    assert es.keys() == en.keys()
    assert all(es.values())
    assert all(en.values())
    different = [key for key in es if set(PLACES.findall(es[key])) != set(PLACES.findall(en[key]))]
    assert different == []


def test_every_key_that_is_asked_for_exists() -> None:
    known = set(texts("es"))
    missing = sorted(key for key in keys_in_use() if not in_catalogue(key, known))
    assert missing == []


def test_every_text_is_asked_for_somewhere() -> None:
    used = keys_in_use()
    unused = [
        key
        for key in texts("es")
        if not key.startswith(FAMILIES)
        and key not in used
        and key.removesuffix(".one").removesuffix(".other") not in used
    ]
    assert unused == []


def test_every_kind_of_problem_with_words_of_its_own_exists() -> None:
    def family(kind: type[RotuloError]) -> Iterator[str]:
        yield kind.slug
        for child in kind.__subclasses__():
            yield from family(child)

    told = {key.removeprefix("error.") for key in texts("es") if key.startswith("error.")}
    assert told - {"network"} <= set(family(RotuloError))


def marked_page() -> EditorPage:
    """Return the page with catalogues in which every text carries a mark."""
    plain = EditorPage.load()
    marked = {
        lang: Catalogue(lang, {key: f"⟦{text}⟧" for key, text in catalogue.texts.items()})
        for lang, catalogue in load_catalogues().items()
    }
    return EditorPage(marked, plain.assets, plain.environment)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_visible_text_is_written_into_a_template(lang: Lang) -> None:
    labels = tuple(Label(id=name, es=f"⟦{name}", en=f"⟦{name}") for name in ("a", "b"))
    manifest = manifest_of(b"graph", labels=labels)
    everything = Settings(feedback_url="sqlite:///f.db", feedback_images=STATIC)
    asked = PageRequest(lang, "", manifest, everything)
    problem = Problem(type="urn:x:overloaded", title="⟦⟧", status=503, detail="", request_id="")
    page = marked_page()
    plain = PageRequest(lang, "", None, Settings(explanations_at_once=0))
    for html in (
        page.empty(asked),
        page.empty(plain),
        page.nothing_chosen(asked),
        page.results(asked, [problem]),
    ):
        seen = VisibleText()
        seen.feed(html)
        assert [said for said in seen.said if "⟦" not in said] == ["Español", "English"]


def test_no_sentence_is_written_into_a_script() -> None:
    literal = re.compile(r"\"([^\"\n]*)\"")
    # What `make docs` writes into the element for other sites comes from the catalogues.
    comment = re.compile(
        r"// words:begin.*// words:end|/\*.*?\*/|^[ \t]*//.*?$", re.DOTALL | re.MULTILINE
    )
    sentences = [
        said
        for script in STATIC.glob("*.js")
        for said in literal.findall(comment.sub("", script.read_text(encoding="utf-8")))
        if re.search(r"[a-záéíóúñ] [a-záéíóúñ]|[^\x00-\x7f]", said, re.IGNORECASE)
    ]
    assert sentences == []


def test_every_format_that_is_taken_has_its_name() -> None:
    assert set(FORMAT_NAMES) == set(MEDIA_TYPES.values())
