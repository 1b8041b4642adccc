"""Label the files of one form together, so that a bad one never harms the others."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import structlog
from starlette.requests import Request

from service.answers import label_request, labels_answer, log_facts
from service.containment import let_go
from service.deadlines import deadline_of
from service.errors import InternalError, Overloaded, RotuloError
from service.labeller import LabelledImage, Labeller, LabelRequest
from service.language import language_of
from service.presence import ClientPresence
from service.problems import as_rotulo_error, problem_of
from service.schemas import BatchAnswer, LabelQuery, LabelsAnswer, Problem
from service.stages import RequestStages, keep_stages
from service.state import state_of
from service.turns import Caller
from service.uploads import read_files, upload_limits

_log = structlog.get_logger()


async def label_files(request: Request, query: LabelQuery, labeller: Labeller) -> BatchAnswer:
    """Return an item for each file of a request's form, in the order sent, by one model.

    Raises:
        RotuloError: the form as a whole, or the service is too busy for every one of the files.
        ClientLeft: the connection closed before the end.
    """
    state, started = state_of(request), time.monotonic()
    settings = state.settings
    asked = label_request(query, labeller.manifest)
    limits = upload_limits(settings, max_files=settings.max_batch_files)
    caller = partial(state.access.caller, request.scope)
    labeller.ensure_place(caller)
    with labeller, state.admission.upload(settings.max_batch_bytes) as upload:
        files = await read_files(request, upload, limits)
        await state.access.charge(request.scope, len(files) - 1, already=1)
        read_seconds = time.monotonic() - started
        async with ClientPresence(request):
            deadline = deadline_of(request)
            ends = await asyncio.gather(
                *(_label_or_fail(labeller, file, asked, deadline, caller) for file in files)
            )
    refusals = [end for end in ends if isinstance(end, Overloaded)]
    if len(refusals) == len(ends):
        raise refusals[-1]
    problem_lang = language_of(request.scope)
    items: list[LabelsAnswer | Problem] = []
    for end in ends:
        if isinstance(end, RotuloError):
            state.metrics.count_rejection(end.slug)
            items.append(problem_of(end, problem_lang, request.state.request_id))
        else:
            seconds = end.evidence.times.seconds(read_seconds)
            state.metrics.count_image(labeller.manifest, end.labelling, seconds)
            items.append(
                labels_answer(
                    end, labeller.manifest, query.lang, started=started, read_seconds=read_seconds
                )
            )
    labelled = [end for end in ends if not isinstance(end, RotuloError)]
    times = [end.evidence.times for end in labelled]
    keep_stages(request, RequestStages(started, read_seconds, times))
    request.state.log = {
        "images": len(items),
        "labelled": [
            log_facts(end, labeller.manifest, with_label=settings.log_labels) for end in labelled
        ],
    }
    return BatchAnswer(items=tuple(items))


async def _label_or_fail(
    labeller: Labeller,
    file: bytes | RotuloError,
    asked: LabelRequest,
    deadline: float,
    caller: Caller,
) -> LabelledImage | RotuloError:
    """Return how one file ended."""
    if isinstance(file, RotuloError):
        return file
    try:
        return await labeller.label(file, asked, deadline=deadline, caller=caller)
    except Exception as error:  # noqa: BLE001  # whatever it is, the other files go on
        known = as_rotulo_error(error)
        if isinstance(known, InternalError):
            _log.error("file of a batch failed", exc_info=error)
        let_go(error)
        return known
