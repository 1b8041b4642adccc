"""The temperature and thresholds that ship: the run's own, or a named sibling's."""

from dataclasses import dataclass

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
    source = run if sibling is None else _checked(run, sibling)
    if source.config.fitted_on == "all":
        raise NotCalibrated(
            f"{run.folder} was fitted on all images, so it has no images to be calibrated on; name "
            "a run of the same recipe fitted on `train` by --calibration-from"
        )
    record = source.read(RECORD)
    split, conditions = str(record["split"]), "Keras, float32"
    if sibling is not None:
        config = source.config
        which = f"the sibling run of {config.recipe.fit.epochs} epochs with seed {config.seed}"
        split += f", by {which} fitted without these images"
        conditions += f"; {which}, not the model that ships"
    known = None
    if (run.folder / RECORD_FILE).is_file():
        known = Familiarity.model_validate(run.read(RECORD_FILE))
    thresholds = {name: record[name] for name in ("accept", "review", "coverage", "error", "n")}
    return Calibration(
        temperature=record["temperature"],
        abstention=Abstention(
            score="max_probability", split=split, familiarity=known, **thresholds
        ),
        accuracy=record["accuracy"],
        conditions=conditions,
    )


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
