"""The temperature and thresholds that ship: the run's own, or a named sibling's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from export.errors import NotCalibrated
from service.contract import Abstention, Familiarity
from training.familiarity import RECORD_FILE
from training.run import Run

RECORD = "calibration.json"


@dataclass(frozen=True, slots=True)
class Calibration:
    """A temperature, what follows from it, and the accuracy (0..1) on the same images.

    `conditions` says which model saw the images.
    """

    temperature: float
    abstention: Abstention
    accuracy: float
    conditions: str


def read_calibration(run: Run, sibling: Run | None = None) -> Calibration:
    """The run's own calibration, or that of a run of the same recipe that had validation images.

    The sibling may have been fitted for another number of epochs.

    Raises:
        NotCalibrated: the run was fitted on all images and no sibling is named, it has its own and
            one is named, or the sibling is of another recipe or was fitted on all images too.
    """
    source, split = calibration_source(run, sibling)
    conditions = "Keras, float32"
    if sibling is not None:
        conditions += f"; {_sibling(sibling)}, not the model that ships"
    known = None
    if (run.folder / RECORD_FILE).is_file():
        known = Familiarity.model_validate(run.read(RECORD_FILE))
    return calibration_of(source.read(RECORD), split, conditions, known)


def calibration_source(run: Run, sibling: Run | None = None) -> tuple[Run, str]:
    """The run whose validation images were held back from it, and how that split is called.

    Raises:
        NotCalibrated: as for `read_calibration`.
    """
    source = run if sibling is None else _checked(run, sibling)
    if source.config.fitted_on == "all":
        raise NotCalibrated(
            f"{run.folder} was fitted on all images, so it has no images to be calibrated on; name "
            "a run of the same recipe fitted on `train` by --calibration-from"
        )
    split = "validation"
    if sibling is not None:
        split += f", by {_sibling(sibling)} fitted without these images"
    return source, split


def calibration_of(
    record: Mapping[str, Any], split: str, conditions: str, known: Familiarity | None
) -> Calibration:
    """The calibration that a record of `training.fit` holds."""
    thresholds = {name: record[name] for name in ("accept", "review", "coverage", "error", "n")}
    return Calibration(
        temperature=record["temperature"],
        abstention=Abstention(
            score="max_probability", split=split, familiarity=known, **thresholds
        ),
        accuracy=record["accuracy"],
        conditions=conditions,
    )


def _sibling(run: Run) -> str:
    return f"the sibling run of {run.epochs} epochs with seed {run.config.seed}"


def _checked(run: Run, sibling: Run) -> Run:
    if run.config.fitted_on == "train":
        raise NotCalibrated(f"{run.folder} has a calibration of its own; drop --calibration-from")
    ours, theirs = run.config.recipe, sibling.config.recipe
    # Recipes are settled on shorter fits; the epochs are then named beside the figures.
    of_our_length = theirs.fit.model_copy(update={"epochs": ours.fit.epochs})
    if theirs.model_copy(update={"fit": of_our_length}) != ours:
        raise NotCalibrated(
            f"{sibling.folder} differs from {run.folder} in more than its number of epochs"
        )
    return sibling
