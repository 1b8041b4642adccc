"""The way of one export: convert, optimise, prove, measure, and then put the bundle in place."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from export.baseline import HELD_BACK, SEEN, count_baseline
from export.bundle import publish, require_free, workshop
from export.calibration import Calibration
from export.card import write_card
from export.convert import to_onnx
from export.halve import halve
from export.manifest import Graph, describe, with_evaluation, with_parity
from export.network import Network
from export.optimise import optimise
from export.parity import Parity, classifier_logits, prove_parity
from export.wording import Wording
from service.bundles import Bundle, load_bundle
from service.classifier import OnnxClassifier
from service.contract import MANIFEST_FILE, MODEL_FILE, Manifest
from service.cores import usable_cores
from training.evaluate import Evaluation, LogitsOf
from training.familiarity import read_reference
from training.fit import load_model
from training.run import Run

Tell = Callable[[str], None]


class Measure(Protocol):
    """Measures the finished file on test, once; `sha256` is its digest, `file` where it is."""

    def __call__(self, logits_of: LogitsOf, *, sha256: str, file: Path) -> Evaluation:
        """What was measured, or the record of it."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A bundle in its place, and how it was proven; `evaluation` is None if none was asked for."""

    bundle: Bundle
    parity: Parity
    evaluation: Evaluation | None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a bundle goes, and whether one that is there may be replaced."""

    bundles: Path
    replace: bool = False


def export(  # noqa: PLR0913 - of what it is made, what proves it, where it goes
    run: Run,
    calibration: Calibration,
    validation: NDArray[np.uint8],
    target: Target,
    wording: Wording,
    *,
    more: NDArray[np.uint8] | None = None,
    measure: Measure | None = None,
    tell: Tell = lambda _: None,
) -> Exported:
    """Turn a finished run into a bundle; a failure leaves nothing behind.

    Args:
        run: the finished run.
        calibration: the temperature and thresholds that ship.
        validation: real images [N, H, W, C] to prove parity on, and to count the baseline on.
        target: where the bundle goes.
        wording: what it is called.
        more: further images [M, H, W, C] for the proof of parity alone.
        measure: measures the finished file on test; without it the bundle has no test figures.
        tell: is told each step as it begins.

    Raises:
        ExportError: anything that is wrong with the run, the graph or the target.
        RunError: the run is not finished.
    """
    require_free(target.bundles, wording.name, wording.version, replace=target.replace)
    tell("Loading the model")
    network = Network(load_model(run), run.config.recipe.views, read_reference(run))
    with workshop(target.bundles, wording.name, wording.version) as folder:
        tell("Converting to ONNX")
        graph = _write_graph(network, folder / MODEL_FILE)
        manifest = describe(run, wording, graph, calibration)
        classifier = _classifier(folder, manifest)
        images = validation if more is None else np.concatenate([validation, more])
        tell(f"Proving parity with Keras on {len(images):,} images")
        parity = prove_parity(network, classifier, images)
        split = HELD_BACK if run.config.fitted_on == "train" else SEEN
        baseline = count_baseline(parity.evidence[: len(validation)], manifest, split)
        manifest = with_parity(manifest, parity, len(validation)).model_copy(
            update={"baseline": baseline}
        )
        evaluation = None
        if measure is not None:
            tell("Measuring on test")
            evaluation = measure(
                lambda images: classifier_logits(classifier, images),
                sha256=graph.sha256,
                file=folder / MODEL_FILE,
            )
            manifest = with_evaluation(manifest, evaluation)
        manifest.write(folder / MANIFEST_FILE)
        write_card(folder, manifest, run, evaluation)
        tell("Putting the bundle in its place")
        place = publish(folder, target.bundles, replace=target.replace)
    return Exported(load_bundle(place), parity, evaluation)


def _write_graph(network: Network, path: Path) -> Graph:
    proto = halve(optimise(to_onnx(network)))
    content = proto.SerializeToString(deterministic=True)
    path.write_bytes(content)
    return Graph(hashlib.sha256(content).hexdigest(), len(content), network.model.count_params())


def _classifier(folder: Path, manifest: Manifest) -> OnnxClassifier:
    """The file as the service will load it, manifest and digest checked."""
    manifest.write(folder / MANIFEST_FILE)
    return OnnxClassifier(load_bundle(folder), provider="cpu", intra_op_threads=usable_cores())
