"""Every error that the service knows, and what a client is told about each.

::

    RotuloError                     a request ends with this answer (500 where nothing says better)
    ├── BadRequest              400  the bytes are not a request that we understand
    │   ├── EmptyBody           400
    │   └── MalformedMultipart  400
    ├── Unauthorized            401  no API key that is known       (service.refusals)
    ├── Forbidden               403  the key has not the scope      (service.refusals)
    ├── NotFound                404  no such address
    │   ├── UnknownModel        404
    │   └── UnreadableFile      404  on the command line
    ├── MethodNotAllowed        405
    ├── UploadTimeout           408  the body came too slowly
    ├── PayloadTooLarge         413  too many bytes
    │   ├── TooManyFiles        413  too many parts in one batch
    │   └── ImageTooLarge       413  few bytes that promise too many pixels
    ├── UnsupportedMediaType    415  the request's Content-Type
    │   └── UnsupportedImage    415  the image's own format
    ├── UndecodableImage        422  a known format, and broken
    ├── InvalidParameter        422  a query parameter
    ├── MissingFile             422  a form without a part named ``file``
    ├── TooManyRequests         429  more than the client's quota   (service.refusals)
    ├── InternalError           500
    │   └── InferenceFailed     500
    ├── Overloaded              503  a bound was reached; says when to try again
    ├── NotReady                503  still loading, or stopping
    └── DeadlineExceeded        504

    StartupError                    the process cannot serve; never seen over HTTP
    ├── BundleError                 names the file and what to do
    └── ProviderUnavailable         names the library that is missing

Bytes that cannot be read as a request are 400, a request that names no image is 415, an image that
cannot become pixels is 422. Code raises; ``service.problems`` turns an error into an answer, once.
No sentence quotes an exception, a file name or anything else that a client sent as a body.
"""

from __future__ import annotations

import math
from typing import ClassVar

from service.wording import DEFAULT_LANG, Lang, Wording


class RotuloError(Exception):
    """A request ends here; the class knows the HTTP status and the words for it."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal-error"
    title: ClassVar[Wording] = Wording("Error interno", "Internal error")
    sentence: ClassVar[Wording] = Wording(
        "El servicio falló. Si se repite, avise con el identificador de la petición.",
        "The service failed. If it happens again, report it with the request's identifier.",
    )

    def __init__(self, **facts: object) -> None:
        super().__init__(self.slug)
        self.facts = facts
        self.headers: dict[str, str] = {}

    def detail(self, lang: Lang = DEFAULT_LANG) -> str:
        """Return what happened and what to do about it, for the person who sent the request."""
        return self.sentence.say(lang, **self.facts)


def whole_seconds(seconds: float) -> str:
    """Return a Retry-After value (RFC 9110, 10.2.3): whole seconds, never too early."""
    return str(max(1, math.ceil(seconds)))


class BadRequest(RotuloError):
    """The bytes that arrived are not a request that we understand."""

    status = 400
    slug = "bad-request"
    title = Wording("Petición incorrecta", "Bad request")
    sentence = Wording("La petición no se puede interpretar.", "The request cannot be understood.")


class EmptyBody(BadRequest):
    """An upload of no bytes at all."""

    slug = "empty-body"
    title = Wording("Archivo vacío", "Empty file")
    sentence = Wording("No llegó ningún byte de imagen.", "Not one byte of an image arrived.")


class MalformedMultipart(BadRequest):
    """A multipart body without a usable boundary, cut short, or with endless headers."""

    slug = "malformed-multipart"
    title = Wording("Formulario mal formado", "Malformed form")
    sentence = Wording(
        "El formulario está incompleto o mal formado.", "The form is incomplete or malformed."
    )


class NotFound(RotuloError):
    """No route has this address."""

    status = 404
    slug = "not-found"
    title = Wording("No encontrado", "Not found")
    sentence = Wording("Esta dirección no existe.", "There is nothing at this address.")


class UnknownModel(NotFound):
    """No bundle of this name is served."""

    slug = "unknown-model"
    title = Wording("Modelo desconocido", "Unknown model")
    sentence = Wording(
        "Ese modelo no está aquí; vea /v1/models.", "That model is not here; see /v1/models."
    )


class UnreadableFile(NotFound):
    """A path that is no file, or one that may not be read."""

    slug = "unreadable-file"
    title = Wording("Archivo ilegible", "Unreadable file")
    sentence = Wording("No se puede leer el archivo.", "The file cannot be read.")


class MethodNotAllowed(RotuloError):
    """The address exists, the method does not."""

    status = 405
    slug = "method-not-allowed"
    title = Wording("Método no permitido", "Method not allowed")
    sentence = Wording(
        "Esta dirección no acepta ese método; acepta: {allow}.",
        "This address does not take that method; it takes: {allow}.",
    )

    def __init__(self, allow: str) -> None:
        super().__init__(allow=allow)
        self.headers = {"Allow": allow}


class UploadTimeout(RotuloError):
    """The body did not arrive within the time for uploads (seconds)."""

    status = 408
    slug = "upload-timeout"
    title = Wording("Envío demasiado lento", "Upload too slow")
    sentence = Wording(
        "El archivo no llegó en {seconds:g} s.", "The file did not arrive in {seconds:g} s."
    )

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds=seconds)
        self.headers = {"Connection": "close"}


class PayloadTooLarge(RotuloError):
    """More bytes than the limit (bytes); told before the rest is read."""

    status = 413
    slug = "payload-too-large"
    title = Wording("Archivo demasiado grande", "File too large")
    sentence = Wording(
        "El envío supera el máximo de {limit_bytes} bytes.",
        "The upload is larger than the limit of {limit_bytes} bytes.",
    )

    def __init__(self, limit_bytes: int, **facts: object) -> None:
        super().__init__(limit_bytes=limit_bytes, **facts)


class TooManyFiles(PayloadTooLarge):
    """More files in one batch than the limit."""

    slug = "too-many-files"
    title = Wording("Demasiados archivos", "Too many files")
    sentence = Wording(
        "El envío trae más de {limit} archivos; divídalo en varios.",
        "The upload has more than {limit} files; send it in several.",
    )

    def __init__(self, limit: int) -> None:
        RotuloError.__init__(self, limit=limit)


class ImageTooLarge(PayloadTooLarge):
    """The image's header promises more pixels than the limit; nothing was decoded."""

    slug = "image-too-large"
    title = Wording("Imagen demasiado grande", "Image too large")
    sentence = Wording(
        "La imagen tiene más píxeles que el máximo de {max_pixels}; envíela más pequeña.",
        "The image has more pixels than the limit of {max_pixels}; send a smaller one.",
    )

    def __init__(self, max_pixels: int) -> None:
        RotuloError.__init__(self, max_pixels=max_pixels)


