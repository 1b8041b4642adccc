"""The JSON of the Open Inference Protocol V2, with Triton's binary and classification extensions.

Unknown fields are passed over, as the protocol lets clients add parameters of their own.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.version import VERSION

HEADER_LENGTH: Final = "Inference-Header-Content-Length"
"""Bytes of JSON before the binary data, in requests and in answers."""

MAX_OUTPUTS: Final = 8
MAX_ID: Final = 256

Parameters = dict[str, bool | int | float | str]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, protected_namespaces=())


class InferError(_Wire):
    """What went wrong, in words."""

    error: str


class ServerMetadata(_Wire):
    """Which server it is, and which extensions of the protocol it speaks."""

    name: str = "rotulo"
    version: str = VERSION
    extensions: tuple[str, ...] = ("binary_tensor_data", "classification")


class ServerLive(_Wire):
    """The process runs."""

    live: Literal[True] = True


class ServerReady(_Wire):
    """The models are warm."""

    ready: Literal[True] = True


class ModelReady(_Wire):
    """A model is warm."""

    name: str
    ready: Literal[True] = True


class TensorMetadata(_Wire):
    """One tensor of a model; -1 in the shape is free."""

    name: str
    datatype: str
    shape: tuple[int, ...]


class ModelMetadata(_Wire):
    """What a model takes and gives."""

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


class InferInput(_Wire):
    """The input `image`: UINT8 pixels, or BYTES that are encoded images (base64 in JSON)."""

    name: str
    shape: Annotated[tuple[int, ...], Field(max_length=8)]
    datatype: str
    parameters: Parameters = {}
    data: Any = None


class AskedOutput(_Wire):
    """An output that is wanted; with the parameter `classification`, its best classes as words."""

    name: str
    parameters: Parameters = {}


class InferRequest(_Wire):
    """One tensor of images, and which outputs are wanted of them; all where none is named."""

    id: Annotated[str, Field(max_length=MAX_ID)] | None = None
    parameters: Parameters = {}
    inputs: Annotated[tuple[InferInput, ...], Field(min_length=1, max_length=1)]
    outputs: Annotated[tuple[AskedOutput, ...], Field(max_length=MAX_OUTPUTS)] = ()


class OutputTensor(_Wire):
    """An output, a row for each image; without data, its bytes follow the JSON."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    parameters: Parameters | None = None
    data: tuple[float | str, ...] | None = None


class InferResponse(_Wire):
    """What a model says about a tensor of images."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: tuple[OutputTensor, ...]
