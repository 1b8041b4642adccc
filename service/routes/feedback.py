"""What people say about the labels."""

from __future__ import annotations

import json
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from service.contract import Manifest
from service.errors import (
    BadRequest,
    InternalError,
    InvalidParameter,
    MalformedMultipart,
    NotReady,
    Overloaded,
    PayloadTooLarge,
    UndecodableImage,
    UnknownModel,
    UnsupportedImage,
    UploadTimeout,
)
from service.feedback.corrections import Status
from service.feedback.errors import (
    FeedbackFull,
    FeedbackOff,
    FeedbackUnavailable,
    ResultConflict,
    UnsupportedFeedback,
)
from service.feedback.intake import correction_of, largest_body, read_feedback
from service.feedback.schemas import (
    EXAMPLE_BODY,
    FeedbackAnswer,
    FeedbackBody,
    answer_of,
    body_schema,
)
from service.guard import GuardedRoute, needs
from service.openapi import problems
from service.state import ServiceState, state_of

router = APIRouter(tags=["feedback"], route_class=GuardedRoute)

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": body_schema(), "example": EXAMPLE_BODY},
            "multipart/form-data": {
                "example": {
                    "feedback": json.dumps(EXAMPLE_BODY, ensure_ascii=False),
                    "consent": "true",
                    "file": "foto.jpg",
                },
                "schema": {
                    "type": "object",
                    "required": ["feedback"],
                    "properties": {
                        "feedback": {
                            "type": "string",
                            "description": "The JSON of the other way to send it.",
                        },
                        "consent": {
                            "const": "true",
                            "description": "The sender agrees that the image is stored.",
                        },
                        "file": {"type": "string", "format": "binary"},
                    },
                },
            },
        },
    }
}


@router.post(
    "/v1/feedback",
    summary="Say which label is right",
    status_code=201,
    response_model=FeedbackAnswer,
    responses={
        200: {"model": FeedbackAnswer, "description": "The same again, or a changed mind."},
        **problems(
            BadRequest,
            MalformedMultipart,
            FeedbackOff,
            UploadTimeout,
            ResultConflict,
            PayloadTooLarge,
            UnsupportedFeedback,
            UnsupportedImage,
            InvalidParameter,
            UndecodableImage,
            InternalError,
            Overloaded,
            NotReady,
            FeedbackUnavailable,
            FeedbackFull,
        ),
    },
    openapi_extra=_BODY,
)
@needs("feedback")
async def give_feedback(request: Request) -> Response:
    """Send it once per result; again with another label replaces it. Nothing else is kept.

    An image is kept only where the operator stores images, and only of a form with
    `consent=true`.
    """
    state = state_of(request)
    if state.feedback is None:
        raise FeedbackOff
    with state.admission.upload(largest_body(state.settings)) as upload:
        intake = await read_feedback(request, upload, state.settings)
        correction = correction_of(intake.body, _manifest(state, intake.body))
        recorded = await state.feedback.record(correction, intake.image)
    answer = answer_of(intake.body, recorded.status, image=recorded.image)
    status = 201 if recorded.status is Status.RECORDED else 200
    return Response(answer.model_dump_json(), status, media_type="application/json")


def _manifest(state: ServiceState, body: FeedbackBody) -> Manifest | None:
    try:
        return state.model(body.model.name).manifest
    except UnknownModel:
        return None
