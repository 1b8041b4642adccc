"""Label one image, or several."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import structlog
from fastapi import APIRouter, Query, Request, Response

from service.answers import labels_answer
from service.errors import (
    DeadlineExceeded,
    EmptyBody,
    ImageTooLarge,
    InferenceFailed,
    InternalError,
    InvalidParameter,
    MalformedMultipart,
    MissingFile,
    NotReady,
    Overloaded,
    PayloadTooLarge,
    RotuloError,
    TooManyFiles,
    UndecodableImage,
    UnsupportedImage,
    UnsupportedMediaType,
    UploadTimeout,
    Wording,
)
from service.labeller import LabelledImage, Labeller, LabelRequest
from service.language import language_of
from service.multipart import FORM_OVERHEAD_BYTES
from service.openapi import many_images_body, one_image_body, problems
from service.presence import ClientPresence
from service.problems import as_rotulo_error, problem_of
from service.schemas import BatchAnswer, LabelQuery, LabelsAnswer, Problem
from service.state import ServiceState, state_of
from service.uploads import UploadLimits, read_files, read_image

router = APIRouter(tags=["labels"])
_log = structlog.get_logger()

_OF_AN_UPLOAD = (
    MalformedMultipart,
    UploadTimeout,
    PayloadTooLarge,
    UnsupportedMediaType,
    InvalidParameter,
    MissingFile,
    TooManyFiles,
    InternalError,
    Overloaded,
    NotReady,
)
_OF_AN_IMAGE = (
    EmptyBody,
    ImageTooLarge,
    UnsupportedImage,
    UndecodableImage,
    InferenceFailed,
    DeadlineExceeded,
)


@router.post(
    "/v1/labels",
    summary="Label one image",
    response_model=LabelsAnswer,
    responses=problems(*_OF_AN_UPLOAD, *_OF_AN_IMAGE),
    openapi_extra=one_image_body(),
)
async def label_image(request: Request, query: Annotated[LabelQuery, Query()]) -> Response:
    """Send the image as the body, or in the field `file` of a form.

    JPEG, PNG, WebP, GIF (first frame), BMP, TIFF and AVIF are taken; the bytes tell which it is.
    """
    state, started = state_of(request), time.perf_counter()
    labeller, settings = state.labeller, state.settings
    asked = label_request(query, labeller)
    limits = _limits(state, max_files=1)
    with state.admission.upload(settings.max_upload_bytes + FORM_OVERHEAD_BYTES) as upload:
        image = await read_image(request, upload, limits)
        read = time.perf_counter() - started
        async with ClientPresence(request.receive):
            labelled = await labeller.label(image, asked)
    answer = labels_answer(
        labelled, labeller.manifest, query.lang, started=started, read_seconds=read
    )
    _count(state, labelled, read)
    request.state.log = {"decision": answer.decision, "timing_ms": answer.timing_ms.model_dump()}
    return _json(answer)


@router.post(
    "/v1/labels/batch",
    summary="Label several images",
    response_model=BatchAnswer,
    responses=problems(*_OF_AN_UPLOAD, DeadlineExceeded),
    openapi_extra=many_images_body(),
)
async def label_images(request: Request, query: Annotated[LabelQuery, Query()]) -> Response:
    """Send the images in fields `file` of a form.

    Each has its item in the answer, in the same order: a labelling, or the problem that it would
    have had alone. When the service is too busy for every one of them, the whole is a problem.
    """
    return _json(await label_form(request, query))


async def label_form(request: Request, query: LabelQuery) -> BatchAnswer:
    """Return one item for each file of a request's form; the page without its script asks too.

    Raises:
        RotuloError: of the form as a whole, or the service is too busy for all of its files.
        ClientLeft: the connection closed before the answer.
    """
    state, started = state_of(request), time.perf_counter()
    labeller, settings = state.labeller, state.settings
    asked = label_request(query, labeller)
    limits = _limits(state, max_files=settings.max_batch_files)
    with state.admission.upload(settings.max_batch_bytes) as upload:
        files = await read_files(request, upload, limits)
        read = time.perf_counter() - started
        async with ClientPresence(request.receive):
            ends = await asyncio.gather(*(_label_or_fail(labeller, file, asked) for file in files))
    refusals = [end for end in ends if isinstance(end, Overloaded)]
    if len(refusals) == len(ends):
        raise refusals[-1]
    lang = language_of(request.scope)
    items: list[LabelsAnswer | Problem] = []
    for end in ends:
        if isinstance(end, RotuloError):
            state.metrics.count_rejection(end.slug)
            items.append(problem_of(end, lang, request.state.request_id))
        else:
            _count(state, end, read)
            items.append(
                labels_answer(
                    end, labeller.manifest, query.lang, started=started, read_seconds=read
                )
            )
    request.state.log = {"images": len(items)}
    return BatchAnswer(items=tuple(items))


def label_request(query: LabelQuery, labeller: Labeller) -> LabelRequest:
    """Return what a query asks of a model; the default of top-k is cut to the model's classes.

    Raises:
        InvalidParameter: more labels were asked for than the model has.
    """
    classes = len(labeller.manifest.labels)
    if query.top_k > classes and "top_k" in query.model_fields_set:
        reason = Wording(f"Debe ser a lo más {classes}.", f"It must be at most {classes}.")
        raise InvalidParameter("top_k", reason)
    return LabelRequest(top_k=min(query.top_k, classes), min_score=query.min_score)


async def _label_or_fail(
    labeller: Labeller, file: bytes | RotuloError, asked: LabelRequest
) -> LabelledImage | RotuloError:
    """Return how one file of a batch ended, so that it never harms the others."""
    if isinstance(file, RotuloError):
        return file
    try:
        return await labeller.label(file, asked)
    except Exception as error:  # noqa: BLE001  # whatever it is, the other files go on
        known = as_rotulo_error(error)
        if isinstance(known, InternalError):
            _log.error("file of a batch failed", exc_info=error)
        return known


def _limits(state: ServiceState, *, max_files: int) -> UploadLimits:
    settings = state.settings
    return UploadLimits(max_files, settings.max_upload_bytes, settings.upload_timeout_seconds)


def _count(state: ServiceState, labelled: LabelledImage, read_seconds: float) -> None:
    state.metrics.read.observe(read_seconds)
    state.metrics.count_image(labelled.labelling.decision)


def _json(answer: LabelsAnswer | BatchAnswer) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")
