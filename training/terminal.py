"""What the commands of training share: the console, answers in JSON, arguments and flags."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

console = Console()

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
RecipeName = Annotated[
    str, typer.Argument(help="A recipe's name (`list` shows them), or a file of a frozen one.")
]
Seed = Annotated[int, typer.Option(min=0)]
Epochs = Annotated[
    int | None,
    typer.Option(min=1, help="Fewer or more epochs than the recipe's, its schedule in proportion."),
]
DataSetName = Annotated[
    str | None, typer.Option("--data", help="Another data set than the recipe's: a name or a path.")
]
FromScratch = Annotated[
    bool, typer.Option("--from-scratch", help="Do without ImageNet weights, on purpose.")
]
Others = Annotated[
    list[Path] | None,
    typer.Option(
        help="Pictures of other things, to be known as such: a folder, or .npz with `x`; may be "
        "given again."
    ),
]
RunFolder = Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")]


def print_json(content: object) -> None:
    """One line of JSON on standard output."""
    sys.stdout.write(json.dumps(content, ensure_ascii=False) + "\n")
