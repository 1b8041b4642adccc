"""Counts what a bundle says on known images, for its use to be compared with.

`python -m export.baseline BUNDLE` adds the count to a bundle that was exported without one, or
takes it anew; nothing else of the bundle changes.
"""

from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from export.bundle import WORKSHOP_PREFIX
from export.parity import classifier_evidence
from service.bundles import load_bundle
from service.classifier import OnnxClassifier
from service.contract import MANIFEST_FILE, Baseline, Manifest
from service.cores import usable_cores
from service.labelling import Decision, label
from service.manifest import SCORE_BOUNDS
from training.data import load_splits
from training.settings import TrainingSettings

HELD_BACK = "validation"
SEEN = "validation; the model was fitted on these images too, so its scores are higher here"


def count_baseline(evidence: NDArray[np.float32], manifest: Manifest, split: str) -> Baseline:
    """How often each label, decision and score came, from the evidence [N, evidence_size]."""
    labellings = [label(row, manifest, top_k=1) for row in evidence]
    scores = np.array([labelling.best_score for labelling in labellings])
    bins = np.bincount(np.searchsorted(SCORE_BOUNDS, scores), minlength=len(SCORE_BOUNDS))
    best = Counter(manifest.labels[labelling.best].id for labelling in labellings)
    decisions = Counter(labelling.decision for labelling in labellings)
    return Baseline(
        n=len(labellings),
        labels={each.id: best[each.id] for each in manifest.labels},
        decisions={decision.value: decisions[decision] for decision in Decision},
        scores=tuple(int(count) for count in bins),
        split=split,
    )


def main(
    bundle: Annotated[Path, typer.Argument(help="A bundle's folder, NAME/VERSION.")],
    *,
    data: Annotated[str, typer.Option(help="The data set of its validation images.")] = "cifar10",
    seen: Annotated[
        bool, typer.Option("--seen", help="The model was fitted on all images, these too.")
    ] = False,
) -> None:
    """Count what a bundle says on validation images, and write that into its manifest."""
    loaded = load_bundle(bundle)
    classifier = OnnxClassifier(loaded, provider="cpu", intra_op_threads=usable_cores())
    images = load_splits(data, TrainingSettings()).validation.images
    evidence = classifier_evidence(classifier, images)
    baseline = count_baseline(evidence, loaded.manifest, SEEN if seen else HELD_BACK)
    beside = bundle / f"{WORKSHOP_PREFIX}{MANIFEST_FILE}"
    loaded.manifest.model_copy(update={"baseline": baseline}).write(beside)
    beside.replace(bundle / MANIFEST_FILE)
    typer.echo(baseline.model_dump_json(indent=2))


if __name__ == "__main__":
    typer.run(main)
