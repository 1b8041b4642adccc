"""On which parts of an image a label rests."""

from __future__ import annotations

from functools import cache
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from service.answers import model_ref
from service.deadlines import TAKES_DEADLINE, deadline_of
from service.explain import ExplanationsOff, class_of, in_words
from service.guard import GuardedRoute, needs
from service.i18n import load_catalogues
from service.labeller import Labeller
from service.multipart import FORM_OVERHEAD_BYTES
from service.openapi import one_image_body, problems
from service.presence import ClientPresence
from service.routes.labels import OF_AN_IMAGE, OF_AN_UPLOAD
from service.schemas import ExplanationAnswer, ExplanationQuery, Grid, ScoredLabel
from service.state import state_of
from service.uploads import read_image, upload_limits

router = APIRouter(tags=["labels"], route_class=GuardedRoute)
catalogues = cache(load_catalogues)


@router.post(
    "/v1/explanations",
    summary="Explain a label of one image",
    response_model=ExplanationAnswer,
    responses=problems(ExplanationsOff, *OF_AN_UPLOAD, *OF_AN_IMAGE),
    openapi_extra=one_image_body(),
    dependencies=[TAKES_DEADLINE],
)
@needs("label")
async def explain_label(request: Request, query: Annotated[ExplanationQuery, Query()]) -> Response:
    """Send the image as to `/v1/labels`; each part of it is covered in turn, and labelled again.

    It costs some forty labellings, so that few run at a time: be ready for a 503.
    """
    return await answer_explanation(request, query, state_of(request).labeller)


async def answer_explanation(
    request: Request, query: ExplanationQuery, labeller: Labeller
) -> Response:
    """Explain a label of the one image of a request by a model that was just looked up."""
    state = state_of(request)
    state.explainer.ensure_place()
    labeller.ensure_place()
    settings, manifest = state.settings, labeller.manifest
    wanted = class_of(query.label, manifest)
    room = settings.max_upload_bytes + FORM_OVERHEAD_BYTES
    with labeller, state.admission.upload(room) as upload:
        image = await read_image(request, upload, upload_limits(settings, max_files=1))
        async with ClientPresence(request):
            explanation = await state.explainer.explain(
                labeller, image, wanted, deadline=deadline_of(request)
            )
    label = manifest.labels[explanation.class_index]
    name = label.en if query.lang == "en" else label.es
    rows, columns = explanation.values.shape
    answer = ExplanationAnswer(
        model=model_ref(manifest),
        label=ScoredLabel(id=label.id, name=name, score=explanation.score),
        grid=Grid(rows=rows, columns=columns, values=explanation.values.round(4).tolist()),
        sentence=in_words(explanation, name, catalogues()[query.lang]),
    )
    return Response(answer.model_dump_json(), media_type="application/json")
