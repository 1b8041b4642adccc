"""From a request's body to a correction: JSON alone, or a form that gives an image as well.

A form has the JSON in its field ``feedback``. A ``file`` is taken only where the operator stores
images and the sender says ``consent=true`` in the same form; anything else is refused, so that
nobody believes an image was given, or kept back, that was not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from starlette.requests import Request

from service.admission import Upload
from service.contract import Manifest
from service.errors import BadRequest, InvalidParameter, PayloadTooLarge
from service.feedback.corrections import Correction
from service.feedback.errors import UnsupportedFeedback
from service.feedback.schemas import NONE_OF_THEM, FeedbackBody
from service.multipart import FORM_OVERHEAD_BYTES, MEDIA_TYPE, boundary_of, split_form
from service.problems import as_invalid_parameter
from service.settings import Settings
from service.uploads import media_type_of, read_body
from service.wording import Wording

JSON: Final = "application/json"
MAX_JSON_BYTES: Final = 16 * 1024
_MAX_PARTS: Final = 8

_NO_SUCH_LABEL: Final = Wording("El modelo no tiene esa etiqueta.", "The model has no such label.")
_OTHER_MODEL: Final = Wording(
    "Ese modelo, o esa versión, no está en servicio.",
    "That model, or that version, is not in service.",
)
_NO_IMAGES: Final = Wording("Este servicio no guarda imágenes.", "This service stores no images.")
_NO_CONSENT: Final = Wording(
    "Para guardar la imagen debe ser «true».", "To store the image it must be “true”."
)


@dataclass(frozen=True, slots=True)
class Intake:
    """What a request says, and the image that its sender agrees to give."""

    body: FeedbackBody
    image: bytes | None


def largest_body(settings: Settings) -> int:
    """Return how many bytes a request may have."""
    images = 0 if settings.feedback_images is None else settings.max_upload_bytes
    return images + FORM_OVERHEAD_BYTES


async def read_feedback(request: Request, upload: Upload, settings: Settings) -> Intake:
    """Return what a request's body says.

    Raises:
        UnsupportedFeedback: it is neither JSON nor a form.
        BadRequest: it is not the JSON, or not the form, that it says it is.
        InvalidParameter: a field is missing, or not as it should be.
        PayloadTooLarge, Overloaded, UploadTimeout, ClientLeft: as for any upload.
    """
    media_type = media_type_of(request)
    if media_type == JSON:
        upload.max_bytes = MAX_JSON_BYTES
        return Intake(
            _parse(await read_body(request, upload, settings.upload_timeout_seconds)), None
        )
    if media_type != MEDIA_TYPE:
        raise UnsupportedFeedback
    boundary = boundary_of(request.headers["content-type"])
    body = await read_body(request, upload, settings.upload_timeout_seconds)
    fields: dict[bytes, bytes] = {}
    image: bytes | None = None
    for part in split_form(body, boundary, max_parts=_MAX_PARTS):
        content = body[part.start : part.end]
        if part.name == b"file":
            image = content or None
        else:
            fields[part.name] = content
    return Intake(
        _parse(fields.get(b"feedback", b"")),
        None if image is None else _given(image, fields.get(b"consent", b""), settings),
    )


def _parse(text: bytes) -> FeedbackBody:
    if not text:
        raise InvalidParameter("feedback")
    try:
        return FeedbackBody.model_validate_json(text)
    except ValidationError as error:
        problem: Any = error.errors(include_url=False, include_input=False)[0]
        if problem["type"] == "json_invalid" or not problem["loc"]:
            raise BadRequest from None
        raise as_invalid_parameter(problem) from None


def _given(image: bytes, consent: bytes, settings: Settings) -> bytes:
    if settings.feedback_images is None:
        raise InvalidParameter("file", _NO_IMAGES)
    if consent != b"true":
        raise InvalidParameter("consent", _NO_CONSENT)
    if len(image) > settings.max_upload_bytes:
        raise PayloadTooLarge(settings.max_upload_bytes)
    return image


def correction_of(body: FeedbackBody, manifest: Manifest | None) -> Correction:
    """Return the correction, of the model in service whose manifest this is; None for no model.

    Raises:
        InvalidParameter: the model is not in service, or has no such label.
    """
    if manifest is None or manifest.version != body.model.version:
        raise InvalidParameter("model", _OTHER_MODEL)
    known = {label.id for label in manifest.labels}
    if body.offered not in known:
        raise InvalidParameter("offered", _NO_SUCH_LABEL)
    none = body.label == NONE_OF_THEM
    if not none and body.label not in known:
        raise InvalidParameter("label", _NO_SUCH_LABEL)
    return Correction(
        result_id=body.result_id,
        model_name=manifest.name,
        model_version=manifest.version,
        offered=body.offered,
        label=None if none else body.label,
        comment=body.comment,
    )
