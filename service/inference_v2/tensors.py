"""From the body of an inference request to images: pure functions, called in a thread.

JSON stands alone, or before binary data whose place ``Inference-Header-Content-Length`` tells
(Triton's extension). Sizes are checked against what is there before anything is copied.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from service.contract import InputSpec, Pixels
from service.errors import EmptyBody, PayloadTooLarge
from service.inference_v2.errors import InvalidInference, TooManyImages
from service.inference_v2.wire import InferInput, InferRequest
from service.providers.signature import INPUT_NAME
from service.wording import Wording

_LENGTH: Final = struct.Struct("<I")
_SPARE_VALUES: Final = 1000  # of the JSON around a tensor
_BEYOND_A_BYTE: Final = 256
_BINARY_SIZE: Final = "binary_data_size"


@dataclass(frozen=True, slots=True)
class TensorLimits:
    """The bounds of one request: images, and bytes of each encoded one or of the whole JSON."""

    max_images: int
    max_image_bytes: int


@dataclass(frozen=True, slots=True)
class Inference:
    """A request that was understood: its images, encoded or as pixels, in their order."""

    request: InferRequest
    images: tuple[bytes | Pixels, ...]


def read_inference(
    body: bytes, header_bytes: int | None, spec: InputSpec, limits: TensorLimits
) -> Inference:
    """Return what a body asks; ``header_bytes`` is the length of its JSON, None for all of it.

    A JSON of no bytes is Triton's raw request: the body is the pixels of one image.

    Raises:
        InvalidInference: it is not of the protocol, or not what the model takes.
        TooManyImages, PayloadTooLarge, EmptyBody: of the images.
    """
    if header_bytes == 0:
        return _read_raw(body, spec)
    end = len(body) if header_bytes is None else header_bytes
    if end > len(body):
        raise InvalidInference
    if end > limits.max_image_bytes:
        raise PayloadTooLarge(limits.max_image_bytes)
    request = _parse(body[:end], spec, limits)
    (tensor,) = request.inputs
    if tensor.name != INPUT_NAME:
        raise _not_taken(spec)
    images = _count(tensor, spec, limits)
    data = _binary(tensor, memoryview(body)[end:])
    if tensor.datatype == "BYTES":
        found = _encoded(data) if data is not None else _encoded_in_json(tensor.data)
        return Inference(request, _exactly(images, found, limits))
    pixels = _pixels(tensor, data)
    return Inference(request, tuple(pixels))


def _read_raw(body: bytes, spec: InputSpec) -> Inference:
    shape = (1, spec.height, spec.width, spec.channels)
    if len(body) != math.prod(shape):
        raise _not_taken(spec)
    tensor = InferInput(name=INPUT_NAME, shape=shape, datatype="UINT8")
    pixels = np.frombuffer(body, np.uint8).reshape(shape)
    return Inference(InferRequest(inputs=(tensor,)), tuple(pixels))


def _parse(text: bytes, spec: InputSpec, limits: TensorLimits) -> InferRequest:
    # Each value becomes an object of many times its size: more than the largest tensor has are
    # refused by their commas, before there are any objects.
    values = limits.max_images * spec.height * spec.width * spec.channels + _SPARE_VALUES
    if text.count(b",") > values:
        raise TooManyImages(limits.max_images)
    try:
        return InferRequest.model_validate_json(text)
    except ValidationError as error:
        raise InvalidInference(_where(error)) from error


def _where(error: ValidationError) -> Wording | None:
    """Return which field of the protocol is wrong; a name that the client made is not repeated."""
    (first, *_) = error.errors(include_url=False, include_input=False, include_context=False)
    known = {*InferRequest.model_fields, *InferInput.model_fields}
    parts = [str(part) for part in first["loc"] if isinstance(part, int) or part in known]
    if not parts:
        return None
    where = ".".join(parts)
    return Wording(
        f"La petición no es del protocolo V2: revise «{where}».",
        f"The request is not of the V2 protocol: look at “{where}”.",
    )


def _not_taken(spec: InputSpec) -> InvalidInference:
    pixels = f"UINT8 [N, {spec.height}, {spec.width}, {spec.channels}]"
    return InvalidInference(
        Wording(
            f"El modelo toma una entrada «{INPUT_NAME}»: {pixels}, 0 a 255, o BYTES [N].",
            f"The model takes one input “{INPUT_NAME}”: {pixels}, 0 to 255, or BYTES [N].",
        )
    )


_WRONG_DATA: Final = Wording(
    "Los datos del tensor no son los que dicen su forma y su tipo.",
    "The tensor's data are not what its shape and datatype say.",
)


def _count(tensor: InferInput, spec: InputSpec, limits: TensorLimits) -> int:
    """Return how many images a tensor says that it has."""
    free = {
        "UINT8": ((spec.height, spec.width, spec.channels),),
        "BYTES": ((), (1,)),  # Triton's clients give a batch of strings a second axis
    }
    if not tensor.shape or tensor.shape[1:] not in free.get(tensor.datatype, ()):
        raise _not_taken(spec)
    images = tensor.shape[0]
    if images < 1:
        raise _not_taken(spec)
    if images > limits.max_images:
        raise TooManyImages(limits.max_images)
    return images


def _binary(tensor: InferInput, rest: memoryview) -> memoryview | None:
    """Return the binary data of the one input, which all that follows the JSON must be."""
    size = tensor.parameters.get(_BINARY_SIZE)
    if size is None and not rest:
        return None
    if isinstance(size, bool) or size != len(rest) or tensor.data is not None:
        raise InvalidInference(_WRONG_DATA)
    return rest


def _pixels(tensor: InferInput, binary: memoryview | None) -> Pixels:
    """Return uint8 ``[N, H, W, C]``; JSON may be flat or nested, in row-major order."""
    if binary is not None:
        if len(binary) != math.prod(tensor.shape):
            raise InvalidInference(_WRONG_DATA)
        return np.frombuffer(binary, np.uint8).reshape(tensor.shape)
    try:
        values = np.asarray(tensor.data)
    except ValueError as error:  # ragged
        raise InvalidInference(_WRONG_DATA) from error
    if values.dtype.kind not in "iu" or values.size != math.prod(tensor.shape):
        raise InvalidInference(_WRONG_DATA)
    if values.min() < 0 or values.max() >= _BEYOND_A_BYTE:
        raise InvalidInference(_WRONG_DATA)
    return values.astype(np.uint8).reshape(tensor.shape)


def _exactly(images: int, found: Iterator[bytes], limits: TensorLimits) -> tuple[bytes, ...]:
    taken: list[bytes] = []
    for image in found:
        if len(taken) == images:
            raise InvalidInference(_WRONG_DATA)
        if not image:
            raise EmptyBody
        if len(image) > limits.max_image_bytes:
            raise PayloadTooLarge(limits.max_image_bytes)
        taken.append(image)
    if len(taken) != images:
        raise InvalidInference(_WRONG_DATA)
    return tuple(taken)


def _encoded(binary: memoryview) -> Iterator[bytes]:
    """Yield the elements of a BYTES tensor: each after its length, 32 bits little-endian."""
    at = 0
    while at < len(binary):
        start = at + _LENGTH.size
        if start > len(binary):
            raise InvalidInference(_WRONG_DATA)
        at = start + _LENGTH.unpack_from(binary, at)[0]
        if at > len(binary):
            raise InvalidInference(_WRONG_DATA)
        yield bytes(binary[start:at])


def _encoded_in_json(data: Any) -> Iterator[bytes]:  # noqa: ANN401  # whatever JSON held
    """Yield the elements of a BYTES tensor in JSON, which holds no bytes: base64 (RFC 4648)."""
    for element in data if isinstance(data, list) else ():
        text = element[0] if isinstance(element, list) and len(element) == 1 else element
        if not isinstance(text, str):
            raise InvalidInference(_WRONG_DATA)
        try:
            yield base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidInference(
                Wording(
                    "En JSON, cada imagen de un tensor BYTES va en base64.",
                    "In JSON, each image of a BYTES tensor is base64.",
                )
            ) from error
