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

from training.datasets import DataSet
from training.errors import DataError
from training.settings import TrainingSettings

FILE: Final = "human_labels.npz"
NOISY: Final = {
    "random": ("cifar10n_random_label1", "cifar10n_random_label2", "cifar10n_random_label3"),
    "aggregate": ("cifar10n_aggre_label",),
    "worst": ("cifar10n_worse_label",),
}
# How many of the most frequent confusions are kept.
CONFUSIONS: Final = 8
# A wrong answer that so many people give too is one that a person might have given.
SHARED: Final = 0.2
# CIFAR-10H's majority differs from the label on one image in a hundred; chance agrees on a tenth.
ALIGNED: Final = 0.5


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


class Agreement(BaseModel):
    """A model's answers beside the votes of people on the same images; shares in 0..1.

    `votes_for_given` is the mean share of votes that what the model says got, `votes_for_label`
    that of the data set's labels: how often a single person agrees with either. `majority_given`
    and `majority_label` say on what share of images most people say the same. `shared_mistakes` is
    the share of the model's wrong answers that at least `SHARED` of the people give too; None
    without wrong answers. `cross_entropy` of the model's probabilities against the votes, in nats,
    cannot fall below `vote_entropy`.
    """

    model_config = ConfigDict(frozen=True)

    n: int
    votes_per_image: float
    votes_for_given: float
    votes_for_label: float
    majority_given: float
    majority_label: float
    shared_mistakes: float | None
    cross_entropy: float
    vote_entropy: float


def find_file(settings: TrainingSettings, data_set: DataSet) -> Path | None:
    """The file of human labels beside the data, if it is there and the data is not one's own."""
    if settings.data_dir is None or data_set.own:
        return None
    folders = (settings.data_dir, settings.data_dir / data_set.origin)
    return next((folder / FILE for folder in folders if (folder / FILE).is_file()), None)


def agreement(
    file: Path, labels: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> Agreement | None:
    """Probabilities [N, classes] of the test images beside CIFAR-10H's votes on them.

    None where the votes are about another number of images or of classes.

    Raises:
        DataError: the file is not what it should be, or is about other images.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            counts = arrays["cifar10h_counts"].astype(np.float64)
    except (KeyError, OSError, ValueError) as error:
        raise DataError(file, "is no file of human labels", "Move it away, or mend it.") from error
    if counts.shape != probabilities.shape:
        return None
    votes = counts / counts.sum(axis=1, keepdims=True)
    most, given, places = votes.argmax(axis=1), probabilities.argmax(axis=1), np.arange(len(labels))
    if (most == labels).mean() < ALIGNED:
        raise DataError(file, "is about other images, or in another order", "Move it away.")
    wrong = given != labels
    tiny = np.finfo(np.float64).tiny
    return Agreement(
        n=len(labels),
        votes_per_image=float(counts.sum(axis=1).mean()),
        votes_for_given=float(votes[places, given].mean()),
        votes_for_label=float(votes[places, labels].mean()),
        majority_given=float((most == given).mean()),
        majority_label=float((most == labels).mean()),
        shared_mistakes=float((votes[places, given][wrong] >= SHARED).mean())
        if wrong.any()
        else None,
        cross_entropy=float(-(votes * np.log(np.maximum(probabilities, tiny))).sum(axis=1).mean()),
        vote_entropy=float(-(votes * np.log(np.maximum(votes, tiny))).sum(axis=1).mean()),
    )


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
