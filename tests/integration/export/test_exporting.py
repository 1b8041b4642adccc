"""The whole way of an export on small models: what comes out, and that failures leave nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from export.calibration import read_calibration
from export.errors import BundleExists, ExportError, ParityError
from export.exporting import Exported, Target, export
from export.network import Network
from export.parity import MINIMUM_IMAGES, TOLERANCE
from export.wording import Wording
from service.bundles import find_bundles, load_bundle
from service.classifier import OnnxClassifier
from service.contract import Figure, LocalisedText
from tests.colours import CLASSES
from tests.runs import recipe_of, write_random_weights, write_run
from tests.unmeasured import unmeasured
from training.data import Split, load_splits
from training.errors import RunError
from training.familiarity import METHODS, Method, read_reference
from training.fit import load_model
from training.recipe import Airbench, Pair, Recipe, ResNet, TinyCnn, Views
from training.run import Run
from training.settings import TrainingSettings
from training.teaching import write_familiarity
from training.views import logits_of

TITLE = LocalisedText(es="Colores", en="Colours")
WORDING = Wording(name="colours", title=TITLE)
SMALL = (8, 8, 8)


def export_to(run: Run, out: Path, validation: Split, *, replace: bool = False) -> Exported:
    return export(
        run,
        read_calibration(run),
        validation.images,
        Target(out, replace=replace),
        WORDING,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, validation: Split) -> Run:
    return write_run(tmp_path_factory.mktemp("run"), validation=validation)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, run: Run, validation: Split) -> Exported:
    return export_to(run, tmp_path_factory.mktemp("bundles"), validation)


@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param(recipe_of(TinyCnn(width=4), "single"), id="tiny-single"),
        pytest.param(recipe_of(TinyCnn(width=4), "flip-shift"), id="tiny-flip-shift"),
        pytest.param(recipe_of(Airbench(widths=SMALL), "flip"), id="airbench-gelu-flip"),
        pytest.param(recipe_of(Airbench(widths=SMALL, activation="relu")), id="airbench-relu"),
        pytest.param(recipe_of(ResNet(depth=8, width=4), "flip"), id="resnet-flip"),
    ],
)
def test_the_bundle_says_what_keras_says_and_holds_no_norm(
    recipe: Recipe, tmp_path: Path, validation: Split
) -> None:
    run = write_run(tmp_path / "run", recipe, validation=validation)
    exported = export_to(run, tmp_path / "out", validation)

    bundle = load_bundle(tmp_path / "out" / "colours" / "1")
    images = validation.images[:37]
    given = OnnxClassifier(bundle, provider="cpu").run(images)
    expected = logits_of(load_model(run), recipe.views, images)
    assert exported.parity.largest_difference <= TOLERANCE
    counted = bundle.manifest.baseline
    assert counted is not None
    assert (counted.n, counted.split) == (len(validation), "validation")
    best = np.bincount(exported.parity.evidence.argmax(axis=1), minlength=len(CLASSES))
    assert [counted.labels[label.id] for label in CLASSES] == best.tolist()
    np.testing.assert_allclose(given, expected, atol=TOLERANCE)
    # An affine layer of which nothing is left is one that the convolutions took in.
    kinds = [node.op_type for node in onnx.load(bundle.model_path).graph.node]
    assert not {"BatchNormalization", "Tanh", "Max"} & set(kinds)
    between = kinds[kinds.index("Conv") : len(kinds) - kinds[::-1].index("Conv")]
    assert between.count("Mul") == 0


def test_the_bundle_of_a_pair_shows_its_second_network_the_image_at_half_its_size(
    tmp_path: Path, validation: Split
) -> None:
    tiny = TinyCnn(width=4)
    pair = Pair(first=tiny, second=tiny, weights=(0.4, 0.6), second_halved=True)
    run = write_run(tmp_path / "run", recipe_of(pair, "flip"), validation=validation)
    export_to(run, tmp_path / "out", validation)
    bundle = load_bundle(tmp_path / "out" / "colours" / "1")
    noise = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8)
    for images in (noise, validation.images[:37]):
        given = OnnxClassifier(bundle, provider="cpu").run(images)
        np.testing.assert_allclose(
            given, logits_of(load_model(run), "flip", images), atol=TOLERANCE
        )


@pytest.mark.parametrize("method", [*METHODS, "outliers"])
def test_a_bundle_that_tells_the_familiar_says_of_it_what_tensorflow_says(
    method: Method, tmp_path: Path, many: TrainingSettings, validation: Split
) -> None:
    run = write_run(tmp_path / "run", recipe_of(TinyCnn(width=4), "flip"), validation=validation)
    others = np.random.default_rng(3).integers(0, 256, (40, *validation.images.shape[1:]), np.uint8)
    write_familiarity(run, many, method, others=others)
    manifest = export_to(run, tmp_path / "out", validation).bundle.manifest

    known, images = manifest.abstention.familiarity, validation.images
    assert known is not None
    assert (known.method, known.n, known.split) == (method, len(validation), "validation")
    bundle = load_bundle(tmp_path / "out" / "colours" / "1")
    given = OnnxClassifier(bundle, provider="cpu").run(images)
    network = Network(load_model(run), "flip", read_reference(run))
    np.testing.assert_allclose(given, network.evidence_of(images), rtol=1e-3, atol=1e-3)
    assert (given[:, -1] >= known.accept).mean() == pytest.approx(known.coverage, abs=1e-3)
    assert known.coverage == pytest.approx(0.95, abs=1e-3)


def test_a_run_fitted_on_all_images_cannot_tell_the_familiar(
    tmp_path: Path, many: TrainingSettings
) -> None:
    run = write_run(tmp_path, fitted_on="all")
    with pytest.raises(RunError, match="fitted on all images"):
        write_familiarity(run, many, "energy")


def test_a_bundle_holds_its_three_files_and_nothing_else_is_left(exported: Exported) -> None:
    path = exported.bundle.path
    assert {file.name for file in path.iterdir()} == {
        "model.onnx",
        "manifest.json",
        "MODEL_CARD.md",
    }
    assert [entry.name for entry in path.parent.parent.iterdir()] == ["colours"]
    assert find_bundles(path.parent.parent) == (exported.bundle,)


def test_the_manifest_is_true_of_the_run(exported: Exported, run: Run) -> None:
    manifest = exported.bundle.manifest
    calibration = run.read("calibration.json")
    assert [label.id for label in manifest.labels] == [name.id for name in CLASSES]
    assert manifest.temperature == calibration["temperature"]
    assert manifest.abstention.accept == calibration["accept"]
    assert manifest.provenance.recipe == run.config.recipe.name
    assert manifest.provenance.data_sha256 == run.read("data.json")["sha256"]
    assert manifest.provenance.parameters == load_model(run).count_params()
    assert {"keras", "onnx", "tf2onnx"} <= set(manifest.provenance.versions)


def test_an_export_without_test_figures_says_so(exported: Exported) -> None:
    figures = exported.bundle.manifest.figures
    assert {figure.split for figure in figures} == {"validation"}
    assert figures[-1] == Figure(
        name="largest_logit_difference",
        value=exported.parity.largest_difference,
        n=MINIMUM_IMAGES,
        split="validation",
        conditions="model.onnx against Keras, float32, the same top-1 on all",
    )
    card = (exported.bundle.path / "MODEL_CARD.md").read_text("utf-8")
    assert "The test split has not been measured." in card
    assert "Todavía no se ha medido" in card


def test_the_same_run_gives_the_same_file_again(
    exported: Exported, run: Run, tmp_path: Path, validation: Split
) -> None:
    again = export_to(run, tmp_path, validation)
    assert again.bundle.manifest.model_sha256 == exported.bundle.manifest.model_sha256


def test_logits_that_are_no_numbers_fail_the_export_and_leave_nothing(
    tmp_path: Path, validation: Split
) -> None:
    run = write_run(tmp_path / "run", validation=validation)
    write_random_weights(run, seed=0, spoiled=True)
    with pytest.raises(ParityError, match="no finite logits"):
        export_to(run, tmp_path / "out", validation)
    assert list((tmp_path / "out").iterdir()) == []


def test_too_few_images_fail_the_export_and_leave_nothing(
    run: Run, tmp_path: Path, validation: Split
) -> None:
    few = Split(validation.images[:-1], validation.labels[:-1])
    with pytest.raises(ParityError, match="2000 images or more, got 1999"):
        export_to(run, tmp_path, few)
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_that_is_there_is_kept_unless_it_is_to_be_replaced(
    tmp_path: Path, validation: Split
) -> None:
    run = write_run(tmp_path / "run", validation=validation)
    first = export_to(run, tmp_path / "out", validation).bundle
    write_random_weights(run, seed=1)
    with pytest.raises(BundleExists, match="--replace"):
        export_to(run, tmp_path / "out", validation)
    assert load_bundle(first.path) == first
    second = export_to(run, tmp_path / "out", validation, replace=True).bundle
    assert second.path == first.path
    assert second.manifest.model_sha256 != first.manifest.model_sha256
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["colours"]


def test_a_target_that_is_no_folder_is_named(run: Run, tmp_path: Path, validation: Split) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="file/out cannot be written to"):
        export_to(run, tmp_path / "file" / "out", validation)


# By then the graph and a first manifest are written.
KILLED_HALF_WAY = """
import os, signal, sys
from pathlib import Path
import numpy as np
from export.calibration import read_calibration
from export.exporting import Target, export
from tests.integration.export.test_exporting import WORDING
from tests.runs import many_colours
from training.run import Run

