"""Every page as it is sent is well-formed, in both languages, and so is the one to be copied."""

from __future__ import annotations

import pytest

from service.i18n import LANGUAGES
from service.wording import Lang
from tests.drawings import drawing
from tests.markup import malformed
from tests.serving import Served
from tests.site import PAGES


@pytest.mark.parametrize("lang", LANGUAGES)
async def test_every_page_is_well_formed(served: Served, lang: Lang) -> None:
    for path in ("/", "/transparencia", "/docs"):
        answer = await served.client.get(f"{path}?lang={lang}")
        assert answer.status_code == 200
        assert malformed(answer.text) == []
    files = [("file", (name, drawing("barco")[:size])) for name, size in (("a", None), ("b", 99))]
    for form in (files, [("file", ("", b""))]):
        sent = await served.client.post(f"/?lang={lang}", files=form)
        assert malformed(sent.text) == []


def test_the_page_for_other_sites_to_copy_is_well_formed() -> None:
    assert malformed((PAGES / "index.html").read_text("utf-8")) == []


GOOD = "<!doctype html><title>x</title><p id=a>x<p aria-labelledby=a>y"


@pytest.mark.parametrize(
    "wrong",
    [
        GOOD.replace("<!doctype html>", ""),
        GOOD + "</section>",
        GOOD + "<p id=a>",
        GOOD + "<label for=b>z</label>",
        GOOD + "<p>a<div>b</div></p>",
        GOOD + "<ul><p>a</ul>",
        GOOD + "<a href=/><input></a>",
    ],
)
def test_the_check_finds_what_is_amiss(wrong: str) -> None:
    assert malformed(GOOD) == []
    assert len(malformed(wrong)) == 1
