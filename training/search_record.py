"""What a search has found so far: for programs, for people, and as a recipe to fit."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

import optuna
from optuna.trial import TrialState

from training.recipe import Recipe
from training.run import write_atomically
from training.search_picture import draw_search
from training.search_space import Dimension, put_all

RECORD: Final = "search.json"
PICTURE: Final = "search.png"
BEST: Final = "best.json"


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial: its settings, and the accuracy of each fold in 0..1 if it came to its end.

    `best_epoch` is the best accuracy of any epoch, for those that were stopped.
    """

    number: int
    state: str
    chosen: dict[str, float]
    accuracy: float | None
    folds: tuple[float, ...]
    epochs: int
    best_epoch: float | None


@dataclass(frozen=True, slots=True)
class Trials:
    """All trials of a study by their number."""

    tried: tuple[Tried, ...]

    @classmethod
    def of(cls, study: optuna.Study) -> Self:
        """As the store has them now."""
        return cls(
            tuple(
                Tried(
                    number=trial.number,
                    state=trial.state.name.lower(),
                    chosen=dict(trial.params),
                    accuracy=trial.value if trial.state == TrialState.COMPLETE else None,
                    folds=tuple(trial.user_attrs.get("folds", ())),
                    epochs=len(trial.intermediate_values),
                    best_epoch=max(trial.intermediate_values.values(), default=None),
                )
                for trial in study.get_trials(deepcopy=False)
            )
        )

    @property
    def best(self) -> Tried | None:
        """The one of the highest accuracy; the first of equals."""
        complete = [trial for trial in self.tried if trial.accuracy is not None]
        return max(complete, key=lambda trial: trial.accuracy or 0.0, default=None)


def write_record(
    folder: Path, recipe: Recipe, space: tuple[Dimension, ...], trials: Trials
) -> Recipe | None:
    """Write all of it into the search's folder; the best recipe, if there is one yet."""
    best = trials.best
    found = _named(recipe, put_all(recipe, space, best.chosen), best) if best else None
    content = {
        "recipe": recipe.name,
        "best": best.number if best else None,
        "trials": [asdict(trial) for trial in trials.tried],
    }
    write_atomically(folder / RECORD, json.dumps(content, indent=2) + "\n")
    if found is not None:
        write_atomically(folder / BEST, found.model_dump_json(indent=2) + "\n")
        temporary = folder / f".{PICTURE}.{os.getpid()}"
        temporary.write_bytes(draw_search(trials.tried, space))
        temporary.replace(folder / PICTURE)
    return found


def _named(recipe: Recipe, found: Recipe, best: Tried) -> Recipe:
    return found.model_copy(
        update={
            "name": f"{recipe.name}-searched",
            "summary": f"{recipe.summary}; trial {best.number} of a search, "
            f"{best.accuracy:.4f} over {len(best.folds)} folds",
        }
    )
