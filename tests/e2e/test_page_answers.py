"""What an editor does with the answers: sort, correct, ask why, and take them along."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Response, Route, expect

from tests.browsing import BROKEN, Visitor, choose, decide, drawn, submit
from tests.bundles import write_bundle
from tests.e2e.conftest import serving

pytestmark = pytest.mark.browser

FORMULA = "=HYPERLINK(A1).jpg"
MOMENT = re.compile(r"^\d{2}-\d{2}-\d{4} \d{2}:\d{2}$")


def label(page: Page, *files: Any, done: int) -> None:
    choose(page, *files)
    submit(page)
    expect(page.locator('[data-state="done"]')).to_have_count(done)


def downloaded(page: Page, button: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    assert re.fullmatch(r"rotulo-\d{4}-\d{2}-\d{2}\.(csv|json)", download.value.suggested_filename)
    return download.value.path().read_bytes()


def correct(page: Page, file: str, name: str, comment: str = "") -> None:
    page.get_by_role("button", name=f"Corregir {file}").click()
    page.get_by_label("Etiqueta correcta").select_option(name)
    page.get_by_label(re.compile("^Comentario")).fill(comment)
    page.get_by_role("button", name="Guardar").click()


def test_the_answers_are_sorted_by_what_is_to_be_done(visitor: Visitor) -> None:
    page = visitor.open()
    decide(page, "accept", "review", "abstain")
    label(page, *(drawn("barco", f"{n}.jpg") for n in range(4)), BROKEN, done=4)
    for name, shown in (("Segura 1", 1), ("Revisar 1", 1), ("No sé 2", 2), ("Con error 1", 1)):
        page.get_by_role("radio", name=name).check()
        expect(page.locator(".card:visible")).to_have_count(shown)
    page.get_by_role("button", name="Quitar dañada.jpg").click()
    expect(page.locator(".card:visible")).to_have_count(4)  # nothing is left of that choice
    expect(page.get_by_role("radio", name="Todas 4")).to_be_checked()
    expect(page.get_by_role("radio", name=re.compile("Con error"))).to_have_count(0)


def body_of(sent: Response) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(sent.request.post_data or "")
    return told


def test_a_correction_goes_to_the_service_without_image_or_file_name(visitor: Visitor) -> None:
    page = visitor.open()
    decide(page, "accept")
    with page.expect_response("**/v1/labels*") as answered:
        label(page, drawn(), done=1)
    answer = answered.value.json()
    with page.expect_response("**/v1/feedback*") as sent:
        correct(page, "barco.jpg", "rana", "Se ve de lado.")
    assert sent.value.status == 201
    assert body_of(sent.value) == {
        "result_id": answer["id"],
        "label": "frog",
        "offered": answer["labels"][0]["id"],
        "model": {"name": "linear", "version": "1"},
        "comment": "Se ve de lado.",
    }
    expect(page.locator(".corrected")).to_contain_text(
        "Corregida: rana. Corrección enviada. Gracias."
    )
    expect(page.locator("#announcement")).to_have_text("Corrección enviada. Gracias.")

    with page.expect_response("**/v1/feedback*") as sent:
        correct(page, "barco.jpg", "Ninguna de estas")
    assert sent.value.status == 200  # a changed mind
    assert body_of(sent.value)["label"] == "none"
    expect(page.get_by_role("button", name="Copiar barco.jpg")).to_be_hidden()


def test_an_image_goes_along_only_with_consent(browser: Browser, tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundles")
    images = tmp_path / "images"
    with serving(
        "--bundles", str(tmp_path / "bundles"),
        "--feedback-url", f"sqlite:///{tmp_path / 'feedback.db'}",
        "--feedback-images", str(images),
    ) as address:  # fmt: skip
        visitor = Visitor(browser, address)
        page = visitor.open()
        decide(page, "accept")
        label(page, drawn(file="con.jpg"), drawn(file="sin.jpg"), done=2)
        with page.expect_response("**/v1/feedback*") as sent:
            correct(page, "sin.jpg", "rana")
        assert sent.value.status == 201
        assert not list(images.rglob("*.*"))

        page.get_by_role("button", name="Corregir con.jpg").click()
        page.get_by_label("Etiqueta correcta").select_option("rana")
        page.get_by_label(re.compile("Acepto que se guarde")).check()
        with page.expect_response("**/v1/feedback*") as sent:
            page.get_by_role("button", name="Guardar").click()
        assert sent.value.status == 201
        (kept,) = (file for file in images.rglob("*.*") if file.is_file())
        with Image.open(kept) as image:
            assert max(image.size) > 1
        visitor.contexts[0].close()
        assert visitor.foreign == visitor.complaints == []


def test_a_doubtful_label_is_confirmed_with_one_click(visitor: Visitor) -> None:
    page = visitor.open()
    decide(page, "review")
    label(page, drawn(), done=1)
    name = page.locator(".score-name").first.inner_text()
    with page.expect_response("**/v1/feedback*") as sent:
        page.get_by_role("button", name="Es correcta barco.jpg").click()
    body = body_of(sent.value)
    assert body["label"] == body["offered"]
    expect(page.locator(".corrected")).to_contain_text(f"Confirmada: {name}.")
    expect(page.get_by_role("button", name="Corregir barco.jpg")).to_be_focused()


def test_a_correction_that_cannot_be_sent_is_kept_and_sent_again(visitor: Visitor) -> None:
    page = visitor.open()
    decide(page, "accept")
    label(page, drawn(), done=1)
    page.route("**/v1/feedback*", lambda route: route.abort(), times=1)
    correct(page, "barco.jpg", "gato")
    expect(page.locator(".corrected")).to_contain_text("No se pudo enviar; queda en su descarga.")
    page.get_by_role("button", name="Reintentar envío").click()
    expect(page.locator(".corrected")).to_contain_text("Corrección enviada.")


def test_without_a_place_for_corrections_they_stay_on_the_page(visitor: Visitor) -> None:
    page = visitor.open("/livez")

    def switch_off(route: Route) -> None:
        answer = route.fetch()
        changed = answer.text().replace('"feedback": "/v1/feedback?lang=es"', '"feedback": null')
        route.fulfill(response=answer, body=changed)

    page.route(f"{visitor.address}/", switch_off)
    page.goto(visitor.address)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    decide(page, "accept")
    label(page, drawn(), done=1)
    correct(page, "barco.jpg", "gato")
    expect(page.locator(".corrected")).to_contain_text("Corregida: gato. Queda en su descarga.")
    assert not [url for url in asked if "feedback" in url]


def test_why_is_answered_by_a_map_of_the_image_and_a_sentence(visitor: Visitor) -> None:
    page = visitor.open()
    label(page, drawn(), done=1)
    button = page.get_by_role("button", name="¿Por qué? barco.jpg")
    with page.expect_response("**/v1/explanations*") as answered:
        button.click()
    explanation = answered.value.json()
    expect(page.locator(".explanation strong")).to_have_text(explanation["sentence"])
    expect(page.locator("#announcement")).to_have_text(explanation["sentence"])
    expect(button).to_have_attribute("aria-expanded", "true")
    values = [value for row in explanation["grid"]["values"] for value in row]
    cells = page.locator(".heat rect")
    expect(cells).to_have_count(len(values))
    dark = [float(cell.get_attribute("fill-opacity") or "") for cell in cells.all()]
    assert dark.index(min(dark)) == values.index(max(values))
    assert sorted(dark) == [dark[n] for n in sorted(range(len(dark)), key=lambda n: -values[n])]
    expect(page.locator(".heat img")).to_have_js_property("naturalWidth", 640)
    button.click()
    expect(page.locator(".explanation")).to_have_count(0)
    expect(button).to_have_attribute("aria-expanded", "false")


def test_why_waits_while_others_are_explained_to(visitor: Visitor) -> None:
    page = visitor.open()
    label(page, drawn(), done=1)
    busy = '{"type": "urn:rotulo:problem:overloaded", "title": "Servicio saturado"}'
    page.clock.install()
    page.route(
        "**/v1/explanations*",
        lambda route: route.fulfill(status=503, headers={"Retry-After": "3"}, body=busy),
        times=1,
    )
    with page.expect_response("**/v1/explanations*"):
        page.get_by_role("button", name="¿Por qué? barco.jpg").click()
    expect(page.locator(".working")).to_be_visible()
    page.clock.run_for(3100)
    expect(page.locator(".explanation")).to_be_visible()


def test_the_csv_opens_in_a_chilean_spreadsheet_and_runs_nothing_there(visitor: Visitor) -> None:
    page = visitor.open()
    decide(page, "review", "abstain")
    label(page, drawn("barco", FORMULA), drawn("avion"), BROKEN, done=2)
    correct(page, FORMULA, "gato", '+1; "dijo"')
    content = downloaded(page, "CSV para planilla")
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))
    first, second, third = rows
    assert first["Archivo"] == "'" + FORMULA
    assert first["Comentario"] == '\'+1; "dijo"'
    assert (first["Estado"], first["Etiqueta"], first["Dicho por una persona"]) == (
        "Revisar", "gato", "gato",
    )  # fmt: skip
    assert (second["Estado"], second["Etiqueta"]) == ("No sé", "")
    assert second["Sugerida por el modelo"] != ""
    assert (third["Estado"], third["Sugerida por el modelo"]) == ("Con error", "")
    assert "Imagen dañada" in third["Problema"]
    for row in (first, second):
        scores = [row["Puntaje (%)"], *(row[f"Puntaje {n} (%)"] for n in (2, 3, 4, 5))]
        assert all(re.fullmatch(r"\d{1,3},\d{2}", score) for score in scores)
        numbers = [float(score.replace(",", ".")) for score in scores]
        assert numbers == sorted(numbers, reverse=True)
        assert MOMENT.match(row["Fecha y hora"])
        assert row["Modelo"] == "linear 1"


def test_the_json_has_ids_points_and_iso_moments(visitor: Visitor) -> None:
    page = visitor.open()
    decide(page, "accept")
    label(page, drawn(), BROKEN, done=1)
    correct(page, "barco.jpg", "gato")
    image, broken = json.loads(downloaded(page, "JSON"))["images"]
    assert image["file"] == "barco.jpg"
    assert image["label"] == "gato"
    assert image["correction"] == {"label": "cat", "name": "gato", "comment": ""}
    assert len(image["result"]["labels"]) == 5
    assert 0 <= image["result"]["labels"][0]["score"] <= 1
    assert datetime.fromisoformat(image["finished"]) <= datetime.now(UTC)
    assert broken["result"] is None
    assert broken["problem"]["type"] == "undecodable-image"


def test_labels_are_copied_one_by_one_or_all_together(visitor: Visitor) -> None:
    page = visitor.open()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    decide(page, "accept", "abstain")
    label(page, drawn("barco", FORMULA), done=1)
    label(page, drawn("avion"), done=2)
    first = page.locator(".score-name").first.inner_text()
    page.get_by_role("button", name=f"Copiar {FORMULA}").click()
    expect(page.locator("#announcement")).to_have_text(f"Se copió «{first}».")
    assert page.evaluate("navigator.clipboard.readText()") == first
    expect(page.get_by_role("button", name="Copiar avion.jpg")).to_be_hidden()
    page.get_by_role("button", name="Copiar etiquetas").click()
    expect(page.locator("#announcement")).to_have_text("Se copiaron las etiquetas de 2 imágenes.")
    assert page.evaluate("navigator.clipboard.readText()") == f"'{FORMULA}\t{first}\navion.jpg\t"


def test_copying_works_where_the_site_has_no_certificate(visitor: Visitor) -> None:
    """There the browser gives a page no clipboard, and a selection must do."""
    page = visitor.open()
    page.context.grant_permissions(["clipboard-read"])
    decide(page, "accept")
    label(page, drawn(), done=1)
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()) }")
    button = page.get_by_role("button", name="Copiar barco.jpg")
    button.click()
    expect(page.locator("#announcement")).to_contain_text("Se copió")
    expect(button).to_be_focused()
    first = page.locator(".score-name").first.inner_text()
    assert page.evaluate("navigator.clipboard.readText()") == first