def tell(step):
    if step.startswith("Proving parity"):
        os.kill(os.getpid(), signal.SIGKILL)

many_colours()
run = Run.open(Path(sys.argv[1]))
images = np.zeros((1, 32, 32, 3), np.uint8)
export(run, read_calibration(run), images, Target(Path(sys.argv[2])), WORDING, tell=tell)
"""


@pytest.mark.timeout(900)  # TensorFlow starts once more, perhaps on a busy machine
def test_a_killed_export_leaves_no_bundle_and_another_process_makes_the_same_file(
    exported: Exported,
    run: Run,
    root: Path,
    tmp_path: Path,
    validation: Split,
) -> None:
    command = [sys.executable, "-c", KILLED_HALF_WAY]
    arguments = [str(run.folder), str(tmp_path)]
    killed = subprocess.run(
        [*command, *arguments], cwd=root, env=unmeasured(), capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    (left,) = tmp_path.glob(".export-*/colours/1/model.onnx")
    assert left.read_bytes() == exported.bundle.model_path.read_bytes()
    assert find_bundles(tmp_path) == ()
    assert export_to(run, tmp_path, validation).bundle == load_bundle(tmp_path / "colours" / "1")


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Split:
    """Return as many real validation images as a proof of parity asks for."""
    validation = load_splits("cifar10", TrainingSettings(data_dir=shared_data)).validation
    return Split(validation.images[:MINIMUM_IMAGES], validation.labels[:MINIMUM_IMAGES])


@pytest.mark.shared
@pytest.mark.no_cover  # the same lines as on the drawn images above
@pytest.mark.parametrize("views", ["single", "flip", "flip-shift"])
def test_parity_holds_on_the_real_validation_images(
    tmp_path: Path, real: Split, views: Views
) -> None:
    recipe = recipe_of(TinyCnn(), views).model_copy(update={"data": "cifar10"})
    run = write_run(tmp_path / "run", recipe, validation=real)
    exported = export_to(run, tmp_path / "out", real)
    assert exported.parity.images == MINIMUM_IMAGES
    assert len(exported.bundle.manifest.labels) == 10
