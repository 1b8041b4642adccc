"""From a model's evidence to the tensors of an answer, as JSON or as binary data."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from starlette.responses import Response

from service.contract import Manifest
from service.inference_v2.errors import InvalidInference
from service.inference_v2.wire import (
    HEADER_LENGTH,
    AskedOutput,
    InferRequest,
    InferResponse,
    ModelMetadata,
    OutputTensor,
    Parameters,
    TensorMetadata,
)
from service.labelling import calibrate
from service.providers.signature import FAMILIARITY_NAME, INPUT_NAME, OUTPUT_NAME
from service.wording import Wording

PROBABILITIES: Final = "probabilities"
PLATFORM: Final = "onnxruntime_onnx"
_LENGTH: Final = struct.Struct("<I")

Evidence: TypeAlias = NDArray[np.float32]
_Maker: TypeAlias = Callable[[Evidence, Manifest], NDArray[np.float32]]


def _logits(evidence: Evidence, manifest: Manifest) -> NDArray[np.float32]:
    return evidence[:, : len(manifest.labels)]


def _probabilities(evidence: Evidence, manifest: Manifest) -> NDArray[np.float32]:
    scores = calibrate(_logits(evidence, manifest), manifest.temperature)
    return scores.astype(np.float32)


def _familiarity(evidence: Evidence, manifest: Manifest) -> NDArray[np.float32]:  # noqa: ARG001  # as the others
    return evidence[:, -1]


def _makers(manifest: Manifest) -> dict[str, _Maker]:
    """Return how each output of a model is made of its evidence ``[N, evidence_size]``."""
    makers: dict[str, _Maker] = {OUTPUT_NAME: _logits, PROBABILITIES: _probabilities}
    if manifest.abstention.familiarity is not None:
        makers[FAMILIARITY_NAME] = _familiarity
    return makers


def metadata(manifest: Manifest, versions: tuple[str, ...]) -> ModelMetadata:
    """Return what a model takes and gives; the logits first."""
    spec = manifest.input
    classes = (-1, len(manifest.labels))
    return ModelMetadata(
        name=manifest.name,
        versions=versions,
        platform=PLATFORM,
        inputs=(
            TensorMetadata(
                name=INPUT_NAME,
                datatype="UINT8",
                shape=(-1, spec.height, spec.width, spec.channels),
            ),
        ),
        outputs=tuple(
            TensorMetadata(
                name=name, datatype="FP32", shape=(-1,) if make is _familiarity else classes
            )
            for name, make in _makers(manifest).items()
        ),
    )


@dataclass(frozen=True, slots=True)
class WantedOutput:
    """One output of an answer; the ``classes`` best ones as words, where it is not None."""

    name: str
    classes: int | None
    binary: bool


def wanted_outputs(request: InferRequest, manifest: Manifest) -> tuple[WantedOutput, ...]:
    """Return which outputs a request asks for, checked before anything is inferred.

    Raises:
        InvalidInference: there is no such output, or one is asked for twice or wrongly.
    """
    makers = _makers(manifest)
    asked = request.outputs or tuple(AskedOutput(name=name) for name in makers)
    names = {output.name for output in asked}
    if not names <= set(makers) or len(names) < len(asked):
        given = ", ".join(makers)
        raise InvalidInference(
            Wording(f"Las salidas son, una vez cada una: {given}.", f"The outputs are: {given}.")
        )
    binary = _flag(request.parameters, "binary_data_output", otherwise=False)
    return tuple(
        WantedOutput(
            name=output.name,
            classes=_classes(output, manifest),
            binary=_flag(output.parameters, "binary_data", otherwise=binary),
        )
        for output in asked
    )


def _flag(parameters: Parameters, name: str, *, otherwise: bool) -> bool:
    value = parameters.get(name, otherwise)
    if not isinstance(value, bool):
        raise InvalidInference(Wording(f"«{name}» es true o false.", f"“{name}” is true or false."))
    return value


def _classes(output: AskedOutput, manifest: Manifest) -> int | None:
    """Return how many classes to tell; as in Triton, no more than there are."""
    value = output.parameters.get("classification")
    if value is None:
        return None
    if not isinstance(value, int) or value is True or value < 1 or output.name == FAMILIARITY_NAME:
        raise InvalidInference(
            Wording(
                "«classification» es un número entero desde 1, de una salida con clases.",
                "“classification” is a whole number from 1 on, of an output with classes.",
            )
        )
    return min(value, len(manifest.labels))


def answer(
    evidence: Evidence, manifest: Manifest, request: InferRequest, wanted: tuple[WantedOutput, ...]
) -> Response:
    """Return the answer to a request, of the evidence ``[N, evidence_size]`` of its images."""
    makers = _makers(manifest)
    tensors: list[OutputTensor] = []
    binary: list[bytes] = []
    for output in wanted:
        values = makers[output.name](evidence, manifest)
        if output.classes is None:
            tensor, data = _numbers(output, values)
        else:
            tensor, data = _words(output, _best(values, output.classes, manifest))
        tensors.append(tensor)
        binary.append(data)
    said = InferResponse(
        model_name=manifest.name,
        model_version=manifest.version,
        id=request.id,
        outputs=tuple(tensors),
    )
    head = said.model_dump_json(exclude_none=True).encode()
    if not any(output.binary for output in wanted):
        return Response(head, media_type="application/json")
    return Response(
        b"".join((head, *binary)),
        media_type="application/octet-stream",
        headers={HEADER_LENGTH: str(len(head))},
    )


def _numbers(output: WantedOutput, values: NDArray[np.float32]) -> tuple[OutputTensor, bytes]:
    data = values.astype("<f4").tobytes() if output.binary else b""
    tensor = OutputTensor(
        name=output.name,
        datatype="FP32",
        shape=values.shape,
        parameters={"binary_data_size": len(data)} if output.binary else None,
        data=None if output.binary else tuple(values.ravel().tolist()),
    )
    return tensor, data


def _words(output: WantedOutput, words: list[list[str]]) -> tuple[OutputTensor, bytes]:
    flat = [word for row in words for word in row]
    encoded = [word.encode() for word in flat] if output.binary else []
    data = b"".join(_LENGTH.pack(len(word)) + word for word in encoded)
    tensor = OutputTensor(
        name=output.name,
        datatype="BYTES",
        shape=(len(words), len(words[0])),
        parameters={"binary_data_size": len(data)} if output.binary else None,
        data=None if output.binary else tuple(flat),
    )
    return tensor, data


def _best(values: NDArray[np.float32], classes: int, manifest: Manifest) -> list[list[str]]:
    """Return ``value:class index:label id`` of the best classes, as Triton writes them."""
    falling = np.argsort(-values, axis=1, kind="stable")[:, :classes]
    return [
        [f"{row[index]:f}:{index}:{manifest.labels[index].id}" for index in best]
        for row, best in zip(values, falling.tolist(), strict=True)
    ]
