"""The pictures of a report, each as a `data:` address, so that the page needs nothing else.

Matplotlib is imported here alone, without its global state: a `Figure` that was not made by pyplot
belongs to nobody else and ends with its last reference.
"""

import base64
import io
from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray
from PIL import Image

from training.calibration import ReliabilityBin
from training.ranking import ClassRanking
from training.spanish import number, percent

# Two colours that differ in lightness too, for print and for those who see colours otherwise.
DARK, LIGHT = "#0a4a7a", "#c2571a"
# With a line style each, for the same reason.
STYLES = (
    (DARK, "-"),
    (LIGHT, "--"),
    ("#2d7d46", "-."),
    ("#7a3e9d", ":"),
    ("#8a6d00", "-"),
    ("#444444", "--"),
)
COLOURED = 5
# A class whose ROC encloses more has nothing to show but its corner.
CLOSE = 0.95
GAP = 2
WHITE = 255


def mosaic(rows: list[NDArray[np.uint8]], scale: int) -> str:
    """The address of `mosaic_png`."""
    return address("image/png", mosaic_png(rows, scale))


def mosaic_png(rows: list[NDArray[np.uint8]], scale: int) -> bytes:
    """A PNG of rows of images, each pixel `scale` times as large.

    Args:
        rows: uint8 [N, H, W, C] each, with C of 1 or 3.
        scale: an enlargement without smoothing.
    """
    columns = max(len(row) for row in rows)
    height, width, channels = rows[0].shape[1:]
    sheet = np.full(
        (len(rows) * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels),
        WHITE,
        np.uint8,
    )
    for place, row in enumerate(rows):
        top = place * (height + GAP)
        for column, image in enumerate(row):
            left = column * (width + GAP)
            sheet[top : top + height, left : left + width] = image
    picture = Image.fromarray(sheet.squeeze(-1) if channels == 1 else sheet)
    enlarged = picture.resize(
        (picture.width * scale, picture.height * scale), Image.Resampling.NEAREST
    )
    buffer = io.BytesIO()
    enlarged.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def learning_curves(history: list[dict[str, float]]) -> str:
    """Loss and accuracy by epoch, on training and, where there is one, on validation: an SVG."""
    figure = _figure(9.0, 3.4)
    losses, accuracies = figure.subplots(1, 2)
    for axes, name, title in ((losses, "loss", "Pérdida"), (accuracies, "accuracy", "Exactitud")):
        epochs = [epoch["epoch"] for epoch in history]
        axes.plot(epochs, [e[name] for e in history], "o-", color=DARK, label="Ajuste", ms=4)
        measured = [e for e in history if f"val_{name}" in e]
        if measured:
            values = [e[f"val_{name}"] for e in measured]
            epochs = [e["epoch"] for e in measured]
            axes.plot(epochs, values, "s--", color=LIGHT, label="Validación", ms=4)
        _dress(axes, title, "Época", title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False)
    losses.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 2)))
    accuracies.yaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value, 0)))
    return _svg(figure)


def reliability_diagram(
    bins: tuple[ReliabilityBin, ...], before: tuple[ReliabilityBin, ...] = ()
) -> str:
    """Accuracy over confidence; a point's area is the share of images in its bin: an SVG.

    `bins` are after the temperature; those `before` it are drawn beside where they are known.
    """
    figure = _figure(4.2, 4.0)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], ":", color="black", label="Calibración perfecta")
    if before:
        _bins(axes, before, LIGHT, "Sin calibrar")
    _bins(axes, bins, DARK, "Con la temperatura" if before else "Medida")
    _dress(axes, "Fiabilidad", "Confianza", "Exactitud")
    axes.set(xlim=(0, 1.03), ylim=(0, 1.03))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: percent(value, 0)))
    axes.legend(frameon=False)
    return _svg(figure)


