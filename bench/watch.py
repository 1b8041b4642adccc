"""Draws the dashboard of model quality from a real Prometheus's answers: `python -m bench.watch`.

It starts the service with the shipped bundle and a Prometheus beside it, sends the development
photos of all classes in turn and then, halfway, cats alone, and draws what Prometheus answers to
the panels' own expressions. Grafana is not asked: the picture is matplotlib's.
"""

import itertools
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Annotated

import matplotlib as mpl
import matplotlib.pyplot as plt
import typer
from matplotlib.axes import Axes

from bench.load import running_service
from bench.prometheus import Prometheus, running_prometheus
from deploy.panels import QUALITY, Panel

mpl.use("Agg")

DRAWN = Path(__file__).resolve().parent.parent / "docs" / "images" / "dashboard-modelo.png"
STEP_SECONDS = 1.0
SHORT = 16


def main(
    photos: Annotated[Path, typer.Argument(help="A folder of photos, one folder a class.")],
    *,
    seconds: Annotated[int, typer.Option(min=10, help="How long photos are sent.")] = 60,
    only: Annotated[str, typer.Option(help="The class of the second half.")] = "cat",
    out: Annotated[Path, typer.Option(help="Where the picture goes.")] = DRAWN,
) -> None:
    """Send photos, and draw what Prometheus says of them."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service() as (port, _),
        running_prometheus(Path(folder), [f"127.0.0.1:{port}"]) as prometheus,
    ):
        prometheus.wait_for("sum(rotulo_images_total) == 0")
        started = time.time()
        mixed = sorted(photos.glob("*/*"), key=lambda path: path.name)
        sent = send(port, mixed, started + seconds / 2)
        sent += send(port, sorted((photos / only).glob("*")), started + seconds)
        prometheus.wait_for(f"sum(rotulo_images_total) == {sent}")
        prometheus.wait_for("model:rotulo_drift:distance1d")
        draw(prometheus, started, time.time(), out)
    typer.echo(f"{sent} photos; written: {out}")


def send(port: int, paths: list[Path], until: float) -> int:
    """Label photos one after the other, again and again until a time; how many."""
    for count, path in enumerate(itertools.cycle(paths)):
        if time.time() >= until:
            return count
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/labels",
            data=path.read_bytes(),
            headers={"Content-Type": "image/jpeg"},
        )
        with urllib.request.urlopen(request, timeout=60):  # noqa: S310 - our own
            pass
    return 0


def draw(prometheus: Prometheus, start: float, end: float, out: Path) -> None:
    """Draw each panel from what Prometheus answers to its expressions."""
    figure, grid = plt.subplots(
        -(-len(QUALITY.panels) // 2), 2, figsize=(14, 16), layout="constrained"
    )
    for axes, panel in zip(grid.flat, QUALITY.panels, strict=False):
        _draw_panel(prometheus, panel, axes, (start, end))
    figure.suptitle(f"{QUALITY.title} (matplotlib, de las respuestas de Prometheus; no es Grafana)")
    figure.savefig(out, dpi=70)


def _draw_panel(
    prometheus: Prometheus, panel: Panel, axes: Axes, span: tuple[float, float]
) -> None:
    for query in panel.queries:
        asked = query.expression.replace("$job", ".*rotulo.*").replace("$__rate_interval", "10s")
        for series in prometheus.query_range(asked, *span, STEP_SECONDS):
            legend = query.legend
            for name, value in series["metric"].items():
                legend = legend.replace(f"{{{{{name}}}}}", value[:SHORT])
            points = [(float(at) - span[0], float(value)) for at, value in series["values"]]
            axes.plot(*zip(*points, strict=True), label=legend)
    axes.set_title(panel.title)
    axes.set_xlabel("segundos")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, ncol=2)


if __name__ == "__main__":
    typer.run(main)
