"""The editor's page in a real browser, with its script."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.browsing import BROKEN, Visitor, choose, decide, drawn, submit, upload
from tests.drawings import NAMES, drawing

pytestmark = pytest.mark.browser

PERCENT = re.compile(r"^(menos de |más de )?\d{1,2},\d\s%$")


TEXT = upload("notas.txt", b"No soy una imagen", "text/plain")
HUGE = upload("enorme.bmp", b"BM" + bytes(2**20), "image/bmp")


DROP = """(target, files) => {
  const transfer = new DataTransfer();
  for (const [name, type, content] of files) {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type }));
  }
  const [kind, field] = target;
  const event = kind === "paste"
    ? new ClipboardEvent(kind, { clipboardData: transfer, bubbles: true, cancelable: true })
    : new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.querySelector(field).dispatchEvent(event);
}"""


CUT_OFF = """() => [...document.querySelectorAll("main *, header *, footer *")]
  .filter((one) => one.checkVisibility() && one.textContent.trim() && !one.closest(".hidden-words"))
  .filter((one) => getComputedStyle(one).overflow !== "visible")
  .filter((one) => one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1)
  .map((one) => one.outerHTML.slice(0, 200))"""
"""What hides part of its own text."""


def hand_over(page: Page, kind: str, field: str, *files: FilePayload) -> None:
    """Drop or paste files, as the browser's own events carry them."""
    content = [
        [file["name"], file["mimeType"], base64.b64encode(file["buffer"]).decode()]
        for file in files
    ]
    page.evaluate(f"([target, files]) => ({DROP})(target, files)", [[kind, field], content])


def test_several_images_end_with_labels_or_the_reason_why_not(visitor: Visitor) -> None:
    page = visitor.open()
    choose(page, drawn("barco"), BROKEN, TEXT)
    hand_over(page, "drop", "#drop", drawn("avion"))
    expect(page.locator(".card")).to_have_count(4)
    expect(page.locator("#send")).to_have_text("Etiquetar 4 imágenes")

    submit(page)
    expect(page.locator("#summary")).to_have_text(
        "Terminado: 2 imágenes etiquetadas. 2 imágenes con error."
    )
    expect(page.locator("#announcement")).to_have_text(
        "Terminado: 2 imágenes etiquetadas. 2 imágenes con error."
    )
    expect(page.locator("#results-heading")).to_be_focused()
    for name in ("barco.jpg", "avion.jpg"):
        labelled = page.locator(".card", has_text=name)
        expect(labelled.locator(".badge")).to_have_text(re.compile("^(Segura|Revisar|No sé)$"))
        expect(labelled.locator(".score")).to_have_count(5)
        for percent in labelled.locator(".score-percent").all_inner_texts():
            assert PERCENT.match(percent)
        widths = [
            float(bar.get_attribute("width") or "") for bar in labelled.locator(".bar-value").all()
        ]
        assert widths == sorted(widths, reverse=True)
        assert sum(widths) <= 100.1
    expect(page.locator(".card", has_text="dañada.jpg")).to_contain_text("Imagen dañada")
    expect(page.locator(".card", has_text="dañada.jpg")).to_contain_text("guárdelo otra vez")
    expect(page.locator(".card", has_text="notas.txt")).to_contain_text("Guárdela como JPEG")


def test_a_dropped_folder_gives_the_images_in_it_and_in_its_folders(
    visitor: Visitor, tmp_path: Path
) -> None:
    folder = tmp_path / "fotos"
    (folder / "dentro").mkdir(parents=True)
    (folder / "barco.jpg").write_bytes(drawing("barco"))
    (folder / "dentro" / "avion.jpg").write_bytes(drawing("avion"))
    (folder / "leame.txt").write_text("No soy una imagen", "utf-8")
    page = visitor.open()
    box = page.locator("#drop").bounding_box()
    assert box is not None
    carried = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    protocol = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        protocol.send(
            "Input.dispatchDragEvent",
            {"type": kind, "x": box["x"] + 20, "y": box["y"] + 20, "data": carried},
        )
    expect(page.locator("#announcement")).to_have_text("2 imágenes listas para etiquetar.")
    for name in ("barco.jpg", "avion.jpg"):
        expect(page.locator(".card", has_text=name)).to_have_count(1)


