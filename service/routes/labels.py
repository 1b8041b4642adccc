"""Label one image, or several."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic_core import to_json

from service.answers import label_request, labels_fields, log_facts, timing_ms
from service.batch import label_files
from service.deadlines import TAKES_DEADLINE, deadline_of
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
    TooManyFiles,
    UndecodableImage,
    UnsupportedImage,
    UnsupportedMediaType,
    UploadTimeout,
)
from service.guard import GuardedRoute, needs
from service.labeller import Labeller
from service.multipart import FORM_OVERHEAD_BYTES
from service.openapi import many_images_body, one_image_body, problems
from service.presence import ClientPresence
from service.schemas import BatchAnswer, LabelQuery, LabelsAnswer
from service.stages import RequestStages, keep_stages
from service.state import state_of
from service.uploads import read_image, upload_limits

router = APIRouter(tags=["labels"], route_class=GuardedRoute)

OF_AN_UPLOAD = (
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
OF_AN_IMAGE = (
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
    responses=problems(*OF_AN_UPLOAD, *OF_AN_IMAGE),
    openapi_extra=one_image_body(),
    dependencies=[TAKES_DEADLINE],
)
@needs("label")
async def label_image(request: Request, query: Annotated[LabelQuery, Query()]) -> Response:
    """Send the image as the body, or in the field `file` of a form.

    JPEG, PNG, WebP, GIF (first frame), BMP, TIFF and AVIF are taken; the bytes tell which it is.
    """
    return await answer_image(request, query, state_of(request).labeller)


@router.post(
    "/v1/labels/batch",
    summary="Label several images",
    response_model=BatchAnswer,
    responses=problems(*OF_AN_UPLOAD, DeadlineExceeded),
    openapi_extra=many_images_body(),
    dependencies=[TAKES_DEADLINE],
)
@needs("label")
async def label_images(request: Request, query: Annotated[LabelQuery, Query()]) -> Response:
    """Send the images in fields `file` of a form.

    Each has its item in the answer, in the same order: a labelling, or the problem that it would
    have had alone. When the service is too busy for every one of them, the whole is a problem.
    """
    return await answer_images(request, query, state_of(request).labeller)


LABEL_ROUTE: Final = next(
    route
    for route in router.routes
    if isinstance(route, GuardedRoute) and route.endpoint is label_image
)
"""The route of ``label_image``."""


async def answer_images(request: Request, query: LabelQuery, labeller: Labeller) -> Response:
    """Label the images of a request's form with a model that was just looked up."""
    answer = await label_files(request, query, labeller)
    return Response(answer.model_dump_json(), media_type="application/json")


async def answer_image(request: Request, query: LabelQuery, labeller: Labeller) -> Response:
    """Label the one image of a request with a model that was just looked up."""
    state, started = state_of(request), time.monotonic()
    settings = state.settings
    asked = label_request(query, labeller.manifest)
    room = settings.max_upload_bytes + FORM_OVERHEAD_BYTES
    caller = partial(state.access.caller, request.scope)
    labeller.ensure_place(caller)
    with labeller, state.admission.upload(room) as upload:
        image = [await read_image(request, upload, upload_limits(settings, max_files=1))]
        read_seconds = time.monotonic() - started
        async with ClientPresence(request):
            # Handed over for good, so that its bytes go once it is decoded.
            labelled = await labeller.label(
                image.pop(), asked, deadline=deadline_of(request), caller=caller
            )
    times, manifest = labelled.evidence.times, labeller.manifest
    seconds = times.seconds(read_seconds)
    state.metrics.count_image(manifest, labelled.labelling, seconds)
    keep_stages(request, RequestStages(started, read_seconds, [times]))
    timing = timing_ms(seconds, started)
    facts = log_facts(labelled, manifest, with_label=settings.log_labels)
    request.scope["state"]["log"] = {**facts, "timing_ms": timing}
    fields = labels_fields(labelled, manifest, query.lang, timing)
    return Response(to_json(fields), media_type="application/json")
