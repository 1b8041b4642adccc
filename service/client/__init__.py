"""A client of the API for programs in Python; needs httpx and nothing else.

Install ``rotulo[client]``, or copy this folder into a program: it imports nothing of ours. ::

    with Rotulo("https://rotulo.example.cl") as rotulo:
        labelling = rotulo.label(Path("foto.jpg"))
        if labelling.decision == "accept":
            print(labelling.labels[0].name)

``AsyncRotulo`` is the same with ``await``. What goes wrong is a ``ClientError``. A call that met a
full service (429, 503), a gateway's trouble (502, 504) or a broken connection is made again within
the bounds of ``Retries``: labelling the same image twice does no harm.
"""

from .answers import (
    Correction,
    Decision,
    Explanation,
    Grid,
    ImageFacts,
    Labelling,
    ModelRef,
    ModelSummary,
    ScoredLabel,
    Timing,
)
from .callers import AsyncRotulo, Rotulo
from .errors import ClientError, NoConnection, Problem, Retries, TimedOut, UnexpectedAnswer
from .exchange import Image, Lang

__all__ = [
    "AsyncRotulo",
    "ClientError",
    "Correction",
    "Decision",
    "Explanation",
    "Grid",
    "Image",
    "ImageFacts",
    "Labelling",
    "Lang",
    "ModelRef",
    "ModelSummary",
    "NoConnection",
    "Problem",
    "Retries",
    "Rotulo",
    "ScoredLabel",
    "TimedOut",
    "Timing",
    "UnexpectedAnswer",
]