def test_a_pasted_image_joins_the_others(visitor: Visitor) -> None:
    page = visitor.open()
    hand_over(page, "paste", "body", drawn("camion"))
    expect(page.locator("#announcement")).to_have_text("1 imagen lista para etiquetar.")
    submit(page)
    expect(page.locator("#summary")).to_have_text("Terminado: 1 imagen etiquetada.")


def test_the_decision_and_names_are_those_of_the_answer(visitor: Visitor) -> None:
    page = visitor.open()
    with page.expect_response("**/v1/labels*") as answered:
        choose(page, drawn("avion"))
        submit(page)
    answer = answered.value.json()
    words = {"accept": "Segura", "review": "Revisar", "abstain": "No sé"}
    expect(page.locator(".card .badge")).to_have_text(words[answer["decision"]])
    expect(page.locator(".card .score-name")).to_have_text(
        [label["name"] for label in answer["labels"]]
    )


def test_a_file_over_the_limit_is_refused_without_being_sent(visitor: Visitor) -> None:
    page = visitor.open()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    choose(page, HUGE)
    submit(page)
    expect(page.locator(".card")).to_contain_text("Archivo demasiado grande")
    expect(page.locator(".card")).to_contain_text("hasta 1 MB")
    assert "POST" not in sent


def test_at_most_three_images_are_asked_about_at_a_time(visitor: Visitor) -> None:
    page = visitor.open()
    held: list[Route] = []

    def answer_the_first_when_three_wait(route: Route) -> None:
        held.append(route)
        if len(held) == 3:
            held[0].continue_()

    page.route("**/v1/labels*", answer_the_first_when_three_wait)
    choose(page, *(upload(f"{n}.jpg", drawing("barco")) for n in range(5)))
    submit(page)
    expect(page.locator("#summary")).to_have_text("1 de 5 listas")
    expect(page.locator('[data-state="sending"]')).to_have_count(3)
    expect(page.locator('[data-state="queued"]')).to_have_count(1)
    progress = page.get_by_role("progressbar", name="Avance")
    expect(progress).to_have_js_property("value", 1)
    expect(progress).to_have_js_property("max", 5)


def test_thumbnails_are_shown_and_their_addresses_given_back(visitor: Visitor) -> None:
    page = visitor.open()
    choose(page, drawn())
    picture = page.locator(".thumbnail img")
    expect(picture).to_have_js_property("naturalWidth", 640)
    address = picture.get_attribute("src") or ""
    assert address.startswith("blob:")
    alive = "(address) => fetch(address).then(() => true, () => false)"
    assert page.evaluate(alive, address) is False
    visitor.complaints.clear()  # the question above is itself refused, as the policy has no blob:


def test_removing_an_image_moves_the_focus_to_the_next(visitor: Visitor) -> None:
    page = visitor.open()
    choose(page, drawn("barco"), drawn("avion"))
    page.get_by_role("button", name="Quitar barco.jpg").click()
    expect(page.locator(".card")).to_have_count(1)
    expect(page.get_by_role("button", name="Quitar avion.jpg")).to_be_focused()
    expect(page.locator("#announcement")).to_have_text("Se quitó barco.jpg.")
    page.keyboard.press("Enter")
    expect(page.locator("#files")).to_be_focused()
    expect(page.locator("#results")).to_be_hidden()


def test_the_keyboard_alone_reaches_everything(visitor: Visitor) -> None:
    page = visitor.open()
    decide(page, "accept")
    # Whoever listens has the browser's own dialogue held back from now on, not only once a key
    # that opens it is on its way.
    page.on("filechooser", lambda _: None)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Saltar al contenido")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#files")).to_be_focused()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files([drawn("barco"), drawn("camion")])
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Ver cuáles")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#send")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Cámara en vivo")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator('[data-state="done"]')).to_have_count(2)
    for name in ("CSV para planilla", "JSON", "Copiar etiquetas", "Quitar todas"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name=name)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("radio", name="Todas 2")).to_be_focused()
    actions = ("Corregir barco.jpg", "¿Por qué? barco.jpg", "Copiar barco.jpg")
    for name in ("Quitar barco.jpg", *actions, "Quitar camion.jpg"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name=name)).to_be_focused()


def test_a_correction_is_made_by_keyboard_alone(visitor: Visitor) -> None:
    page = visitor.open()
    choose(page, drawn())
    submit(page)
    page.get_by_role("button", name="Corregir barco.jpg").press("Enter")
    expect(page.get_by_label("Etiqueta correcta")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Corregir barco.jpg")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Etiqueta correcta")).to_be_focused()
    page.keyboard.type("rana")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".corrected")).to_contain_text("Corregida: rana.")
    expect(page.get_by_role("button", name="Corregir barco.jpg")).to_be_focused()


