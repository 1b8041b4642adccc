from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from service.feedback.summary import summarise
from tests.bundles import manifest_of
from tests.colours import CLASSES, NARROW, TEST, TINY, write_colours
from tests.reporting import HISTORY, Outline, begin, evaluate, finish
from training.compare import runs_beside
from training.errors import RunError
from training.evaluate import RECORD
from training.report import gather, read_manifest, render, write_report
from training.run import Run, RunConfig
from training.settings import TrainingSettings

PHASES = [
    "1. Comprensión del negocio",
    "2. Comprensión de los datos",
    "3. Preparación de los datos",
    "4. Modelado",
    "5. Evaluación",
    "6. Despliegue",
]


@pytest.fixture
def settings(tmp_path: Path) -> TrainingSettings:
    """Return settings under which there is no test split to read."""
    folder = write_colours(tmp_path / "data")
    (folder / "colours" / "test.parquet").unlink()
    return TrainingSettings(data_dir=folder)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.start(tmp_path / "run", RunConfig(recipe=NARROW, seed=0))


def page_of(run: Run, settings: TrainingSettings) -> Outline:
    return Outline(render(gather(run, settings, None, date(2026, 11, 22))))


@pytest.fixture
def whole(run: Run, settings: TrainingSettings) -> Outline:
    """Return the page of a finished run that was measured on test."""
    finish(run)
    evaluate(run)
    return page_of(run, settings)


def test_the_page_has_the_six_phases_in_order_in_spanish(whole: Outline) -> None:
    assert whole.texts("h2") == PHASES
    assert whole.named("html")[0].attributes["lang"] == "es-CL"
    assert len(whole.named("h1")) == len(whole.named("main")) == len(whole.named("title")) == 1


def test_the_page_needs_nothing_but_itself(whole: Outline) -> None:
    assert {tag.name for tag in whole.tags}.isdisjoint({"script", "link", "iframe", "object"})
    pictures = whole.named("img")
    # Classes, augmentation, curves, ranking, reliability, ten mistakes and twelve by chance.
    assert len(pictures) == len(CLASSES) + 4 + 10 + 12
    assert all((tag.attributes["src"] or "").startswith("data:image/") for tag in pictures)
    targets = [tag.attributes["href"] for tag in whole.named("a")]
    ids = {tag.attributes.get("id") for tag in whole.tags}
    assert targets
    assert all(target and target[0] == "#" and target[1:] in ids for target in targets)
    assert "url(" not in whole.texts("style")[0]
    assert "@import" not in whole.texts("style")[0]


def test_the_page_can_be_read_by_ear(whole: Outline) -> None:
    assert all(tag.attributes["alt"] for tag in whole.named("img"))
    assert len(whole.named("table")) == len(whole.named("caption")) == 4
    assert all(tag.attributes["scope"] in {"col", "row"} for tag in whole.named("th"))
    scrollers = [tag for tag in whole.tags if tag.attributes.get("class") == "scroller"]
    assert all(tag.attributes["tabindex"] == "0" for tag in scrollers)
    labels = [tag.attributes["aria-label"] for tag in scrollers]
    assert len(set(labels)) == len(labels) == 4


def test_a_measured_run_tells_its_figures_with_their_conditions(whole: Outline) -> None:
    words = whole.words().replace("\N{NO-BREAK SPACE}", " ")
    for expected in (
        "87,50 %",  # accuracy
        "de 78,50 % a 93,07 %",  # Wilson's interval of 70 of 80
        "n = 80",
        "model.onnx",
        "ONNX Runtime, CPU",
        "temperatura 1,2345",
        "2 min 5 s",
        "2 de 4",
        "CPU (X)",
        "c0ffee",
        "keras 3.15.1, numpy 2.4.6",
        "95,00 % (n = 40)",
        "1,25 % de etiquetas erradas",
    ):
        assert expected in words
    assert "no ha terminado" not in words


def test_the_confusion_matrix_counts_every_test_image(whole: Outline) -> None:
    tables = whole.texts("table")
    matrix = next(text for text in tables if text.startswith("Matriz de confusión"))
    numbers = [int(word) for word in matrix.split() if word.isdigit()]
    assert len(numbers) == 16
    assert sum(numbers) == TEST
    assert sum(numbers[::5]) == 70


def test_classes_are_named_in_spanish_with_their_counts(whole: Outline) -> None:
    table = whole.texts("table")[0]
    for name in ("rojo", "verde", "azul", "amarillo"):
        assert f"{name} 50 10" in table


