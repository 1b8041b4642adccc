"""Read what a request uploads: counted as it arrives, in memory only, within bounds and time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from service.admission import Upload
from service.deadlines import deadline_of
from service.errors import (
    BadRequest,
    DeadlineExceeded,
    EmptyBody,
    MissingFile,
    PayloadTooLarge,
    RotuloError,
    TooManyFiles,
    UnsupportedMediaType,
    UploadTimeout,
)
from service.multipart import MEDIA_TYPE, boundary_of, split_form
from service.presence import ClientLeft
from service.settings import Settings

FIELD: Final = b"file"
MAX_OTHER_FIELDS: Final = 16
OCTET_STREAM: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """The bounds of one request's files: how many, bytes of each, seconds for all to arrive."""

    max_files: int
    max_file_bytes: int
    seconds: float


def upload_limits(settings: Settings, *, max_files: int) -> UploadLimits:
    """Return the settings' bounds for a request of so many files."""
    return UploadLimits(max_files, settings.max_upload_bytes, settings.upload_timeout_seconds)


async def read_image(request: Request, upload: Upload, limits: UploadLimits) -> bytes:
    """Return the one image of a raw body or of a form.

    Raises:
        RotuloError: as ``read_files``, or there is more or less than one file.
        ClientLeft: the connection closed before the end.
    """
    media_type = media_type_of(request)
    if media_type == MEDIA_TYPE:
        (image,) = await read_files(request, upload, limits)
        if isinstance(image, RotuloError):
            raise image
        return image
    if not (media_type.startswith("image/") or media_type == OCTET_STREAM):
        raise UnsupportedMediaType
    upload.max_bytes = min(upload.max_bytes, limits.max_file_bytes)
    body = await read_body(request, upload, limits.seconds)
    if not body:
        raise EmptyBody
    return body


async def read_files(
    request: Request, upload: Upload, limits: UploadLimits
) -> list[bytes | RotuloError]:
    """Return the files of a form in their order; in the place of a bad one, what is wrong.

    A file input that was left empty counts as no file.

    Raises:
        UnsupportedMediaType: the body is not multipart/form-data.
        MalformedMultipart, MissingFile, TooManyFiles, PayloadTooLarge: of the form as a whole.
        Overloaded: there is no room for the body now.
        UploadTimeout: it did not arrive in time.
        ClientLeft: the connection closed before the end.
    """
    if media_type_of(request) != MEDIA_TYPE:
        raise UnsupportedMediaType
    boundary = boundary_of(request.headers["content-type"])
    body = await read_body(request, upload, limits.seconds)
    files: list[bytes | RotuloError] = []
    for part in split_form(body, boundary, max_parts=limits.max_files + MAX_OTHER_FIELDS):
        if part.name != FIELD or not (part.is_file or part.size):
            continue
        if len(files) == limits.max_files:
            raise TooManyFiles(limits.max_files)
        if part.size > limits.max_file_bytes:
            files.append(PayloadTooLarge(limits.max_file_bytes))
        else:
            files.append(body[part.start : part.end] or EmptyBody())
    if not files or (len(files) == 1 and isinstance(files[0], EmptyBody)):
        raise MissingFile
    return files


async def read_body(request: Request, upload: Upload, seconds: float) -> bytes:
    """Return the whole body.

    What Content-Length announces is refused before anything is read; what comes is counted all
    the same, since a chunked body announces nothing.

    Raises:
        BadRequest: fewer or more bytes than announced.
        PayloadTooLarge, Overloaded: of ``upload``.
        UploadTimeout: not all within ``seconds``.
        DeadlineExceeded: nor before the client's own deadline, which came first.
        ClientLeft: the connection closed before the end.
    """
    announced = _content_length(request)
    upload.hold(announced or 0)
    patience, deadline = asyncio.get_running_loop().time() + seconds, deadline_of(request)
    try:
        async with asyncio.timeout_at(min(patience, deadline)):
            body = await _receive_all(request, upload)
    except TimeoutError as error:
        raise (DeadlineExceeded() if deadline < patience else UploadTimeout(seconds)) from error
    if announced is not None and len(body) != announced:
        raise BadRequest
    return body


async def _receive_all(request: Request, upload: Upload) -> bytes:
    chunks: list[bytes] = []
    total = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        if chunk := message.get("body", b""):
            total += len(chunk)
            upload.hold(total)
            chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _content_length(request: Request) -> int | None:
    value = request.headers.get("content-length")
    if value is None:
        return None
    if not (value.isascii() and value.isdigit()):
        raise BadRequest
    return int(value)


def media_type_of(request: Request) -> str:
    """Return the media type of the request's body in lower case, empty where it has none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
