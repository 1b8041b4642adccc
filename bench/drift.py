"""How far known pictures lie from the shipped baseline: `python -m bench.drift DATA`.

DATA holds `photos/CLASS/*` and `unknown/imagenet_samples_32.npz`, which are not in the repository.
"""

from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import typer

from service.bundles import find_bundles
from service.classifier import Classifier, OnnxClassifier
from service.contract import Pixels, decode_image, to_pixels
from service.cores import usable_cores
from service.drift.statistics import Counts, compare
from service.labelling import label
from service.manifest import SCORE_BOUNDS
from service.settings import SHIPPED_BUNDLES

MAX_PIXELS = 100_000_000


def main(data: Path) -> None:
    """Print each distance with its interval, and what chance stays below."""
    bundle = find_bundles(SHIPPED_BUNDLES)[-1]
    classifier = OnnxClassifier(bundle, provider="cpu", intra_op_threads=usable_cores())
    unknown = np.load(data / "unknown" / "imagenet_samples_32.npz")["x"]
    kinds = {"photos": photos(data / "photos", classifier), "other things": unknown}
    baseline = bundle.manifest.baseline
    if baseline is None:
        raise typer.BadParameter("the shipped bundle has no baseline")
    for name, pictures in kinds.items():
        for each in compare(count(pictures, classifier), baseline):
            print(
                f"{name}, {each.images} images: {each.kind} {each.distance:.3f} "
                f"({each.low:.3f} to {each.high:.3f}), chance {each.noise:.3f}, "
                f"{'drift' if each.drifted else 'no drift' if each.enough else 'too few'}"
            )


def photos(folder: Path, classifier: Classifier) -> Iterable[Pixels]:
    """The photos as the model takes them."""
    spec = classifier.manifest.input
    for path in sorted(folder.glob("*/*")):
        decoded = decode_image(path.read_bytes(), max_pixels=MAX_PIXELS, target=spec)
        yield to_pixels(decoded.image, spec)


def count(pictures: Iterable[Pixels], classifier: Classifier) -> Counts:
    """What the model says of some pictures."""
    manifest, counts = classifier.manifest, Counts()
    for pixels in pictures:
        (logits,) = classifier.run(pixels[None])
        labelling = label(logits, manifest, top_k=1)
        name, decision = manifest.labels[labelling.best].id, labelling.decision.value
        counts.labels[name] = counts.labels.get(name, 0) + 1
        counts.decisions[decision] = counts.decisions.get(decision, 0) + 1
        counts.scores[bisect_left(SCORE_BOUNDS, labelling.best_score)] += 1
    return counts


if __name__ == "__main__":
    typer.run(main)
