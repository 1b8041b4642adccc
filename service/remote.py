"""Label files from the command line at a service somewhere, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Final

from service import client
from service.errors import UnreadableFile
from service.offline import OFFLINE
from service.problems import problem_of
from service.schemas import LabelQuery, LabelsAnswer, Problem

AT_A_TIME: Final = 4
"""Files under way; a service has more clients than this one."""


def label_paths_at(
    url: str, key: str | None, paths: list[Path], query: LabelQuery
) -> Iterator[tuple[Path, LabelsAnswer | Problem]]:
    """Yield for each path, in their order, what the service said of the file.

    Raises:
        client.NoConnection, client.UnexpectedAnswer: there is no such service at the address.
    """
    given = query.model_fields_set

    def label(path: Path) -> LabelsAnswer | Problem:
        try:
            found = rotulo.label(
                path.read_bytes(),
                top_k=query.top_k if "top_k" in given else None,
                min_score=query.min_score if "min_score" in given else None,
                lang=query.lang,
            )
        except OSError:
            return problem_of(UnreadableFile(), query.lang, OFFLINE)
        except client.Problem as problem:
            return Problem(
                type=problem.type,
                title=problem.title,
                status=problem.status,
                detail=problem.detail or problem.title,
                request_id=problem.request_id or OFFLINE,
            )
        return LabelsAnswer.model_validate(asdict(found))

    with client.Rotulo(url, key=key) as rotulo, ThreadPoolExecutor(AT_A_TIME) as pool:
        yield from zip(paths, pool.map(label, paths), strict=True)
