"""Many images, and what can come between: a busy service, a lost connection, a change of mind."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Dialog, Page, Route, expect

from tests.browsing import BROKEN, Visitor, choose, drawn, submit, upload
from tests.drawings import drawing
from tests.pictures import encode, noise

pytestmark = pytest.mark.browser

LABELS = "**/v1/labels*"


def refusal(seconds: str) -> dict[str, Any]:
    """Return what a service says that is busy for so many seconds."""
    return {
        "status": 503,
        "headers": {"Retry-After": seconds, "Content-Type": "application/problem+json"},
        "body": '{"type": "urn:rotulo:problem:overloaded", "title": "Servicio saturado"}',
    }


def hold(page: Page) -> list[Route]:
    """Keep every question from the service, and return those that wait."""
    held: list[Route] = []
    page.route(LABELS, lambda route: held.append(route))  # noqa: PLW0108  # it is written to
    return held


def test_a_busy_service_is_asked_again_when_it_said(visitor: Visitor) -> None:
    page = visitor.open()
    page.clock.install()
    asked: list[Route] = []

    def refuse_once(route: Route) -> None:
        asked.append(route)
        if len(asked) == 1:
            route.fulfill(**refusal("7"))
        else:
            route.continue_()

    page.route("**/v1/labels*", refuse_once)
    choose(page, drawn())
    submit(page)
    expect(page.locator(".card-status")).to_have_text(
        "El servicio está ocupado. Se reintenta en 7 s."
    )
    page.clock.run_for(6000)
    assert len(asked) == 1
    page.clock.run_for(2000)
    expect(page.locator('[data-state="done"]')).to_have_count(1)
    assert len(asked) == 2


def test_whoever_is_told_to_wait_too_long_or_too_often_is_told_so(visitor: Visitor) -> None:
    page = visitor.open()
    page.clock.install()
    page.route(LABELS, lambda route: route.fulfill(**refusal("3600")), times=1)
    choose(page, drawn())
    submit(page)
    expect(page.locator('[data-state="failed"]')).to_contain_text("Servicio saturado")

    asked: list[Route] = []

    def refuse(route: Route) -> None:
        asked.append(route)
        route.fulfill(**refusal("1"))

    page.route(LABELS, refuse)
    page.get_by_role("button", name="Reintentar barco.jpg").click()
    for _ in range(4):
        expect(page.locator('[data-state="queued"] .card-status')).to_contain_text("en 1 s")
        page.clock.run_for(1100)
    expect(page.locator('[data-state="failed"]')).to_be_visible()
    assert len(asked) == 5


def test_a_connection_that_breaks_is_tried_again_and_then_all_may_be(visitor: Visitor) -> None:
    page = visitor.open()
    page.clock.install()
    page.route(LABELS, lambda route: route.abort())
    choose(page, *(drawn("barco", f"{n}.jpg") for n in range(5)))
    submit(page)
    for seconds in (2, 4, 8, 16):
        expect(page.locator(".card-status", has_text=f"en {seconds} s").first).to_be_visible()
        page.clock.run_for(1000 * seconds + 100)
    expect(page.locator('[data-state="failed"]')).to_have_count(5)
    expect(page.locator(".card").first).to_contain_text("Sin conexión")

    page.unroute(LABELS)
    page.get_by_role("button", name="Reintentar 5 con error").click()
    expect(page.locator('[data-state="done"]')).to_have_count(5)
    expect(page.locator("#summary")).to_have_text("Terminado: 5 imágenes etiquetadas.")


def test_a_device_without_a_network_goes_on_by_itself_once_it_has_one(visitor: Visitor) -> None:
    page = visitor.open()
    choose(page, drawn("barco"), drawn("avion"))
    page.context.set_offline(True)
    submit(page)
    expect(page.locator(".card-status").first).to_have_text(
        "Sin conexión. Seguirá sola cuando vuelva."
    )
    page.context.set_offline(False)
    expect(page.locator("#summary")).to_have_text("Terminado: 2 imágenes etiquetadas.")


def test_one_image_or_all_can_be_stopped_and_go_on_later(visitor: Visitor) -> None:
    page = visitor.open()
    hold(page)
    choose(page, *(drawn("barco", f"{n}.jpg") for n in range(5)))
    submit(page)
    expect(page.locator('[data-state="sending"]')).to_have_count(3)
    page.get_by_role("button", name="Cancelar 1.jpg").click()
    expect(page.locator(".card", has_text="1.jpg").locator(".card-status")).to_have_text(
        "Lista para etiquetar"
    )
    expect(page.get_by_role("button", name="Quitar 1.jpg")).to_be_focused()
    expect(page.locator('[data-state="sending"]')).to_have_count(3)  # another took its place

    page.get_by_role("button", name="Detener").click()
    expect(page.locator('[data-state="ready"]')).to_have_count(5)
    expect(page.locator("#announcement")).to_have_text(
        "Detenido: 4 imágenes quedaron sin etiquetar."
    )
    expect(page.locator("#results-heading")).to_be_focused()
    expect(page.locator("#stop")).to_be_hidden()

    page.unroute(LABELS)
    submit(page)
    expect(page.locator("#summary")).to_have_text("Terminado: 5 imágenes etiquetadas.")


def test_a_large_batch_survives_a_bad_file_and_speaks_once(visitor: Visitor) -> None:
    page = visitor.open()
    pictures = [encode(noise(32, 32, seed=n), "PNG") for n in range(120)]
    small = [upload(f"{n:03}.png", data, "image/png") for n, data in enumerate(pictures)]
    choose(page, *small[:100], BROKEN, *small[100:])
    expect(page.locator("#announcement")).to_have_text("121 imágenes listas para etiquetar.")
    page.evaluate("""() => {
      const said = (window.said = []);
      new MutationObserver(() => said.push(document.querySelector("#announcement").textContent))
        .observe(document.querySelector("#announcement"), { childList: true });
    }""")
    submit(page)
    end = "Terminado: 120 imágenes etiquetadas. 1 imagen con error."
    expect(page.locator("#summary")).to_have_text(end, timeout=60_000)
    assert page.evaluate("window.said") == [end]
    assert page.locator(".thumbnail img:not([hidden])").count() < 60  # only what is near is drawn


def test_the_page_takes_no_more_images_than_it_can_hold(visitor: Visitor) -> None:
    page = visitor.open("/livez")

    def say_three(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(
            response=answer, body=answer.text().replace('"maxFiles": 1000', '"maxFiles": 3')
        )

    page.route(f"{visitor.address}/", say_three)
    page.goto(visitor.address)
    choose(page, *(upload(f"{n}.jpg", drawing("barco")) for n in range(5)))
    expect(page.locator(".card")).to_have_count(3)
    expect(page.locator("#file-limit")).to_contain_text("2 imágenes quedaron fuera")
    expect(page.locator("#announcement")).to_contain_text("2 imágenes quedaron fuera")


def test_leaving_with_a_batch_under_way_is_asked_about(visitor: Visitor) -> None:
    page = visitor.open()
    hold(page)
    choose(page, drawn())
    submit(page)
    expect(page.locator('[data-state="sending"]')).to_be_visible()
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "es-CL")
    assert asked == ["beforeunload"]
