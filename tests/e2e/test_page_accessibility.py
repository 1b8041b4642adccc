"""axe-core on every state of the page, in every way of looking at it, and its HTML as it stands."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browsing import BROKEN, OVER, Visitor, choose, decide, drawn, submit, upload
from tests.e2e.axe import violations, violations_of_looks
from tests.markup import malformed

pytestmark = pytest.mark.browser


def look_at(page: Page) -> None:
    """Run axe, then what colours and widths may change in every other way of looking."""
    assert violations(page) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert violations_of_looks(page) == []
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert violations_of_looks(page) == []
    page.set_viewport_size({"width": 1280, "height": 800})
    page.emulate_media(forced_colors="active", color_scheme="light")
    assert violations_of_looks(page) == []
    page.emulate_media(forced_colors="none", reduced_motion="no-preference")
    assert malformed(page.content()) == []


def test_axe_finds_nothing_before_anything_is_labelled(visitor: Visitor) -> None:
    page = visitor.open()
    look_at(page)
    page.evaluate(OVER)
    expect(page.locator("#drop[data-over]")).to_be_visible()
    assert violations(page) == []
    submit(page)
    expect(page.locator("#file-error")).to_be_visible()
    assert violations(page) == []


def test_axe_finds_nothing_in_a_batch_under_way(visitor: Visitor) -> None:
    page = visitor.open()
    held: list[Route] = []
    page.route("**/v1/labels*", lambda route: held.append(route))  # noqa: PLW0108
    choose(page, *(drawn("barco", f"{n}.jpg") for n in range(5)))
    expect(page.locator('[data-state="ready"]')).to_have_count(5)
    assert violations(page) == []
    submit(page)
    expect(page.locator('[data-state="sending"]')).to_have_count(3)
    look_at(page)


def test_axe_finds_nothing_in_answers_of_every_kind(visitor: Visitor) -> None:
    page = visitor.open()
    decide(page, "accept", "review", "abstain")
    choose(page, *(drawn("avion", f"{n}.jpg") for n in range(3)), BROKEN)
    submit(page)
    expect(page.locator('[data-state="failed"]')).to_have_count(1)
    page.get_by_role("button", name="¿Por qué? 0.jpg").click()
    expect(page.locator(".explanation")).to_be_visible()
    page.get_by_role("button", name="Es correcta 1.jpg").click()
    expect(page.locator(".corrected")).to_contain_text("Gracias")
    page.get_by_role("button", name="Corregir 2.jpg").click()
    expect(page.locator(".correction")).to_be_visible()
    look_at(page)


def test_axe_finds_nothing_where_all_failed_or_the_model_knows_nothing(visitor: Visitor) -> None:
    page = visitor.open()
    choose(page, BROKEN, upload("notas.txt", b"No soy una imagen", "text/plain"))
    submit(page)
    expect(page.locator('[data-state="failed"]')).to_have_count(2)
    assert violations(page) == []
    page.get_by_role("button", name="Quitar todas").click()
    decide(page, "abstain")
    choose(page, drawn())
    submit(page)
    expect(page.locator('[data-decision="abstain"]').first).to_be_visible()
    assert violations(page) == []


def test_axe_finds_nothing_while_the_camera_is_on(visitor: Visitor) -> None:
    page = visitor.open(permissions=["camera"])
    asked: list[Route] = []

    def answer_once(route: Route) -> None:
        asked.append(route)
        if len(asked) == 1:
            route.continue_()

    page.route("**/v1/labels*", answer_once)
    page.get_by_role("button", name="Cámara en vivo").click()
    expect(page.locator("#camera-answer .badge")).to_be_visible()
    look_at(page)


def test_the_plain_form_is_as_accessible_and_as_valid(visitor: Visitor) -> None:
    page = visitor.open("/?lang=es")
    page.evaluate("document.getElementById('form').submit()")
    expect(page.locator("#file-error")).to_be_visible()
    assert violations(page) == []
    for path in ("/?lang=es", "/?lang=en"):
        assert malformed(visitor.source(path)) == []
        sent = visitor.source(path, file={"file": drawn()})
        assert "data-decision" in sent
        assert malformed(sent) == []


def test_the_checks_by_axe_find_what_is_amiss(visitor: Visitor) -> None:
    page = visitor.open()
    page.evaluate("""() => {
      document.querySelector(".lead").replaceChildren(document.createElement("img"));
      const faint = document.createElement("font");
      faint.setAttribute("color", "#eeeeee");
      faint.textContent = "apenas";
      document.querySelector("h1").append(faint);
    }""")
    assert {found.partition(":")[0] for found in violations(page)} >= {"image-alt"}
    assert [found.partition(":")[0] for found in violations_of_looks(page)] == ["color-contrast"]
