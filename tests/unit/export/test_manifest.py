from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export.calibration import read_calibration
from export.card import percent, spanish_percent, write_card
from export.errors import ExportError
from export.manifest import Graph, describe, with_evaluation, with_parity
from export.parity import Parity
from export.policy import TITLES
from export.wording import Wording
from service.contract import LocalisedText, Manifest
from tests.bundles import knowing
from tests.colours import CLASSES, TINY, colour_split
from training.evaluate import Evaluation, measure
from training.run import Beginning, Run, RunConfig

TITLE = LocalisedText(es="Cuatro colores", en="Four colours")
GRAPH = Graph("ab" * 32, 1234, 567)
CALIBRATION = {
    "temperature": 0.8,
    "accuracy": 0.9,
    "split": "validation",
    "accept": 0.7,
    "review": 0.4,
    "coverage": 0.85,
    "error": 0.01,
    "n": 40,
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run.start(tmp_path, RunConfig(recipe=TINY, seed=3))
    made.write("environment.json", {"commit": "c" * 40, "versions": {"keras": "3"}})
    made.write("data.json", {"name": "colours", "sha256": "0" * 64, "train": 200, "validation": 40})
    made.write("calibration.json", CALIBRATION)
    return made


@pytest.fixture
def evaluation() -> Evaluation:
    """Return figures of 80 images of which one green one was called blue."""
    split = colour_split(80, seed=2)
    logits = np.eye(4, dtype=np.float32)[split.labels] * 5
    wrong = int(np.flatnonzero(split.labels == 1)[0])
    logits[wrong] = [0, 0, 5, 0]
    return measure(
        logits,
        split,
        tuple(label.id for label in CLASSES),
        subject="model.onnx",
        sha256=GRAPH.sha256,
        conditions="by hand",
        temperature=0.8,
    )


def manifest_of_run(run: Run, title: LocalisedText | None = TITLE) -> Manifest:
    wording = Wording(name="colours", title=title)
    return describe(run, wording, GRAPH, read_calibration(run))


def test_a_data_set_without_a_title_asks_for_one(run: Run) -> None:
    assert "colours" not in TITLES
    with pytest.raises(ExportError, match="--title-es"):
        manifest_of_run(run, title=None)


def test_provenance_is_enough_to_fit_again(run: Run) -> None:
    origin = manifest_of_run(run).provenance
    assert (origin.recipe, origin.seed, origin.epochs) == (TINY.name, 3, 3.0)
    assert (origin.data, origin.commit) == ("colours, 200 training images", "c" * 40)
    assert origin.data_es == "colours, 200 imágenes"
    assert origin.parameters == GRAPH.parameters
    assert origin.created.utcoffset() is not None


def test_the_epochs_of_the_run_that_it_began_with_are_counted(run: Run) -> None:
    before = Beginning(recipe="smaller", seed=0, epochs=5, sha256="a" * 64)
    config = run.config.model_copy(update={"beginning": before})
    assert manifest_of_run(Run(run.folder, config)).provenance.epochs == 8.0


def test_test_figures_stand_before_those_of_validation(run: Run, evaluation: Evaluation) -> None:
    manifest = with_parity(
        manifest_of_run(run), Parity(2000, 1e-6, np.zeros((2000, 2), np.float32))
    )
    figures = with_evaluation(manifest, evaluation).figures
    first = figures[0]
    assert (first.name, first.value, first.n, first.split) == ("accuracy", 79 / 80, 80, "test")
    splits = [figure.split for figure in figures]
    assert splits == sorted(splits)
    names = [figure.name for figure in figures]
    assert {"precision.blue", "recall.green", "ece", "largest_logit_difference"} <= set(names)
    assert "top5_accuracy" not in names


def test_the_card_tells_the_figures_in_both_languages(
    run: Run, evaluation: Evaluation, tmp_path: Path
) -> None:
    manifest = with_evaluation(manifest_of_run(run), evaluation)
    write_card(tmp_path, manifest, run, evaluation)
    card = (tmp_path / "MODEL_CARD.md").read_text("utf-8")
    assert card.startswith("# Cuatro colores · Four colours\n")
    assert card.index("## Resumen en español") < card.index("## What it is for")
    assert "acertó en el 98,75 %" in card
    assert "| 98.75 % |" in card
    assert "| green | 100.0 % | 95.0 % | 97.4 % | 20 |" in card
    assert "Most frequent errors: green called blue (1)." in card


def test_the_card_tells_what_a_model_was_shown_of_other_things(
    run: Run, evaluation: Evaluation, tmp_path: Path
) -> None:
    def card_of(manifest: Manifest) -> str:
        write_card(tmp_path, manifest, run, evaluation)
        return (tmp_path / "MODEL_CARD.md").read_text("utf-8")

    plain = manifest_of_run(run)
    assert "It was never shown any" in card_of(plain)
    assert "`familiarity`" not in card_of(plain)
    energy = card_of(knowing(plain, accept=4.5, review=3.25))
    assert "It was never shown any" in energy
    assert "`familiarity` (energy)" in energy
    assert "From 4.5 on it changes nothing" in energy
    assert "95.0 % of 5000 known images" in energy
    shown = card_of(knowing(plain, accept=1, review=0, others=785, others_accepted=0.171))
    assert "never shown" not in shown
    assert "Of 785 collected ones" in shown
    assert "17.1 % lie above the first threshold" in shown


def test_shares_are_written_as_their_readers_do() -> None:
    assert percent(0.9412, 2) == "94.12 %"
    assert spanish_percent(0.9412) == "94,1 %"