def test_a_run_that_has_only_been_started_says_what_is_missing(
    run: Run, settings: TrainingSettings
) -> None:
    page = page_of(run, settings)
    words = page.words()
    assert page.texts("h2") == PHASES
    for expected in (
        "La corrida no ha terminado",
        "todavía no ha registrado sus datos",
        "Todavía no ha terminado ninguna época",
        "Todavía no hay calibración",
        "La partición de prueba todavía no se ha medido",
        "todavía no hay nada que desplegar",
    ):
        assert expected in words


def test_a_run_in_the_middle_shows_the_epochs_that_there_are(
    run: Run, settings: TrainingSettings
) -> None:
    begin(run)
    run.write_history(HISTORY[:1])
    page = page_of(run, settings)
    assert "1 de 4" in page.words()
    assert "tras 1 épocas" in str([tag.attributes.get("alt") for tag in page.named("img")])
    assert "La corrida no ha terminado" in page.words()


def test_a_run_on_all_images_has_no_validation_and_says_so(
    tmp_path: Path, settings: TrainingSettings
) -> None:
    run = Run.start(tmp_path / "all", RunConfig(recipe=NARROW, fitted_on="all"))
    begin(run)
    names = ("epoch", "seconds", "loss", "accuracy")
    run.write_history([{name: HISTORY[0][name] for name in names}])
    words = page_of(run, settings).words()
    assert "no le quedan de validación" in words
    assert "Ajuste y validación se juntaron" in words
    assert "no hay no hay" in words


def test_without_the_images_the_page_says_that_it_cannot_show_them(
    run: Run, tmp_path: Path
) -> None:
    finish(run)
    page = page_of(run, TrainingSettings(data_dir=tmp_path / "nowhere"))
    assert "no se pudieron leer en este equipo" in page.words()
    assert "no se puede mostrar cómo varían" in page.words()
    assert len(page.named("img")) == 1


def test_what_a_recipe_is_called_is_text_and_no_markup(
    tmp_path: Path, settings: TrainingSettings
) -> None:
    sly = TINY.model_copy(update={"summary": "<script>alert(1)</script>"})
    page = page_of(Run.start(tmp_path / "sly", RunConfig(recipe=sly)), settings)
    assert page.named("script") == []
    assert "<script>alert(1)</script>" in page.words()


def write_manifest(folder: Path, recipe: str, seed: int) -> Path:
    """Write a bundle's manifest that says that it was made from that run."""
    manifest = manifest_of(b"graph")
    provenance = manifest.provenance.model_copy(update={"recipe": recipe, "seed": seed})
    folder.mkdir()
    manifest.model_copy(update={"provenance": provenance}).write(folder / "manifest.json")
    return folder