class UnsupportedMediaType(RotuloError):
    """The request's Content-Type names nothing that the route takes."""

    status = 415
    slug = "unsupported-media-type"
    title = Wording("Tipo de contenido no admitido", "Unsupported media type")
    sentence = Wording(
        "El Content-Type debe ser image/*, application/octet-stream o multipart/form-data.",
        "The Content-Type must be image/*, application/octet-stream or multipart/form-data.",
    )


class UnsupportedImage(UnsupportedMediaType):
    """The bytes are of no image format on the list, whatever the Content-Type says."""

    slug = "unsupported-image"
    title = Wording("Formato de imagen no admitido", "Unsupported image format")
    sentence = Wording(
        "El archivo no es una imagen JPEG, PNG, WebP, GIF, BMP, TIFF o AVIF.",
        "The file is not a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF image.",
    )


class UndecodableImage(RotuloError):
    """A known image format whose bytes are broken or cut short."""

    status = 422
    slug = "undecodable-image"
    title = Wording("Imagen dañada", "Damaged image")
    sentence = Wording(
        "La imagen ({media_type}) está dañada o incompleta.",
        "The image ({media_type}) is damaged or incomplete.",
    )

    def __init__(self, media_type: str) -> None:
        super().__init__(media_type=media_type)


class InvalidParameter(RotuloError):
    """A parameter of the query is missing or out of its range."""

    status = 422
    slug = "invalid-parameter"
    title = Wording("Parámetro no válido", "Invalid parameter")
    sentence = Wording(
        "El parámetro «{name}» no es válido.", "The parameter “{name}” is not valid."
    )

    def __init__(self, name: str, reason: Wording | None = None) -> None:
        """Take the parameter's name and, where there is more to say, what it should have been."""
        super().__init__(name=name)
        self.reason = reason

    def detail(self, lang: Lang = DEFAULT_LANG) -> str:
        """Return which parameter, and what it should have been."""
        said = super().detail(lang)
        return f"{said} {self.reason.say(lang)}" if self.reason else said


class MissingFile(RotuloError):
    """A well-formed form that has no part named ``file`` with a file in it."""

    status = 422
    slug = "missing-file"
    title = Wording("Falta el archivo", "Missing file")
    sentence = Wording(
        "El formulario no trae ningún archivo en el campo «file».",
        "The form has no file in its field “file”.",
    )


class InternalError(RotuloError):
    """Something of ours failed; the log has the cause under the request's identifier."""


class InferenceFailed(InternalError):
    """The model raised, or gave something that is not logits."""

    slug = "inference-failed"
    title = Wording("El modelo falló", "Inference failed")
    sentence = Wording(
        "El modelo no pudo procesar la imagen.", "The model could not process the image."
    )


class Overloaded(RotuloError):
    """A bound was reached; the client may come back after some seconds."""

    status = 503
    slug = "overloaded"
    title = Wording("Servicio saturado", "Service overloaded")
    sentence = Wording(
        "El servicio está saturado; reintente en {seconds} s.",
        "The service is overloaded; try again in {seconds} s.",
    )

    def __init__(self, retry_after: float = 1.0) -> None:
        seconds = whole_seconds(retry_after)
        super().__init__(seconds=seconds)
        self.headers = {"Retry-After": seconds}


class NotReady(RotuloError):
    """The model is still loading, or the service is stopping."""

    status = 503
    slug = "not-ready"
    title = Wording("Servicio no disponible", "Service not ready")
    sentence = Wording(
        "El servicio aún no puede atender: {reason}.", "The service cannot answer yet: {reason}."
    )

    def __init__(self, reason: Wording | None = None, retry_after: float = 1.0) -> None:
        super().__init__()
        self.reason = reason or Wording("el modelo se está cargando", "the model is loading")
        self.headers = {"Retry-After": whole_seconds(retry_after)}

    def detail(self, lang: Lang = DEFAULT_LANG) -> str:
        """Return why not, in one sentence."""
        return self.sentence.say(lang, reason=self.reason.say(lang))


class DeadlineExceeded(RotuloError):
    """The answer would have come later than the request's deadline."""

    status = 504
    slug = "deadline-exceeded"
    title = Wording("Tiempo agotado", "Deadline exceeded")
    sentence = Wording("La imagen no se procesó a tiempo.", "The image was not processed in time.")


class StartupError(Exception):
    """The process cannot serve; its message names the cause and what to do."""


class BundleError(StartupError):
    """A bundle is missing, incomplete, altered or of another contract; names the file."""


class ProviderUnavailable(StartupError):
    """The execution provider that was asked for cannot work here; names the library."""
