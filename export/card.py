"""Writes MODEL_CARD.md: what a model is for, what it is not for, and what was measured."""

from pathlib import Path

import jinja2
from jinja2 import select_autoescape

from service.contract import Manifest
from training.evaluate import Evaluation
from training.run import Run

CARD_FILE = "MODEL_CARD.md"
TEMPLATE = "MODEL_CARD.md.j2"
# How many of the most frequent confusions are named.
CONFUSIONS = 5


def write_card(folder: Path, manifest: Manifest, run: Run, evaluation: Evaluation | None) -> None:
    """Put the card of a model into its bundle; without an evaluation it says that there is none."""
    template = _environment().get_template(TEMPLATE)
    text = template.render(
        manifest=manifest,
        recipe=run.config.recipe,
        evaluation=evaluation,
        confusions=_confusions(evaluation, manifest) if evaluation else [],
    )
    (folder / CARD_FILE).write_text(text, encoding="utf-8", newline="\n")


def percent(share: float, places: int = 1) -> str:
    """A share in 0..1 as English readers write it: 94.1 %."""
    return f"{100 * share:.{places}f} %"


def spanish_percent(share: float, places: int = 1) -> str:
    """A share in 0..1 as it is written in Chile: 94,1 %."""
    return percent(share, places).replace(".", ",")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("export"),
        autoescape=select_autoescape(),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": percent, "percent_es": spanish_percent}
    return environment


def _confusions(evaluation: Evaluation, manifest: Manifest) -> list[tuple[str, str, int]]:
    """The most frequent errors: the true label, the given one, and how many images."""
    names = [label.en for label in manifest.labels]
    errors = [
        (names[true], names[given], count)
        for true, row in enumerate(evaluation.confusion)
        for given, count in enumerate(row)
        if count and true != given
    ]
    return sorted(errors, key=lambda error: -error[2])[:CONFUSIONS]