def ranking_curves(curves: Sequence[tuple[str, ClassRanking]]) -> str:
    """ROC and precision-recall of each class; the worst in colour, the others in grey: an SVG.

    Where all are close to the corner only that is shown.
    """
    figure = _figure(9.0, 3.9)
    left, right = figure.subplots(1, 2)
    ordered = sorted(curves, key=lambda named: named[1].average_precision)
    for _, ranking in ordered[COLOURED:]:
        for axes, points in ((left, ranking.roc), (right, ranking.precision_recall)):
            axes.plot(*zip(*points, strict=True), color="#c9ced6", linewidth=1)
    for (name, ranking), (colour, style) in zip(ordered[:COLOURED], STYLES, strict=False):
        label = f"{name} ({number(ranking.average_precision, 3)})"
        for axes, points in ((left, ranking.roc), (right, ranking.precision_recall)):
            axes.plot(*zip(*points, strict=True), style, color=colour, lw=1.4, label=label)
    near = min(ranking.roc_auc for _, ranking in curves) > CLOSE
    part = " (la esquina, ampliada)" if near else ""
    _dress(left, f"ROC{part}", "Tasa de falsos positivos", "Tasa de verdaderos positivos")
    _dress(right, f"Precisión y exhaustividad{part}", "Exhaustividad", "Precisión")
    left.set(xlim=(-0.005, 0.3 if near else 1.0), ylim=(0.7 if near else 0.0, 1.01))
    right.set(xlim=(0.5 if near else 0.0, 1.01), ylim=(0.5 if near else 0.0, 1.01))
    right.legend(frameon=False, loc="lower left", title="Precisión media", fontsize="small")
    for axes in (left, right):
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: percent(value, 0)))
    return _svg(figure)


def accuracy_chart(rows: Sequence[tuple[str, float, bool]]) -> str:
    """A bar for each name and share in 0..1, from the top down, marked ones dark: an SVG."""
    figure = _figure(8.0, 0.6 + 0.27 * len(rows))
    axes = figure.subplots()
    places = range(len(rows), 0, -1)
    shares = [share for _, share, _ in rows]
    colours = [DARK if marked else "#b9cde0" for _, _, marked in rows]
    axes.barh(list(places), shares, color=colours, height=0.7)
    for place, share in zip(places, shares, strict=True):
        axes.annotate(f" {percent(share, 2)}", (share, place), va="center", fontsize="small")
    axes.set_yticks(list(places), [name for name, _, _ in rows], fontsize="small")
    axes.set(xlim=(0, 1.1))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value, 0)))
    axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure)


def accuracy_courses(courses: Sequence[tuple[str, list[dict[str, float]]]]) -> str:
    """Accuracy on validation by epoch, a line for each name and history: an SVG."""
    figure = _figure(8.0, 4.0)
    axes = figure.subplots()
    for place, (name, history) in enumerate(courses):
        measured = [epoch for epoch in history if "val_accuracy" in epoch]
        colour, style = STYLES[place % len(STYLES)]
        values = [epoch["val_accuracy"] for epoch in measured]
        epochs = [epoch["epoch"] for epoch in measured]
        axes.plot(epochs, values, style, color=colour, label=name, marker="o", ms=3)
    _dress(axes, "Exactitud en validación", "Época", "Exactitud")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value, 0)))
    axes.legend(frameon=False, fontsize="small")
    return _svg(figure)


def _bins(axes: Axes, bins: tuple[ReliabilityBin, ...], colour: str, label: str) -> None:
    areas = [20 + 400 * part.share for part in bins]
    confidences, accuracies = [b.confidence for b in bins], [b.accuracy for b in bins]
    axes.plot(confidences, accuracies, color=colour, linewidth=1)
    axes.scatter(confidences, accuracies, s=areas, color=colour, alpha=0.7, label=label)


def _figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, that draws with Agg."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _dress(axes: Axes, title: str, below: str, beside: str) -> None:
    axes.set(title=title, xlabel=below, ylabel=beside)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _svg(figure: Figure) -> str:
    """The figure without date or random ids, so that the same run gives the same page."""
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "rotulo"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return address("image/svg+xml", buffer.getvalue())


def address(media_type: str, content: bytes) -> str:
    """Content as a `data:` address, which needs no network."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
