"""Images from a camera, and the ones that the page offers to try."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.browsing import Visitor, choose, decide, drawn, submit

pytestmark = pytest.mark.browser


def test_an_example_is_labelled_with_one_click_and_nothing_else_is(visitor: Visitor) -> None:
    page = visitor.open()
    choose(page, drawn())
    page.get_by_role("button", name="Taza de café").click()
    expect(page.locator('[data-state="done"]')).to_have_count(1)
    expect(page.locator('[data-state="done"] .card-name')).to_have_text("Taza de café.webp")
    expect(page.locator('[data-state="ready"] .card-name')).to_have_text("barco.jpg")
    expect(page.locator("#results-heading")).to_be_focused()
    expect(page.locator("#examples button")).to_have_count(4)


def test_a_camera_is_labelled_while_it_is_on_and_its_light_goes_out(visitor: Visitor) -> None:
    page = visitor.open(permissions=["camera"])
    page.clock.install()
    decide(page, "accept")
    asked: list[int] = []
    page.on("request", lambda one: asked.append(len(one.post_data_buffer or b"")))
    page.get_by_role("button", name="Cámara en vivo").click()
    expect(page.get_by_role("button", name="Apagar la cámara")).to_be_focused()
    expect(page.locator("#camera")).to_contain_text("Nada se graba ni se guarda")
    expect(page.locator("#camera-answer .badge")).to_have_text("Segura")
    expect(page.locator("#camera-answer .score")).to_have_count(3)
    assert len(asked) == 1  # the next frame waits for its second
    with page.expect_request("**/v1/labels*"):
        page.clock.run_for(1500)

    page.get_by_role("button", name="Agregar esta imagen").click()
    expect(page.locator(".card-name")).to_have_text("camara-1.jpg")
    page.get_by_role("button", name="Apagar la cámara").click()
    expect(page.get_by_role("button", name="Cámara en vivo")).to_be_focused()
    expect(page.locator("#camera")).to_be_hidden()
    assert page.locator("#camera-video").evaluate("video => video.srcObject") is None
    sent = len(asked)
    page.clock.run_for(10_000)
    assert len(asked) == sent
    submit(page)
    expect(page.locator('.card[data-state="done"]')).to_have_count(1)


def test_a_camera_that_nobody_turns_off_goes_out_by_itself(visitor: Visitor) -> None:
    page = visitor.open(permissions=["camera"])
    page.clock.install()
    page.get_by_role("button", name="Cámara en vivo").click()
    expect(page.locator("#camera-answer .badge")).to_be_visible()
    page.clock.fast_forward("06:00")
    expect(page.locator("#camera")).to_be_hidden()
    expect(page.locator("#announcement")).to_have_text("La cámara está apagada.")


def test_a_camera_obeys_a_busy_service(visitor: Visitor) -> None:
    page = visitor.open(permissions=["camera"])
    page.clock.install()
    asked: list[Route] = []

    def refuse_once(route: Route) -> None:
        asked.append(route)
        busy = '{"type": "urn:rotulo:problem:overloaded", "title": "Servicio saturado"}'
        if len(asked) == 1:
            route.fulfill(status=503, headers={"Retry-After": "9"}, body=busy)
        else:
            route.continue_()

    page.route("**/v1/labels*", refuse_once)
    page.get_by_role("button", name="Cámara en vivo").click()
    expect(page.locator("#camera-answer")).to_contain_text("Servicio saturado")
    page.clock.run_for(8000)
    assert len(asked) == 1
    page.clock.run_for(1500)
    expect(page.locator("#camera-answer .badge")).to_be_visible()


def test_a_camera_gives_a_slow_service_time(visitor: Visitor) -> None:
    """After an answer that took twenty seconds the next frame waits for sixty."""
    page = visitor.open(permissions=["camera"])
    page.clock.install()
    asked: list[Route] = []
    page.route("**/v1/labels*", lambda route: asked.append(route))  # noqa: PLW0108
    with page.expect_request("**/v1/labels*"):
        page.get_by_role("button", name="Cámara en vivo").click()
    page.clock.run_for(20_000)
    asked[0].continue_()
    expect(page.locator("#camera-answer .badge")).to_be_visible()
    page.clock.run_for(45_000)
    assert len(asked) == 1
    with page.expect_request("**/v1/labels*"):
        page.clock.run_for(20_000)


def test_without_permission_the_page_says_so_and_goes_on(visitor: Visitor) -> None:
    page = visitor.open(permissions=[])
    page.get_by_role("button", name="Cámara en vivo").click()
    expect(page.locator("#camera-error")).to_contain_text("No se pudo usar la cámara.")
    expect(page.locator("#camera")).to_be_hidden()


def test_a_phone_is_offered_its_own_camera(visitor: Visitor) -> None:
    small = {"width": 360, "height": 800}
    page = visitor.open(viewport=small, has_touch=True, is_mobile=True)
    expect(page.get_by_text("Tomar una foto")).to_be_visible()
    expect(page.locator("#shot")).to_have_attribute("capture", "environment")
    page.locator("#shot").set_input_files([drawn(file="IMG_0001.jpg")])
    submit(page)
    expect(page.locator('[data-state="done"] .card-name')).to_have_text("IMG_0001.jpg")
    desk = visitor.open()
    expect(desk.get_by_text("Tomar una foto")).to_be_hidden()
