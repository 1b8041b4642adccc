"""The charts of `bench/serving.md`, as SVG: the same bytes for the same figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.goals import BUSY, OURS, find_load, limit_rate
from bench.results import Growth, Network, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OUR_COLOUR: Final = "#006FB3"
THEIR_COLOURS: Final = ("#0A132D", "#E22C2C", "#7A7A7A", "#8A5A00", "#4B7F52", "#5B2C83")
BAR_COLOUR: Final = "#A8A8A8"
INK: Final = "#0A132D"


def draw_charts(network: Network, folder: Path) -> None:
    """Write a network's charts."""
    folder.mkdir(parents=True, exist_ok=True)
    # The same identifiers in the file each time, and text that stays text.
    with mpl.rc_context({"svg.hashsalt": "rotulo", "svg.fonttype": "none", "font.size": 9}):
        _save(_peers(network), folder / network.chart("peers"))
        _save(_latency(network), folder / network.chart("latency"))
        if network.growth is not None:
            _save(_growth(network.growth), folder / network.chart("growth"))


def _save(figure: Figure, file: Path) -> None:
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})


def _peers(network: Network) -> Figure:
    """Bars of images a second for each kind of picture, and the limit as a line."""
    kinds = [picture.kind for picture in network.pictures]
    figure = Figure(figsize=(3.2 * len(kinds), 2.8), layout="constrained")
    names = [(one.name, one.title) for one in reversed(network.contestants)]
    for place, kind in enumerate(kinds):
        axes = figure.add_subplot(1, len(kinds), place + 1)
        loads = [find_load(network, name, None, kind, BUSY[kind]) for name, _ in names]
        rates = [median(load.rates) if load else 0.0 for load in loads]
        colours = [OUR_COLOUR if name == OURS else BAR_COLOUR for name, _ in names]
        bars = axes.barh([title for _, title in names], rates, color=colours)
        axes.bar_label(bars, fmt="%.0f" if max(rates) >= 10 else "%.1f", padding=2)  # noqa: PLR2004
        limit = limit_rate(network, kind)
        if limit is not None:
            axes.axvline(limit, color=INK, linestyle="--", linewidth=1)
        axes.set_title(f"{kind}, {BUSY[kind]} connections")
        axes.set_xlabel("images/s; dashed: in-process limit")
        axes.set_xlim(0, max([*rates, limit or 0.0]) * 1.25)
        axes.tick_params(axis="y", labelleft=place == 0)
        _bare(axes)
    return figure


def _latency(network: Network) -> Figure:
    """Lines of median latency against connections for each kind of picture."""
    kinds = [picture.kind for picture in network.pictures]
    figure = Figure(figsize=(3.2 * len(kinds), 3.2), layout="constrained")
    theirs = iter(THEIR_COLOURS)
    colours = {
        one.name: OUR_COLOUR if one.name == OURS else next(theirs) for one in network.contestants
    }
    for place, kind in enumerate(kinds):
        axes = figure.add_subplot(1, len(kinds), place + 1)
        for one in network.contestants:
            loads = sorted(
                (load for load in network.loads if (load.server, load.kind) == (one.name, kind)),
                key=lambda load: load.connections,
            )
            first = [load for load in loads if load.body == loads[0].body]
            axes.plot(
                [load.connections for load in first],
                [median(load.p50_ms) for load in first],
                color=colours[one.name],
                linewidth=2.2 if one.name == OURS else 1.2,
                marker="o",
                markersize=3,
                label=one.title,
            )
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter("{x:.0f}")
        axes.set_title(kind)
        axes.set_xlabel("connections")
        _bare(axes)
        if place == 0:
            axes.set_ylabel("p50, ms")
            handles, labels = axes.get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _growth(growth: Growth) -> Figure:
    """Four panels: batches, sizes of pictures, cores, replicas."""
    figure = Figure(figsize=(9.6, 5.6), layout="constrained")
    panels: tuple[tuple[str, Sequence[Point]], ...] = (
        ("Session alone: images in a batch", growth.session_batches),
        ("Pixels of a JPEG, 8 connections", growth.picture_sizes),
        ("Cores, M at 32 connections", growth.cores),
        ("Replicas, M at 32 connections", growth.replicas),
    )
    for place, (title, points) in enumerate(panels):
        axes = figure.add_subplot(2, 2, place + 1)
        bars = axes.bar([one.label for one in points], [one.rate for one in points], width=0.6)
        for bar in bars:
            bar.set_color(OUR_COLOUR)
        axes.bar_label(bars, fmt="%.0f", padding=2)
        axes.set_title(title)
        axes.set_ylabel("images/s")
        axes.margins(y=0.15)
        _bare(axes)
    return figure


def _bare(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