def test_the_bundle_is_told_by_its_manifest(
    run: Run, settings: TrainingSettings, tmp_path: Path
) -> None:
    finish(run)
    bundle = write_manifest(tmp_path / "1", NARROW.name, 0)
    write_report(run, settings, tmp_path / "out" / "page.html", manifest=read_manifest(bundle))
    page = Outline((tmp_path / "out" / "page.html").read_text("utf-8"))
    assert "linear/1" in page.words()
    assert any("generated images" in table for table in page.texts("table"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["page.html"]


def test_what_people_said_of_its_labels_stands_beside_the_bundle(
    run: Run, settings: TrainingSettings, tmp_path: Path
) -> None:
    finish(run)
    manifest = read_manifest(write_manifest(tmp_path / "1", NARROW.name, 0))
    told = tmp_path / "corrections.json"
    counts = [("linear", "1", "cat", "cat", 6), ("linear", "1", "cat", "dog", 3)]
    none = ("linear", "1", "cat", None, 1)
    told.write_text(summarise([*counts, none]).model_dump_json(), "utf-8")
    page = tmp_path / "page.html"
    write_report(run, settings, page, manifest=manifest, feedback=told)
    outline = Outline(page.read_text("utf-8"))
    (table,) = (one for one in outline.texts("table") if one.startswith("Por etiqueta sugerida"))
    assert "gato 10 40,0 % perro (3), ninguna (1)" in table.replace("\N{NO-BREAK SPACE}", " ")
    assert "opinaron sobre 10 de sus etiquetas" in outline.words()


@pytest.mark.parametrize(("recipe", "seed"), [("tiny", 0), (NARROW.name, 1)])
def test_a_bundle_of_another_run_is_refused(
    run: Run, settings: TrainingSettings, tmp_path: Path, recipe: str, seed: int
) -> None:
    manifest = read_manifest(write_manifest(tmp_path / "1", recipe, seed))
    with pytest.raises(RunError, match="was made from another run"):
        write_report(run, settings, tmp_path / "page.html", manifest=manifest)
    assert not (tmp_path / "page.html").exists()


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"manifest\.json is no manifest that can be read"):
        read_manifest(tmp_path)


def test_a_shortened_schedule_and_the_epoch_that_is_kept_are_told(
    tmp_path: Path, settings: TrainingSettings
) -> None:
    fit = TINY.fit.lasting(2).model_copy(update={"keep_best": "val_loss"})
    recipe = TINY.model_copy(update={"fit": fit})
    run = Run.start(tmp_path / "short", RunConfig(recipe=recipe))
    run.write_history([HISTORY[1], HISTORY[0]])
    words = page_of(run, settings).words()
    assert "2 de 2 (la receta prevé 3)" in words
    assert "La receta prevé 3 épocas" in words
    assert "Época que queda 1" in words


def test_the_page_answers_the_question_it_begins_with(whole: Outline) -> None:
    words = whole.words().replace("\N{NO-BREAK SPACE}", " ")
    assert "La pregunta" in words
    assert "acierta en 88 (87,50 %, n = 80)" in words
    for expected in ("AUC medio", "remuestreos", "Cómo leer estas cifras", "F1 medio"):
        assert expected in words


def test_the_surest_mistakes_and_answers_by_chance_are_shown(whole: Outline) -> None:
    captions = [text for text in whole.texts("li") if re.search(r"\(\d+,\d %\)$", text)]
    mistakes = [text for text in captions if text.startswith("es ")]
    assert len(captions) == 10 + 12
    assert len(mistakes) >= 10
    assert any(text.startswith("es rojo, dijo verde") for text in mistakes)


def test_other_finished_runs_stand_beside_this_one(
    run: Run, settings: TrainingSettings, tmp_path: Path
) -> None:
    finish(run)
    other = Run.start(tmp_path / "other", RunConfig(recipe=TINY, seed=1))
    finish(other)
    better = {**other.read("calibration.json"), "accuracy": 0.9875}
    other.write("calibration.json", better)
    begin(Run.start(tmp_path / "unfinished", RunConfig(recipe=TINY, seed=2)))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "recipe.json").write_text("{}")
    beside = runs_beside(run)
    assert [found.label for found in beside] == ["other"]
    page = Outline(render(gather(run, settings, None, date(2026, 11, 22), beside)))
    table = next(text for text in page.texts("table") if text.startswith("Corridas comparadas"))
    assert table.index("other colours-tiny 98,75") < table.index("run colours-airbench 95,00")
    assert "Junto a esta corrida no hay otras" not in page.words()
    assert "Junto a esta corrida no hay otras" in page_of(run, settings).words()


def test_what_was_measured_elsewhere_and_what_it_costs_is_told(
    run: Run, settings: TrainingSettings
) -> None:
    finish(run)
    evaluate(run)
    record = run.read(RECORD)
    cost = {
        "bytes": 4_200_000,
        "milliseconds": 1.5,
        "milliseconds_p95": 2.25,
        "repetitions": 50,
        "images_per_second": 1234.0,
        "batch": 32,
        "machine": "abacus, 2 cores",
        "load": 0.5,
    }
    people = {
        "n": 80,
        "votes_per_image": 51.0,
        "votes_for_given": 0.9,
        "votes_for_label": 0.95,
        "majority_given": 0.91,
        "majority_label": 0.99,
        "shared_mistakes": 0.25,
        "cross_entropy": 0.3,
        "vote_entropy": 0.2,
    }
    run.write(RECORD, {**record, "cost": cost, "agreement": people})
    elsewhere = {**record, "split": "other", "data": "fotos-de-mayo", "accuracy": 0.8125}
    run.write("evaluation-on-fotos-de-mayo.json", elsewhere)
    words = page_of(run, settings).words().replace("\N{NO-BREAK SPACE}", " ")
    for expected in ("fotos-de-mayo 80 81,25 %", "4,2 MB", "1,50 ms", "abacus", "90,0 % para la"):
        assert expected in words


def test_a_record_of_an_earlier_version_still_makes_a_page(
    run: Run, settings: TrainingSettings
) -> None:
    finish(run)
    evaluate(run)
    newer = {"ranking", "intervals", "macro_f1", "reliability", "reliability_before", "split"}
    record = {name: value for name, value in run.read(RECORD).items() if name not in newer}
    run.write(RECORD, record)
    (run.folder / "evaluation-examples.npz").unlink()
    words = page_of(run, settings).words()
    assert "La evaluación no guardó imágenes de ejemplo" in words
    assert "no guarda la fiabilidad" in words
