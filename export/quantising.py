"""From a float32 bundle to an int8 one: quantise, judge, calibrate anew, put in place."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import onnx
from numpy.typing import NDArray

from export.baseline import HELD_BACK, SEEN, count_baseline
from export.bundle import publish, require_free, workshop
from export.calibration import Calibration, calibration_of, calibration_source
from export.card import write_card
from export.convert import to_onnx
from export.errors import AccuracyFell, ExportError
from export.exporting import Target, Tell
from export.manifest import tool_versions, with_evaluation
from export.network import Network
from export.optimise import optimise
from export.parity import classifier_evidence, classifier_logits
from export.quantise import quantise
from service.bundles import Bundle, load_bundle
from service.classifier import OnnxClassifier
from service.contract import MANIFEST_FILE, MODEL_FILE, Familiarity, Figure, Manifest
from service.cores import usable_cores
from training.data import Splits
from training.evaluate import Evaluation, LogitsOf
from training.exposure import others_of
from training.familiarity import read_reference
from training.fit import calibration_record, load_model
from training.run import Run
from training.teaching import COVERAGE, REVIEWED

# Training images that the ranges of activations are found on.
SAMPLE = 512
CONDITIONS = "ONNX Runtime CPU, int8 (QDQ)"


class Measure(Protocol):
    """Measures the finished file on test, once; `sha256` is its digest."""

    def __call__(self, logits_of: LogitsOf, *, sha256: str, temperature: float) -> Evaluation:
        """What was measured, or the record of it."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to quantise, and under which name.

    `judge` is a run of the same recipe that held validation images back, where `run` did not.
    `allowed_fall` is the share of validation images, 0..1, by which accuracy may fall.
    """

    run: Run
    bundle: Bundle
    judge: Run | None
    name: str
    target: Target
    allowed_fall: float


@dataclass(frozen=True, slots=True)
class Quantised:
    """A bundle in its place; accuracies (0..1) of the judged pair on so many validation images."""

    bundle: Bundle
    before: float
    after: float
    images: int


def quantise_bundle(
    order: Order, splits: Splits, *, measure: Measure | None = None, tell: Tell = lambda _: None
) -> Quantised:
    """Write the int8 bundle of a float32 one; a failure leaves nothing behind.

    Raises:
        AccuracyFell: it costs more than is allowed.
        ExportError: the bundle is not the run's, nobody can judge it, or the place is taken.
    """
    float32 = order.bundle.manifest
    _require_same_origin(order.run, float32)
    judge, which = calibration_source(order.run, order.judge)
    require_free(order.target.bundles, order.name, float32.version, replace=order.target.replace)
    sample, held = _sample(splits.train.images, order.run.config.seed), splits.validation
    with workshop(order.target.bundles, order.name, float32.version) as folder:
        tell(f"Quantising by {len(sample):,} training images")
        source = onnx.load(order.bundle.model_path)
        content = _content(quantise(source, sample))
        tell(f"Judging it on {len(held):,} validation images")
        pair = (_content(source), content) if judge is order.run else _pair_of(order, judge, sample)
        manifest = float32.model_copy(update={"name": order.name})
        before, after = (
            classifier_evidence(_classifier(folder, each, manifest), held.images) for each in pair
        )
        classes = len(float32.labels)
        first, second = (_accuracy(each[:, :classes], held.labels) for each in (before, after))
        _require_accuracy(first, second, len(held), order.allowed_fall)
        tell("Calibrating it")
        calibration = calibration_of(
            calibration_record(judge, after[:, :classes], held.labels),
            which,
            CONDITIONS,
            _known(float32, after, _strangers(_classifier(folder, pair[1], manifest), judge)),
        )
        manifest = _described(manifest, calibration, first, which)
        classifier = _classifier(folder, content, manifest)
        baseline = count_baseline(
            classifier_evidence(classifier, held.images),
            classifier.manifest,
            HELD_BACK if judge is order.run else SEEN,
        )
        manifest = classifier.manifest.model_copy(update={"baseline": baseline})
        evaluation = None
        if measure is not None:
            tell("Measuring on test")
            evaluation = measure(
                lambda images: classifier_logits(classifier, images),
                sha256=manifest.model_sha256,
                temperature=manifest.temperature,
            )
            manifest = with_evaluation(manifest, evaluation)
        manifest.write(folder / MANIFEST_FILE)
        write_card(folder, manifest, order.run, evaluation)
        place = publish(folder, order.target.bundles, replace=order.target.replace)
    return Quantised(load_bundle(place), first, second, len(held))


def _require_same_origin(run: Run, manifest: Manifest) -> None:
    origin, config = manifest.provenance, run.config
    data = run.read("data.json")["sha256"]
    theirs = (origin.recipe, origin.seed, origin.data_sha256)
    if theirs != (config.recipe.name, config.seed, data):
        raise ExportError(
            f"{manifest.name}/{manifest.version} is of recipe {origin.recipe} with seed "
            f"{origin.seed}, and not of {run.folder}"
        )


def _sample(images: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    count = min(SAMPLE, len(images))
    return images[np.random.default_rng(seed).choice(len(images), count, replace=False)]


def _pair_of(order: Order, judge: Run, sample: NDArray[np.uint8]) -> tuple[bytes, bytes]:
    """The judge's graph in float32 and in int8, made in the way of those that ship.

    It tells the familiar by the run's reference, as where the run's own thresholds come from.
    """
    reference = read_reference(order.run)
    graph = optimise(to_onnx(Network(load_model(judge), judge.config.recipe.views, reference)))
    return _content(graph), _content(quantise(graph, sample))


def _content(proto: onnx.ModelProto) -> bytes:
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def _accuracy(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    return float((logits.argmax(axis=1) == labels).mean())


def _classifier(folder: Path, content: bytes, manifest: Manifest) -> OnnxClassifier:
    """A graph as the service will load it, with the manifest made true of its bytes."""
    digest = hashlib.sha256(content).hexdigest()
    (folder / MODEL_FILE).write_bytes(content)
    manifest.model_copy(update={"model_sha256": digest, "model_bytes": len(content)}).write(
        folder / MANIFEST_FILE
    )
    return OnnxClassifier(load_bundle(folder), provider="cpu", intra_op_threads=usable_cores())


def _require_accuracy(before: float, after: float, images: int, allowed: float) -> None:
    # Not `fall > allowed`, which the last bit of a difference would decide.
    if round((before - after) * images) > round(allowed * images):
        raise AccuracyFell(
            f"int8 gives {100 * after:.2f} % on {images:,} validation images where float32 gives "
            f"{100 * before:.2f} %, and {100 * allowed:g} points are allowed; --allowed-fall "
            "allows more"
        )


def _strangers(classifier: OnnxClassifier, judge: Run) -> NDArray[np.float32] | None:
    """The familiarity [N] of pictures of other things that the run was not shown, if it was any."""
    if judge.config.others is None or classifier.manifest.abstention.familiarity is None:
        return None
    return classifier_evidence(classifier, others_of(judge).held_back)[:, -1]


def _known(
    manifest: Manifest, evidence: NDArray[np.float32], strangers: NDArray[np.float32] | None
) -> Familiarity | None:
    """Thresholds of the familiarity anew, as shares of validation images like the first ones.

    So is the share of strangers that pass; where there are none at hand, no share is told.
    """
    known = manifest.abstention.familiarity
    if known is None:
        return None
    scores = evidence[:, -1]
    accept, review = (float(q) for q in np.quantile(scores, [1 - COVERAGE, 1 - REVIEWED]))
    return known.model_copy(
        update={
            "accept": accept,
            "review": review,
            "coverage": float((scores >= accept).mean()),
            "n": len(scores),
            "others": None if strangers is None else len(strangers),
            "others_accepted": None if strangers is None else float((strangers >= accept).mean()),
        }
    )


def _described(manifest: Manifest, calibration: Calibration, before: float, split: str) -> Manifest:
    """The manifest with what was found anew; figures of the float32 file are left behind."""
    figures = tuple(
        Figure(
            name=name,
            value=value,
            n=calibration.abstention.n,
            split="validation",
            conditions=f"{conditions}; {split}",
        )
        for name, value, conditions in (
            ("accuracy", calibration.accuracy, CONDITIONS),
            ("accuracy_float32", before, "ONNX Runtime CPU, float32, before it was quantised"),
        )
    )
    origin = manifest.provenance
    return manifest.model_copy(
        update={
            "temperature": calibration.temperature,
            "abstention": calibration.abstention,
            "figures": figures,
            "provenance": origin.model_copy(
                update={
                    "created": datetime.now(UTC).replace(microsecond=0),
                    "versions": {**origin.versions, **tool_versions()},
                }
            ),
        }
    )
