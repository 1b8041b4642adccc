"""From a float32 bundle to an int8 one: what is proven, found anew, refused, and left alone."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from export.calibration import read_calibration
from export.errors import AccuracyFell, NotCalibrated
from export.exporting import Target, export
from export.int8 import main
from export.parity import classifier_evidence, classifier_logits
from export.quantising import Order, quantise_bundle
from export.wording import Wording
from service.bundles import Bundle, load_bundle
from service.classifier import OnnxClassifier
from service.contract import LocalisedText
from tests.runs import recipe_of, write_run
from training.calibration import fit_temperature, settle_temperature
from training.data import Split, Splits
from training.exposure import others_of
from training.familiarity import ARRAYS_FILE, RECORD_FILE
from training.fit import calibrate, splits_of
from training.recipe import TinyCnn
from training.run import Run
from training.settings import TrainingSettings
from training.starting import start
from training.teaching import write_familiarity

WORDING = Wording(name="colours", title=LocalisedText(es="Colores", en="Colours"))
RECIPE = recipe_of(TinyCnn(width=8), "flip")
Command = Callable[..., int]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, many: TrainingSettings, validation: Split) -> Run:
    run = write_run(tmp_path_factory.mktemp("run"), RECIPE, validation=validation)
    write_familiarity(run, many, "energy")
    return run


@pytest.fixture(scope="module")
def float32(tmp_path_factory: pytest.TempPathFactory, run: Run, validation: Split) -> Bundle:
    out = Target(tmp_path_factory.mktemp("bundles"))
    return export(run, read_calibration(run), validation.images, out, WORDING).bundle


@pytest.fixture(scope="module")
def splits(run: Run, many: TrainingSettings) -> Splits:
    return splits_of(run, many)


@pytest.fixture
def command(many: TrainingSettings, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("ROTULO_DATA_DIR", str(many.data_dir))

    def call(*arguments: str | Path) -> int:
        monkeypatch.setattr(sys, "argv", ["int8", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        return int(left.value.code or 0)

    return call


def test_an_int8_bundle_stands_beside_the_first_and_is_calibrated_by_itself(
    command: Command,
    run: Run,
    float32: Bundle,
    validation: Split,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ways = ("--out", tmp_path, "--allowed-fall", "100", "--json")
    assert command(run.folder, float32.path, *ways) == 0
    answer = json.loads(capsys.readouterr().out)
    bundle = load_bundle(tmp_path / "colours-int8" / "1")
    manifest = bundle.manifest
    assert answer["sha256"] == manifest.model_sha256 != float32.manifest.model_sha256
    weights = [
        onnx.numpy_helper.to_array(tensor)
        for tensor in onnx.load(bundle.model_path).graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) == 4
    ]
    assert weights
    assert max(int(np.abs(array.astype(int)).max()) for array in weights) <= 64

    whole = classifier_logits(OnnxClassifier(float32, provider="cpu"), validation.images)
    given = classifier_logits(OnnxClassifier(bundle, provider="cpu"), validation.images)
    assert np.abs(given - whole).max() < 0.1 * np.ptp(whole)
    assert not np.array_equal(given, whole)
    likeliest = fit_temperature(given, validation.labels)
    assert manifest.temperature == settle_temperature(given, validation.labels, likeliest)
    assert manifest.baseline is not None
    assert manifest.baseline.n == manifest.abstention.n == len(validation)
    accuracies = {figure.name: figure.value for figure in manifest.figures}
    assert accuracies == {
        "accuracy": (given.argmax(axis=1) == validation.labels).mean(),
        "accuracy_float32": (whole.argmax(axis=1) == validation.labels).mean(),
    }
    assert {figure.split for figure in manifest.figures} == {"validation"}
    assert not (run.folder / "evaluation.json").exists()
    assert manifest.model_sha256 in (bundle.path / "MODEL_CARD.md").read_text("utf-8")


def test_pictures_of_other_things_that_were_held_back_are_judged_anew(
    run: Run, validation: Split, many: TrainingSettings, splits: Splits, tmp_path: Path
) -> None:
    others = np.random.default_rng(1).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    exposed = start(tmp_path / "run", run.config, None, others)
    for kept in (run.weights.name, "environment.json", "data.json"):
        shutil.copyfile(run.folder / kept, exposed.folder / kept)
    calibrate(exposed, validation)
    write_familiarity(exposed, many, "energy")
    out = Target(tmp_path / "bundles")
    whole = export(exposed, read_calibration(exposed), validation.images, out, WORDING).bundle
    quantised = quantise_bundle(order_of(exposed, whole, tmp_path / "bundles"), splits).bundle
    known = quantised.manifest.abstention.familiarity
    assert known is not None
    scores = classifier_evidence(
        OnnxClassifier(quantised, provider="cpu"), others_of(exposed).held_back
    )[:, -1]
    assert known.others == len(scores) == 15
    assert known.others_accepted == (scores >= known.accept).mean()


def order_of(run: Run, bundle: Bundle, out: Path, *, judge: Run | None = None) -> Order:
    return Order(run, bundle, judge, "colours-int8", Target(out), allowed_fall=1.0)


def test_what_costs_more_accuracy_than_allowed_is_not_written(
    run: Run, float32: Bundle, splits: Splits, tmp_path: Path
) -> None:
    """Nothing gains the hundred points that a fall of less than -1 asks for."""
    order = order_of(run, float32, tmp_path)
    impossible = Order(run, float32, None, order.name, order.target, allowed_fall=-1.01)
    with pytest.raises(AccuracyFell, match="--allowed-fall"):
        quantise_bundle(impossible, splits)
    assert list(tmp_path.iterdir()) == []


def test_a_run_fitted_on_all_images_is_judged_by_its_sibling(
    run: Run, float32: Bundle, splits: Splits, tmp_path: Path
) -> None:
    """The bundle is of equal weights, and serves for both."""
    final = write_run(tmp_path / "run", RECIPE, fitted_on="all")
    for file in (ARRAYS_FILE, RECORD_FILE):
        shutil.copy(run.folder / file, final.folder)
    out = tmp_path / "bundles"
    with pytest.raises(NotCalibrated, match="--calibration-from"):
        quantise_bundle(order_of(final, float32, out), splits)
    manifest = quantise_bundle(order_of(final, float32, out, judge=run), splits).bundle.manifest
    assert "sibling" in manifest.abstention.split
    assert all("sibling" in figure.conditions for figure in manifest.figures)
    assert manifest.baseline is not None
    assert "fitted on these images too" in manifest.baseline.split
    first, known = (each.abstention.familiarity for each in (float32.manifest, manifest))
    assert first is not None
    assert known is not None
    assert known.coverage == pytest.approx(0.95, abs=1e-3)
    # The same network in 8 bits: near the thresholds of float32, and not the same.
    assert known.accept == pytest.approx(first.accept, abs=0.2)
    assert known.accept != first.accept


def test_a_bundle_of_another_run_is_refused(
    command: Command, float32: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_run(tmp_path / "other", RECIPE, seed=7)
    assert command(other.folder, float32.path, "--out", tmp_path / "out") == 1
    assert "with seed 0, and not of" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
