"""What the command line shows to people, as tables."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.doctor import Diagnosis
from service.i18n import load_catalogues
from service.schemas import LabelsAnswer, Problem
from service.wording import Lang, Wording

_FILE: Final = Wording("Archivo", "File")
_DECISION: Final = Wording("Decisión", "Decision")
_LABELS: Final = Wording("Etiquetas", "Labels")
_ERROR: Final = Wording("Error", "Error")
_STYLES: Final = {"accept": "green", "review": "yellow", "abstain": "magenta"}


def print_table(table: Table) -> None:
    """Write a table to standard output; whole and unwrapped where that is no terminal."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)


def label_table(ends: Iterable[tuple[Path, LabelsAnswer | Problem]], lang: Lang) -> Table:
    """Return a row for each file: its decision, and its labels with their scores in per cent."""
    words = load_catalogues()[lang]
    table = Table(_FILE.say(lang), _DECISION.say(lang), _LABELS.say(lang))
    for path, end in ends:
        if isinstance(end, LabelsAnswer):
            decision = f"[{_STYLES[end.decision]}]{words.text(f'decision.{end.decision}')}[/]"
            told = "\n".join(
                f"{escape(label.name)}  {words.percent(label.score)}" for label in end.labels
            )
        else:
            decision, told = f"[red]{_ERROR.say(lang)}[/]", escape(end.detail)
        table.add_row(escape(str(path)), decision, told)
    return table


def diagnosis_table(diagnosis: Diagnosis) -> Table:
    """Return what was found, one line for each thing, with what is wrong at the end."""
    table = Table("", "Found", show_header=False)
    flags = ", ".join(name for name, there in diagnosis.cpu_flags.items() if there)
    rows = [
        ("Rótulo", diagnosis.version),
        ("Python", diagnosis.python),
        ("ONNX Runtime", diagnosis.onnxruntime),
        ("Usable cores", f"{diagnosis.cores} of {diagnosis.host_cores}"),
        ("Threads", f"{diagnosis.inference_threads} inference, {diagnosis.decode_threads} decode"),
        ("CPU has", flags or "none of AVX2, AVX-512, AMX"),
        ("Providers", ", ".join(diagnosis.providers)),
    ]
    rows += [
        (f"Bundle {bundle.folder}", f"on {bundle.provider}, SHA-256 {bundle.sha256}")
        for bundle in diagnosis.bundles
        if not bundle.problem
    ]
    rows.append(("Would serve", diagnosis.served or "nothing"))
    for name, value in rows:
        table.add_row(name, escape(value))
    for text in diagnosis.missing:
        table.add_row("[yellow]Missing[/]", escape(text))
    for text in diagnosis.problems:
        table.add_row("[red]Problem[/]", escape(text))
    return table
