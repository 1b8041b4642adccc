"""A search as a picture: how it went, and what each setting gave."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from training.figures import DARK, LIGHT
from training.search_space import Dimension

if TYPE_CHECKING:
    from training.search_record import Tried

COLUMNS = 3
GREY = "#8a8a8a"
DPI = 110


def draw_search(tried: "Sequence[Tried]", space: Sequence[Dimension]) -> bytes:
    """A PNG: accuracy by trial with the best so far, and accuracy by each setting.

    Trials that were stopped early stand at the best of their epochs, in grey.
    """
    panels = 1 + len(space)
    rows = -(-panels // COLUMNS)
    figure = Figure(figsize=(4.2 * COLUMNS, 3.4 * rows), layout="constrained", dpi=DPI)
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    _draw_course(grid[0], tried)
    for axes, dimension in zip(grid[1:], space, strict=False):
        _draw_dimension(axes, tried, dimension)
    for axes in grid[panels:]:
        axes.set_axis_off()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_course(axes: Axes, tried: "Sequence[Tried]") -> None:
    complete = [trial for trial in tried if trial.accuracy is not None]
    _scatter(axes, tried, [float(trial.number) for trial in tried])
    best = np.maximum.accumulate([trial.accuracy or 0.0 for trial in complete])
    numbers = [trial.number for trial in complete]
    axes.step(numbers, best, where="post", color=LIGHT, label="best so far")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, loc="lower right", fontsize="small")
    _dress(axes, "Trial")


def _draw_dimension(axes: Axes, tried: "Sequence[Tried]", dimension: Dimension) -> None:
    drawn = [trial for trial in tried if dimension.name in trial.chosen]
    _scatter(axes, drawn, [trial.chosen[dimension.name] for trial in drawn])
    axes.axvline(dimension.own, color=LIGHT, linestyle=":", linewidth=1)
    if dimension.choices:
        axes.set_xticks(dimension.choices, [f"{choice:g}" for choice in dimension.choices])
    else:
        axes.set_xscale("log")
    _dress(axes, f"{dimension.name} (dotted: the recipe's own)")


def _scatter(axes: Axes, tried: "Sequence[Tried]", across: list[float]) -> None:
    for complete, colour, marker, label in (
        (True, DARK, "o", "complete"),
        (False, GREY, "x", "stopped early"),
    ):
        shown = [
            (x, trial.accuracy if complete else trial.best_epoch)
            for x, trial in zip(across, tried, strict=True)
            if (trial.accuracy is not None) == complete and trial.best_epoch is not None
        ]
        if shown:
            xs, ys = zip(*shown, strict=True)
            axes.scatter(xs, ys, color=colour, marker=marker, s=28, label=label)


def _dress(axes: Axes, below: str) -> None:
    axes.set(xlabel=below, ylabel="Accuracy over the folds")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
