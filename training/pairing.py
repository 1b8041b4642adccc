"""Puts two finished runs together: a run whose network is the pair of theirs.

Nothing is fitted. Each network's logits are divided by its temperature, which makes the two speak
with the confidence that each deserves, and are then averaged by the first one's share.
"""

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from training.datasets import find_data_set
from training.errors import RunError
from training.exposure import all_others, keep_others
from training.fit import build_model, calibrate, count, load_model, save_weights, splits_of
from training.recipe import Network, Pair, Recipe, Views
from training.run import Run, RunConfig
from training.settings import TrainingSettings

MEMBERS_FILE = "members.json"


def pair(  # noqa: PLR0913 - of what, with what shares, and where to
    first: Run,
    second: Run,
    folder: Path,
    settings: TrainingSettings,
    *,
    share: float = 0.5,
    views: Views = "single",
    sibling: Run | None = None,
    halved: bool = False,
) -> Run:
    """Write the run of the pair, calibrated on validation if neither network was fitted on it.

    Args:
        first: a finished run; its features are the pair's.
        second: a finished run on the same data, or on its images at half their size.
        folder: the new run's.
        settings: where the data is.
        share: of the first network, above 0 and below 1.
        views: of an image, over which the pair's logits are averaged.
        sibling: for a second run fitted on all images: whose temperature it takes.
        halved: round the weights to what float16 can say, so that a bundle can be half as large.

    Raises:
        DataError: the data cannot be used.
        RunError: a run is not finished, has no temperature, is a pair already or of other data;
            or the folder holds another run.
    """
    first.require_finished()
    second.require_finished()
    config = _config(first, second, share, views, sibling)
    run = Run.start(folder, config)
    if config.others:
        keep_others(run, all_others(first))
    _copy_records(first, second, run)
    model = _join(first, second, run, halved=halved)
    run.write("model.json", {"parameters": count(model), "total": model.count_params()})
    save_weights(model, run.weights)
    if config.fitted_on == "train":
        calibrate(run, splits_of(run, settings).validation)
    return run


def _config(first: Run, second: Run, share: float, views: Views, sibling: Run | None) -> RunConfig:
    one, two = first.config, second.config
    halved = _is_half(first, second)
    weights = (share / _temperature(first), (1 - share) / _temperature(sibling or second))
    networks = (_network(one.recipe), _network(two.recipe))
    recipe = one.recipe.model_copy(
        update={
            "name": f"{one.recipe.name}-with-{two.recipe.name}",
            "family": "pair",
            "summary": f"{one.recipe.name} and {two.recipe.name}, on the same image",
            "model": Pair(
                first=networks[0], second=networks[1], weights=weights, second_halved=halved
            ),
            "views": views,
        }
    )
    fitted_on = two.fitted_on if one.fitted_on == "train" else one.fitted_on
    return RunConfig(
        recipe=recipe,
        seed=one.seed,
        fitted_on=fitted_on,
        beginning=one.beginning,
        others=one.others,
    )


def _is_half(first: Run, second: Run) -> bool:
    """Whether the second run's images are the first one's at half their size."""
    one, two = (find_data_set(run.config.recipe.data) for run in (first, second))
    if one.origin == two.origin:
        (height, width, channels), small = one.shape, two.shape
        if small == one.shape:
            return False
        if small == (height / 2, width / 2, channels):
            return True
    raise RunError(
        f"{first.folder} and {second.folder} are of different data, or of sizes that do not match"
    )


def _network(recipe: Recipe) -> Network:
    if isinstance(recipe.model, Pair):
        raise RunError(f"{recipe.name} is a pair already")
    return recipe.model


def _temperature(run: Run) -> float:
    """That of the likelihood, which is what an average of logits is about."""
    calibration = run.read("calibration.json")
    temperature: float = calibration.get("likeliest_temperature", calibration["temperature"])
    return temperature


def _copy_records(first: Run, second: Run, run: Run) -> None:
    """Say what the pair was made of: the first one's environment, and both of their data."""
    run.write("environment.json", first.read("environment.json"))
    data = [member.read("data.json") for member in (first, second)]
    if data[0]["sha256"] != data[1]["sha256"]:
        raise RunError(f"{first.folder} and {second.folder} are of different data")
    run.write("data.json", max(data, key=lambda each: int(each["train"])))
    members = [member.config.model_dump(mode="json") for member in (first, second)]
    run.write(MEMBERS_FILE, {"members": members})


def _join(first: Run, second: Run, run: Run, *, halved: bool) -> keras.Model:
    """The pair's model in float32, with the weights of both."""
    weights = [*load_model(first).get_weights(), *load_model(second).get_weights()]
    model = build_model(run.config.recipe)
    model.set_weights([_half(weight) for weight in weights] if halved else weights)
    return model


def _half(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """The nearest numbers that float16 can say; biases and statistics, which are few, stay."""
    return weight.astype(np.float16).astype(np.float32) if weight.ndim > 1 else weight
