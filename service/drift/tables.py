"""What ``rotulo drift`` shows to people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table

from service.i18n import load_catalogues
from service.wording import Lang, Wording

if TYPE_CHECKING:
    from service.drift.statistics import Comparison, Kind

_TITLE: Final = Wording("{model} contra su línea base", "{model} against its baseline")
_COLUMNS: Final = (
    Wording("Qué", "What"),
    Wording("Imágenes", "Images"),
    Wording("Distancia (95 %)", "Distance (95 %)"),
    Wording("Azar", "Chance"),
    Wording("Umbral", "Threshold"),
    Wording("Resultado", "Result"),
)
_KINDS: Final[dict[Kind, Wording]] = {
    "label": Wording("etiquetas", "labels"),
    "decision": Wording("decisiones", "decisions"),
    "score": Wording("puntajes", "scores"),
}
_DRIFTED: Final = Wording("[red]deriva[/]", "[red]drift[/]")
_STABLE: Final = Wording("[green]estable[/]", "[green]stable[/]")
_TOO_FEW: Final = Wording("[yellow]pocas imágenes[/]", "[yellow]too few images[/]")


def drift_table(model: str, comparisons: tuple[Comparison, ...], lang: Lang) -> Table:
    """Return a row for each distance, with its interval and what chance stays below."""
    words = load_catalogues()[lang]
    table = Table(*(column.say(lang) for column in _COLUMNS), title=_TITLE.say(lang, model=model))
    for each in comparisons:
        distance, low, high, noise, threshold = (
            words.decimal(value, 3)
            for value in (each.distance, each.low, each.high, each.noise, each.threshold)
        )
        result = _TOO_FEW if not each.enough else _DRIFTED if each.drifted else _STABLE
        table.add_row(
            _KINDS[each.kind].say(lang),
            str(each.images),
            f"{distance} ({low}–{high})",
            noise,
            threshold,
            result.say(lang),
        )
    return table
