"""Puts runs side by side: what they are, in which settings they differ, and what came out."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rich.table import Table

from training.errors import RunError
from training.evaluate import Evaluation, recorded_evaluation
from training.following import kept_epoch
from training.run import Run

# What a recipe says of itself, and not of how it fits.
NAMES = frozenset({"name", "family", "summary"})


@dataclass(frozen=True, slots=True)
class Compared:
    """A run and what came of it; None for what it does not have. Shares in 0..1, seconds."""

    run: Run
    folder: str
    recipe: str
    family: str
    seed: int
    fitted_on: str
    began_with: str | None
    data: str
    data_sha256: str | None
    finished: bool
    parameters: int | None
    epochs: int
    kept: int
    planned: int
    seconds: float
    device: str | None
    commit: str | None
    validation: float | None
    evaluation: Evaluation | None
    history: tuple[dict[str, float], ...]

    @property
    def label(self) -> str:
        """The name of its folder: what people tell runs apart by."""
        return self.run.folder.resolve().name

    @property
    def settings(self) -> dict[str, str]:
        """The frozen recipe as `fit.optimiser.learning_rate` to what it is there."""
        recipe = self.run.config.recipe
        content = recipe.model_dump(mode="json", exclude={"data"}) | {"data": recipe.data_name}
        return dict(sorted(_flattened(content)))

    def as_json(self) -> dict[str, Any]:
        """For programs; with the whole recipe and the record of what was measured."""
        content = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in {"run", "evaluation", "history"}
        }
        return {
            **content,
            "settings": self.settings,
            "evaluation": self.evaluation.model_dump(mode="json") if self.evaluation else None,
        }


def read_runs(folders: Sequence[Path]) -> tuple[Compared, ...]:
    """The runs in the order given.

    Raises:
        RunError: a folder holds no run.
    """
    return tuple(read_run(Run.open(folder)) for folder in folders)


def runs_beside(run: Run) -> tuple[Compared, ...]:
    """The other finished runs on the same images in the folder where this one is, best first."""
    found = []
    for path in sorted(run.folder.resolve().parent.glob("*/recipe.json")):
        if path.parent == run.folder.resolve():
            continue
        try:
            other = Run.open(path.parent)
        except RunError:
            # A run of another version is no reason to have no report of this one.
            continue
        if other.finished and other.config.recipe.data == run.config.recipe.data:
            found.append(read_run(other))
    return tuple(sorted(found, key=lambda other: -(other.validation or 0.0)))


def read_run(run: Run) -> Compared:
    """What there is to compare of a run."""
    recipe, history = run.config.recipe, run.history()
    environment, data = _recorded(run, "environment.json"), _recorded(run, "data.json")
    calibration, model = _recorded(run, "calibration.json"), _recorded(run, "model.json")
    return Compared(
        run=run,
        folder=str(run.folder),
        recipe=recipe.name,
        family=recipe.family,
        seed=run.config.seed,
        fitted_on=run.config.fitted_on,
        began_with=run.config.beginning.recipe if run.config.beginning else None,
        data=recipe.data_name,
        data_sha256=data.get("sha256"),
        finished=run.finished,
        parameters=model.get("parameters"),
        epochs=len(history),
        kept=kept_epoch(recipe.fit, history) if history else 0,
        planned=recipe.fit.planned_epochs or recipe.fit.epochs,
        seconds=sum(epoch.get("seconds", 0.0) for epoch in history),
        device=environment.get("device"),
        commit=environment.get("commit"),
        validation=calibration.get("accuracy"),
        evaluation=recorded_evaluation(run),
        history=tuple(history),
    )


def differing_settings(compared: Sequence[Compared]) -> dict[str, tuple[str, ...]]:
    """The settings in which the recipes differ, each with what it is in each run."""
    flat = [run.settings for run in compared]
    names = sorted({name for settings in flat for name in settings})
    columns = {name: tuple(settings.get(name, "–") for settings in flat) for name in names}
    return {name: values for name, values in columns.items() if len(set(values)) > 1}


def comparison_table(compared: Sequence[Compared]) -> Table:
    """A column a run: figures first, then the settings in which they differ."""
    table = Table("")
    for run in compared:
        table.add_column(run.label, overflow="fold")
    for name, cells in figures_of(compared).items():
        table.add_row(name, *cells)
    table.add_section()
    for name, cells in differing_settings(compared).items():
        table.add_row(name, *cells)
    if len({run.data_sha256 for run in compared} - {None}) > 1:
        table.caption = "They were fitted on different images: their figures say little together."
    return table


def figures_of(compared: Sequence[Compared]) -> dict[str, tuple[str, ...]]:
    """The rows of figures, each with a cell a run."""
    rows = [_figures(run) for run in compared]
    return {name: tuple(row[name] for row in rows) for name in rows[0]} if rows else {}


def _figures(run: Compared) -> dict[str, str]:
    measured = run.evaluation
    ranking = measured.ranking if measured else None
    return {
        "recipe": run.recipe + ("" if run.finished else " (not finished)"),
        "seed": str(run.seed),
        "fitted on": run.fitted_on,
        "began with": run.began_with or "–",
        "data": run.data,
        "parameters": "–" if run.parameters is None else f"{run.parameters:,}",
        "epochs": f"{run.epochs} of {run.planned}, kept {run.kept}",
        "minutes": f"{run.seconds / 60:.1f}",
        "validation accuracy": _share(run.validation),
        "test accuracy": "–"
        if measured is None
        else f"{_share(measured.accuracy)} ({_share(measured.accuracy_interval[0])} to "
        f"{_share(measured.accuracy_interval[1])})",
        "test, macro F1": _share(measured.macro_f1 if measured else None),
        "test, ROC AUC": _share(ranking.roc_auc if ranking else None),
        "test, NLL": "–" if measured is None else f"{measured.negative_log_likelihood:.4f}",
        "test, Brier": "–" if measured is None else f"{measured.brier:.4f}",
        "test, ECE before / after": "–"
        if measured is None
        else f"{_share(measured.ece_before)} / {_share(measured.ece_after)}",
        "device": run.device or "–",
    }


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f} %"


def _recorded(run: Run, name: str) -> dict[str, Any]:
    return run.read(name) if (run.folder / name).is_file() else {}


def _flattened(content: object, prefix: str = "") -> list[tuple[str, str]]:
    if isinstance(content, dict):
        return [
            pair
            for name, value in content.items()
            if prefix or name not in NAMES
            for pair in _flattened(value, f"{prefix}.{name}" if prefix else name)
        ]
    if content is None:
        return [(prefix, "none")]
    if isinstance(content, list):
        return [(prefix, ", ".join(map(str, content)))]
    return [(prefix, str(content))]
