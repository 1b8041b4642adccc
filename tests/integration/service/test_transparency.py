"""The record of the algorithm is the manifest's of the model that answers, and the settings'."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from service.classifier import Classifier
from service.contract import MANIFEST_FILE, Figure, Manifest
from service.errors import BundleError
from service.i18n import LANGUAGES, Catalogue, load_catalogues
from service.pages import EditorPage, PageRequest
from service.settings import Settings
from service.transparency import record_of
from service.transparency_page import TransparencyPage
from service.wording import Lang
from tests.bundles import knowing, write_bundle
from tests.serving import Served, running
from tests.visible import VisibleText

PAGE = "/transparencia"
JSON = "/v1/transparency"


def rewrite(bundles: Path, figures: Iterable[Figure]) -> Manifest:
    """Give the one bundle of a folder other figures, and return what its manifest says now."""
    (path,) = bundles.glob(f"*/*/{MANIFEST_FILE}")
    manifest = Manifest.read(path).model_copy(update={"figures": tuple(figures)})
    manifest.write(path)
    return manifest


def figure(name: str, value: float, n: int, split: str = "test") -> Figure:
    return Figure(name=name, value=value, n=n, split=split, conditions="measured by hand")


async def test_another_bundle_makes_another_record(tmp_path: Path, png: bytes) -> None:
    """Everything that the record says of a model changes with the model that answers."""
    told = []
    for name, version, classes, side, accept in (
        ("uno", "7", 3, 16, 0.8),
        ("dos", "9", 5, 24, 0.9),
    ):
        folder = tmp_path / name
        write_bundle(
            folder, name=name, version=version, classes=classes, height=side, width=side,
            accept=accept,
        )  # fmt: skip
        rewrite(
            folder,
            [
                figure("accuracy", classes / 10, 100 * classes),
                figure("recall.bird", side / 100, classes),
                figure("accuracy", accept, side, "photos"),
            ],
        )
        async with running(Settings(bundles=folder)) as served:
            record = (await served.client.get(JSON)).json()
            page = (await served.client.get(PAGE)).text
            answer = await served.client.post(
                "/v1/labels", content=png, headers={"content-type": "image/png"}
            )
        assert record["model"] == answer.json()["model"]
        assert (record["model"]["name"], record["model"]["version"]) == (name, version)
        assert [label["id"] for label in record["labels"]] == [
            "airplane", "automobile", "bird", "cat", "deer",
        ][:classes]  # fmt: skip
        assert record["labels"][2] == {
            "id": "bird", "name": "pájaro", "precision": None,
            "recall": side / 100, "images": classes,
        }  # fmt: skip
        assert (record["test"]["accuracy"], record["test"]["images"]) == (
            classes / 10,
            100 * classes,
        )
        assert (record["photos"]["accuracy"], record["photos"]["images"]) == (accept, side)
        for said in (record["model"]["sha256"], record["purpose"], record["decisions"],
                     *record["limits"], *record["images"], f"{name} {version}",
                     f"{10 * classes},0\u00a0%"):  # fmt: skip
            assert said in page
        assert f"{side} × {side}" in page
        told.append((record, page))
    (first, first_page), (second, second_page) = told
    assert {key for key in first if first[key] == second[key]} == {
        "lang", "title", "responsible", "origin", "images", "kept", "objection",
    }  # fmt: skip
    assert second["model"]["sha256"] not in first_page
    assert first["model"]["sha256"] not in second_page


async def test_an_exchange_of_models_is_an_exchange_of_records(tmp_path: Path, png: bytes) -> None:
    write_bundle(tmp_path, seed=1)
    async with running(Settings(bundles=tmp_path, model="linear")) as served:
        before = (await served.client.get(JSON)).json()["model"]
        write_bundle(tmp_path, version="2", seed=2)
        await served.state.reload()
        after = (await served.client.get(JSON)).json()["model"]
        page = (await served.client.get(PAGE)).text
        answer = await served.client.post(
            "/v1/labels", content=png, headers={"content-type": "image/png"}
        )
    assert (before["version"], after["version"]) == ("1", "2")
    assert after == answer.json()["model"]
    assert after["sha256"] in page
    assert before["sha256"] not in page


async def test_what_was_not_measured_is_said_to_be_so(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    rewrite(tmp_path, [])
    async with running(Settings(bundles=tmp_path)) as served:
        record = (await served.client.get(JSON)).json()
        page = (await served.client.get(PAGE)).text
    assert (record["test"], record["photos"]) == (None, None)
    assert "No hay una medición con imágenes de prueba." in page
    assert "No se ha medido con fotos reales" in page
    assert page.count("Sin medir") == 3 * 10


async def test_what_happens_with_images_is_what_the_settings_say(
    bundles: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/f.db"
    said = []
    for settings in (
        Settings(bundles=bundles),
        Settings(bundles=bundles, feedback_url=url, feedback_days=30),
        Settings(bundles=bundles, feedback_url=url, feedback_images=tmp_path, feedback_days=1),
    ):
        async with running(settings) as served:
            record = (await served.client.get(JSON)).json()
            page = (await served.client.get(PAGE)).text
        assert all(sentence in page for sentence in record["images"])
        said.append((record["kept"], " ".join(record["images"])))
    nothing, corrections, images = said
    assert nothing[0] == {"corrections": False, "images_by_consent": False, "days": None}
    assert "no guarda correcciones" in nothing[1].replace("tampoco guarda", "no guarda")
    assert corrections[0] == {"corrections": True, "images_by_consent": False, "days": 30}
    assert "después de 30 días" in corrections[1]
    assert "Solo si usted lo acepta" not in corrections[1]
    assert images[0] == {"corrections": True, "images_by_consent": True, "days": 1}
    assert "Solo si usted lo acepta" in images[1]
    assert images[1].count("después de 1 día.") == 2


@pytest.mark.parametrize(
    ("contact", "link"),
    [
        ("ana@example.cl", 'href="mailto:ana@example.cl"'),
        ("https://example.cl/oirs", 'href="https://example.cl/oirs"'),
        ("Oficina 12, de 9 a 14", None),
        ("javascript:alert(1)", None),
        ('https://a.cl/"><script>', 'href="https://a.cl/&#34;&gt;&lt;script&gt;"'),
    ],
)
async def test_who_answers_is_named_and_can_be_reached(
    bundles: Path, contact: str, link: str | None
) -> None:
    settings = Settings(
        bundles=bundles, responsible_name="Municipalidad <b>", responsible_contact=contact
    )
    async with running(settings) as served:
        page = (await served.client.get(PAGE)).text
        record = (await served.client.get(JSON)).json()
    assert record["responsible"] == {"name": "Municipalidad <b>", "contact": contact}
    assert "Por este servicio responde Municipalidad &lt;b&gt;." in page
    links = re.findall(r'href="(?:mailto:|https:|javascript:)[^"]*"', page)
    assert links == ([link] if link else [])


def test_a_model_that_knows_what_is_familiar_says_so(bundles: Path) -> None:
    (path,) = bundles.glob(f"*/*/{MANIFEST_FILE}")
    plain, t = Manifest.read(path), load_catalogues()["es"]
    without = record_of(plain, Settings(), t).decisions
    told = record_of(knowing(plain, accept=1.0, review=0.0), Settings(), t).decisions
    assert "no se parece" not in without
    assert told.startswith(without)
    assert "95,0\u00a0% de 5.000 imágenes conocidas" in told
    shown = knowing(plain, accept=1.0, review=0.0, others=1200, others_accepted=0.171)
    assert record_of(shown, Settings(), t).decisions == (
        f"{told} Para eso se le mostraron imágenes de otras cosas; de 1.200 imágenes como esas que "
        "no había visto, tomó por conocidas 17,1\u00a0%."
    )


async def test_nobody_named_is_said_plainly(served: Served) -> None:
    page = (await served.client.get(PAGE)).text
    assert "todavía no indicó quién responde" in page


async def test_the_page_and_the_json_speak_both_languages(served: Served) -> None:
    english = await served.client.get(PAGE, headers={"Accept-Language": "en"})
    assert '<html lang="en">' in english.text
    assert english.headers["content-language"] == "en"
    assert "What it does not know" in english.text
    record = (await served.client.get(f"{JSON}?lang=en")).json()
    assert record["labels"][0]["name"] == "airplane"
    assert record["objection"] in english.text
    assert (await served.client.get(f"{JSON}?lang=fr")).status_code == 422


async def test_before_a_model_is_loaded_nothing_is_said_of_one(settings: Settings) -> None:
    def none(_: Settings) -> Classifier:
        raise BundleError("no bundle")

    async with running(settings, none) as served:
        page = await served.client.get(PAGE)
        record = await served.client.get(JSON)
    assert (page.status_code, record.status_code) == (503, 503)
    assert page.headers["content-type"].startswith("text/html")
    assert int(page.headers["retry-after"]) >= 1
    assert "<table" not in page.text
    assert record.json()["type"] == "urn:rotulo:problem:not-ready"


async def test_the_shipped_model_has_a_figure_for_each_of_its_labels() -> None:
    async with running(Settings()) as served:
        record = (await served.client.get(JSON)).json()
    assert record["test"]["images"] == 10_000
    for label in record["labels"]:
        assert 0 < label["precision"] < 1
        assert 0 < label["recall"] < 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_visible_text_is_written_into_the_template(lang: Lang, bundles: Path) -> None:
    plain = EditorPage.load()
    marked = {
        spoken: Catalogue(spoken, {key: f"⟦{text}⟧" for key, text in catalogue.texts.items()})
        for spoken, catalogue in load_catalogues().items()
    }
    (path,) = bundles.glob(f"*/*/{MANIFEST_FILE}")
    manifest = Manifest.read(path)
    asked = PageRequest(lang, "", manifest, Settings(responsible_contact="ana@example.cl"))
    seen = VisibleText()
    seen.feed(TransparencyPage(marked, plain.assets, plain.environment).render(asked))
    facts = manifest.to_json() + "ana@example.cl Español English"
    own = [said for said in seen.said if "⟦" not in said]
    assert [said for said in own if said not in facts and not re.search(r"\d", said)] == []
