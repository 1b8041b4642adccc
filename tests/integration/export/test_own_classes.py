"""From a folder of pictures to labels over HTTP: fit, report, export, serve."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import pytest

import export.__main__ as export_command
import training.__main__ as training_command
from export.parity import MINIMUM_IMAGES
from service.bundles import load_bundle
from service.settings import Settings
from tests.pictures import encode, noise
from tests.serving import running
from tests.shapes import CLASSES, IDS, shape, write_shapes
from training.recipe import EfficientNetLite, LogisticHead
from training.recipes import all_recipes, find_recipe, register
from training.run import Run

SIDE = 64
PNG = {"Content-Type": "image/png"}
TITLES = ("--title-es", "Mi barrio", "--title-en", "My quarter")


def call(main: Callable[[], None], *arguments: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["command", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
    return int(left.value.code or 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder in which all of this happens, and the small recipe is known."""
    found = tmp_path_factory.mktemp("own")
    transfer = find_recipe("transfer")
    if "small-transfer" not in {recipe.name for recipe in all_recipes()}:
        register(
            transfer.model_copy(
                update={
                    "name": "small-transfer",
                    "model": EfficientNetLite(resolution=SIDE, frozen_blocks=16),
                    "fit": transfer.fit.model_copy(
                        update={"head": LogisticHead(variants=2, strengths=(1e-3, 1e-2), folds=2)}
                    ),
                }
            )
        )
    policy = keras.mixed_precision.dtype_policy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROTULO_RUNS_DIR", str(found / "runs"))
        yield found
    keras.mixed_precision.set_dtype_policy(policy)


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    """Return a run on a few drawn pictures, fitted as a person would."""
    pictures = folder / "Mi barrio"
    write_shapes(pictures, each=16)
    arguments = ("small-transfer", "--data", str(pictures), "--run", str(folder / "run"))
    assert call(training_command.main, "fit", *arguments) == 0
    return Run.open(folder / "run")


@pytest.fixture(scope="module")
def bundle(run: Run, folder: Path) -> Path:
    """Return the bundle that it became, by the command line."""
    out = folder / "bundles"
    assert call(export_command.main, str(run.folder), "--out", str(out), *TITLES) == 0
    return out / "mi-barrio" / "1"


def test_the_head_alone_is_fitted_and_all_that_a_bundle_needs_is_there(run: Run) -> None:
    assert run.read("model.json")["parameters"] == (1280 + 1) * len(CLASSES)
    assert run.history() == []
    assert run.read("head.json")["strength"] in (1e-3, 1e-2)
    calibration = run.read("calibration.json")
    assert calibration["accuracy"] == 1.0
    assert calibration["temperature"] >= 1.0
    assert run.read("familiarity.json")["method"] == "neighbours"


def test_pictures_of_other_things_teach_it_what_to_leave_alone(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = tmp_path / "otras"
    others.mkdir()
    for number in range(20):
        (others / f"{number}.png").write_bytes(encode(noise(80, 80, seed=number), "PNG"))
    taught = tmp_path / "run"
    shutil.copytree(run.folder, taught)
    arguments = (str(taught), "--method", "outliers", "--others", str(others))
    assert call(training_command.main, "familiarity", *arguments, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["method"], record["others"], record["others_accepted"]) == ("outliers", 20, 0.0)
    assert call(training_command.main, "familiarity", *arguments) == 0
    assert "0.0% are accepted by what was not shown them" in capsys.readouterr().out


def test_a_fit_that_was_stopped_does_not_look_again(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = run.weights.read_bytes()
    first = run.folder / "features" / "0.npy"
    seen = first.stat().st_mtime_ns
    run.weights.unlink()
    (run.folder / "features" / "1.npy").unlink()
    arguments = ("small-transfer", "--data", str(folder / "Mi barrio"), "--json")
    assert call(training_command.main, "fit", *arguments, "--run", str(run.folder)) == 0
    begun = json.loads(capsys.readouterr().out.splitlines()[0])
    assert begun["done"] == 1
    assert first.stat().st_mtime_ns == seen
    assert len(run.weights.read_bytes()) == len(before)


def test_a_changed_folder_is_another_run(
    run: Run, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = write_shapes(tmp_path / "Mi barrio", each=17)
    arguments = ("small-transfer", "--data", str(changed), "--run", str(run.folder))
    assert call(training_command.main, "fit", *arguments) == 1
    assert "holds another run" in capsys.readouterr().err


def test_the_bundle_says_what_it_was_proven_on(bundle: Path, run: Run) -> None:
    manifest = load_bundle(bundle).manifest
    assert [label.id for label in manifest.labels] == list(IDS)
    assert (manifest.title.es, manifest.input.height) == ("Mi barrio", SIDE)
    figures = {(figure.name, figure.split): figure for figure in manifest.figures}
    validation = run.read("data.json")["validation"]
    split = f"validation and {MINIMUM_IMAGES - validation} varied training images"
    assert figures["largest_logit_difference", split].n == MINIMUM_IMAGES
    assert figures["accuracy", "validation"].n == validation
    assert not any(figure.split == "test" for figure in manifest.figures)
    assert manifest.baseline
    assert manifest.baseline.n == validation
    assert str(run.folder.parent) not in (bundle / "manifest.json").read_text()


def test_a_report_tells_of_it_in_spanish(run: Run, bundle: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    arguments = (str(run.folder), "--bundle", str(bundle), "--out", str(page))
    assert call(training_command.main, "report", *arguments) == 0
    text = page.read_text()
    assert "Señales de tránsito" in text
    assert "regresión logística" in text
    assert "Todavía no ha terminado ninguna época" not in text


async def test_the_service_labels_with_it_unchanged(bundle: Path) -> None:
    settings = Settings(bundles=bundle.parent.parent, model="mi-barrio")
    async with running(settings) as served:
        right = 0
        for kind in range(len(CLASSES)):
            for seed in range(200, 204):
                answer = await served.client.post(
                    "/v1/labels", content=shape(kind, seed), headers=PNG
                )
                assert answer.status_code == 200
                right += answer.json()["labels"][0]["id"] == IDS[kind]
        assert right >= 11
        strange = encode(noise(96, 96, seed=1), "PNG")
        answer = await served.client.post("/v1/labels", content=strange, headers=PNG)
        assert answer.json()["decision"] != "accept"