def test_a_form_without_images_says_what_is_missing(visitor: Visitor) -> None:
    page = visitor.open()
    submit(page)
    expect(page.locator("#file-error")).to_have_text("Elija al menos una imagen para etiquetar.")
    expect(page.locator("#files")).to_be_focused()
    expect(page.locator("#files")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#files")).to_have_accessible_description(re.compile("^Elija al menos"))
    choose(page, drawn())
    expect(page.locator("#file-error")).to_be_hidden()
    expect(page.locator("#files")).not_to_have_accessible_description(re.compile("Elija"))


def test_english_is_one_click_away_and_complete(visitor: Visitor) -> None:
    page = visitor.open()
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    choose(page, *(drawn(name) for name in NAMES), BROKEN)
    submit(page)
    expect(page.locator("#summary")).to_have_text(
        "Finished: 4 images labelled. 1 image with an error."
    )
    expect(page.locator(".card", has_text="dañada.jpg")).to_contain_text("Damaged image")
    expect(page.locator(".score-percent").first).to_have_text(re.compile(r"\d\.\d%$"))


@pytest.fixture
def full(visitor: Visitor) -> Page:
    """Give a page with answers, a long name, a failure, a correction and a reason open."""
    page = visitor.open()
    decide(page, "review")
    choose(
        page, drawn(), upload("un-nombre-" + "muy-" * 30 + "largo.jpg", drawing("avion")), BROKEN
    )
    submit(page)
    expect(page.locator('[data-state="done"]')).to_have_count(2)
    page.get_by_role("button", name="Corregir barco.jpg").click()
    page.get_by_role("button", name="¿Por qué? barco.jpg").click()
    expect(page.locator(".correction")).to_be_visible()
    expect(page.locator(".explanation")).to_be_visible()
    return page


def test_nothing_scrolls_sideways(full: Page) -> None:
    """A window of 1280 pixels at 200 % and at 400 % has 640 and 320 pixels of CSS."""
    for width in (320, 360, 640, 768, 1280, 1920):
        full.set_viewport_size({"width": width, "height": 800})
        assert full.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("style", "widths"),
    [
        pytest.param("html { font-size: 200% }", (768, 1280), id="text at 200 % (WCAG 1.4.4)"),
        pytest.param(
            "* { line-height: 1.5 !important; letter-spacing: 0.12em !important;"
            " word-spacing: 0.16em !important } p { margin-block-end: 2em !important }",
            (360, 1280),
            id="text spaced by its reader (WCAG 1.4.12)",
        ),
    ],
)
def test_text_is_not_cut_off_however_it_is_read(
    full: Page, style: str, widths: tuple[int, ...]
) -> None:
    full.evaluate(
        """(style) => {
          const sheet = new CSSStyleSheet();
          sheet.replaceSync(style);
          document.adoptedStyleSheets.push(sheet);
        }""",
        style,
    )
    for width in widths:
        full.set_viewport_size({"width": width, "height": 800})
        assert full.evaluate("document.documentElement.scrollWidth") <= width
        assert full.evaluate(CUT_OFF) == []


def test_what_moves_stands_still_for_who_asked_for_it(visitor: Visitor) -> None:
    for motion, moves in (("no-preference", True), ("reduce", False)):
        page = visitor.open(reduced_motion=motion)
        page.route("**/v1/labels*", lambda _: None)  # asked, and never answered
        choose(page, drawn())
        submit(page)
        expect(page.locator('[data-state="sending"]')).to_have_count(1)
        assert page.evaluate("document.getAnimations().length > 0") is moves
        page.unroute_all(behavior="ignoreErrors")


def test_the_page_is_painted_without_waiting_for_its_script(visitor: Visitor) -> None:
    page = visitor.open("/livez")
    page.route("**/*.js", lambda _: None)  # asked for, and never answered
    page.goto(visitor.address, wait_until="commit")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    painted = """() => new Promise((done) => {
      const watch = new PerformanceObserver((list) => done(list.getEntries()[0].name));
      watch.observe({ type: "paint", buffered: true });
    })"""
    assert page.evaluate(painted) in {"first-paint", "first-contentful-paint"}
    expect(page.locator("#files")).to_be_visible()
    page.unroute_all(behavior="ignoreErrors")
