"""What people answered for the images of CIFAR-10, beside what its labels say.

CIFAR-10N (Wei 2022, arXiv 2110.12088) has three labels by strangers for each training image, and
CIFAR-10H (Peterson 2019, arXiv 1908.07086) the votes of about fifty for each test image. They tell
how sure a label can be; nothing is fitted on them.
"""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from training.errors import DataError

FILE: Final = "human_labels.npz"
NOISY: Final = {
    "random": ("cifar10n_random_label1", "cifar10n_random_label2", "cifar10n_random_label3"),
    "aggregate": ("cifar10n_aggre_label",),
    "worst": ("cifar10n_worse_label",),
}
# How many of the most frequent confusions are kept.
CONFUSIONS: Final = 8


class LabelNoise(BaseModel):
    """How often people's labels differ from the data set's; shares in 0..1, classes by index.

    `rates` are of CIFAR-10N: of single labels, of the majority of three, and of the worst of three.
    `by_class` and `confusions` (label, what people said, share of the label's images) are of single
    labels. `votes_for_label` is the mean share of CIFAR-10H's votes that the test labels got, and
    `majority_elsewhere` how many test images most people called something else.
    """

    model_config = ConfigDict(frozen=True)

    rates: dict[str, float]
    by_class: tuple[float, ...]
    confusions: tuple[tuple[int, int, float], ...]
    votes_for_label: float | None = None
    majority_elsewhere: int | None = None


def label_noise(
    file: Path,
    train: NDArray[np.int64],
    test: NDArray[np.int64] | None,
    classes: int,
) -> LabelNoise:
    """People's labels against those of the whole training half [N], and of test [M] if given.

    Raises:
        DataError: the file is not what it should be, or is about other images.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            given = {name: np.asarray(arrays[name]) for name in arrays.files}
        clean = given["cifar10n_clean_label"]
        people = {kind: np.stack([given[name] for name in names]) for kind, names in NOISY.items()}
        votes = given["cifar10h_counts"].astype(np.float64)
    except (KeyError, OSError, ValueError) as error:
        raise DataError(file, "is no file of human labels", "Move it away, or mend it.") from error
    if not np.array_equal(clean, train):
        raise DataError(file, "is about other images, or in another order", "Move it away.")
    single = people["random"]
    counts = np.zeros((classes, classes))
    for answer in single:
        np.add.at(counts, (train, answer), 1)
    shares = counts / counts.sum(axis=1, keepdims=True)
    wrong = shares * (1 - np.eye(classes))
    order = np.argsort(-wrong, axis=None)[:CONFUSIONS]
    said = [(int(place // classes), int(place % classes)) for place in order]
    noise = LabelNoise(
        rates={kind: float((labels != train).mean()) for kind, labels in people.items()},
        by_class=tuple(float(share) for share in 1 - np.diag(shares)),
        confusions=tuple((true, other, float(wrong[true, other])) for true, other in said),
    )
    if test is None or len(votes) != len(test):
        return noise
    places = np.arange(len(test))
    return noise.model_copy(
        update={
            "votes_for_label": float((votes[places, test] / votes.sum(axis=1)).mean()),
            "majority_elsewhere": int((votes.argmax(axis=1) != test).sum()),
        }
    )
